"""Calls over a line that is bad in some way, watched by an ordinary receiver: GStreamer's, with a jitter buffer."""

import json
import subprocess
import sys
import time

from house import ROOT
from watcher import Watcher

import webrtcbin_peer

FPS = 25


class Line:
    """`tests/peers/line.py`."""

    def __init__(self, house, seed, **wanted):
        command = [sys.executable, str(ROOT / "tests" / "peers" / "line.py")]
        command += ["--door", house.door, "--seed", str(seed)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.door = json.loads(self.process.stdout.readline())["door"]
        self.told(**wanted)

    def told(self, **wanted):
        """From now on it is like this; what it has carried so far."""
        self.process.stdin.write(json.dumps(wanted) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def stop(self):
        self.process.kill()
        self.process.wait()


class Viewer(Watcher):
    """With the jitter buffer that an ordinary receiver has."""

    latency_ms = webrtcbin_peer.LATENCY_MS


class Call:
    """One that goes on beside what is done to its line."""

    def __init__(self, house, line, seconds, *words, endpoint="front"):
        self.line = line
        self.viewer = Viewer(house, endpoint, seconds, *words, door=line.door)
        self.over = self.viewer.start()
        self.sent = []  # (when, bytes that the house has sent by then)
        self.overrun = 0

    def begins(self, patience=25):
        """Waits for the camera's first picture; when it came, or None."""
        until = time.monotonic() + patience
        while not self.viewer.of_camera and time.monotonic() < until and not self.over.done():
            time.sleep(0.05)
        return self.viewer.of_camera[0].at if self.viewer.of_camera else None

    def watch(self, seconds):
        """Lets it go on for so long."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self.over.done():
            time.sleep(min(left, 0.25))
            told = self.line.told()
            # The peer's socket is gone when the call is over, and its count with it.
            self.overrun = max(self.overrun, told["overrun"])
            self.sent.append((time.monotonic(), told["to_peer"]["bytes"]))

    def ends(self):
        """Its result."""
        while not self.over.done():
            self.watch(0.5)
        return self.over.result()

    def decodable(self, since, until):
        """When pictures came whole and in time with all that they need."""
        return [at for at in self.viewer.decodable.times if since <= at < until]

    def share(self, since, until):
        """Which part of the camera's pictures they are."""
        return len(self.decodable(since, until)) / (FPS * (until - since))

    def kbps(self, at, span=2.0):
        """What the house sent over this time before, or None."""
        before = [sent for sent in self.sent if sent[0] <= at - span]
        now = [sent for sent in self.sent if sent[0] <= at]
        if not before:
            return None
        return (now[-1][1] - before[-1][1]) * 8 / 1000 / (now[-1][0] - before[-1][0])


def gaps(times, since, until, longer):
    """Those of more ms between one moment and the next; the span's ends count too: (when it ended, ms)."""
    times = [since, *(at for at in times if since < at < until), until]
    found = [(after, (after - before) * 1000) for before, after in zip(times, times[1:])]
    return [(at, ms) for at, ms in found if ms > longer]
