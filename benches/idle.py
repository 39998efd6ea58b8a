#!/usr/bin/python3
"""What the program takes while nobody calls: 16 cameras configured, none warm.

Memory is the proportional set size of the process tree (`smaps_rollup`), CPU its ticks over `--seconds`. The
cameras are real RTSP servers, two of them, by eight names each: what a check of them would cost is counted.
"""

import sys
import time

from house import Camera, House, command_line, figure, machine


def main():
    parser = command_line(__doc__)
    parser.add_argument("--cameras", type=int, default=16)
    parser.add_argument("--settle", type=float, default=30, help="seconds from the start until it is idle")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--quick", action="store_true", help="a third of the time")
    options = parser.parse_args()
    if options.quick:
        options.settle, options.seconds = 10, 10
    print(machine())
    settings = ("--size", "640x360", "--kbps", 800, "--prerecord", 4)
    cameras = [Camera(*settings), Camera(*settings)]
    named = [(f"camera{n}", cameras[n % 2].url, False) for n in range(options.cameras)]
    house = House(named, options.doorstep)
    try:
        time.sleep(options.settle)
        at, first = time.monotonic(), house.measure()
        time.sleep(options.seconds)
        span, last = time.monotonic() - at, house.measure()
        used = sum(last[key] - first[key] for key in ("own_ms", "worker_ms"))
        name = f"idle, {options.cameras} cameras"
        memory = (last["own_pss"] + last["worker_pss"]) / 1024
        figure(f"{name}, memory", f"{memory:.1f} MiB, {last['children']} workers", "<= 40 MiB")
        figure(f"{name}, CPU", f"{used / span / 10:.2f} % of a core", "<= 0.5 %")
    finally:
        house.stop()
        for camera in cameras:
            camera.stop()


if __name__ == "__main__":
    sys.exit(main())
