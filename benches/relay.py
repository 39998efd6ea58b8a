#!/usr/bin/python3
"""Cameras shown by the hub's relay: first decoded frame after the offer, and CPU for 1 and 8 viewers.

The hub is the demo's simulated one, in a process of its own that is not counted. The media end of its
sessions is webrtcbin (`tests/peers/camera_peer.py`) in the place of go2rtc, which passes on what a real RTSP
server sends, H.264 and Opus; each session starts it anew, and that is part of a cold call.
"""

import argparse
import json
import os
import pathlib
import random
import subprocess
import sys
import time
import urllib.request

from first_frame import SIZE, row
from house import ROOT, Camera, House, machine, peer
from viewers import Viewers, sendto_floor

PEER = ["/usr/bin/python3", "-u", str(ROOT / "tests" / "peers" / "camera_peer.py")]


class Hub:
    """The demo's hub, driven over its control address, with one camera."""

    def __init__(self, program, source):
        program = program or ROOT / "target" / "release" / "doorstep"
        anywhere = "127.0.0.1:0"
        self.process = subprocess.Popen(
            [str(program), "demo", "--ui", anywhere, "--door", anywhere],
            env={**os.environ, "DOORSTEP_SIM_CONTROL": anywhere},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        lines = dict(self.process.stdout.readline().split(None, 1) for _ in range(4))
        self.control = lines["control"].strip()
        with urllib.request.urlopen(self.control, timeout=5) as reply:
            status = json.load(reply)
        self.url, self.token = status["url"], status["token"]
        relay = [*PEER, "--source", source]
        camera = {"key": "door", "name": "Door", "stream_types": ["hls", "web_rtc"], "relay": relay}
        self.do("add_camera", camera=camera)

    def do(self, what, **fields):
        request = urllib.request.Request(self.control, json.dumps({"do": what, **fields}).encode())
        with urllib.request.urlopen(request, timeout=5) as reply:
            return json.load(reply)

    def house(self, program, warm):
        """A house that knows the camera by the hub alone, and the camera's endpoint."""
        extra = (
            f"[hub]\nurl = '{self.url}'\ntoken = '{self.token}'\n"
            f"[[camera]]\nentity = 'camera.door'\nprefer = 'relay'\nwarm = {str(warm).lower()}\n"
        )
        house = House([], program, extra)
        # The calls are a user's of the hub; the first one is linked.
        house.token = self.do("issue", user="Owner", lifetime_s=3600)["token"]
        until = time.monotonic() + 20
        while time.monotonic() < until:
            for camera in house.api("cameras")["cameras"]:
                if camera["name"] == "Door":
                    return house, camera["endpoint_id"]
            time.sleep(0.05)
        sys.exit("the house does not find the hub's camera")

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def far_end_alone(source, runs=5):
    """ms from its start to its answer, the least of some runs."""
    offer = (ROOT / "tests" / "offers" / "chromium.sdp").read_text()
    least = float("inf")
    for _ in range(runs):
        began = time.monotonic()
        process = subprocess.Popen(
            [*PEER, "--source", source], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        process.stdin.write(json.dumps({"offer": offer}) + "\n")
        process.stdin.flush()
        if any("answer" in json.loads(line) for line in process.stdout):
            least = min(least, (time.monotonic() - began) * 1000)
        process.kill()
        process.wait()
    return least


def call(house, endpoint, seconds):
    events = {event["event"]: event for event in peer(house, endpoint, "--seconds", seconds)}
    return events.get("summary", {}) | {"connected_ms": events.get("connected", {}).get("ms")}


def first_frames(options, gop):
    dice = random.Random(2)
    camera = Camera(
        *("--size", "%dx%d" % SIZE, "--kbps", 2000, "--audio", "opus"),
        *("--gop", gop, "--prerecord", max(gop, 4)),
    )
    hub = Hub(options.doorstep, camera.url)
    try:
        print(f"the far end alone: answer {far_end_alone(camera.url):.0f} ms after its start", flush=True)
        house, endpoint = hub.house(options.doorstep, True)
        time.sleep(gop + 4)
        runs = []
        for _ in range(options.runs):
            time.sleep(dice.uniform(0, gop))
            runs.append(call(house, endpoint, 2))
        house.stop()
        row(f"warm, key frame every {gop} s", runs)
        runs = []
        for _ in range(options.runs):
            time.sleep(dice.uniform(0, gop))
            house, endpoint = hub.house(options.doorstep, False)
            runs.append(call(house, endpoint, gop + 3))
            house.stop()
        row(f"cold, key frame every {gop} s", runs)
    finally:
        hub.stop()
        camera.stop()


def viewers(options):
    camera = Camera(
        *("--size", "1920x1080", "--kbps", 4000, "--pattern", "noise"),
        *("--audio", "opus", "--gop", 2, "--prerecord", 8),
    )
    hub = Hub(options.doorstep, camera.url)
    try:
        for count in options.viewers:
            house, endpoint = hub.house(options.doorstep, True)
            time.sleep(8)
            watching = Viewers(house, count, endpoint)
            watching.count()
            time.sleep(4)
            at, first, seen = time.monotonic(), house.measure(), watching.count()
            time.sleep(options.seconds)
            span, last, now = time.monotonic() - at, house.measure(), watching.count()
            packets = now["packets"] - seen["packets"]
            used = sum(last[key] - first[key] for key in ("own_ms", "worker_ms"))
            kbps = (now["bytes"] - seen["bytes"]) * 8 / span / 1000 / count
            print(
                f"{count} viewers ({now['viewers']} at the end, {kbps:.0f} kbit/s and"
                f" {packets / span / count:.0f} packets/s each, {now['gaps'] - seen['gaps']} gaps,"
                f" {last['children']} workers): {used / span / count:.2f} ms per viewer-second,"
                f" {used * 1000 / packets:.1f} us per packet (sendto {sendto_floor():.1f});"
                f" {last['own_rss'] / 1024:.1f} MiB",
                flush=True,
            )
            watching.stop()
            house.stop()
    finally:
        hub.stop()
        camera.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--doorstep", type=pathlib.Path, help="program to measure")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--gops", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--viewers", type=int, nargs="+", default=[1, 8])
    options = parser.parse_args()
    print(machine())
    for gop in options.gops:
        first_frames(options, gop)
    viewers(options)


if __name__ == "__main__":
    sys.exit(main())
