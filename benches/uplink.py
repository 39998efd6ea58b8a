#!/usr/bin/python3
"""First picture, freezes and losses when the way to the peer carries 5 Mbit/s with a queue of 200 ms.

The line is `tests/peers/line.py`; the camera makes 4 Mbit/s, its key pictures are 10 s apart, and it is warm. Judged is by
the peer's decoder, GStreamer's behind webrtcbin's own jitter buffer of 200 ms, which the first picture waits
for. A freeze is the time between two decoded pictures, in the 15 s after the first.
"""

import json
import os
import random
import statistics
import sys
import time

from house import Camera, House, command_line, figure, machine
from impaired import Call, Line
from watcher import begin, longest_gap

SECONDS = 15
COUNTED = ("dropped", "nacked_packets_sent", "video_lost", "spoiled", "overrun")
FREEZE_MS = 500


def call(house, line, options):
    """One call; what it saw."""
    words = ["--kbps", options.offered] if options.offered else []
    watched = Call(house, line, SECONDS + 4, *words)
    result, viewer = watched.ends(), watched.viewer
    first = next((picture.at for picture in viewer.of_camera), None)
    seen = [picture for picture in viewer.of_camera if first <= picture.at < first + SECONDS]
    told = line.told()["to_peer"]
    run = {key: told[key] for key in ("came", "dropped", "deepest_ms")} | {
        "overrun": watched.overrun,
        "first": viewer.first_ms,
        "freeze": longest_gap(seen, first, first + SECONDS) if first else None,
        "spoiled": sum(picture.spoiled for picture in seen),
        "sizes": [size[:2] for size in result.get("sizes", [])],
    }
    for key in ("answer_ms", "video_lost", "nacked_packets_sent", "pli_sent", "problems"):
        run[key] = result.get(key)
    return run


def row(runs):
    seen = [run for run in runs if run["first"] is not None]
    for number, run in enumerate(runs):
        print(f"  call {number}: {json.dumps(run)}", flush=True)
    name = f"uplink, {len(seen)} of {len(runs)} calls saw the camera"
    if not seen:
        print(name, flush=True)
        return
    firsts, freezes = ([run[key] for run in seen] for key in ("first", "freeze"))
    total = {key: sum(run[key] for run in seen) for key in COUNTED}
    figure(
        f"{name}, first picture",
        f"median {statistics.median(firsts):.0f} ms, most {max(firsts):.0f}",
        "<= 1500 ms",
    )
    figure(
        f"{name}, longest freeze",
        f"median {statistics.median(freezes):.0f} ms, most {max(freezes):.0f};"
        f" {sum(freeze > FREEZE_MS for freeze in freezes)} calls over {FREEZE_MS} ms;"
        f" the line dropped {total['dropped']} packets, {total['nacked_packets_sent']} were asked for again,"
        f" {total['video_lost']} never came, {total['spoiled']} pictures were spoiled;"
        f" the machine itself lost {total['overrun']}",
        f"no freeze over {FREEZE_MS} ms",
    )


def main():
    parser = command_line(__doc__)
    parser.add_argument("--runs", type=int, default=6)
    parser.add_argument("--quick", action="store_const", const=2, dest="runs", help="two calls")
    parser.add_argument("--kbps", type=int, default=5000, help="of the line")
    parser.add_argument("--queue", type=int, default=125_000, help="bytes that wait for it")
    parser.add_argument("--delay", type=float, default=10, help="ms each way")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--offered", type=int, help="b=AS of the offer instead of an Echo's 2500")
    parser.add_argument("--gop", type=float, default=10, help="seconds between key frames")
    options = parser.parse_args()
    print(machine())
    begin()
    dice = random.Random(options.seed)
    camera = Camera(
        *("--size", "1920x1080", "--kbps", 4000, "--pattern", "noise"),
        *("--gop", options.gop, "--prerecord", options.gop),
    )
    house = House([("front", camera.url, True)], options.doorstep)
    bottleneck = {"kbps": options.kbps, "queue": options.queue}
    line = Line(house, options.seed, delay=options.delay, jitter=0.5, to_peer=bottleneck)
    try:
        time.sleep(options.gop + 4)
        runs = []
        for _ in range(options.runs):
            time.sleep(dice.uniform(0, options.gop))
            runs.append(call(house, line, options))
        row(runs)
    finally:
        line.stop()
        house.stop()
        camera.stop()


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    # An orderly exit would wait for GStreamer's threads.
    os._exit(0)
