#!/usr/bin/env python3
"""Many viewers in one process that decrypt and decode nothing: they hold their calls and count packets.

To be run by `.venv/bin/python`; `viewers.py` does. For each line that it reads it prints
`{"packets": n, "bytes": n, "pictures": n, "gaps": n, "viewers": n}`.
"""

import argparse
import asyncio
import json
import pathlib
import socket
import sys
import time
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "peers"))

import aioice.ice  # noqa: E402
import aiortc.rtcpeerconnection  # noqa: E402
from aiortc import (  # noqa: E402
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)

import aiortc_peer  # noqa: E402
import answer as answers  # noqa: E402
import door as doors  # noqa: E402
import offer as offers  # noqa: E402

COUNT = {"packets": 0, "bytes": 0, "pictures": 0, "gaps": 0, "viewers": 0}


def count_only():
    """RTP ends where it arrives: aiortc would spend 20 times of what the other side does."""
    ordinary = aioice.ice.StunProtocol.datagram_received

    def received(self, data, addr):
        if data and 127 < data[0] < 192:
            if data[1] & 127 == offers.H264:
                number = data[2] << 8 | data[3]
                last = getattr(self, "last_number", None)
                if last is not None and number != (last + 1) & 0xFFFF:
                    COUNT["gaps"] += 1
                self.last_number = number
                COUNT["packets"] += 1
                COUNT["bytes"] += len(data)
                COUNT["pictures"] += data[1] >> 7
            return
        ordinary(self, data, addr)

    aioice.ice.StunProtocol.datagram_received = received


async def view(options):
    """One viewer, connected; returns its peer."""
    door = doors.Door(options.door, options.token, options.endpoint)
    peer = RTCPeerConnection(
        RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
    )
    connected = asyncio.Event()

    @peer.on("connectionstatechange")
    def changed():
        COUNT["viewers"] += {"connected": 1, "closed": -1, "failed": -1}.get(peer.connectionState, 0)
        if peer.connectionState == "connected":
            connected.set()

    aiortc_peer.MIDS[:] = ["video0"]
    peer.addTransceiver("video", direction="sendrecv")
    await peer.setLocalDescription(await peer.createOffer())
    own = answers.Description(peer.localDescription.sdp).sections[0]
    fingerprint = next(v for v in own.attributes("fingerprint") if v.startswith("sha-256 "))
    hosts = [value.split() for value in own.attributes("candidate")]
    local = offers.Local(
        ufrag=own.first("ice-ufrag"),
        pwd=own.first("ice-pwd"),
        fingerprint=fingerprint.split()[1],
        addresses=[(fields[4], int(fields[5])) for fields in hosts],
        audio_ssrc=1,
        video_ssrc=own.ssrcs[0],
    )
    for protocol in peer.getTransceivers()[0].receiver.transport.transport._connection._protocols:
        raw = protocol.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    session = str(uuid.uuid4())
    text = offers.write("video", local, kbps=options.kbps)
    reply = await asyncio.to_thread(door.initiate, session, text)
    answer = doors.answer_of(reply)
    if answer is None:
        raise SystemExit(f"refused: {reply.event}")
    await peer.setRemoteDescription(
        RTCSessionDescription(sdp=aiortc_peer.for_aiortc(answer), type="answer")
    )
    await asyncio.wait_for(connected.wait(), 20)
    await asyncio.to_thread(door.connected, session)
    return peer


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--door", "--token", "--endpoint"):
        parser.add_argument(name, required=True)
    parser.add_argument("--viewers", type=int, default=1)
    parser.add_argument("--kbps", type=int, default=10000, help="what each offer allows (b=AS)")
    options = parser.parse_args()
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
    aiortc.rtcpeerconnection.allocate_mid = aiortc_peer.allocate_mid
    count_only()
    peers = []
    for _ in range(options.viewers):
        began = time.monotonic()
        peers.append(await view(options))
        # Two directives each, under the door's 20 a second.
        await asyncio.sleep(max(0.12 - (time.monotonic() - began), 0))
    while True:
        line = await asyncio.to_thread(sys.stdin.readline)
        if not line:
            return
        print(json.dumps(COUNT), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
