"""Who looks at decoded pictures in this very process: at the end of a call, and at the camera itself.

Both decode with GStreamer as soon as a picture is whole, and note the same moment: behind the decoder.
"""

import concurrent.futures
import dataclasses
import threading
import time

import house  # noqa: F401  makes the peers' modules known
import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstVideo", "1.0")
from gi.repository import GLib, Gst, GstVideo  # noqa: E402

import arguments  # noqa: E402
import clock  # noqa: E402
import webrtcbin_peer  # noqa: E402

SLATE = (1280, 720)
DARK = 80  # mean luma; a slate's is about 30, that of noise 128
CROWD = concurrent.futures.ThreadPoolExecutor(64)


@dataclasses.dataclass
class Picture:
    """One decoded picture."""

    at: float  # s, monotonic
    size: tuple
    slate: bool
    spoiled: bool  # by something that was lost
    clock: int | None


def picture_of(pad, info, at):
    """What is behind a decoder's pad now."""
    buffer = info.get_buffer()
    structure = pad.get_current_caps().get_structure(0)
    size = (structure.get_value("width"), structure.get_value("height"))
    meta = GstVideo.buffer_get_video_meta(buffer)
    stride, offset = (meta.stride[0], meta.offset[0]) if meta else (size[0] + -size[0] % 4, 0)
    shown = clock.read(buffer.extract_dup(offset, stride * clock.SIDE * 2), stride)
    slate = False
    if size == SLATE and shown is None:
        sample = buffer.extract_dup(offset, stride * size[1])[::997]
        slate = sum(sample) < DARK * len(sample)
    return Picture(at, size, slate, buffer.has_flags(Gst.BufferFlags.CORRUPTED), shown)


class Watcher(webrtcbin_peer.Call):
    """A call whose pictures are kept. In order and without loss its jitter buffer holds nothing back."""

    latency_ms = 0

    def __init__(self, home, endpoint, seconds, *words, door=None):
        words = ["--seconds", seconds, "--endpoint", endpoint, *words]
        words = ["--door", door or home.door, f"--token={home.token}", *words]
        super().__init__(arguments.parse(__doc__, [str(word) for word in words]), 0)
        self.pictures = []
        self.beside = None  # called just before the offer is posted

    def tell(self, event, **fields):
        """Nobody listens: all is kept in the result."""

    def on_frame(self, pad, info):
        outcome = super().on_frame(pad, info)
        self.pictures.append(picture_of(pad, info, self.frame_times[-1]))
        return outcome

    def ask(self, text):
        if self.beside:
            self.beside()
        return super().ask(text)

    def start(self):
        """Begins; what comes back is done when the call is over."""
        return CROWD.submit(self.run)

    @property
    def of_camera(self):
        """The pictures that are no slate."""
        return [picture for picture in list(self.pictures) if not picture.slate]

    @property
    def first_ms(self):
        """From the offer to the camera's first picture, or None."""
        return next((self.ms(picture.at) for picture in self.of_camera), None)


class Bare:
    """An RTSP client by itself: GStreamer's, over TCP, that holds nothing back."""

    def __init__(self, url, codec="h264"):
        self.codec = codec
        self.pictures = []
        self.pipeline = Gst.Pipeline.new(None)
        source = Gst.parse_launch(f"rtspsrc location={url} latency=0 protocols=tcp")
        source.connect("pad-added", self.on_pad)
        self.pipeline.add(source)
        self.began = None

    def start(self):
        """Dials the camera."""
        self.began = time.monotonic()
        self.pipeline.set_state(Gst.State.PLAYING)

    def on_pad(self, _source, pad):
        video = pad.get_current_caps().get_structure(0).get_string("media") == "video"
        end = "fakesink sync=false async=false"
        decoder = f"avdec_{self.codec} name=decoder max-threads=1"
        # What comes before the first key picture would be decoded too, into something grey.
        text = f"rtp{self.codec}depay wait-for-keyframe=true ! {self.codec}parse ! {decoder} ! {end}"
        part = Gst.parse_bin_from_description(text if video else end, True)
        self.pipeline.add(part)
        if video:
            part.get_by_name("decoder").get_static_pad("src").add_probe(webrtcbin_peer.PROBE, self.on_frame)
        part.sync_state_with_parent()
        pad.link(part.get_static_pad("sink"))

    def on_frame(self, pad, info):
        self.pictures.append(picture_of(pad, info, time.monotonic()))
        return Gst.PadProbeReturn.OK

    @property
    def first_ms(self):
        """From the start to the first picture, or None."""
        return (self.pictures[0].at - self.began) * 1000 if self.pictures else None

    def stop(self):
        self.pipeline.set_state(Gst.State.NULL)


def longest_gap(pictures, since, until):
    """ms between one picture and the next, of those that were decoded in this span; its ends count too."""
    times = [since, *(picture.at for picture in pictures if since < picture.at < until), until]
    return max(after - before for before, after in zip(times, times[1:])) * 1000


def begin():
    """Once, first of all."""
    Gst.init(None)
    threading.Thread(target=GLib.MainLoop().run, daemon=True).start()
