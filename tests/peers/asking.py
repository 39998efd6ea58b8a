"""What an aiortc peer asks for by RTCP, by the clock, whether it needs it or not."""

import asyncio
import random
import time

from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_RTPFB_NACK,
    RtcpPsfbPacket,
    RtcpRtpfbPacket,
    pack_remb_fci,
)

RTCP_PSFB_FIR = 4
REMB_SECONDS = 1.0
NACKED = 17  # packets of one message
RECENT = 2000  # of the numbers around the newest one; half of them never were


class Asking:
    """Of one call."""

    def __init__(self, call, peer):
        self.call = call
        video = [t for t in peer.getTransceivers() if t.kind == "video"]
        self.receiver, self.own = (video[0].receiver, video[0].sender._ssrc) if video else (None, None)
        self.dice = random.Random(call.options.seed)

    async def run(self):
        """All that the options want, until cancelled."""
        options = self.call.options
        wanted = [(options.pli, self.pli), (options.fir, self.fir), (options.nack, self.nack)]
        wanted.append((None if options.remb is None else REMB_SECONDS, self.remb))
        if self.receiver:
            await asyncio.gather(*(self.every(seconds, ask) for seconds, ask in wanted if seconds))

    async def every(self, seconds, ask):
        due = time.monotonic() + seconds
        while True:
            await asyncio.sleep(max(due - time.monotonic(), 0))
            ssrc = next(iter(self.call.watch["video"].ssrcs), None)
            if ssrc is None:
                due = time.monotonic() + 0.02
                continue
            due += seconds
            await ask(ssrc)

    async def pli(self, ssrc):
        await self.receiver._send_rtcp_pli(ssrc)  # counted where aiortc's own are

    async def fir(self, ssrc):
        self.call.sent["fir"] += 1
        fci = ssrc.to_bytes(4, "big") + bytes([self.call.sent["fir"] & 255, 0, 0, 0])
        await self.send(RtcpPsfbPacket(fmt=RTCP_PSFB_FIR, ssrc=self.own, media_ssrc=0, fci=fci))

    async def remb(self, ssrc):
        self.call.sent["remb"] += 1
        fci = pack_remb_fci(self.call.options.remb * 1000, [ssrc])
        await self.send(RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=self.own, media_ssrc=0, fci=fci))

    async def nack(self, ssrc):
        self.call.sent["nack"] += 1
        self.call.sent["nacked_packets"] += NACKED
        first = self.call.watch["video"].top + self.dice.randrange(-RECENT, RECENT)
        first = min(first & 0xFFFF, 0xFFFF - NACKED)  # aiortc cannot write a list that wraps
        lost = list(range(first, first + NACKED))
        await self.send(RtcpRtpfbPacket(fmt=RTCP_RTPFB_NACK, ssrc=self.own, media_ssrc=ssrc, lost=lost))

    async def send(self, packet):
        await self.receiver._send_rtcp(packet)
