#!/usr/bin/python3
"""Does anything stay behind? 300 calls one after another and 100 offers never followed up, twice.

Memory, descriptors, sockets, threads and children before, and 70 s and 110 s after: an offer that nobody
follows up is given up after 60 to 65 s, and the camera's feed stays for another 30 s. What the first round
leaves is what an allocator keeps; what the second adds to it is a leak.
"""

import sys
import time

from house import Camera, House, command_line, machine, peer


def show(name, now, house):
    print(
        f"{name}: {now['own_rss'] / 1024:.1f} MiB, {now['fds']} descriptors ({now['sockets']} sockets),"
        f" {now['threads']} threads, {now['children']} children",
        flush=True,
    )
    try:
        port = house.api("diagnostics")["status"]["port"]
        print("   ", {name: port[name] for name in port if name.startswith("live_")}, flush=True)
    except (OSError, ValueError, KeyError) as error:
        print("    the port's counters cannot be read:", error, flush=True)


def main():
    parser = command_line(__doc__)
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--abandoned", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--settle", type=float, default=70, help="seconds until nothing may be left")
    options = parser.parse_args()
    print(machine())
    camera = Camera("--size", "640x360", "--kbps", 800, "--gop", 2, "--prerecord", 4)
    house = House([("front", camera.url, False)], options.doorstep)
    try:
        # What is made once, is made now.
        peer(house, "front", "--seconds", 0.5, "--count", 5)
        time.sleep(40)
        show("before", house.measure(), house)
        for turn in range(1, options.rounds + 1):
            events = peer(house, "front", "--seconds", 0.5, "--count", options.calls, patience=3600)
            total = next(event for event in events if event["event"] == "total")
            print(f"round {turn}: {total['connected']} of {total['calls']} calls connected", flush=True)
            left = options.abandoned
            answered = 0
            while left > 0:
                # Under the door's 20 directives a second.
                crowd = min(left, 10)
                arguments = ("--answer-only", "--no-disconnect", "--count", crowd, "--parallel", crowd)
                events = peer(house, "front", *arguments)
                answered += sum(event["event"] == "answer" for event in events)
                left -= crowd
            print(f"round {turn}: {answered} offers answered and left alone", flush=True)
            show(f"round {turn}, at once", house.measure(), house)
            time.sleep(options.settle)
            show(f"round {turn}, {options.settle:.0f} s after", house.measure(), house)
            time.sleep(40)
            show(f"round {turn}, {options.settle + 40:.0f} s after", house.measure(), house)
    finally:
        house.stop()
        camera.stop()


if __name__ == "__main__":
    sys.exit(main())
