#!/usr/bin/python3
"""An IP camera: GStreamer's RTSP server behind an encoder that runs whether anybody looks or not.

So whoever joins comes into the middle of a group of pictures, as with a real camera.
One JSON object a line: `ready` (with the address), `connected`, `described`, `playing`, `closed`,
`talk` (what the speaker got, once a second while somebody talks), `fault`. With a room around it also `speaker` (it
begins to play or falls silent), `near` (a visitor begins to speak), `records`, `overrun`. `at` is `CLOCK_MONOTONIC`.
"""

import argparse
import array
import os
import pathlib
import random
import socketserver
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "peers"))

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
gi.require_version("GstVideo", "1.0")
from gi.repository import GLib, Gst, GstApp, GstRtsp, GstRtspServer, GstVideo  # noqa: E402,F401

import clock  # noqa: E402
import report  # noqa: E402
import sound  # noqa: E402
import speaker  # noqa: E402

AUDIO = {
    "aac": (
        "audio/x-raw,rate=16000,channels=1 ! avenc_aac bitrate=32000 ! aacparse"
        " ! audio/mpeg,mpegversion=4,stream-format=raw",
        "rtpmp4gpay",
    ),
    "pcmu": ("audio/x-raw,rate=8000,channels=1 ! mulawenc", "rtppcmupay"),
    "pcma": ("audio/x-raw,rate=8000,channels=1 ! alawenc", "rtppcmapay"),
    "opus": ("audio/x-raw,rate=48000,channels=1 ! opusenc", "rtpopuspay"),
}
PAYLOADERS = {"h264": "rtph264pay", "h265": "rtph265pay", "mjpeg": "rtpjpegpay"}
HEARD_RATE = 16000


def changes(text):
    """`key=value` by key."""
    return dict(change.split("=", 1) for change in text.split(",") if change)


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--host", default="127.0.0.1")
    add("--port", type=int, default=0)
    add("--size", default="1280x720")
    add("--fps", type=int, default=25)
    add("--kbps", type=int, default=2000)
    add("--gop", type=float, default=2.0, help="seconds between key frames")
    add("--codec", default="h264", choices=tuple(PAYLOADERS))
    add("--transport", default="any", choices=("any", "udp"), help="how its packets may travel")
    add("--profile", default="baseline", choices=("baseline", "main", "high"))
    add("--bframes", type=int, default=0)
    add("--pattern", default="ball", help="of videotestsrc, or `noise`, which fills any bitrate, or `clock`")
    add("--parameter-sets", default="inband", choices=("inband", "sdp"))
    add("--audio", default="aac", choices=(*AUDIO, "none"))
    add("--tone", type=float, default=440.0, help="Hz")
    add("--volume", type=float, default=0.25)
    add("--user")
    add("--password", default="")
    add("--auth", default="digest", choices=("digest", "basic"))
    add("--backchannel", choices=tuple(speaker.CODECS), help="ONVIF back channel: the camera has a speaker")
    add("--speaker-buffer", type=float, default=60, help="ms between what comes and what is played")
    add("--speaker-record", help="WAV of what it plays; beside it in .jsonl when each block of 20 ms came")
    add(
        "--room",
        type=changes,
        help="its microphone hears its speaker: delay=MS,gain=DB,seed=N,drift=PPM,drive=N,noise=DBFS",
    )
    add("--near", action="append", help="WAV[@seconds after the first PLAY] that its microphone hears")
    add("--near-loop", action="store_true", help="again and again")
    add("--near-record", help="WAV of that alone, on the microphone's clock")
    add("--microphone-record", help="WAV of all that it hears, before its encoder")
    add("--mute-while-talked", action="store_true", help="its microphone is silent while its speaker plays")
    add("--own-echo-control", action="store_true", help="there is no echo in its microphone")
    add("--prerecord", type=float, default=0, help="encode so many seconds first, then repeat them")
    add(
        "--fault",
        choices=("closed", "refuse", "mute", "die", "stall"),
        help="nobody listens; 503 to all; accepts and says nothing; dies or stalls after PLAY",
    )
    add("--then", type=changes, help="what changes instead of a fault: size=WxH,profile=...,codec=...")
    add("--after", type=float, default=3.0, help="seconds from the first PLAY to the fault or change")
    add("--onvif", type=int, default=0, help="port of its ONVIF services")
    add("--onvif-media", default="both", choices=("1", "2", "both"), help="which media services it has")
    add("--onvif-login", default="token", choices=("token", "digest"), help="UsernameToken or HTTP Digest")
    add("--onvif-password", help="if it is another one there")
    add("--onvif-hash", default="MD5", choices=("MD5", "SHA-256"), help="of HTTP Digest")
    add("--onvif-skew", type=float, default=0.0, help="seconds that its clock is ahead")
    add("--onvif-deaf", type=int, default=0, help="takes wishes for key frames and makes none")
    wanted = parser.parse_args()
    if wanted.pattern == "clock" and wanted.prerecord:
        parser.error("a clock cannot be recorded first")
    wanted.acoustics = wanted.room is not None or bool(wanted.near or wanted.speaker_record)
    if wanted.acoustics and wanted.prerecord:
        parser.error("a room cannot be recorded first")
    return wanted


class Stream:
    """The encoded picture or sound, and whoever wants it now."""

    def __init__(self, kind):
        self.kind = kind
        self.caps = None
        self.first = threading.Event()
        self.sinks = []  # (Media, appsrc)
        self.stalled = False

    def publish(self, data, pts, duration, key):
        """Hands one access unit or audio frame to all."""
        if self.stalled:
            return
        for media, source in list(self.sinks):
            at = media.place(pts)
            if at is None:
                continue
            buffer = Gst.Buffer.new_wrapped(data)
            buffer.pts = buffer.dts = at
            buffer.duration = duration
            if not key:
                buffer.set_flags(Gst.BufferFlags.DELTA_UNIT)
            if source.emit("push-buffer", buffer) != Gst.FlowReturn.OK:
                self.sinks = [s for s in self.sinks if s[1] is not source]


def noise(width, height, seed):
    """An I420 picture of grey fields; width and height are multiples of eight."""
    dice = random.Random(seed)
    rows = []
    for _ in range(0, height, 16):
        fields = b"".join(bytes([level]) * 16 for level in dice.randbytes(width // 16 + 1))
        rows += [fields[:width]] * 16
    return b"".join(rows[:height]) + bytes([128]) * (width * height // 2)


def unit_of(sample, pipeline):
    """Bytes, time, duration and whether it needs no other; the time is the system clock's."""
    buffer = sample.get_buffer()
    key = not buffer.has_flags(Gst.BufferFlags.DELTA_UNIT)
    # Encoders shift their timestamps (x264enc by 1000 hours) and say so in the segment.
    pts = sample.get_segment().to_running_time(Gst.Format.TIME, buffer.pts) + pipeline.get_base_time()
    return buffer.extract_dup(0, buffer.get_size()), pts, buffer.duration, key


class Media:
    """Time of one RTSP media: where the camera's clock stands on its own."""

    def __init__(self, pipeline):
        self.pipeline = pipeline
        self.shift = None

    def place(self, pts):
        """Running time of a sample, or None while the media has no clock yet."""
        if self.shift is None:
            playing = self.pipeline.current_state == Gst.State.PLAYING
            clock = self.pipeline.get_clock()
            if not playing or clock is None:
                return None
            self.shift = clock.get_time() - self.pipeline.get_base_time() - pts
        return max(pts + self.shift, 0)


class Camera:
    def __init__(self, wanted):
        self.wanted = wanted
        self.video = Stream("video")
        self.audio = Stream("audio") if wanted.audio != "none" else None
        self.played = False
        self.changed = False
        self.ear = None
        self.heard = 0
        self.told = 0.0
        self.acoustics = None

    def streams(self):
        return [stream for stream in (self.video, self.audio) if stream]

    def screen(self, live):
        """The picture's pipeline text."""
        wanted = self.wanted
        width, height = wanted.size.split("x")
        is_live = "true" if live else "false"
        raw = f"video/x-raw,format=I420,width={width},height={height},framerate={wanted.fps}/1"
        if wanted.pattern == "clock":
            source = f"appsrc name=screen is-live=true format=time caps={raw}"
        elif wanted.pattern == "noise":
            source = (
                f"videotestsrc is-live={is_live} pattern=snow ! video/x-raw,format=I420,"
                f"width={int(width) // 16},height={int(height) // 16},framerate={wanted.fps}/1"
                f" ! videoscale ! {raw}"
            )
        else:
            source = f"videotestsrc is-live={is_live} pattern={wanted.pattern} ! {raw}"
        return (
            f"{source} ! timeoverlay halignment=center valignment=center ! {self.picture()}"
            " ! appsink name=video emit-signals=true sync=false max-buffers=0"
        )

    def microphone(self, live):
        """The sound's pipeline text."""
        wanted = self.wanted
        is_live = "true" if live else "false"
        codec, _pay = AUDIO[wanted.audio]
        source = (
            f"audiotestsrc is-live={is_live} freq={wanted.tone} volume={wanted.volume}"
            f" samplesperbuffer=320 ! audio/x-raw,rate={HEARD_RATE}"
        )
        if wanted.acoustics:
            caps = f"audio/x-raw,format=S16LE,rate={HEARD_RATE},channels=1,layout=interleaved"
            source = f"appsrc name=microphone is-live=true format=time caps={caps}"
        return (
            f"{source} ! audioconvert ! audioresample ! {codec}"
            " ! appsink name=audio emit-signals=true sync=false max-buffers=0"
        )

    def furnish(self, source):
        """The room's sound is the microphone's from now on."""
        import acoustics

        pushed = 0

        def push(samples):
            nonlocal pushed
            buffer = Gst.Buffer.new_wrapped(samples)
            buffer.pts = pushed * Gst.SECOND // HEARD_RATE
            buffer.duration = len(samples) // 2 * Gst.SECOND // HEARD_RATE
            pushed += len(samples) // 2
            source.emit("push-buffer", buffer)

        self.acoustics = acoustics.Acoustics(self.wanted, push)
        self.acoustics.start()

    def picture(self):
        """The picture's encoder."""
        wanted = self.wanted
        distance = max(round(wanted.gop * wanted.fps), 1)
        if wanted.codec == "mjpeg":
            return "jpegenc"
        if wanted.codec == "h265":
            return (
                f"x265enc speed-preset=ultrafast tune=zerolatency bitrate={wanted.kbps}"
                f" key-int-max={distance} option-string=scenecut=0:bframes={wanted.bframes}:pools=1"
                " ! h265parse ! video/x-h265,stream-format=hvc1,alignment=au"
            )
        # Ultrafast has neither CABAC nor 8x8 transform: its SPS would say baseline.
        preset = {"baseline": "ultrafast", "main": "superfast", "high": "veryfast"}[wanted.profile]
        # Without delay there are no B frames.
        tune = "" if wanted.bframes else "tune=zerolatency"
        return (
            f"x264enc speed-preset={preset} {tune} threads=1"
            f" bframes={wanted.bframes} bitrate={wanted.kbps} vbv-buf-capacity=500"
            f" key-int-max={distance} option-string=scenecut=0"
            f" ! video/x-h264,profile={wanted.profile} ! h264parse"
            " ! video/x-h264,stream-format=avc,alignment=au"
        )

    def start(self):
        """Encodes from now on, or first and then plays from memory."""
        seconds = self.wanted.prerecord
        lines = [self.screen(live=not seconds)]
        if self.audio:
            lines.append(self.microphone(live=not seconds))
        pipeline = Gst.parse_launch(" ".join(lines))
        kept = {"video": [], "audio": []}
        done = threading.Event()
        full = set()

        def take(sink, stream):
            sample = sink.emit("pull-sample")
            if stream.caps is None:
                stream.caps = sample.get_caps()
                stream.first.set()
            unit = unit_of(sample, pipeline)
            data, pts, _duration, _key = unit
            if stream.kind == "video" and self.changed:
                return Gst.FlowReturn.EOS
            if not seconds:
                stream.publish(*unit)
            elif pts - kept_start(stream, pts) < seconds * Gst.SECOND:
                kept[stream.kind].append(unit)
            else:
                full.add(stream.kind)
                if len(full) == len(self.streams()):
                    done.set()
            return Gst.FlowReturn.OK

        def kept_start(stream, pts):
            return kept[stream.kind][0][1] if kept[stream.kind] else pts

        for stream in self.streams():
            pipeline.get_by_name(stream.kind).connect("new-sample", take, stream)
        self.pipeline = pipeline
        pipeline.set_state(Gst.State.PLAYING)
        screen = pipeline.get_by_name("screen")
        if screen:
            threading.Thread(target=self.show_clock, args=(screen,), daemon=True).start()
        if self.wanted.acoustics:
            self.furnish(pipeline.get_by_name("microphone"))
        for stream in self.streams():
            if not stream.first.wait(30):
                sys.exit("the encoder makes no " + stream.kind)
        if seconds:
            if not done.wait(300):
                sys.exit("the encoder is too slow")
            pipeline.set_state(Gst.State.NULL)
            for stream in self.streams():
                threading.Thread(
                    target=self.repeat, args=(stream, kept[stream.kind]), daemon=True
                ).start()

    def show_clock(self, screen):
        """Draws the time into noise, a picture at a time, by the clock."""
        wanted = self.wanted
        width, height = map(int, wanted.size.split("x"))
        papers = [bytearray(noise(width, height, seed)) for seed in range(8)]
        started, at = time.monotonic(), 0
        while True:
            wait = started + at / wanted.fps - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            paper = papers[at % len(papers)]
            clock.draw(paper, width, clock.now())
            buffer = Gst.Buffer.new_wrapped(bytes(paper))
            buffer.pts = at * Gst.SECOND // wanted.fps
            buffer.duration = Gst.SECOND // wanted.fps
            at += 1
            if screen.emit("push-buffer", buffer) != Gst.FlowReturn.OK:
                return

    def change(self):
        """Another encoder makes the picture from now on. Only a new session can have another codec."""
        wanted = self.wanted
        another = wanted.then.get("codec", wanted.codec) != wanted.codec
        vars(wanted).update(wanted.then)
        pipeline = Gst.parse_launch(self.screen(live=True))

        def take(sink):
            sample = sink.emit("pull-sample")
            if not self.changed:
                self.changed = True
                self.video.caps = sample.get_caps()
                if another:
                    self.video.sinks = []
                    self.factory.set_launch(self.launch())
                    self.server.client_filter(lambda _s, _c: GstRtspServer.RTSPFilterResult.REMOVE)
                for _media, source in self.video.sinks:
                    source.set_property("caps", self.video.caps)
                report.emit("fault", kind="change")
            self.video.publish(*unit_of(sample, pipeline))
            return Gst.FlowReturn.OK

        pipeline.get_by_name("video").connect("new-sample", take)
        self.another = pipeline
        pipeline.set_state(Gst.State.PLAYING)

    def synchronize(self, stream):
        """A key frame of this stream, now."""
        if stream.startswith("/live"):
            event = GstVideo.video_event_new_upstream_force_key_unit(Gst.CLOCK_TIME_NONE, True, 0)
            self.pipeline.get_by_name("video").get_static_pad("sink").push_event(event)

    def repeat(self, stream, units):
        """Plays what was recorded, for ever, by the clock."""
        length = int(self.wanted.prerecord * Gst.SECOND)
        first = units[0][1]
        started, lap = time.monotonic(), 0
        while True:
            for data, pts, duration, key in units:
                at = pts - first + lap * length
                wait = started + at / Gst.SECOND - time.monotonic()
                if wait > 0:
                    time.sleep(wait)
                stream.publish(data, at, duration, key)
            lap += 1

    def launch(self):
        """What cuts picture and sound into packets."""
        wanted = self.wanted
        interval = -1 if wanted.parameter_sets == "inband" else 0
        sets = "" if wanted.codec == "mjpeg" else f"config-interval={interval}"
        number = 26 if wanted.codec == "mjpeg" else 96
        launch = (
            "appsrc name=video is-live=true format=time block=false"
            f" ! {PAYLOADERS[wanted.codec]} name=pay0 pt={number} {sets} mtu=1400"
        )
        if self.audio:
            pay = AUDIO[wanted.audio][1]
            number = {"pcmu": 0, "pcma": 8}.get(wanted.audio, 97)
            launch += f" appsrc name=audio is-live=true format=time block=false ! {pay} name=pay1 pt={number}"
        return f"( {launch} )"

    def serve(self):
        """The RTSP side; returns the bound port."""
        wanted = self.wanted
        onvif = wanted.backchannel is not None
        server = GstRtspServer.RTSPOnvifServer() if onvif else GstRtspServer.RTSPServer()
        server.set_address(wanted.host)
        server.set_service(str(wanted.port))
        factory = GstRtspServer.RTSPOnvifMediaFactory() if onvif else GstRtspServer.RTSPMediaFactory()
        factory.set_launch(self.launch())
        if onvif:
            factory.set_media_gtype(GstRtspServer.RTSPOnvifMedia.__gtype__)
            self.ear = sound.Ear(speaker.CODECS[wanted.backchannel][0])
            factory.set_backchannel_launch(speaker.launch(wanted.backchannel))
            factory.set_latency(0)  # TCP keeps the order
        factory.set_shared(True)
        if wanted.transport == "udp":
            factory.set_protocols(GstRtsp.RTSPLowerTrans.UDP)
        factory.connect("media-configure", self.configure)
        if wanted.user:
            self.lock(server, factory)
        server.get_mount_points().add_factory("/live", factory)
        server.connect("client-connected", self.client)
        self.server, self.factory = server, factory
        if not server.attach(None):
            sys.exit("cannot listen")
        return server.get_bound_port()

    def lock(self, server, factory):
        """User and password."""
        wanted = self.wanted
        token = GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "user")
        auth = GstRtspServer.RTSPAuth()
        if wanted.auth == "basic":
            auth.set_supported_methods(GstRtsp.RTSPAuthMethod.BASIC)
            auth.add_basic(GstRtspServer.RTSPAuth.make_basic(wanted.user, wanted.password), token)
        else:
            auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
            auth.add_digest(wanted.user, wanted.password, token)
        permissions = GstRtspServer.RTSPPermissions()
        permissions.add_permission_for_role("user", "media.factory.access", True)
        permissions.add_permission_for_role("user", "media.factory.construct", True)
        factory.set_permissions(permissions)
        server.set_auth(auth)

    def configure(self, _factory, rtsp_media):
        """A media was made for the first client: it is fed from now on."""
        element = rtsp_media.get_element()
        media = Media(element)
        for stream in self.streams():
            source = element.get_by_name(stream.kind)
            source.set_property("caps", stream.caps)
            source.connect("need-data", self.feed, stream, media, set())
        sink = element.get_by_name("speaker")
        if sink:
            sink.connect("new-sample", self.hear)
        rtsp_media.connect("unprepared", lambda _media: self.unfeed(media))

    def feed(self, source, _length, stream, media, once):
        if once:
            return
        once.add(True)
        top = source
        while top.get_parent() is not None:
            top = top.get_parent()
        media.pipeline = top
        stream.sinks.append((media, source))

    def unfeed(self, media):
        for stream in self.streams():
            stream.sinks = [sink for sink in stream.sinks if sink[0] is not media]

    def hear(self, sink):
        now = time.monotonic()
        buffer = sink.emit("pull-sample").get_buffer()
        samples = array.array("h", buffer.extract_dup(0, buffer.get_size()))
        if self.acoustics:
            self.acoustics.speaker.take(samples.tobytes(), now)
        self.ear.hear(samples)
        self.heard += len(samples)
        if time.monotonic() - self.told >= 1:
            self.told = time.monotonic()
            said = self.ear.summary()
            report.emit(
                "talk",
                samples=self.heard,
                dbfs=said["audio_dbfs"],
                tone_hz=said["tone_hz"],
                levels=said["audio_levels"],
            )
        return Gst.FlowReturn.OK

    def client(self, _server, client):
        report.emit("connected", client=id(client))
        client.connect("describe-request", self.describe)
        client.connect("play-request", self.play)
        client.connect("closed", lambda c: report.emit("closed", client=id(c), at=time.monotonic()))

    def describe(self, client, context):
        _result, wish = context.request.get_header(GstRtsp.RTSPHeaderField.REQUIRE, 0)
        report.emit("described", client=id(client), back_channel="backchannel" in (wish or ""))

    def play(self, client, _context):
        report.emit("playing", client=id(client), at=time.monotonic())
        if self.acoustics and not self.played:
            self.acoustics.played_at = time.monotonic()
        if not self.played and (self.wanted.then or self.wanted.fault in ("die", "stall")):
            GLib.timeout_add(int(self.wanted.after * 1000), self.change if self.wanted.then else self.fail)
        self.played = True

    def fail(self):
        report.emit("fault", kind=self.wanted.fault)
        if self.wanted.fault == "die":
            os._exit(1)
        for stream in self.streams():
            stream.stalled = True
        return False


class Broken(socketserver.BaseRequestHandler):
    """Answers 503 to everything, or nothing to anything."""

    mute = False

    def handle(self):
        report.emit("connected", client=self.client_address[1])
        text = b""
        while True:
            data = self.request.recv(4096)
            if not data:
                report.emit("closed", client=self.client_address[1])
                return
            text += data
            while not self.mute and b"\r\n\r\n" in text:
                head, text = text.split(b"\r\n\r\n", 1)
                number = next(
                    (l.split(b":")[1].strip() for l in head.split(b"\r\n") if l.lower().startswith(b"cseq")),
                    b"0",
                )
                self.request.sendall(
                    b"RTSP/1.0 503 Service Unavailable\r\nCSeq: " + number + b"\r\n\r\n"
                )


class Listener(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def main():
    wanted = options()
    report.follow_parent()
    who = ""
    if wanted.user:
        quoted = [urllib.parse.quote(part, safe="") for part in (wanted.user, wanted.password)]
        who = ":".join(quoted) + "@"

    def ready(port):
        report.emit("ready", url=f"rtsp://{who}{wanted.host}:{port}/live", port=port, pid=os.getpid())

    if wanted.fault in ("closed", "refuse", "mute"):
        Broken.mute = wanted.fault == "mute"
        listener = Listener((wanted.host, wanted.port), Broken)
        port = listener.server_address[1]
        if wanted.fault == "closed":
            listener.server_close()
            ready(port)
            threading.Event().wait()
        ready(port)
        listener.serve_forever()
    Gst.init(None)
    camera = Camera(wanted)
    camera.start()
    port = camera.serve()
    if wanted.onvif:
        import onvif_services

        onvif_services.Onvif(wanted, camera.synchronize).serve()
    ready(port)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
