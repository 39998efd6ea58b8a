#!/usr/bin/python3
"""A call to a camera that nobody has open, beside a bare RTSP client that dials it at the same instant.

Both wait for the camera's next key picture. The program is started for each call, two seconds before; the client
is ready to dial, its code loaded. Both decode in one process with the same decoder, without a jitter buffer.
"""

import os
import random
import statistics
import sys
import time

from house import Camera, House, command_line, figure, machine
from watcher import Bare, Watcher, begin


def pair(options, camera):
    """ms to the first picture: of a call, and of the client."""
    house = House([("front", camera.url, False)], options.doorstep)
    bare = Bare(camera.url)
    try:
        time.sleep(2)
        call = Watcher(house, "front", options.gop + 2)
        call.beside = bare.start
        call.start().result()
        return call.first_ms, bare.first_ms
    finally:
        bare.stop()
        house.stop()


def main():
    parser = command_line(__doc__)
    parser.add_argument("--runs", type=int, default=12)
    parser.add_argument("--quick", action="store_const", const=3, dest="runs", help="three pairs")
    parser.add_argument("--gop", type=float, default=2, help="seconds between key frames")
    options = parser.parse_args()
    print(machine())
    begin()
    dice = random.Random(4)
    camera = Camera("--size", "1920x1080", "--kbps", 4000, "--gop", options.gop, "--prerecord", options.gop * 2)
    try:
        pair(options, camera)  # loads the decoders
        pairs = []
        for _ in range(options.runs):
            time.sleep(dice.uniform(0, options.gop))
            pairs.append(pair(options, camera))
    finally:
        camera.stop()
    seen = [both for both in pairs if None not in both]
    name = f"cold, key frame every {options.gop:g} s, {len(seen)} of {len(pairs)} pairs"
    if not seen:
        print(f"{name} saw a picture", flush=True)
        return
    later = sorted(call - bare for call, bare in seen)
    figure(
        name,
        f"{statistics.median(later):.0f} ms later than the bare client (least {later[0]:.0f}, most {later[-1]:.0f});"
        f" call {statistics.median(call for call, _ in seen):.0f} ms,"
        f" client {statistics.median(bare for _, bare in seen):.0f} ms",
        "<= 300 ms later",
    )


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    # An orderly exit would wait for GStreamer's threads.
    os._exit(0)
