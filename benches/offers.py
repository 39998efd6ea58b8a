#!/usr/bin/python3
"""Answer after the offer: 200 one after another, and ten times 20 at once.

Plain HTTP, a new connection each time, offers of 2023 with nobody behind them. Paced under the door's
limit of 20 directives a second (burst 40), which no setting lifts.
"""

import concurrent.futures
import math
import statistics
import sys
import time
import uuid

from house import Camera, House, command_line, machine

import door as doors
import offer as offers


def row(name, times, refused):
    times.sort()
    p99 = times[max(math.ceil(len(times) * 0.99) - 1, 0)]
    print(
        f"{name}: {len(times)} answers, {refused} refused; median {statistics.median(times):.1f} ms,"
        f" p99 {p99:.1f} ms, max {times[-1]:.1f} ms"
    )


def main():
    parser = command_line(__doc__)
    parser.add_argument("--offers", type=int, default=200)
    options = parser.parse_args()
    print(machine())
    camera = Camera("--size", "640x360", "--kbps", 800, "--gop", 2)
    house = House([("front", camera.url, False)], options.doorstep)
    door = doors.Door(house.door, house.token, "front")

    def ask(_):
        session = str(uuid.uuid4())
        reply = door.initiate(session, offers.write("g3", offers.made_up()))
        return session, reply.ms, doors.answer_of(reply) is not None

    try:
        door.disconnected(ask(None)[0])
        time.sleep(2)
        times, refused = [], 0
        for _ in range(options.offers):
            started = time.monotonic()
            session, ms, answered = ask(None)
            times.append(ms) if answered else None
            refused += not answered
            door.disconnected(session)
            time.sleep(max(0.11 - (time.monotonic() - started), 0))
        row("one after another", times, refused)
        times, refused = [], 0
        with concurrent.futures.ThreadPoolExecutor(20) as crowd:
            for _ in range(max(options.offers // 20, 1)):
                time.sleep(3)
                results = list(crowd.map(ask, range(20)))
                time.sleep(1)
                list(crowd.map(door.disconnected, [session for session, _, _ in results]))
                times += [ms for _, ms, answered in results if answered]
                refused += sum(not answered for _, _, answered in results)
        row("20 at once", times, refused)
    finally:
        house.stop()
        camera.stop()


if __name__ == "__main__":
    sys.exit(main())
