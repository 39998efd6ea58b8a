#!/usr/bin/python3
"""The media end of a hub's camera: GStreamer's webrtcbin in the place of the hub's go2rtc.

JSON lines both ways. In: `{"offer": sdp}`, then `{"candidate": "candidate:..."}`; the end of the input
ends it. Out: `{"answer": sdp}` without candidates, `{"candidate": "candidate:..."}` for each, later and with
no end; `{"error": {"code", "message"}}`; reports: `{"pid"}`, `{"connected": true}`, `{"pli": count}`,
`{"talk": {"packets", "dbfs", "tone_hz"}}` once a second while somebody talks, `{"closed": reason}`.
As go2rtc does it chooses of the offer what its camera sends: a picture is never made anew.
"""

import argparse
import array
import json
import os
import sys
import threading
import time

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

import answer as answers  # noqa: E402
import report  # noqa: E402
import sound  # noqa: E402

PICTURES = {
    "h264": ("H264", "x264enc name=encoder speed-preset=ultrafast tune=zerolatency threads=1"
             " bitrate={kbps} key-int-max={gop} option-string=scenecut=0 ! video/x-h264,profile=baseline"),
    "h265": ("H265", "x265enc name=encoder speed-preset=ultrafast tune=zerolatency bitrate={kbps}"
             " key-int-max={gop} option-string=pools=none:frame-threads=1:scenecut=0"),
}  # fmt: skip
SOUNDS = {
    "opus": ("OPUS", 48000, "audio/x-raw,rate=48000,channels=1 ! opusenc", "opusdec"),
    "pcmu": ("PCMU", 8000, "audio/x-raw,rate=8000,channels=1 ! mulawenc", "mulawdec"),
}
CODE = "go2rtc_webrtc_offer_failed"
KEPT = []


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--pattern", choices=tuple(PICTURES), default="h264", help="codec of a test picture")
    add("--source", help="rtsp://...: its H.264 instead of a test picture, as it is")
    add("--address", default="127.0.0.1", help="own IPv4 address, offered as the host candidate")
    add("--size", default="640x360")
    add("--fps", type=int, default=25)
    add("--kbps", type=int, default=800)
    add("--gop", type=float, default=2.0, help="seconds between key frames")
    add("--sound", choices=(*SOUNDS, "none"), default="opus")
    add("--tone", type=float, default=440.0, help="Hz")
    add("--talk", choices=("sendrecv", "none"), default="none", help="the camera has a speaker")
    add("--nameless", action="store_true", help="the answer names no streams (a=ssrc, a=msid)")
    add("--late", type=float, default=0.0, help="seconds from the answer to its candidates")
    add("--fault", choices=("reject", "no-answer", "silent", "error-after-answer", "leave"))
    add("--after", type=float, default=2.0, help="seconds from connected to the last two faults")
    return parser.parse_args()


class Camera:
    def __init__(self, wanted):
        self.wanted = wanted
        self.answered = threading.Event()
        self.candidates = []
        self.lock = threading.Lock()
        self.told = False
        self.packets = 0
        self.ear = None
        self.plis = 0
        self.promises = []
        self.formats = {}

    def take(self, message):
        """One line of the input."""
        if "offer" in message:
            if self.wanted.fault == "reject":
                report.tell(error={"code": CODE, "message": "webrtc: codecs not matched"})
            elif self.wanted.fault != "no-answer":
                self.answer(message["offer"])
        elif message.get("candidate"):
            self.rtc.emit("add-ice-candidate", 0, message["candidate"])

    def answer(self, offer):
        self.choose(answers.Description(offer))
        self.build()
        # webrtcbin compares the parameters word by word; others mind the codec and echo the offer's.
        parameters = [line for line in offer.splitlines() if line.startswith("a=fmtp:")]
        plain = "\r\n".join(line for line in offer.splitlines() if line not in parameters)
        _status, sdp = GstSdp.SDPMessage.new_from_text(plain + "\r\n")
        description = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.OFFER, sdp)
        self.promised("set-remote-description", description)
        reply = self.promised("create-answer", None).get_value("answer")
        self.promised("set-local-description", reply)
        report.tell(answer=self.finished(reply.sdp.as_text(), parameters))
        time.sleep(self.wanted.late)
        with self.lock:
            self.told = True
            for text in self.candidates:
                report.tell(candidate=text)

    def finished(self, text, parameters):
        """The answer as go2rtc writes it."""
        unwanted = ["a=candidate:", "a=end-of-candidates", "a=fmtp:"]
        if self.wanted.nameless:
            unwanted += ["a=ssrc", "a=msid"]
        lines = []
        for line in text.splitlines():
            if not line.startswith(tuple(unwanted)):
                lines.append(line)
            if line.startswith("a=rtpmap:"):
                number = line[9:].split()[0]
                lines += [own for own in parameters if own.startswith(f"a=fmtp:{number} ")]
        return "\r\n".join(lines) + "\r\n"

    def choose(self, offer):
        """Payload types of what is sent, as the offer numbers them."""
        wanted = [("video", PICTURES[self.wanted.pattern][0])]
        if self.wanted.sound != "none":
            wanted.append(("audio", SOUNDS[self.wanted.sound][0]))
        for kind, name in wanted:
            section = next(section for section in offer.sections if section.kind == kind)
            maps = [value.split(None, 1) for value in section.attributes("rtpmap")]
            fits = [number for number, codec in maps if codec.upper().startswith(name + "/")]
            if not fits:
                report.tell(error={"code": CODE, "message": f"webrtc: {name} is not offered"})
                sys.exit(0)
            self.formats[kind] = int(fits[0])

    def build(self):
        self.pipeline = Gst.Pipeline.new(None)
        self.rtc = rtc = Gst.ElementFactory.make("webrtcbin", "rtc")
        rtc.set_property("bundle-policy", GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
        rtc.set_property("latency", 20)
        self.pipeline.add(rtc)
        agent = rtc.get_property("ice-agent")
        # webrtcbin's own reference is a floating one, which Python takes over: never let it go.
        KEPT.append((rtc, agent))
        agent.emit("add-local-ip-address", self.wanted.address)
        rtc.connect("on-ice-candidate", self.on_candidate)
        rtc.connect("notify::connection-state", self.on_connection)
        rtc.connect("on-new-transceiver", self.on_transceiver)
        rtc.connect("pad-added", self.on_pad)
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message::error", self.on_error)
        # The offer's order.
        if "audio" in self.formats:
            self.add_sound()
        self.add_picture()
        self.pipeline.set_state(Gst.State.PLAYING)

    def add_picture(self):
        wanted = self.wanted
        name, encoder = PICTURES[wanted.pattern]
        low = name.lower()
        if wanted.source:
            front = f"rtspsrc location={wanted.source} latency=0 protocols=tcp ! rtp{low}depay"
        else:
            width, height = wanted.size.split("x")
            gop = max(round(wanted.gop * wanted.fps), 1)
            front = (
                f"videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420,width={width},"
                f"height={height},framerate={wanted.fps}/1 ! timeoverlay"
                f" ! {encoder.format(kbps=wanted.kbps, gop=gop)}"
            )
        text = f"{front} ! {low}parse ! rtp{low}pay name=pay config-interval=-1 mtu=1200"
        bin_ = self.add("video", text, name, 90000)
        encoder = bin_.get_by_name("encoder")
        if encoder:
            probe = Gst.PadProbeType.EVENT_UPSTREAM
            encoder.get_static_pad("src").add_probe(probe, self.on_upstream)

    def add_sound(self):
        name, rate, encoder, _decoder = SOUNDS[self.wanted.sound]
        text = (
            f"audiotestsrc is-live=true freq={self.wanted.tone} volume=0.25 samplesperbuffer=480"
            f" ! audioconvert ! audioresample ! {encoder} ! rtp{name.lower()}pay name=pay"
        )
        self.add("audio", text, name, rate)

    def add(self, kind, text, name, rate):
        """A stream of its own, linked to webrtcbin."""
        number = self.formats[kind]
        silent = "true" if self.wanted.fault == "silent" else "false"
        valve = f"valve name=end drop={silent} drop-mode=forward-sticky-events"
        # By hand: the parser would also make a way out of what is linked later.
        bin_ = Gst.parse_bin_from_description(f"{text} pt={number} ! {valve}", False)
        bin_.add_pad(Gst.GhostPad.new("src", bin_.get_by_name("end").get_static_pad("src")))
        self.pipeline.add(bin_)
        pad = self.rtc.request_pad_simple("sink_%u")
        transceiver = pad.get_property("transceiver")
        caps = f"application/x-rtp,media={kind},encoding-name={name},payload={number},clock-rate={rate}"
        transceiver.set_property("codec-preferences", Gst.Caps.from_string(caps))
        transceiver.set_property("do-nack", True)
        if kind == "video" or self.wanted.talk == "none":
            transceiver.set_property("direction", GstWebRTC.WebRTCRTPTransceiverDirection.SENDONLY)
        bin_.get_static_pad("src").link(pad)
        return bin_

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

    def on_transceiver(self, _rtc, transceiver):
        """One that only the offer wants: there is nothing to send."""
        if transceiver.get_property("kind") == GstWebRTC.WebRTCKind.AUDIO and "audio" not in self.formats:
            transceiver.set_property("direction", GstWebRTC.WebRTCRTPTransceiverDirection.INACTIVE)

    def on_candidate(self, _rtc, _line, text):
        with self.lock:
            self.candidates.append(text)
            if self.told:
                report.tell(candidate=text)

    def on_connection(self, rtc, _property):
        state = rtc.get_property("connection-state")
        kinds = GstWebRTC.WebRTCPeerConnectionState
        if state == kinds.CONNECTED:
            report.tell(connected=True)
            if self.wanted.fault in ("error-after-answer", "leave"):
                GLib.timeout_add(int(self.wanted.after * 1000), self.fail)
        elif state in (kinds.FAILED, kinds.CLOSED):
            report.tell(closed=state.value_nick)

    def fail(self):
        if self.wanted.fault == "error-after-answer":
            report.tell(error={"code": CODE, "message": "webrtc: the camera is gone"})
        os._exit(0)

    def on_error(self, _bus, message):
        error, _debug = message.parse_error()
        report.tell(error={"code": CODE, "message": f"{message.src.get_name()}: {error.message}"})

    def on_upstream(self, _pad, info):
        structure = info.get_event().get_structure()
        if structure is not None and structure.get_name() == "GstForceKeyUnit":
            self.plis += 1
            report.tell(pli=self.plis)
        return Gst.PadProbeReturn.OK

    def on_pad(self, _rtc, pad):
        """Somebody may talk."""
        if pad.get_direction() != Gst.PadDirection.SRC:
            return
        name, rate, _encoder, decoder = SOUNDS[self.wanted.sound]
        text = (
            f"rtp{name.lower()}depay name=depay ! {decoder} ! audioconvert ! audioresample"
            f" ! audio/x-raw,format=S16LE,rate={rate},channels=1"
            " ! fakesink name=ear signal-handoffs=true sync=false async=false"
        )
        speaker = Gst.parse_bin_from_description(text, True)
        self.ear = sound.Ear(rate)
        speaker.get_by_name("ear").connect("handoff", self.on_sound)
        speaker.get_by_name("depay").get_static_pad("sink").add_probe(
            Gst.PadProbeType.BUFFER, self.on_talk
        )
        self.pipeline.add(speaker)
        speaker.sync_state_with_parent()
        pad.link(speaker.get_static_pad("sink"))
        GLib.timeout_add(1000, self.tell_talk)

    def on_talk(self, _pad, _info):
        self.packets += 1
        return Gst.PadProbeReturn.OK

    def on_sound(self, _sink, buffer, _pad):
        self.ear.hear(array.array("h", buffer.extract_dup(0, buffer.get_size())))

    def tell_talk(self):
        heard = self.ear.summary()
        report.tell(
            talk={"packets": self.packets, "dbfs": heard["audio_dbfs"], "tone_hz": heard["tone_hz"]}
        )
        return True


def main():
    wanted = options()
    Gst.init(None)
    threading.Thread(target=GLib.MainLoop().run, daemon=True).start()
    report.tell(pid=os.getpid())
    camera = Camera(wanted)
    for line in sys.stdin:
        camera.take(json.loads(line))
    # An orderly exit would wait for GStreamer's threads.
    os._exit(0)


if __name__ == "__main__":
    main()
