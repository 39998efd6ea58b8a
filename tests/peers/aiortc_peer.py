#!/usr/bin/env python3
"""An Echo's stand-in on aiortc: offers as Alexa does, decodes what it gets, says what it saw.

One JSON object a line: `answer` or `refused`, `connected`, `session_connected`, `first_packet`,
`first_frame`, `progress`, `closed`, `session_disconnected`, `summary`; with several calls a last `total`.
All `ms` are counted from the moment the offer was posted.
"""

import array
import asyncio
import fractions
import json
import os
import random
import statistics
import sys
import time
import uuid

import aioice.ice
import aiortc.rtcpeerconnection
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError
from aiortc.rtp import RtpPacket
from av import AudioFrame

import answer as answers
import arguments
import asking
import door as doors
import offer as offers
import picture
import recording
import report
import sound


class Voice(AudioStreamTrack):
    """What the person at the Echo says, from the moment that the line is up."""

    def __init__(self, call):
        super().__init__()
        options = call.options
        plain = ((block, []) for block in sound.talk(options.talk)) if options.talk else None
        self._blocks = sound.script(options.say) if options.say else plain
        self._after = options.talk_after
        self._call = call
        self._start = None
        self._at = 0

    async def recv(self):
        if self._start is None:
            await asyncio.sleep(self._after)
            self._start = time.monotonic()
        wait = self._start + self._at / 48000 - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        block, begun = next(self._blocks)
        for path in begun:
            self._call.tell("says", file=path, at=round(time.monotonic(), 4))
        frame = AudioFrame(format="s16", layout="mono", samples=len(block))
        frame.planes[0].update(block.tobytes())
        frame.sample_rate = 48000
        frame.pts = self._at
        frame.time_base = fractions.Fraction(1, 48000)
        self._at += len(block)
        return frame


class Call:
    """One session from offer to farewell."""

    def __init__(self, options, index):
        self.options = options
        self.index = index
        self.session = options.session or str(uuid.uuid4())
        self.door = doors.Door(options.door, options.token, options.endpoint)
        self.offered_at = None
        self.connected = asyncio.Event()
        self.ended = asyncio.Event()
        self.end_reason = None
        self.frame_times = []
        self.size = None
        self.sizes = []
        self.ear = sound.Ear()
        self.heard = recording.Recording(options.record, 48000) if options.record else None
        self.watch = {kind: picture.RtpWatch(kind) for kind in ("audio", "video")}
        self.decodable = picture.Decodable()  # of packets as they come: aiortc's own decoder may wait for lost ones
        self.sent = {"nack": 0, "nacked_packets": 0, "pli": 0, "fir": 0, "remb": 0}
        self.dropped = set()
        self.recovered = set()
        self.rtx_packets = 0
        self.flooded = 0
        self.problems = []
        self.tasks = []
        self.result = {}

    def ms(self, at=None):
        """Milliseconds since the offer was posted."""
        return round(((at or time.monotonic()) - self.offered_at) * 1000, 1)

    def tell(self, event, **fields):
        report.emit(event, call=self.index, **fields)

    async def run(self):
        """The whole call; never raises for what the other side does."""
        options = self.options
        if options.answer_only or options.no_connect:
            local = offers.made_up(options.address)
            text = offers.write(options.generation, local, options.line_end, options.kbps)
            if await self.ask(text) is None:
                return self.result
            if options.no_connect:
                await asyncio.sleep(options.seconds)
            await self.farewell()
            self.finish("not connected")
            return self.result
        peer = await self.peer()
        try:
            text = self.offer_text(peer)
            answer = await self.ask(text)
            if answer is None:
                return self.result
            await peer.setRemoteDescription(
                RTCSessionDescription(sdp=for_aiortc(answer), type="answer")
            )
            await self.live(peer, answer)
        finally:
            for task in self.tasks:
                task.cancel()
            await peer.close()
        return self.result

    async def peer(self):
        """A connection with a local description, watched from inside."""
        configuration = RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        peer = RTCPeerConnection(configuration)
        wanted = [kind for kind in offers.kinds(self.options.generation) if kind != "application"]
        MIDS[:] = [offers.mid_of(kind) for kind in wanted]
        for kind in wanted:
            voice = kind == "audio" and (self.options.talk or self.options.say)
            transceiver = peer.addTransceiver(Voice(self) if voice else kind, direction="sendrecv")
            if voice and self.options.sent:
                self.note_sent(transceiver.sender.transport)
            self.tap(transceiver.receiver, kind)

        @peer.on("connectionstatechange")
        def changed():
            if peer.connectionState == "connected":
                self.connected.set()
            elif peer.connectionState in ("failed", "closed"):
                self.end_reason = self.end_reason or f"peer {peer.connectionState}"
                self.ended.set()

        @peer.on("track")
        def track(track):
            hear = self.listen if track.kind == "audio" else self.look
            self.tasks.append(asyncio.ensure_future(hear(track)))

        if self.options.drop:
            self.lose(peer)
        await peer.setLocalDescription(await peer.createOffer())
        return peer

    def tap(self, receiver, kind):
        """Sees each RTP packet before aiortc does, and each report that aiortc sends."""
        handle, nack, pli = (
            receiver._handle_rtp_packet,
            receiver._send_rtcp_nack,
            receiver._send_rtcp_pli,
        )
        watch = self.watch[kind]

        async def handle_rtp(packet, arrival_time_ms):
            number, ssrc = packet.sequence_number, packet.ssrc
            payload_type, payload = packet.payload_type, packet.payload
            if kind == "video" and payload_type == offers.RTX and watch.ssrcs:
                self.rtx_packets += 1
                ssrc, payload_type = watch.ssrcs[0], offers.H264
                number, payload = int.from_bytes(payload[:2], "big"), payload[2:]
            if kind == "video" and number in self.dropped:
                self.recovered.add(number)
            if watch.first is None:
                self.tell("first_packet", kind=kind, ms=self.ms(), ssrc=ssrc)
            now, timestamp = time.monotonic(), packet.timestamp
            watch.packet(now, ssrc, payload_type, number, timestamp, payload)
            if kind == "video":
                self.decodable.packet(now, number, timestamp, packet.marker, payload)
            await handle(packet, arrival_time_ms=arrival_time_ms)

        async def send_nack(ssrc, lost):
            self.sent["nack"] += 1
            self.sent["nacked_packets"] += len(lost)
            await nack(ssrc, lost)

        async def send_pli(ssrc):
            self.sent["pli"] += 1
            await pli(ssrc)

        receiver._handle_rtp_packet = handle_rtp
        receiver._send_rtcp_nack = send_nack
        receiver._send_rtcp_pli = send_pli

    def note_sent(self, transport):
        """When each packet of what is said leaves."""
        send, file, packets = transport._send_rtp, open(self.options.sent, "w"), 0  # noqa: SIM115

        async def noted(data):
            nonlocal packets
            if data[1] & 127 == offers.OPUS:
                file.write(json.dumps([packets, round(time.monotonic(), 4)]) + "\n")
                file.flush()
                packets += 1
            await send(data)

        transport._send_rtp = noted

    def lose(self, peer):
        """Loses video on arrival, before SRTP: after it a retransmission would be a replay."""
        transport = peer.getTransceivers()[0].receiver.transport.transport
        receive, dice = transport._recv, random.Random(self.options.seed)

        async def lossy():
            while True:
                data = await receive()
                if 127 < data[0] < 192 and data[1] & 127 == offers.H264 and self.watch["video"].packets:
                    number = int.from_bytes(data[2:4], "big")
                    if number not in self.dropped and dice.random() * 100 < self.options.drop:
                        self.dropped.add(number)
                        continue
                return data

        transport._recv = lossy

    def offer_text(self, peer):
        """The gateway's words around aiortc's own credentials."""
        own = answers.Description(peer.localDescription.sdp)
        section = own.sections[0]
        ssrcs = {s.kind: s.ssrcs[0] for s in own.sections}
        fingerprint = next(
            value.split()[1]
            for value in section.attributes("fingerprint")
            if value.startswith("sha-256 ")
        )
        hosts = [value.split() for value in section.attributes("candidate")]
        local = offers.Local(
            ufrag=section.first("ice-ufrag"),
            pwd=section.first("ice-pwd"),
            fingerprint=fingerprint,
            addresses=[(fields[4], int(fields[5])) for fields in hosts],
            audio_ssrc=ssrcs.get("audio", 1),
            video_ssrc=ssrcs.get("video", 2),
        )
        options = self.options
        if options.wrong_fingerprint:
            local.fingerprint = offers.made_up().fingerprint
        return offers.write(options.generation, local, options.line_end, options.kbps, options.rtx)

    async def ask(self, text):
        """Posts the offer; the answer's SDP or None."""
        self.offered_at = time.monotonic()
        try:
            reply = await asyncio.to_thread(self.door.initiate, self.session, text)
        except OSError as error:
            self.result = {"answered": False}
            self.tell("refused", ms=self.ms(), status=0, type=None, message=str(error), problems=[])
            return None
        answer = doors.answer_of(reply)
        self.problems += reply.problems
        if answer is None:
            self.result = {"answered": False, "answer_ms": reply.ms}
            self.tell("refused", **reply.fields(), problems=self.problems)
            return None
        self.problems += answers.problems(text, answer)
        described = answers.Description(answer)
        self.result = {"answered": True, "answer_ms": reply.ms, "connected": False}
        self.tell(
            "answer",
            **reply.fields(),
            session=self.session,
            sections=[section.summary() for section in described.sections],
            bundle=described.bundle,
            problems=self.problems,
            offer=text,
            sdp=answer,
        )
        return answer

    async def live(self, peer, answer):
        """From the answer to the end of the call."""
        options = self.options
        signs = (self.connected, self.ended)
        waiting = {asyncio.ensure_future(sign.wait()) for sign in signs}
        await asyncio.wait(
            waiting, timeout=options.connect_seconds, return_when=asyncio.FIRST_COMPLETED
        )
        for task in waiting:
            task.cancel()
        if not self.connected.is_set():
            await self.farewell()
            self.finish(self.end_reason or "never connected", peer, answer)
            return
        self.result["connected"] = True
        self.tell("connected", ms=self.ms())
        if not options.no_session_connected:
            reply = await asyncio.to_thread(self.door.connected, self.session)
            self.problems += reply.problems
            self.tell("session_connected", **reply.fields())
        self.tasks.append(asyncio.ensure_future(asking.Asking(self, peer).run()))
        if options.progress:
            self.tasks.append(asyncio.ensure_future(self.say_how_far()))
        if options.talk_flood:
            self.tasks.append(asyncio.ensure_future(self.flood(peer)))
        try:
            await asyncio.wait_for(self.ended.wait(), options.seconds)
            self.tell("closed", ms=self.ms())
        except asyncio.TimeoutError:
            self.end_reason = "time"
        if options.vanish:
            self.finish("vanished", peer, answer)
            os._exit(0)
        await self.farewell()
        self.finish(self.end_reason, peer, answer)

    async def farewell(self):
        if self.options.no_disconnect:
            return
        try:
            reply = await asyncio.to_thread(self.door.disconnected, self.session)
        except OSError as error:
            self.tell("session_disconnected", ms=0, status=0, message=str(error))
            return
        self.problems += reply.problems
        self.tell("session_disconnected", **reply.fields())

    async def say_how_far(self):
        while True:
            await asyncio.sleep(self.options.progress)
            self.tell("progress", frames=len(self.frame_times))

    async def flood(self, peer):
        """Garbage in the place of what is said, so many packets a second."""
        sender = next(t.sender for t in peer.getTransceivers() if t.kind == "audio")
        dice = random.Random(self.options.seed)
        started = time.monotonic()
        while True:
            due = (time.monotonic() - started) * self.options.talk_flood
            while self.flooded < due:
                packet = RtpPacket(
                    payload_type=offers.OPUS,
                    sequence_number=self.flooded & 0xFFFF,
                    timestamp=self.flooded * 960 & 0xFFFFFFFF,
                    ssrc=sender._ssrc,
                    payload=dice.randbytes(dice.randrange(1, 400)),
                )
                self.flooded += 1
                await sender.transport._send_rtp(packet.serialize())
            await asyncio.sleep(0.01)

    async def look(self, track):
        """Decoded pictures."""
        try:
            while True:
                frame = await track.recv()
                now = time.monotonic()
                self.frame_times.append(now)
                size = (frame.width, frame.height)
                if self.size is None:
                    self.tell("first_frame", ms=self.ms(now), width=size[0], height=size[1])
                if size != self.size:
                    self.sizes.append([*size, self.ms(now)])
                self.size = size
        except MediaStreamError:
            pass

    async def listen(self, track):
        """Decoded sound, first channel."""
        try:
            while True:
                frame = await track.recv()
                samples = array.array("h", bytes(frame.planes[0])[: frame.samples * 4])
                self.ear.hear(samples[::2])
                if self.heard:
                    self.heard.write(samples[::2].tobytes(), time.monotonic() - frame.samples / 48000)
        except MediaStreamError:
            pass

    def finish(self, reason, peer=None, answer=None):
        """The summary."""
        video, audio = self.watch["video"], self.watch["audio"]
        frozen, frozen_ms = picture.freezes(self.frame_times)
        span = self.frame_times[-1] - self.frame_times[0] if len(self.frame_times) > 1 else 0
        announced = {}
        if answer:
            announced = {s.kind: s.ssrcs for s in answers.Description(answer).sections}
        for kind, watch in self.watch.items():
            strange = [ssrc for ssrc in watch.ssrcs if ssrc not in announced.get(kind, [])]
            if strange:
                self.problems.append(f"{kind}: SSRC {strange} sent, {announced.get(kind)} announced")
        talk_sent = 0
        if peer:
            for sender in peer.getSenders():
                if sender.kind == "audio":
                    talk_sent = sender._RTCRtpSender__packet_count  # getStats() does not keep it
        summary = {
            "ended": reason,
            "session": self.session,
            "answer_ms": round(self.result.get("answer_ms", 0), 1),
            "connected": self.result.get("connected", False),
            "frames": len(self.frame_times),
            "fps": round((len(self.frame_times) - 1) / span, 1) if span else 0,
            "first_frame_ms": self.ms(self.frame_times[0]) if self.frame_times else None,
            "frame_ms": [self.ms(at) for at in self.frame_times],
            "decodable_ms": [self.ms(at) for at in self.decodable.times],
            "freezes": frozen,
            "frozen_ms": frozen_ms,
            "width": self.size[0] if self.size else None,
            "height": self.size[1] if self.size else None,
            "sizes": self.sizes,
            "profile_idc": video.sps and video.sps["profile_idc"],
            "level_idc": video.sps and video.sps["level_idc"],
            "sps": video.sps,
            "idr_ms": [self.ms(at) for at in video.idr_times],
            "video_packets": video.packets,
            "video_kbps": round(video.bytes * 8 / span / 1000) if span else 0,
            "video_kbps_by_second": video.kbps_by_second(),
            "video_lost": video.lost,
            "video_reordered": max(video.reordered - len(self.recovered), 0),
            "video_repeated": video.repeated,
            "video_ssrcs": video.ssrcs,
            "video_payload_types": sorted(video.payload_types),
            "video_lags_ms": video.lags(90),
            "audio_lags_ms": audio.lags(48),
            "audio_packets": audio.packets,
            "audio_lost": audio.lost,
            "audio_reordered": audio.reordered,
            "audio_ssrcs": audio.ssrcs,
            "audio_payload_types": sorted(audio.payload_types),
            "talk_sent": talk_sent + self.flooded,
            "dropped": len(self.dropped),
            "recovered": len(self.recovered),
            "rtx_packets": self.rtx_packets,
            **{f"{what}_sent": count for what, count in self.sent.items()},
            **self.ear.summary(),
            "problems": self.problems,
        }
        self.result.update(summary)
        self.tell("summary", **summary)


def for_aiortc(answer):
    """The answer as aiortc wants it: it matches H.264 by fmtp alone, and knows no refused section."""
    described = answers.Description(answer)
    lines = list(described.session)
    for section in described.sections:
        if section.kind not in ("audio", "video") or section.port == 0:
            continue
        proto = "UDP/TLS/RTP/SAVPF"
        lines.append(f"m={section.kind} {section.port} {proto} {' '.join(section.formats)}")
        lines += section.lines
        if section.kind == "video" and "99" not in (f.split()[0] for f in section.attributes("fmtp")):
            lines.append("a=fmtp:99 packetization-mode=1;profile-level-id=42e01f")
        # The answer is complete; aiortc gives up on a dead address only when it is told so.
        if "a=end-of-candidates" not in section.lines:
            lines.append("a=end-of-candidates")
    return "\r\n".join(lines) + "\r\n"


MIDS = []


def allocate_mid(taken):
    """The gateway's names instead of numbers."""
    mid = next(mid for mid in MIDS if mid not in taken)
    taken.add(mid)
    return mid


async def main():
    options = arguments.parse(__doc__)
    report.follow_parent()
    # aiortc leaves loopback out of its candidates, and would offer all other addresses.
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: [options.address]
    aiortc.rtcpeerconnection.allocate_mid = allocate_mid
    slots = asyncio.Semaphore(options.parallel)

    async def one(index):
        async with slots:
            return await Call(options, index).run()

    results = await asyncio.gather(*(one(index) for index in range(options.count)))
    if options.count > 1:
        times = sorted(r["answer_ms"] for r in results if r.get("answered"))
        report.emit(
            "total",
            calls=options.count,
            answered=len(times),
            connected=sum(bool(r.get("connected")) for r in results),
            answer_ms_median=round(statistics.median(times), 1) if times else None,
            answer_ms_max=round(times[-1], 1) if times else None,
        )
    return 0 if all(r.get("answered") for r in results) else 3


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
