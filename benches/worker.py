#!/usr/bin/python3
"""How long a media worker takes until it is ready: started, greeted, told to open, alive.

Speaks the worker's own protocol (`src/media/wire.rs`) with the program itself, 40 times one after another.
"""

import argparse
import json
import os
import pathlib
import statistics
import struct
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
VERSION = 5


def say(worker, message):
    frame = b"\0" + json.dumps(message).encode()
    worker.stdin.write(struct.pack(">I", len(frame)) + frame)
    worker.stdin.flush()


def hear(worker):
    (length,) = struct.unpack(">I", worker.stdout.read(4))
    frame = worker.stdout.read(length)
    return json.loads(frame[1:]) if frame[0] == 0 else None


def one(program, environment):
    began = time.perf_counter()
    worker = subprocess.Popen(
        [program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], **environment},
    )
    say(worker, {"Hello": {"version": VERSION}})
    hello = hear(worker)
    greeted = time.perf_counter()
    say(worker, {"Open": {"camera": "Front door", "source": "Handed", "max_kbps": 2500}})
    while hear(worker) != "Alive":
        pass
    opened = time.perf_counter()
    worker.stdin.close()
    worker.wait()
    return (greeted - began) * 1000, (opened - began) * 1000, hello["Hello"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--doorstep", default=str(ROOT / "target/release/doorstep"), help="the worker is beside it")
    parser.add_argument("--times", type=int, default=40)
    parser.add_argument("--bind-now", action="store_true", help="all symbols are bound at the start")
    options = parser.parse_args()
    environment = {"LD_BIND_NOW": "1"} if options.bind_now else {}
    worker = str(pathlib.Path(options.doorstep).with_name("doorstep-media"))
    runs = [one(worker, environment) for _ in range(options.times)]
    print(f"worker: {runs[0][2]}")
    for name, place in (("hello", 0), ("open and alive", 1)):
        figures = sorted(run[place] for run in runs)
        print(f"{name}: median {statistics.median(figures):.0f} ms, max {figures[-1]:.0f} ms")


if __name__ == "__main__":
    main()
