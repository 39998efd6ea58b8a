#!/usr/bin/python3
"""Events to Alexa: from a press at the hub to the POST at the event gateway, and a gateway that is dead.

The hub is `simulated_hub.py`, token server and event gateway are `simulated_alexa.py`; neither is counted.
"""

import json
import random
import statistics
import sys
import time
import urllib.request
import uuid

from house import House, command_line, machine
from hub import Hub, ready, until, user_token
from simulated_alexa import Alexa


def house_of(hub, alexa, program):
    extra = (
        f"[hub]\nurl = 'http://127.0.0.1:{hub.port}'\ntoken = '{user_token()}'\n"
        "[alexa]\nclient_id = 'amzn1.application-oa2-client.bench'\nclient_secret = 'of the bench'\n"
        f"token_url = '{alexa.address}/auth/o2/token'\nevents_url = '{alexa.address}'\n"
    )
    house = House([], program, extra)
    until(lambda: ready(house))
    return house


def grant(house):
    """What Alexa says when a user has linked the skill."""
    token = user_token()
    header = {"namespace": "Alexa.Authorization", "name": "AcceptGrant", "messageId": str(uuid.uuid4()), "payloadVersion": "3"}
    payload = {
        "grant": {"type": "OAuth2.AuthorizationCode", "code": "of the bench"},
        "grantee": {"type": "BearerToken", "token": token},
    }
    body = json.dumps({"directive": {"header": header, "payload": payload}}).encode()
    fields = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"{house.door}/api/alexa/smart_home", body, fields)
    with urllib.request.urlopen(request, timeout=10) as reply:
        event = json.load(reply)["event"]
    if event["header"]["name"] != "AcceptGrant.Response":
        sys.exit(f"the grant was refused: {event['payload']}")


def linked(cameras, options):
    hub, alexa = Hub("--cameras", cameras, "--entities", 1000), Alexa()
    house = house_of(hub, alexa, options.doorstep)
    grant(house)
    # The list of cameras is told after a pause, and the state of each.
    until(lambda: alexa.delivered("AddOrUpdateReport"))
    time.sleep(3)
    return hub, alexa, house


def presses(options):
    hub, alexa, house = linked(20, options)
    chance = random.Random(1)
    try:
        for per_second in (0, 1000):
            if per_second:
                hub.do("storm", per_second=per_second)
                time.sleep(2)
            times, lost = [], 0
            for n in range(options.presses):
                before = len(alexa.delivered("DoorbellPress"))
                hub.do("press", camera=n % 20)
                pressed = hub.next("pressed")["at"]
                try:
                    until(lambda: len(alexa.delivered("DoorbellPress")) > before, 5)
                    times.append(alexa.delivered("DoorbellPress")[-1][0] - pressed)
                except SystemExit:
                    lost += 1
                time.sleep(chance.uniform(0.05, 0.3))
            times = sorted(1000 * t for t in times)
            print(
                f"{options.presses} presses, {per_second} other changes a second: POST after {statistics.median(times):.0f} ms (median),"
                f" {times[int(len(times) * 0.99) - 1]:.0f} (p99), {times[-1]:.0f} at most; {lost} lost",
                flush=True,
            )
        hub.do("calm")
    finally:
        house.stop()
        hub.stop()
        alexa.stop()


def dead(options):
    hub, alexa, house = linked(20, options)
    chance = random.Random(1)
    try:
        alexa.status = 503
        time.sleep(1)
        before = house.measure()["own_rss"] / 1024
        states = {}
        for n in range(options.changes // 100):
            changes = []
            for k in range(100):
                camera = (n * 100 + k) % 20
                states[camera] = "off" if states.get(camera) == "on" else "on"
                changes.append((camera, states[camera]))
            hub.do("motion", changes=changes)
            hub.next("moved")
            time.sleep(0.1)
        for camera in range(20):
            if chance.random() < 0.5:
                states[camera] = "on"
                hub.do("motion", changes=[(camera, "on")])
                hub.next("moved")
        after = house.measure()["own_rss"] / 1024
        order = [0, 1, 0, 2, 0, 1, 1, 0]
        for camera in order:
            hub.do("press", camera=camera)
            hub.next("pressed")
            time.sleep(1.1)
        alexa.status = 202
        back = time.monotonic()
        time.sleep(options.patience)
        told, last = {}, 0.0
        for at, event in alexa.delivered("ChangeReport"):
            for one in event["event"]["payload"]["change"]["properties"]:
                if one["name"] == "detectionState":
                    told[event["event"]["endpoint"]["endpointId"]] = one["value"]
                    last = max(last, at - back)
        known = {camera["name"]: camera["endpoint_id"] for camera in house.api("cameras")["cameras"]}
        right = sum(
            told.get(known[f"Camera {n}"], "NOT_DETECTED") == ("DETECTED" if states[n] == "on" else "NOT_DETECTED")
            for n in range(20)
        )
        stamps = {}
        for at, event in alexa.delivered("DoorbellPress"):
            if at > back:
                endpoint = event["event"]["endpoint"]["endpointId"]
                stamps.setdefault(endpoint, []).append(event["event"]["payload"]["timestamp"])
        ordered = all(of == sorted(of) for of in stamps.values())
        tries = sum(status == 503 for _, _, status in alexa.posts)
        print(
            f"{options.changes} changes at a gateway that answers 503: {before:.1f} MiB before, {after:.1f} after, {tries} tries;"
            f" back: the last value of {right} of 20 arrived, the last one {max(last, 0):.1f} s after;"
            f" of {len(order)} presses {sum(map(len, stamps.values()))} were told, {'in order' if ordered else 'OUT OF ORDER'}"
        )
    finally:
        house.stop()
        hub.stop()
        alexa.stop()


def main():
    parser = command_line(__doc__)
    parser.add_argument("--presses", type=int, default=200)
    parser.add_argument("--changes", type=int, default=10_000)
    parser.add_argument("--patience", type=float, default=90, help="seconds that the gateway gets to hear all")
    parser.add_argument("--only", choices=("presses", "dead"))
    options = parser.parse_args()
    print(machine(), flush=True)
    for name, figure in (("presses", presses), ("dead", dead)):
        if options.only in (None, name):
            figure(options)


if __name__ == "__main__":
    sys.exit(main())
