#!/usr/bin/python3
"""How old a picture is when a call shows it, beside what a bare RTSP client of the same camera sees.

The camera draws the milliseconds of the machine's clock into each picture. The call's peer and the bare client
decode in one process, with the same decoder and without a jitter buffer, and read the clock behind it. What the
program adds is taken picture by picture.
"""

import os
import statistics
import sys
import time

from house import Camera, House, command_line, figure, machine
from watcher import Bare, Watcher, begin

import clock


def ages(pictures, after):
    """Age in ms by what the clock shows, of what was decoded after this moment."""
    shown = [picture for picture in pictures if picture.clock is not None and picture.at > after]
    return {p.clock: clock.since(p.clock, int(p.at * 1000) % (1 << clock.BITS)) for p in shown}


def spread(values):
    values = sorted(values)
    return f"median {statistics.median(values):.0f} ms, p95 {values[int(len(values) * 0.95)]} ms"


def measure(options, size, kbps):
    camera = Camera(
        *("--size", size, "--kbps", kbps, "--fps", options.fps),
        *("--pattern", "clock", "--gop", 2),
    )
    house = House([("front", camera.url, True)], options.doorstep)
    bare = Bare(camera.url)
    try:
        time.sleep(5)
        bare.start()
        call = Watcher(house, "front", options.seconds + 5)
        started = time.monotonic()
        call.start().result()
        own, seen = ages(bare.pictures, started + 5), ages(call.of_camera, started + 5)
        both = own.keys() & seen.keys()
        if not both:
            print(f"picture age, {size}: {len(own)} clocks at the camera, {len(seen)} in the call", flush=True)
            return
        figure(
            f"picture age, {size}, {kbps} kbit/s, {len(both)} pictures",
            f"{spread([seen[p] - own[p] for p in both])} more than the bare client's"
            f" ({spread(seen.values())}; bare {spread(own.values())})",
            "<= 60 ms",
        )
    finally:
        bare.stop()
        house.stop()
        camera.stop()


def main():
    parser = command_line(__doc__)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--fps", type=int, default=25, help="pictures a second")
    parser.add_argument("--quick", action="store_const", const=5, dest="seconds", help="over 5 s")
    options = parser.parse_args()
    print(machine())
    begin()
    measure(options, "1280x720", 2000)
    measure(options, "1920x1080", 4000)


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    # An orderly exit would wait for GStreamer's threads.
    os._exit(0)
