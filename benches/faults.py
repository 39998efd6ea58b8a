#!/usr/bin/python3
"""A worker that crashes (SIGSEGV) or hangs (SIGSTOP) in mid-call: how long until the camera is in the picture again.

Two cameras draw a clock, and there is a call at each. The worker of one gets the signal. Its picture is back with the
first decoded one whose clock is later than the signal: neither a slate nor what was under way can be that. What the
other call saw is its longest time between two pictures, from a second before the signal until the call's end.
"""

import os
import random
import signal
import statistics
import sys
import time
import urllib.parse

from house import Camera, House, command_line, figure, machine
from watcher import Watcher, begin, longest_gap

import clock

AIMS = {signal.SIGSEGV: 2, signal.SIGSTOP: 6}
FREEZE_MS = 500


def worker_of(house, camera):
    """The process below the house that has a connection to this camera."""
    port = urllib.parse.urlsplit(camera.url).port
    with open("/proc/net/tcp") as file:
        lines = [line.split() for line in file.readlines()[1:]]
    inodes = {f"socket:[{line[9]}]" for line in lines if int(line[2].split(":")[1], 16) == port}
    for pid in house.tree()[1:]:
        for link in os.listdir(f"/proc/{pid}/fd"):
            try:
                if os.readlink(f"/proc/{pid}/fd/{link}") in inodes:
                    return pid
            except OSError:
                continue
    return sys.exit("no worker has a connection to the camera")


def run(options, what, cameras, dice):
    """Seconds until the picture is back (None: never), and the other call's longest gap in ms."""
    named = [("struck", cameras[0].url, False), ("other", cameras[1].url, False)]
    house = House(named, options.doorstep)
    try:
        time.sleep(1)
        span = 6 + AIMS[what] * 2
        calls = [Watcher(house, name, span) for name, _, _ in named]
        over = [call.start() for call in calls]
        time.sleep(5 + dice.uniform(0, 1))
        if not all(call.of_camera for call in calls):
            sys.exit("a call has no picture even before the fault")
        at, shown = time.monotonic(), clock.now()
        os.kill(worker_of(house, cameras[0]), what)
        for call in over:
            call.result()
        struck, other = (call.of_camera for call in calls)
        later = (p.at for p in struck if p.at > at and p.clock is not None and clock.since(shown, p.clock) > 0)
        back = next(later, None)
        return back and back - at, longest_gap(other, at - 1, other[-1].at)
    finally:
        house.stop()


def main():
    parser = command_line(__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--quick", action="store_const", const=1, dest="runs", help="one of each")
    options = parser.parse_args()
    print(machine())
    begin()
    dice = random.Random(6)
    settings = ("--size", "640x360", "--kbps", 800, "--gop", 2, "--pattern", "clock")
    cameras = [Camera(*settings), Camera(*settings)]
    try:
        for what, aim in AIMS.items():
            runs = [run(options, what, cameras, dice) for _ in range(options.runs)]
            backs = [back for back, _ in runs if back is not None]
            gaps = [gap for _, gap in runs]
            value = f"median {statistics.median(backs):.2f} s, most {max(backs):.2f}" if backs else "never"
            figure(f"{what.name}, picture back in {len(backs)} of {len(runs)} calls", value, f"<= {aim} s")
            figure(f"{what.name}, longest gap of another camera", f"{max(gaps):.0f} ms", f"<= {FREEZE_MS} ms")
    finally:
        for camera in cameras:
            camera.stop()


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    # An orderly exit would wait for GStreamer's threads.
    os._exit(0)
