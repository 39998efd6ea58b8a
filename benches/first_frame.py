#!/usr/bin/python3
"""First decoded frame after the offer, with aiortc: warm and cold camera, key frames 2 s and 10 s apart.

The camera is a real RTSP server whose encoder runs all the time, so that a call comes into the middle
of a group of pictures. `--gops 10 --kinds warm --runs 20` is the figure of twenty calls at random moments
to a warm camera. Cold: the program was just started and never opened the camera. Its picture has a
size of its own, so that a slate before it is told apart. aiortc hands a picture to its decoder when the
next one begins: 40 ms of each figure are its own.
"""

import random
import statistics
import sys
import time

from house import Camera, House, command_line, figure, machine, peer


SIZE = (960, 540)


def of_camera(run):
    """ms until the camera's own picture."""
    return next((ms for width, height, ms in run.get("sizes", []) if (width, height) == SIZE), None)


def row(name, runs, aim=None):
    frames = sorted(ms for ms in map(of_camera, runs) if ms is not None)
    slates = sum(bool(run.get("sizes")) and tuple(run["sizes"][0][:2]) != SIZE for run in runs)
    freezes = sum(run.get("freezes", 0) for run in runs)
    connected = [run["connected_ms"] for run in runs if run.get("connected_ms")]
    if not frames:
        print(f"{name}: no picture in {len(runs)} calls")
        return
    value = (
        f"{len(frames)} of {len(runs)} calls; median {statistics.median(frames):.0f} ms,"
        f" least {frames[0]:.0f}, most {frames[-1]:.0f}; connected after"
        f" {statistics.median(connected):.0f} ms; {slates} saw a slate before, {freezes} freezes"
    )
    if aim:
        figure(name, value, aim)
    else:
        print(f"{name}: {value}", flush=True)


def call(house, seconds):
    events = {event["event"]: event for event in peer(house, "front", "--seconds", seconds)}
    return events.get("summary", {}) | {"connected_ms": events.get("connected", {}).get("ms")}


def warm(options, camera, gop):
    dice = random.Random(2)
    house = House([("front", camera.url, True)], options.doorstep)
    # One whole group, so that the feed's ring holds a key frame.
    time.sleep(gop + 4)
    runs = []
    for _ in range(options.runs):
        time.sleep(dice.uniform(0, gop))
        runs.append(call(house, 3))
    house.stop()
    row(f"warm, key frame every {gop} s", runs, "median <= 300 ms, most <= 600 ms")


def cold(options, camera, gop):
    dice = random.Random(3)
    runs = []
    for _ in range(options.runs):
        time.sleep(dice.uniform(0, gop))
        house = House([("front", camera.url, False)], options.doorstep)
        runs.append(call(house, gop + 3))
        house.stop()
    row(f"cold, key frame every {gop} s", runs)


def main():
    parser = command_line(__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--gops", type=int, nargs="+", default=[2, 10], help="seconds between key frames")
    parser.add_argument("--kinds", choices=("warm", "cold"), nargs="+", default=["warm", "cold"])
    parser.add_argument("--quick", action="store_const", const=2, dest="runs", help="two calls each")
    options = parser.parse_args()
    print(machine())
    for gop in options.gops:
        camera = Camera("--size", "%dx%d" % SIZE, "--kbps", 2000, "--gop", gop, "--prerecord", max(gop, 4))
        try:
            for kind in options.kinds:
                {"warm": warm, "cold": cold}[kind](options, camera, gop)
        finally:
            camera.stop()


if __name__ == "__main__":
    sys.exit(main())
