"""Offers as Alexa's media gateway wrote them over the years, around a live peer's own ICE and DTLS.

g1 2018 (RTP/SAVPF) · g2 2019 (UDP/TLS/RTP/SAVPF) · g3 2023 (`96 0 8`, one rtpmap, b=AS:2500)
g4 = g3 with the static rtpmaps · g5 = g3 that bundles video0 only · g6 = g3 and a data channel
g7 = g3 with sound alone. `video` is no generation: g3 with the picture alone, for load figures.
"""

import dataclasses
import random
import secrets
import socket
import time

GENERATIONS = ("g1", "g2", "g3", "g4", "g5", "g6", "g7", "video")
ABS_SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
OPUS = 96
H264 = 99
RTX = 100


@dataclasses.dataclass
class Local:
    """What an offer needs of the peer behind it."""

    ufrag: str
    pwd: str
    fingerprint: str  # "AA:BB:...", SHA-256
    addresses: list  # (address, UDP port) of component 1
    audio_ssrc: int
    video_ssrc: int


def kinds(generation):
    """The sections of a generation, in order."""
    return {"g7": ["audio"], "video": ["video"], "g6": ["audio", "video", "application"]}.get(
        generation, ["audio", "video"]
    )


def mid_of(kind):
    """The gateway's name of a section."""
    return kind + "0" if kind != "application" else "data0"


def made_up(address="127.0.0.1", port=None):
    """A peer that does not exist. Without a port one is taken that nobody answers at."""
    if port is None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
            port = probe.getsockname()[1]
    return Local(
        ufrag=secrets.token_urlsafe(3)[:4].replace("-", "+").replace("_", "/"),
        pwd=secrets.token_urlsafe(24)[:22].replace("-", "+").replace("_", "/"),
        fingerprint=":".join("%02X" % byte for byte in secrets.token_bytes(32)),
        addresses=[(address, port)],
        audio_ssrc=secrets.randbelow(2**32 - 1) + 1,
        video_ssrc=secrets.randbelow(2**32 - 1) + 1,
    )


def candidates(generation, local, shuffle):
    """Both components, UDP and both TCP forms, as libnice offers them."""
    lines = []
    foundation = 0
    udp, active, passive = 2013266431, 1015021823, 1010827519
    if generation == "g1":
        udp, active, passive = 2013266430, 1015022079, 1010827775
    for address, port in local.addresses:
        first = foundation + 1
        foundation += 3
        for component in (1, 2):
            less = component - 1
            other = port if component == 1 else (port + 1 if port < 65535 else port - 1)
            lines += [
                f"a=candidate:{first} {component} UDP {udp - less} {address} {other} typ host",
                f"a=candidate:{first + 1} {component} TCP {active - less} {address} 9"
                " typ host tcptype active",
                f"a=candidate:{first + 2} {component} TCP {passive - less} {address} {other}"
                " typ host tcptype passive",
            ]
    if shuffle:
        random.Random(local.video_ssrc).shuffle(lines)
    return lines


def write(generation, local, line_end="\r\n", kbps=None, rtx=False):
    """The offer's text; `kbps` replaces the generation's own `b=AS`. With `rtx` the picture's repairs may
    have a stream of their own, as browsers offer and the gateway never did."""
    if generation not in GENERATIONS:
        raise ValueError("no such generation: " + generation)
    proto = "RTP/SAVPF" if generation == "g1" else "UDP/TLS/RTP/SAVPF"
    sections = kinds(generation)
    bundle = ["video0"] if generation == "g5" else [mid_of(kind) for kind in sections]
    ntp = int(time.time()) + 2208988800
    cname = "cname:user%d@host-%08x" % (local.audio_ssrc, local.video_ssrc ^ local.audio_ssrc)
    lines = [
        "v=0",
        f"o=- {ntp} {ntp} IN IP4 0.0.0.0",
        "s=a 2 z",
        "c=IN IP4 0.0.0.0",
        "t=0 0",
        "a=group:BUNDLE " + " ".join(bundle),
    ]
    identity = [
        f"a=ice-ufrag:{local.ufrag}",
        f"a=ice-pwd:{local.pwd}",
        f"a=fingerprint:sha-256 {local.fingerprint}",
    ]
    for kind in sections:
        if kind == "audio":
            formats = "96 0" if generation in ("g1", "g2") else "96 0 8"
            lines.append(f"m=audio 1 {proto} {formats}")
            lines += candidates(generation, local, shuffle=False)
            lines += ["a=setup:actpass", f"a=extmap:3 {ABS_SEND_TIME}", "a=rtpmap:96 opus/48000/2"]
            if generation == "g4":
                lines += ["a=rtpmap:0 PCMU/8000", "a=rtpmap:8 PCMA/8000"]
            lines += ["a=rtcp:9 IN IP4 0.0.0.0", "a=rtcp-mux", "a=sendrecv", "a=mid:audio0"]
            lines.append(f"a=ssrc:{local.audio_ssrc} {cname}")
            lines += identity
        elif kind == "video":
            lines.append(f"m=video 1 {proto} 99" + (f" {RTX}" if rtx else ""))
            lines += candidates(generation, local, shuffle=True)
            lines.append(f"b=AS:{kbps or (500 if generation in ('g1', 'g2') else 2500)}")
            lines += ["a=setup:actpass", f"a=extmap:3 {ABS_SEND_TIME}", "a=rtpmap:99 H264/90000"]
            lines += ["a=rtcp:9 IN IP4 0.0.0.0", "a=rtcp-mux", "a=sendrecv", "a=mid:video0"]
            lines += ["a=rtcp-fb:99 nack", "a=rtcp-fb:99 nack pli", "a=rtcp-fb:99 ccm fir"]
            if rtx:
                lines += [f"a=rtpmap:{RTX} rtx/90000", f"a=fmtp:{RTX} apt=99"]
                repairs = local.video_ssrc ^ 1
                lines.append(f"a=ssrc-group:FID {local.video_ssrc} {repairs}")
                lines.append(f"a=ssrc:{repairs} {cname}")
            lines.append(f"a=ssrc:{local.video_ssrc} {cname}")
            lines += identity
        else:
            lines.append("m=application 1 UDP/DTLS/SCTP webrtc-datachannel")
            lines += candidates(generation, local, shuffle=False)
            lines += ["a=setup:actpass", "a=mid:data0", "a=sctp-port:5000"]
            lines += identity
    return line_end.join(lines) + line_end
