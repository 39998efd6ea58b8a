"""An ONVIF client that is not ours: asks both media services of a camera for a key picture of its last profile.

One JSON object a line: `asked` (with the service and the stream's address).
"""

import sys

import onvif

import report


def main():
    report.follow_parent()
    host, port, user, password = sys.argv[1:]
    client = onvif.ONVIFClient(host, int(port), user, password)
    setup = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}
    for name, how in (("media", {"StreamSetup": setup}), ("media2", {"Protocol": "RTSP"})):
        service = getattr(client, name)()
        token = service.GetProfiles()[-1].token
        uri = service.GetStreamUri(ProfileToken=token, **how)
        service.SetSynchronizationPoint(ProfileToken=token)
        report.emit("asked", service=name, stream=getattr(uri, "Uri", uri))


if __name__ == "__main__":
    main()
