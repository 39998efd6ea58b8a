#!/usr/bin/python3
"""As much of a hub as its figures need: any number of entities, restarts, storms of changes.

Plain Python, a process of its own, so that nothing of it is counted. Reads what to do from its input, one
JSON object a line, and tells what happened on its output, with times of the machine's monotonic clock.
"""

import argparse
import asyncio
import base64
import datetime
import hashlib
import json
import sys
import time

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def tell(event, **fields):
    print(json.dumps({"event": event, "at": time.monotonic(), **fields}), flush=True)


class Home:
    """Cameras with motion sensors and bells, each at a device, and entities that are nobody's."""

    def __init__(self, cameras, entities, followed):
        self.states, self.entries, self.devices = {}, [], []
        for n in range(cameras):
            name = f"Camera {n}"
            camera = {"friendly_name": name, "supported_features": 2, "access_token": "0" * 64}
            self.add(f"camera.c{n}", n, "idle", camera)
            self.add(f"binary_sensor.c{n}_motion", n, "off", {"device_class": "motion", "friendly_name": f"{name} Motion"})
            bell = {"device_class": "doorbell", "event_types": ["ring"], "event_type": None, "friendly_name": f"{name} Bell"}
            self.add(f"event.c{n}_bell", n, "unknown", bell)
            self.device(n, name)
        rest = entities - 3 * cameras
        for n in range(max(rest, 0)):
            device = cameras + n // 8
            kind = "binary_sensor" if n < rest * followed else "sensor"
            attributes = {"device_class": "door", "friendly_name": f"Some thing with a name {n}"}
            self.add(f"{kind}.thing_{n}", device, "off", attributes)
            if n % 8 == 0:
                self.device(device, f"Device {n}")

    def add(self, entity_id, device, state, attributes):
        self.entries.append({"ei": entity_id, "pl": "bench", "di": f"{device:032x}", "lb": [], "np": "device"})
        self.states[entity_id] = {"s": state, "a": attributes, "c": f"01M81V{device:020d}", "lc": time.time()}

    def device(self, n, name):
        self.devices.append({
            "id": f"{n:032x}", "name": name, "name_by_user": None, "manufacturer": "Bench", "model": "Model",
            "model_id": None, "sw_version": "1.0", "hw_version": None, "area_id": f"area_{n % 20}",
            "identifiers": [["bench", f"device_{n}"]], "connections": [["mac", f"{n:012x}"]], "labels": [],
            "config_entry_id": "01M81VPW3BMEVGX1QN0YHSPJM6", "via_device_id": None, "parent_device_id": None,
            "serial_number": None, "disabled_by": None, "entry_type": None, "configuration_url": None,
        })


class Hub:
    def __init__(self, home):
        self.home = home
        self.phase = "RUNNING"
        self.clients = {}
        self.server = None
        self.storm = None
        registry = {"entities": home.entries, "entity_categories": {}}
        ids = {e["ei"]: {"id": f"registry_{e['ei']}"} for e in home.entries if e["ei"].startswith("camera.")}
        # Made once: the hub's own work is not what is measured.
        self.fixed = {
            "config/entity_registry/list_for_display": json.dumps(registry),
            "config/entity_registry/get_entries": json.dumps(ids),
            "config/device_registry/list": json.dumps(home.devices),
            "camera/capabilities": json.dumps({"frontend_stream_types": ["hls"], "two_way_audio": False}),
            "auth/current_user": json.dumps({"id": "u1", "name": "Owner", "is_admin": True}),
        }

    async def listen(self, port):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", port, limit=1 << 20)
        return self.server.sockets[0].getsockname()[1]

    async def serve(self, reader, writer):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            parts = (line.partition(":") for line in lines[1:])
            fields = {name.strip().lower(): value.strip() for name, _, value in parts}
            if "sec-websocket-key" not in fields:
                writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                return
            accept = base64.b64encode(hashlib.sha1(fields["sec-websocket-key"].encode() + MAGIC).digest())
            writer.write(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
            )
            await self.converse(reader, writer)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            self.clients.pop(writer, None)
            writer.close()

    async def converse(self, reader, writer):
        send(writer, '{"type":"auth_required","ha_version":"2026.11.0"}')
        await frame(reader, writer)
        tell("connect")
        send(writer, '{"type":"auth_ok","ha_version":"2026.11.0"}')
        while True:
            command = json.loads(await frame(reader, writer))
            ident, kind = command["id"], command["type"]
            if kind == "ping":
                send(writer, json.dumps({"id": ident, "type": "pong"}))
                continue
            result = self.fixed.get(kind, "null")
            if kind == "get_config":
                result = json.dumps({"state": self.phase})
            send(writer, f'{{"id":{ident},"type":"result","success":true,"result":{result}}}')
            if kind == "subscribe_entities":
                self.clients[writer] = (ident, command["include"]["domains"])
                self.change({"a": self.home.states if self.phase == "RUNNING" else {}}, [writer])
            await writer.drain()

    def change(self, event, writers=None):
        for writer in writers or list(self.clients):
            ident, domains = self.clients[writer]
            told = {
                key: {e: state for e, state in changes.items() if e.split(".")[0] in domains}
                for key, changes in event.items()
            }
            send(writer, json.dumps({"type": "event", "event": told, "id": ident}))

    def press(self, camera):
        at = time.time()
        stamp = datetime.datetime.fromtimestamp(at, datetime.timezone.utc).isoformat(timespec="milliseconds")
        new = {"s": stamp, "lc": at, "c": "x", "a": {"event_type": "ring"}}
        self.change({"c": {f"event.c{camera}_bell": {"+": new}}})
        tell("pressed", camera=camera)

    def move(self, camera, state):
        self.change({"c": {f"binary_sensor.c{camera}_motion": {"+": {"s": state, "lc": time.time(), "c": "x"}}}})

    async def go_down(self):
        self.phase = "NOT_RUNNING"
        self.server.close()
        for writer in list(self.clients):
            writer.write(b"\x88\x02\x03\xe8")
            writer.close()
        self.clients.clear()

    async def come_up(self, port, entities_after, running_after):
        await self.listen(port)
        tell("up")
        await asyncio.sleep(entities_after)
        self.change({"a": self.home.states})
        await asyncio.sleep(running_after)
        self.phase = "RUNNING"
        tell("running")

    async def blow(self, per_second):
        """Motion goes on and off, doors open and close, most of them nobody's."""
        moving = [e for e in self.home.states if e.startswith("binary_sensor.")]
        sent, start = 0, time.monotonic()
        try:
            while True:
                await asyncio.sleep(0.01)
                due = int((time.monotonic() - start) * per_second)
                for n in range(sent, due):
                    state = "on" if n // len(moving) % 2 == 0 else "off"
                    self.change({"c": {moving[n % len(moving)]: {"+": {"s": state, "lc": time.time(), "c": "x"}}}})
                sent = due
                # A client that does not read makes it stand still, and that is told.
                for writer in list(self.clients):
                    await writer.drain()
        finally:
            tell("storm over", sent=sent, seconds=time.monotonic() - start)


def send(writer, text):
    data = text.encode()
    size = len(data)
    head = bytes([0x81, size]) if size < 126 else (
        b"\x81\x7e" + size.to_bytes(2, "big") if size < 1 << 16 else b"\x81\x7f" + size.to_bytes(8, "big")
    )
    writer.write(head + data)


async def frame(reader, writer):
    """The next text frame; pings are answered, a close ends it."""
    while True:
        first, second = await reader.readexactly(2)
        size = second & 0x7F
        if size > 125:
            size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8), "big")
        mask = await reader.readexactly(4)
        data = bytes(byte ^ mask[n % 4] for n, byte in enumerate(await reader.readexactly(size)))
        if first & 0xF == 1:
            return data
        if first & 0xF == 8:
            raise OSError("closed")
        if first & 0xF == 9:
            writer.write(bytes([0x8A, size]) + data)


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cameras", type=int, default=2)
    parser.add_argument("--entities", type=int, default=10)
    parser.add_argument("--followed", type=float, default=1.0, help="share that is of kinds that are followed")
    options = parser.parse_args()
    hub = Hub(Home(options.cameras, options.entities, options.followed))
    port = await hub.listen(0)
    tell("listening", port=port)
    while True:
        line = await asyncio.to_thread(sys.stdin.readline)
        if not line:
            return
        what = json.loads(line)
        if what["do"] == "down":
            await hub.go_down()
        elif what["do"] == "up":
            asyncio.ensure_future(hub.come_up(port, what["entities_after"], what["running_after"]))
        elif what["do"] == "storm":
            hub.storm = asyncio.ensure_future(hub.blow(what["per_second"]))
        elif what["do"] == "calm":
            hub.storm.cancel()
        elif what["do"] == "camera":
            hub.change({"c": {"camera.c0": {"+": {"s": what["state"], "lc": time.time(), "c": "x"}}}})
            tell("changed")
        elif what["do"] == "press":
            hub.press(what["camera"])
        elif what["do"] == "motion":
            for camera, state in what["changes"]:
                hub.move(camera, state)
            tell("moved")


if __name__ == "__main__":
    asyncio.run(main())
