#!/usr/bin/python3
"""The media gateway's stand-in on GStreamer's webrtcbin and libnice, the real one's family.

Same command line and same JSON lines as `aiortc_peer.py`. What is received is watched twice: right
behind SRTP (order, SSRCs, parameter sets) and behind the decoders (frames, sound).
Its jitter buffer holds each packet for `LATENCY_MS`, which `first_frame` includes.
"""

import array
import concurrent.futures
import json
import os
import random
import secrets
import statistics
import sys
import threading
import time
import traceback
import uuid

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstVideo", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstVideo, GstWebRTC  # noqa: E402

import answer as answers  # noqa: E402
import arguments  # noqa: E402
import door as doors  # noqa: E402
import offer as offers  # noqa: E402
import picture  # noqa: E402
import recording  # noqa: E402
import report  # noqa: E402
import sound  # noqa: E402

LATENCY_MS = 200  # webrtcbin's default
RTCP_INTERVAL = 500 * Gst.MSECOND  # the least, as the gateway's family has it; GStreamer's own is 5 s
CAPS = {
    "audio": "application/x-rtp,media=audio,encoding-name=OPUS,payload=96,clock-rate=48000,"
    "encoding-params=(string)2",
    "video": "application/x-rtp,media=video,encoding-name=H264,payload=99,clock-rate=90000",
}
KEPT = []
PROBE = Gst.PadProbeType.BUFFER | Gst.PadProbeType.BUFFER_LIST


def buffers(info):
    """The bytes of each buffer that passes a probe."""
    buffer = info.get_buffer()
    if buffer is not None:
        yield buffer.extract_dup(0, buffer.get_size())
        return
    several = info.get_buffer_list()
    for index in range(several.length() if several else 0):
        buffer = several.get(index)
        yield buffer.extract_dup(0, buffer.get_size())


def parsed(data):
    """Sequence number, timestamp and payload of an RTP packet."""
    at = 12 + 4 * (data[0] & 15)
    if data[0] & 16:
        at += 4 + 4 * int.from_bytes(data[at + 2 : at + 4], "big")
    return int.from_bytes(data[2:4], "big"), int.from_bytes(data[4:8], "big"), data[at:]


class Call:
    """One session from offer to farewell."""

    latency_ms = LATENCY_MS

    def __init__(self, options, index):
        self.options = options
        self.index = index
        self.session = options.session or str(uuid.uuid4())
        self.door = doors.Door(options.door, options.token, options.endpoint)
        self.offered_at = None
        self.connected_at = None
        self.connected = threading.Event()
        self.ended = threading.Event()
        self.changed = threading.Condition()
        self.gathered = threading.Event()
        self.end_reason = None
        self.candidates = []
        self.frame_times = []
        self.size = None
        self.sizes = []
        self.level_dbfs = sound.SILENCE_DBFS
        self.ear = sound.Ear()
        self.watch = {kind: picture.RtpWatch(kind) for kind in ("audio", "video")}
        self.decodable = picture.Decodable()
        self.sent = {"nack": 0, "nacked_packets": 0, "pli": 0, "fir": 0, "remb": 0}
        self.dropped = set()
        self.recovered = set()
        self.talk_sent = 0
        self.said_from = 0  # the first packet after connected
        self.sent_times = open(options.sent, "w") if options.sent else None  # noqa: SIM115
        self.heard = recording.Recording(options.record, 48000) if options.record else None
        self.voice_ssrc = secrets.randbelow(2**32 - 2) + 1
        self.problems = []
        self.result = {}
        self.pipeline = None
        self.promises = []
        self.kinds = [k for k in offers.kinds(options.generation) if k != "application"]

    def ms(self, at=None):
        """Milliseconds since the offer was posted."""
        return round(((at or time.monotonic()) - self.offered_at) * 1000, 1)

    def tell(self, event, **fields):
        report.emit(event, call=self.index, **fields)

    def run(self):
        """The whole call; never raises for what the other side does."""
        options = self.options
        if options.answer_only or options.no_connect:
            local = offers.made_up(options.address)
            text = offers.write(options.generation, local, options.line_end, options.kbps)
            if self.ask(text) is None:
                return self.result
            if options.no_connect:
                time.sleep(options.seconds)
            self.farewell()
            self.finish("not connected")
            return self.result
        try:
            local_text = self.build()
            text = self.offer_text(local_text)
            answer = self.ask(text)
            if answer is not None:
                self.apply(answer, local_text)
                self.live(answer)
        finally:
            if self.pipeline:
                self.pipeline.set_state(Gst.State.NULL)
        return self.result

    def build(self):
        """A webrtcbin with a local description; returns its text."""
        self.pipeline = Gst.Pipeline.new(None)
        rtc = Gst.ElementFactory.make("webrtcbin", "rtc")
        rtc.set_property("bundle-policy", GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
        rtc.set_property("latency", self.latency_ms)
        self.rtc = rtc
        self.pipeline.add(rtc)
        agent = rtc.get_property("ice-agent")
        # webrtcbin's own reference is a floating one, which Python takes over: never let it go.
        KEPT.append((rtc, agent))
        agent.emit("add-local-ip-address", self.options.address)
        rtc.connect("on-ice-candidate", self.on_candidate)
        rtc.connect("notify::ice-gathering-state", self.on_gathering)
        rtc.connect("notify::connection-state", self.on_connection)
        rtc.connect("pad-added", self.on_pad)
        rtc.connect("deep-element-added", self.on_element)
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message::element", self.on_level)
        bus.connect("message::error", self.on_error)
        # Order of the sections: sound first, as the gateway has it.
        for kind in self.kinds:
            if kind == "audio":
                self.add_voice()
            else:
                receive = GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY
                transceiver = rtc.emit("add-transceiver", receive, Gst.Caps.from_string(CAPS[kind]))
                transceiver.set_property("do-nack", True)
        self.pipeline.set_state(Gst.State.PLAYING)
        offer = self.promised("create-offer", None).get_value("offer")
        self.promised("set-local-description", offer)
        if not self.gathered.wait(10):
            raise RuntimeError("no candidates gathered")
        return rtc.get_property("local-description").sdp.as_text()

    def promised(self, action, argument):
        """Calls one of webrtcbin's actions and waits for what it promised."""
        promise = Gst.Promise.new()
        self.rtc.emit(action, argument, promise)
        promise.wait()
        reply = promise.get_reply()
        self.promises.append((promise, reply))  # they own what is taken out of the reply
        if reply is not None and reply.has_field("error"):
            raise RuntimeError(f"{action}: {reply.to_string()}")
        return reply

    def add_voice(self):
        """What the person says. Nothing is sent before it begins, yet the caps are there."""
        text = (
            "appsrc name=voice is-live=true format=time"
            " caps=audio/x-raw,format=S16LE,rate=48000,channels=1,layout=interleaved"
            f" ! audioconvert ! opusenc dtx={'true' if self.options.dtx else 'false'} ! rtpopuspay pt=96 ssrc={self.voice_ssrc} ! valve name=mute drop=true"
            " drop-mode=forward-sticky-events"
        )
        voice = Gst.parse_bin_from_description(text, True)
        self.pipeline.add(voice)
        pad = self.rtc.request_pad_simple("sink_%u")
        transceiver = pad.get_property("transceiver")
        transceiver.set_property("codec-preferences", Gst.Caps.from_string(CAPS["audio"]))
        voice.get_static_pad("src").link(pad)
        pad.add_probe(PROBE, self.on_talk)
        self.mute = voice.get_by_name("mute")
        threading.Thread(
            target=self.speak, args=(voice.get_by_name("voice"),), daemon=True
        ).start()

    def speak(self, source):
        """Feeds the encoder by the clock: silence until the line is up."""
        options = self.options
        silence = array.array("h", bytes(960 * 2))
        words = ((block, []) for block in sound.talk(options.talk)) if options.talk else None
        words = sound.script(options.say) if options.say else words
        started, at, since = time.monotonic(), 0, None
        while not self.ended.is_set():
            speaking = False
            if words and self.connected.is_set():
                since = since or time.monotonic()
                speaking = time.monotonic() - since >= options.talk_after
            if speaking and self.mute.get_property("drop"):
                self.said_from = at // 960
                self.mute.set_property("drop", False)
            block, begun = next(words) if speaking else (silence, [])
            for path in begun:
                self.tell("says", file=path, at=round(time.monotonic(), 4))
            buffer = Gst.Buffer.new_wrapped(block.tobytes())
            buffer.pts = at * Gst.SECOND // 48000
            buffer.duration = len(block) * Gst.SECOND // 48000
            at += len(block)
            if source.emit("push-buffer", buffer) != Gst.FlowReturn.OK:
                return
            wait = started + at / 48000 - time.monotonic()
            if wait > 0:
                time.sleep(wait)

    def on_candidate(self, _rtc, _line, text):
        self.candidates.append(text)

    def on_gathering(self, rtc, _property):
        if rtc.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            self.gathered.set()

    def on_connection(self, rtc, _property):
        state = rtc.get_property("connection-state")
        kinds = GstWebRTC.WebRTCPeerConnectionState
        if state == kinds.CONNECTED:
            self.connected_at = self.connected_at or time.monotonic()
            self.connected.set()
        elif state in (kinds.FAILED, kinds.CLOSED):
            self.end_reason = self.end_reason or "peer " + state.value_nick
            self.ended.set()
        with self.changed:
            self.changed.notify_all()

    def on_error(self, _bus, message):
        error, _debug = message.parse_error()
        self.problems.append(f"{message.src.get_name()}: {error.message}")

    def on_level(self, _bus, message):
        structure = message.get_structure()
        if structure.get_name() == "level":
            # PyGObject cannot unpack the GValueArray of `rms`; the text can be read.
            text = structure.to_string()
            start = text.find("rms=")
            for part in text[start:].replace("<", ">").split(">")[1:2]:
                level = round(float(part.replace("(double)", "").split(",")[0]), 1)
                self.level_dbfs = max(self.level_dbfs, level)

    def on_talk(self, _pad, info):
        self.talk_sent += sum(1 for _ in buffers(info))
        if self.sent_times and info.get_buffer():
            packet = round(info.get_buffer().pts * 50 / Gst.SECOND) - self.said_from
            self.sent_times.write(json.dumps([packet, round(time.monotonic(), 4)]) + "\n")
            self.sent_times.flush()
        return Gst.PadProbeReturn.OK

    def on_element(self, _rtc, _bin, element):
        """Watches the wire: arrival before and behind SRTP, and the reports that leave."""
        factory = element.get_factory().get_name() if element.get_factory() else ""
        if factory == "dtlssrtpdec":
            if self.options.drop:
                dice = random.Random(self.options.seed)
                element.get_static_pad("sink").add_probe(PROBE, self.lose, dice)
            element.get_static_pad("rtp_src").add_probe(PROBE, self.on_rtp)
        elif factory == "rtpsession":
            element.get_property("internal-session").set_property("rtcp-min-interval", RTCP_INTERVAL)
        elif factory == "dtlssrtpenc":
            element.connect("pad-added", self.on_encoder_pad)
            for pad in element.sinkpads:
                self.on_encoder_pad(element, pad)

    def on_encoder_pad(self, _element, pad):
        if pad.get_name().startswith("rtcp_sink"):
            pad.add_probe(PROBE, self.on_rtcp)

    def lose(self, _pad, info, dice):
        """Loses video before SRTP: behind it a retransmission would be a replay."""
        for data in buffers(info):
            if not (127 < data[0] < 192 and data[1] & 127 == offers.H264):
                continue
            number = int.from_bytes(data[2:4], "big")
            if number in self.dropped:
                self.recovered.add(number)
            elif self.watch["video"].packets and dice.random() * 100 < self.options.drop:
                self.dropped.add(number)
                return Gst.PadProbeReturn.DROP
        return Gst.PadProbeReturn.OK

    def on_rtp(self, _pad, info):
        for data in buffers(info):
            payload_type = data[1] & 127
            kind = {offers.OPUS: "audio", offers.H264: "video"}.get(payload_type)
            if kind is None:
                self.problems.append(f"packet with payload type {payload_type}")
                continue
            sequence, timestamp, payload = parsed(data)
            watch = self.watch[kind]
            ssrc = int.from_bytes(data[8:12], "big")
            if watch.first is None:
                self.tell("first_packet", kind=kind, ms=self.ms(), ssrc=ssrc)
            watch.packet(time.monotonic(), ssrc, payload_type, sequence, timestamp, payload)
        return Gst.PadProbeReturn.OK

    def on_rtcp(self, _pad, info):
        for data in buffers(info):
            at = 0
            while at + 4 <= len(data):
                form, kind = data[at] & 31, data[at + 1]
                size = 4 + 4 * int.from_bytes(data[at + 2 : at + 4], "big")
                if kind == 205 and form == 1:
                    self.sent["nack"] += 1
                    for item in range(at + 12, at + size, 4):
                        mask = int.from_bytes(data[item + 2 : item + 4], "big")
                        self.sent["nacked_packets"] += 1 + bin(mask).count("1")
                elif kind == 206 and form == 1:
                    self.sent["pli"] += 1
                elif kind == 206 and form == 4:
                    self.sent["fir"] += 1
                elif kind == 206 and form == 15:
                    self.sent["remb"] += 1
                at += size
        return Gst.PadProbeReturn.OK

    def on_pad(self, _rtc, pad):
        """A stream came in: decode it."""
        if pad.get_direction() != Gst.PadDirection.SRC:
            return
        caps = pad.get_current_caps() or pad.query_caps(None)
        video = caps.get_structure(0).get_string("encoding-name") == "H264"
        text = (
            "queue ! rtph264depay name=depay ! h264parse ! avdec_h264 name=decoder max-threads=1"
            " ! fakesink sync=false async=false"
            if video
            else "queue ! rtpopusdepay ! opusdec ! audioconvert ! audioresample"
            " ! audio/x-raw,format=S16LE,rate=48000,channels=1 ! level interval=500000000"
            " ! fakesink name=ear signal-handoffs=true sync=false async=false"
        )
        element = Gst.parse_bin_from_description(text, True)
        self.pipeline.add(element)
        if video:
            self.video_pad = pad
            element.get_by_name("depay").get_static_pad("sink").add_probe(PROBE, self.on_picture)
            element.get_by_name("decoder").get_static_pad("src").add_probe(PROBE, self.on_frame)
        else:
            element.get_by_name("ear").connect("handoff", self.on_sound)
        element.sync_state_with_parent()
        pad.link(element.get_static_pad("sink"))

    def on_picture(self, _pad, info):
        """Behind the jitter buffer: what did not come by now never does."""
        for data in buffers(info):
            sequence, timestamp, payload = parsed(data)
            self.decodable.packet(time.monotonic(), sequence, timestamp, data[1] & 128, payload)
        return Gst.PadProbeReturn.OK

    def on_frame(self, pad, _info):
        now = time.monotonic()
        self.frame_times.append(now)
        structure = pad.get_current_caps().get_structure(0)
        size = (structure.get_value("width"), structure.get_value("height"))
        if self.size is None:
            self.tell("first_frame", ms=self.ms(now), width=size[0], height=size[1])
        if size != self.size:
            self.sizes.append([*size, self.ms(now)])
        self.size = size
        return Gst.PadProbeReturn.OK

    def on_sound(self, _sink, buffer, _pad):
        samples = buffer.extract_dup(0, buffer.get_size())
        self.ear.hear(array.array("h", samples))
        if self.heard:
            # It is held in the jitter buffer first.
            began = time.monotonic() - len(samples) / 2 / 48000 - self.latency_ms / 1000
            self.heard.write(samples, began)

    def offer_text(self, local_text):
        """The gateway's words around webrtcbin's own credentials."""
        own = answers.Description(local_text)
        section = own.sections[0]
        fingerprint = section.first("fingerprint") or next(
            line[14:] for line in own.session if line.startswith("a=fingerprint:")
        )
        hosts = []
        for text in self.candidates:
            fields = text.split(":", 1)[1].split()
            if fields[1] == "1" and fields[2].upper() == "UDP" and ":" not in fields[4]:
                hosts.append((fields[4], int(fields[5])))
        local = offers.Local(
            ufrag=section.first("ice-ufrag"),
            pwd=section.first("ice-pwd"),
            fingerprint=fingerprint.split()[-1],
            addresses=list(dict.fromkeys(hosts)),
            audio_ssrc=self.voice_ssrc,
            video_ssrc=self.voice_ssrc + 1,  # announced, never sent: the answer is sendonly
        )
        options = self.options
        return offers.write(options.generation, local, options.line_end, options.kbps)

    def ask(self, text):
        """Posts the offer; the answer's SDP or None."""
        self.offered_at = time.monotonic()
        try:
            reply = self.door.initiate(self.session, text)
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

    def apply(self, answer, local_text):
        """Hands the answer to webrtcbin, which numbers its mids otherwise and knows one protocol."""
        described = answers.Description(answer)
        own = answers.Description(local_text)
        mids = {offers.mid_of(s.kind): s.mid for s in own.sections}
        lines = [line for line in described.session if not line.startswith("a=group:")]
        lines.append("a=group:BUNDLE " + " ".join(s.mid for s in own.sections))
        for section in described.sections:
            if section.kind not in mids.keys() and section.kind not in self.kinds:
                continue
            formats = " ".join(section.formats)
            lines.append(f"m={section.kind} {section.port} UDP/TLS/RTP/SAVPF {formats}")
            for line in section.lines:
                lines.append(f"a=mid:{mids[section.mid]}" if line.startswith("a=mid:") else line)
        status, message = GstSdp.SDPMessage.new_from_text("\r\n".join(lines) + "\r\n")
        if status != GstSdp.SDPResult.OK:
            self.problems.append("GStreamer cannot read the answer")
        kind = GstWebRTC.WebRTCSDPType.ANSWER
        try:
            self.promised(
                "set-remote-description", GstWebRTC.WebRTCSessionDescription.new(kind, message)
            )
        except RuntimeError as error:
            self.problems.append(str(error))

    def live(self, answer):
        """From the answer to the end of the call."""
        options = self.options
        with self.changed:
            self.changed.wait_for(
                lambda: self.connected.is_set() or self.ended.is_set(), options.connect_seconds
            )
        if not self.connected.is_set():
            self.farewell()
            self.finish(self.end_reason or "never connected", answer)
            return
        self.result["connected"] = True
        self.tell("connected", ms=self.ms(self.connected_at))
        if not options.no_session_connected:
            reply = self.door.connected(self.session)
            self.problems += reply.problems
            self.tell("session_connected", **reply.fields())
        until = time.monotonic() + options.seconds
        self.ask_for_things(until)
        if self.ended.is_set():
            self.tell("closed", ms=self.ms())
        else:
            self.end_reason = "time"
        if options.vanish:
            self.finish("vanished", answer)
            os._exit(0)
        self.farewell()
        self.finish(self.end_reason, answer)
        self.ended.set()

    def farewell(self):
        if self.options.no_disconnect:
            return
        try:
            reply = self.door.disconnected(self.session)
        except OSError as error:
            self.tell("session_disconnected", ms=0, status=0, message=str(error))
            return
        self.problems += reply.problems
        self.tell("session_disconnected", **reply.fields())

    def ask_for_things(self, until):
        """Waits; meanwhile PLI and FIR by the clock, through the session as a decoder would."""
        options = self.options
        started = time.monotonic()
        due = {"pli": options.pli, "fir": options.fir}
        every = {"pli": options.pli, "fir": options.fir}
        while time.monotonic() < until and not self.ended.wait(0.02):
            for what, at in due.items():
                pad = getattr(self, "video_pad", None)
                if at is None or pad is None or time.monotonic() - started < at:
                    continue
                due[what] += every[what]
                event = GstVideo.video_event_new_upstream_force_key_unit(
                    Gst.CLOCK_TIME_NONE, what == "fir", 0
                )
                pad.send_event(event)

    def finish(self, reason, answer=None):
        """The summary."""
        video, audio = self.watch["video"], self.watch["audio"]
        times = list(self.frame_times)
        frozen, frozen_ms = picture.freezes(times)
        span = times[-1] - times[0] if len(times) > 1 else 0
        announced = {}
        if answer:
            announced = {s.kind: s.ssrcs for s in answers.Description(answer).sections}
        for kind, watch in self.watch.items():
            strange = [ssrc for ssrc in watch.ssrcs if ssrc not in announced.get(kind, [])]
            if strange:
                self.problems.append(f"{kind}: SSRC {strange} sent, {announced.get(kind)} announced")
        summary = {
            "ended": reason,
            "session": self.session,
            "answer_ms": round(self.result.get("answer_ms", 0), 1),
            "connected": self.result.get("connected", False),
            "frames": len(times),
            "fps": round((len(times) - 1) / span, 1) if span else 0,
            "first_frame_ms": self.ms(times[0]) if times else None,
            "frame_ms": [self.ms(at) for at in times],
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
            "video_lags_ms": video.lags(90),
            "video_lost": video.lost,
            "video_reordered": max(video.reordered - len(self.recovered), 0),
            "video_repeated": video.repeated,
            "video_ssrcs": video.ssrcs,
            "video_payload_types": sorted(video.payload_types),
            "audio_packets": audio.packets,
            "audio_lost": audio.lost,
            "audio_reordered": audio.reordered,
            "audio_ssrcs": audio.ssrcs,
            "audio_payload_types": sorted(audio.payload_types),
            "talk_sent": self.talk_sent,
            "dropped": len(self.dropped),
            "recovered": len(self.recovered),
            **{f"{what}_sent": count for what, count in self.sent.items()},
            **self.ear.summary(),
            "loudest_dbfs": self.level_dbfs,  # of half a second, by GStreamer's own meter
            "problems": self.problems,
        }
        self.result.update(summary)
        self.tell("summary", **summary)


def main():
    options = arguments.parse(__doc__)
    report.follow_parent()
    Gst.init(None)
    loop = GLib.MainLoop()
    threading.Thread(target=loop.run, daemon=True).start()
    try:
        with concurrent.futures.ThreadPoolExecutor(options.parallel) as slots:
            calls = slots.map(lambda index: Call(options, index).run(), range(options.count))
            results = list(calls)
    except Exception:
        traceback.print_exc()
        # An orderly exit would wait for GStreamer's threads, which may be what is broken.
        os._exit(4)
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
    os._exit(0 if all(r.get("answered") for r in results) else 3)


if __name__ == "__main__":
    main()
