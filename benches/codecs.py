#!/usr/bin/python3
"""A camera of 1080p H.265, which has to be encoded anew: answer, first picture, and what each more viewer takes.

The calls are webrtcbin's without a jitter buffer, with an Echo's offer (b=AS:2500). CPU is the process tree's, for
one viewer and for eight; the viewers are those of `viewers.py`, with an Echo's offer too. Where the encoder
cannot keep up the rate of pictures falls, and the CPU of one and of eight cannot be compared: it is shown.
"""

import os
import random
import statistics
import sys
import time

from house import Camera, House, command_line, figure, machine
from viewers import Viewers
from watcher import Watcher, begin

ECHO_KBPS = 2500


def row(name, runs, aim):
    """`runs`: (answer, first picture) in ms."""
    answers = [answer for answer, _ in runs if answer]
    firsts = sorted(first for _, first in runs if first)
    if not firsts:
        print(f"{name}: no picture in {len(runs)} calls", flush=True)
        return
    figure(
        f"{name}, answer",
        f"median {statistics.median(answers):.1f} ms, most {max(answers):.1f}",
        "<= 100 ms",
    )
    figure(
        f"{name}, first picture",
        f"{len(firsts)} of {len(runs)} calls; median {statistics.median(firsts):.0f} ms,"
        f" least {firsts[0]:.0f}, most {firsts[-1]:.0f}",
        aim,
    )


def call(house, seconds):
    watcher = Watcher(house, "front", seconds)
    result = watcher.start().result()
    return result.get("answer_ms"), watcher.first_ms


def first_pictures(options, camera):
    dice = random.Random(5)
    runs = []
    house = House([("front", camera.url, True)], options.doorstep)
    try:
        time.sleep(options.gop + 6)
        call(house, 1)  # loads the decoder
        for _ in range(options.runs):
            time.sleep(dice.uniform(0, options.gop))
            runs.append(call(house, 3))
    finally:
        house.stop()
    row("H.265 1080p, warm", runs, "<= 600 ms")
    runs = []
    for _ in range(options.runs):
        house = House([("front", camera.url, False)], options.doorstep)
        try:
            time.sleep(2 + dice.uniform(0, options.gop))
            runs.append(call(house, options.gop + 3))
        finally:
            house.stop()
    row("H.265 1080p, cold", runs, "none")


def viewers(options, camera, count):
    """Cores that so many viewers take."""
    house = House([("front", camera.url, True)], options.doorstep)
    crowd = None
    try:
        time.sleep(5)
        crowd = Viewers(house, count, kbps=ECHO_KBPS)
        crowd.count()
        time.sleep(10)
        at, first, seen = time.monotonic(), house.measure(), crowd.count()
        time.sleep(options.seconds)
        span, last, now = time.monotonic() - at, house.measure(), crowd.count()
        cores = sum(last[key] - first[key] for key in ("own_ms", "worker_ms")) / span / 1000
        each = {key: (now[key] - seen[key]) / span / count for key in ("bytes", "pictures")}
        print(
            f"  {now['viewers']} viewers: {cores:.3f} cores, {each['pictures']:.1f} pictures/s and"
            f" {each['bytes'] * 8 / 1000:.0f} kbit/s each, {last['children']} workers",
            flush=True,
        )
        return cores
    finally:
        if crowd:
            crowd.stop()
        house.stop()


def main():
    parser = command_line(__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--gop", type=float, default=2, help="seconds between key frames")
    parser.add_argument("--only", choices=("first", "viewers"), help="one of the two figures")
    parser.add_argument("--quick", action="store_true", help="two calls, and 5 s")
    options = parser.parse_args()
    if options.quick:
        options.runs, options.seconds = 2, 5
    print(machine())
    begin()
    camera = Camera(
        *("--codec", "h265", "--size", "1920x1080", "--kbps", 3000, "--pattern", "pinwheel"),
        *("--gop", options.gop, "--prerecord", options.gop * 2),
    )
    try:
        if options.only != "viewers":
            first_pictures(options, camera)
        if options.only != "first":
            one, eight = viewers(options, camera, 1), viewers(options, camera, 8)
            figure("H.265, each viewer beyond the first", f"{(eight - one) / 7:.4f} core", "<= 0.04 core")
    finally:
        camera.stop()


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    # An orderly exit would wait for GStreamer's threads.
    os._exit(0)
