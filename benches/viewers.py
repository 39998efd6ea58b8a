#!/usr/bin/python3
"""CPU and memory for 1, 10 and 50 viewers of one 4 Mbit/s camera, video only.

Counted is the program's process tree. The viewers are aiortc peers (ICE and DTLS in full) that neither
decrypt nor decode, in a process of their own. Beside each figure stands what a bare `sendto` of 1200
bytes over loopback costs the same kernel in the same minute.
"""

import json
import os
import socket
import subprocess
import sys
import time

from house import ROOT, VENV, Camera, House, command_line, figure, machine

# ms of CPU per viewer-second, of a go2rtc in the same kind of run.
AIMS = {10: "< 10 ms, <= 3 MiB", 50: "< 6.3 ms, <= 3 MiB"}


def sendto_floor(packets=200_000):
    """us of kernel time for one `sendto` of 1200 bytes to a socket that nobody reads."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.bind(("127.0.0.1", 0))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as source:
            data, to, send = bytes(1200), sink.getsockname(), source.sendto
            before = os.times().system
            for _ in range(packets):
                send(data, to)
            return (os.times().system - before) * 1e6 / packets


class Viewers:
    """`viewer.py`."""

    def __init__(self, house, count, endpoint="front", kbps=10000):
        """`kbps`: what each offer allows (`b=AS`)."""
        command = [str(VENV), str(ROOT / "benches" / "viewer.py"), "--door", house.door]
        command += [f"--token={house.token}", "--endpoint", endpoint, "--viewers", str(count)]
        command += ["--kbps", str(kbps)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def count(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        return json.loads(line) if line else sys.exit("the viewers are gone")

    def stop(self):
        self.process.kill()
        self.process.wait()


def main():
    parser = command_line(__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--viewers", type=int, nargs="+", default=[1, 10, 50])
    parser.add_argument("--quick", action="store_const", const=5, dest="seconds", help="over 5 s")
    options = parser.parse_args()
    print(machine())
    camera = Camera(
        *("--size", "1920x1080", "--kbps", 4000, "--pattern", "noise"),
        *("--audio", "none", "--gop", 2, "--prerecord", 8),
    )
    try:
        house = House([("front", camera.url, True)], options.doorstep)
        time.sleep(8)
        idle = house.measure()
        time.sleep(10)
        later = house.measure()
        cpu = sum(later[key] - idle[key] for key in ("own_ms", "worker_ms")) / 10
        print(
            f"no viewer, feed open: {later['own_rss'] / 1024:.1f} MiB, worker"
            f" {later['worker_rss'] / 1024:.1f} MiB (its share {later['worker_pss'] / 1024:.1f});"
            f" {cpu:.1f} ms of CPU a second"
        )
        house.stop()
        for count in options.viewers:
            # A house of its own, so that memory is not what an earlier crowd left.
            house = House([("front", camera.url, True)], options.doorstep)
            time.sleep(8)
            before = house.measure()
            viewers = Viewers(house, count)
            viewers.count()
            time.sleep(6)
            at, first, seen = time.monotonic(), house.measure(), viewers.count()
            time.sleep(options.seconds)
            span, last, now = time.monotonic() - at, house.measure(), viewers.count()
            floor = sendto_floor()
            packets = now["packets"] - seen["packets"]
            own, worker = last["own_ms"] - first["own_ms"], last["worker_ms"] - first["worker_ms"]
            kbps = (now["bytes"] - seen["bytes"]) * 8 / span / 1000 / count
            grown = (last["own_rss"] - before["own_rss"]) / 1024 / count
            figure(
                f"{count} viewers ({now['viewers']} at the end, {kbps:.0f} kbit/s and"
                f" {packets / span / count:.0f} packets/s each, {now['gaps'] - seen['gaps']} gaps)",
                f"{(own + worker) / span / count:.2f} ms per viewer-second"
                f" ({own / span / count:.2f} without the worker),"
                f" {(own + worker) * 1000 / packets:.1f} us per packet"
                f" ({own * 1000 / packets:.1f} without the worker; sendto {floor:.1f});"
                f" {last['own_rss'] / 1024:.1f} MiB, {grown:.2f} MiB per viewer",
                AIMS.get(count, "none"),
            )
            viewers.stop()
            house.stop()
    finally:
        camera.stop()


if __name__ == "__main__":
    sys.exit(main())
