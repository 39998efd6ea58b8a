#!/usr/bin/python3
"""The link to the hub: 50 restarts beside a call, a home of 5000 entities, 1000 changes a second.

The hub is `simulated_hub.py`, a process of its own that is not counted.
"""

import base64
import datetime
import json
import queue
import random
import re
import statistics
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

from house import ROOT, House, command_line, machine, peer


class Hub:
    """`simulated_hub.py`."""

    def __init__(self, *arguments):
        command = ["/usr/bin/python3", str(ROOT / "benches" / "simulated_hub.py"), *map(str, arguments)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.told = queue.Queue()
        self.connects = []
        threading.Thread(target=self.read, daemon=True).start()
        self.port = self.next("listening")["port"]

    def read(self):
        for line in self.process.stdout:
            event = json.loads(line)
            if event["event"] == "connect":
                self.connects.append((event["at"], time.time()))
            self.told.put(event)

    def do(self, what, **fields):
        self.process.stdin.write(json.dumps({"do": what, **fields}) + "\n")
        self.process.stdin.flush()

    def next(self, event, patience=60):
        until = time.monotonic() + patience
        while True:
            told = self.told.get(timeout=max(until - time.monotonic(), 0.01))
            if told["event"] == event:
                return told

    def stop(self):
        self.process.kill()
        self.process.wait()


def house_at(hub, program):
    extra = f"[hub]\nurl = 'http://127.0.0.1:{hub.port}'\ntoken = '{user_token()}'\n"
    return House([("front", "test:", True)], program, extra)


def user_token():
    """Of the form that the hub's tokens have."""
    part = lambda value: base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
    claims = {"iss": "bench", "iat": int(time.time()), "exp": int(time.time()) + 86400}
    return f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part(claims)}.c2lnbmF0dXJl"


def ready(house):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{house.ui_port}/readyz", timeout=5) as reply:
            return reply.status == 200
    except urllib.error.HTTPError:
        return False


def until(fits, patience=60.0):
    """When it fits, on the monotonic clock; looked at every 10 ms."""
    end = time.monotonic() + patience
    while not fits():
        if time.monotonic() > end:
            sys.exit("waited in vain")
        time.sleep(0.01)
    return time.monotonic()


def tries(house, hub, since):
    """Moments of all tries to reach the hub: those that it saw, and those that its closed port refused."""
    house.log.flush()
    with open(house.log.name) as file:
        refused = re.findall(r"^(\S+Z) .*no link to the hub.*refused", file.read(), re.MULTILINE)
    moments = [datetime.datetime.fromisoformat(at).timestamp() for at in refused]
    return sorted(at for at in moments + [wall for _, wall in hub.connects] if at >= since)


def restarts(options):
    hub = Hub("--cameras", 2)
    house = house_at(hub, options.doorstep)
    chance = random.Random(1)
    try:
        until(lambda: ready(house))
        # The call is a user's of the hub; the first one is linked.
        house.token = user_token()
        length = options.restarts * (options.longest + options.rest + 8) + 30
        calls = []
        call = threading.Thread(
            target=lambda: calls.extend(peer(house, "front", "--seconds", length, patience=length + 60)), daemon=True
        )
        call.start()
        until(lambda: any(camera["calls"] for camera in house.api("cameras")["cameras"]))
        time.sleep(5)
        began, from_up, from_running = time.time(), [], []
        for _ in range(options.restarts):
            hub.do("down")
            time.sleep(chance.uniform(3, options.longest))
            if ready(house):
                sys.exit("the house has not noticed that the hub is down")
            hub.do("up", entities_after=0.5, running_after=0.5)
            up, running = hub.next("up")["at"], hub.next("running")["at"]
            at = until(lambda: ready(house))
            from_up.append(at - up)
            from_running.append(at - running)
            # So that the tries of one restart do not use up those of the next: ten a minute are all there are.
            time.sleep(options.rest)
        moments = tries(house, hub, began)
        # A connection is noted when the hub hears the token, which is a little after the try.
        most = max(sum(first <= at < first + 59 for at in moments) for first in moments)
        calls_now = sum(camera["calls"] for camera in house.api("cameras")["cameras"])
        # The call ends before its time; what it has seen is told at its end.
        house.stop()
        call.join(30)
        summary = next((event for event in calls if event["event"] == "summary"), {})
        print(
            f"{options.restarts} restarts {options.rest:.0f} s apart, down for 3 to {options.longest} s, all entities 0.5 s and RUNNING 1 s after"
            f" the port is open: known again {statistics.median(from_up):.1f} s after the port was open (median),"
            f" {max(from_up):.1f} s at most; after RUNNING {statistics.median(from_running):.1f} s,"
            f" {max(from_running):.1f} s at most; {most} tries in a minute at most"
        )
        print(
            f"the call beside it: {calls_now} going on at the end; {summary.get('frames')} pictures,"
            f" {summary.get('fps')} a second, {summary.get('freezes')} freezes of {summary.get('frozen_ms', 0) / 1000:.1f} s together"
        )
    finally:
        house.stop()
        hub.stop()


def entities(options):
    base = None
    for count, followed in ((10, 1.0), (5000, 0.3), (5000, 1.0)):
        hub = Hub("--cameras", 2 if count == 10 else 20, "--entities", count, "--followed", followed)
        house = house_at(hub, options.doorstep)
        try:
            until(lambda: ready(house))
            until(lambda: len(house.api("cameras")["cameras"]) == (3 if count == 10 else 21))
            took = time.monotonic() - hub.connects[0][0]
            time.sleep(15)
            memory = house.measure()["own_rss"] / 1024
            base = base or memory
            print(
                f"{count} entities, {followed:.0%} of kinds that are followed: cameras known {took:.2f} s after the"
                f" login; {memory:.1f} MiB, {memory - base:+.1f}"
            )
            # The same again over a new link: what one reading leaves must not pile up.
            for _ in range(5):
                hub.do("down")
                time.sleep(1)
                hub.do("up", entities_after=0, running_after=0)
                hub.next("running")
                until(lambda: ready(house))
            time.sleep(15)
            print(f"    after five more readings {house.measure()['own_rss'] / 1024:.1f} MiB")
        finally:
            house.stop()
            hub.stop()


def storm(options):
    hub = Hub("--cameras", 20, "--entities", 5000)
    house = house_at(hub, options.doorstep)
    try:
        until(lambda: ready(house))
        time.sleep(5)

        def share():
            before = house.measure()["own_ms"]
            time.sleep(options.seconds)
            return (house.measure()["own_ms"] - before) / options.seconds / 10

        calm = share()
        hub.do("storm", per_second=1000)
        time.sleep(2)
        windy = share()
        times = []
        for n in range(20):
            state = "unavailable" if n % 2 == 0 else "idle"
            hub.do("camera", state=state)
            changed = hub.next("changed")["at"]

            def shows():
                known = house.api("cameras")["cameras"]
                return all(c["reachable"] == (n % 2 == 1) for c in known if c["name"] == "Camera 0")

            times.append(until(shows) - changed)
        hub.do("calm")
        over = hub.next("storm over")
        print(
            f"{over['sent'] / over['seconds']:.0f} changes a second for {over['seconds']:.0f} s, 20 cameras of 5000"
            f" entities: {windy:.1f} % of a core, {calm:.1f} % without; a change shows after"
            f" {statistics.median(times):.2f} s (median), {max(times):.2f} s at most; {len(hub.connects)} link"
        )
    finally:
        house.stop()
        hub.stop()


def main():
    parser = command_line(__doc__)
    parser.add_argument("--restarts", type=int, default=50)
    parser.add_argument("--longest", type=float, default=10, help="seconds that the hub is down, at most")
    parser.add_argument("--rest", type=float, default=15, help="seconds between two restarts")
    parser.add_argument("--seconds", type=float, default=20, help="for which CPU is counted")
    parser.add_argument("--only", choices=("restarts", "entities", "storm"))
    options = parser.parse_args()
    print(machine(), flush=True)
    for name, figure in (("entities", entities), ("storm", storm), ("restarts", restarts)):
        if options.only in (None, name):
            figure(options)


if __name__ == "__main__":
    sys.exit(main())
