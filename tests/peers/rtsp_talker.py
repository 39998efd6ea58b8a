#!/usr/bin/python3
"""Talks into a camera's back channel and listens to its microphone: GStreamer's RTSP client, without us between.

JSON lines: `says` (when the first sample was sent), `records`, `done`.
"""

import argparse
import ctypes
import threading
import time

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
gi.require_version("GstRtsp", "1.0")
from gi.repository import GLib, Gst, GstApp  # noqa: E402,F401

import recording  # noqa: E402
import report  # noqa: E402

RATE = 16000
OWN = ctypes.CDLL("libgstreamer-1.0.so.0").gst_mini_object_ref
CODERS = {
    "PCMU": "audio/x-raw,channels=1,rate=8000 ! mulawenc ! rtppcmupay min-ptime=20000000 max-ptime=20000000",
    "PCMA": "audio/x-raw,channels=1,rate=8000 ! alawenc ! rtppcmapay min-ptime=20000000 max-ptime=20000000",
    "MPEG4-GENERIC": "audio/x-raw,channels=1,rate=16000 ! avenc_aac bitrate=48000 ! aacparse ! rtpmp4gpay pt=97",
}
DECODERS = {
    "PCMU": "rtppcmudepay ! mulawdec",
    "PCMA": "rtppcmadepay ! alawdec",
    "MPEG4-GENERIC": "rtpmp4gdepay ! aacparse ! avdec_aac",
    "OPUS": "rtpopusdepay ! opusdec",
}


class Talker:
    def __init__(self, wanted):
        self.wanted = wanted
        self.back = None
        self.ready = threading.Event()
        self.heard = recording.Recording(wanted.record, RATE)
        self.pipeline = Gst.Pipeline.new(None)
        self.source = Gst.ElementFactory.make("rtspsrc")
        for name, value in (("location", wanted.url), ("latency", 0), ("backchannel", 1)):
            self.source.set_property(name, value)
        self.source.set_property("protocols", 4)  # TCP
        self.source.connect("select-stream", self.select)
        self.source.connect("pad-added", self.on_pad)
        self.pipeline.add(self.source)
        self.pipeline.set_state(Gst.State.PLAYING)

    def select(self, _source, number, caps):
        structure = caps.get_structure(0)
        if structure.has_field("a-sendonly"):
            self.back = (number, structure.get_string("encoding-name"))
            self.ready.set()
        return True

    def on_pad(self, _source, pad):
        codec = pad.get_current_caps().get_structure(0).get_string("encoding-name")
        sound = codec in DECODERS
        text = (
            f"{DECODERS[codec]} ! audioconvert ! audioresample ! audio/x-raw,format=S16LE,rate={RATE},channels=1"
            " ! fakesink name=ear signal-handoffs=true sync=false async=false"
            if sound
            else "fakesink sync=false async=false"
        )
        part = Gst.parse_bin_from_description(text, True)
        self.pipeline.add(part)
        if sound:
            part.get_by_name("ear").connect("handoff", self.on_sound)
        part.sync_state_with_parent()
        pad.link(part.get_static_pad("sink"))

    def on_sound(self, _sink, buffer, _pad):
        size = buffer.get_size()
        self.heard.write(buffer.extract_dup(0, size), time.monotonic() - size / 2 / RATE)

    def say(self):
        """Encodes by the clock and pushes packet by packet."""
        if not self.ready.wait(20):
            raise SystemExit("the camera has no speaker")
        path, wait = recording.placed(self.wanted.say)
        time.sleep(wait + 1)
        number, codec = self.back
        words = Gst.parse_launch(
            f"filesrc location={path} ! wavparse ! identity sync=true ! audioconvert ! audioresample"
            f" ! {CODERS[codec]} ! appsink name=out emit-signals=true sync=false"
        )
        told = []

        def push(sink):
            sample = sink.emit("pull-sample")
            if not told:
                told.append(True)
                report.emit("says", codec=codec, at=round(time.monotonic() - 0.02, 4))
            OWN(ctypes.c_void_p(hash(sample)))  # rtspsrc drops a reference that Python never gave it
            self.source.emit("push-backchannel-buffer", number, sample)
            return Gst.FlowReturn.OK

        words.get_by_name("out").connect("new-sample", push)
        words.set_state(Gst.State.PLAYING)
        time.sleep(self.wanted.seconds - wait)
        words.set_state(Gst.State.NULL)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--say", required=True, help="WAV[@seconds]")
    parser.add_argument("--record", required=True, help="WAV of the microphone")
    parser.add_argument("--seconds", type=float, default=10)
    wanted = parser.parse_args()
    report.follow_parent()
    Gst.init(None)
    threading.Thread(target=GLib.MainLoop().run, daemon=True).start()
    talker = Talker(wanted)
    talker.say()
    talker.pipeline.set_state(Gst.State.NULL)
    report.emit("done")


if __name__ == "__main__":
    main()
