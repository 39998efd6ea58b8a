#!/usr/bin/python3
"""A bad line between a call's peer and the house, for one call after another; both ends are on this machine.

It stands in for the door and rewrites the candidates of both descriptions, so that all packets of a call come by
here. JSON lines both ways. Out: `ready` with the door's address; then for each line in a `told` of what it has
carried of this call (`way.Way.told`, in each direction). In, each of these or none:
`{"loss": 5, "delay": 20}` as `way.Impairment` has it, in both directions; `{"to_peer": {...}, "to_house": {...}}`
in one; `{"outage": seconds}` nothing passes; `{"move": "peer"}` the house sees another port of the peer, or `"house"`;
`{"strangers": packets a second, "kinds": ["dtls", "stun", "rtp"]}` others send to the house too.
"""

import argparse
import asyncio
import contextlib
import dataclasses
import http.client
import http.server
import json
import re
import socket
import struct
import sys
import threading
import time
import urllib.parse

import report
import strangers
import way

SO_RCVBUFFORCE = 33  # asm-generic/socket.h; beyond the kernel's limit
SO_TIMESTAMPNS = 35
ROOM = 4 << 20
HOST = re.compile(r"(a=candidate:\S+ 1 UDP \d+ )(\S+) (\d+)( typ host)", re.IGNORECASE)
# A path beside the line.
OTHER = re.compile(r"a=candidate:\S+ \d UDP \d+ \S+ \d+ typ (?!host).*\r?\n", re.IGNORECASE)
FIELDS = {field.name for field in dataclasses.fields(way.Impairment)}


class End:
    """One of the two sockets of a call."""

    def __init__(self, loop, carry):
        self.loop = loop
        self.carry = carry
        self.other = None  # who is reached by this socket
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
        with contextlib.suppress(PermissionError):
            self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, ROOM)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        loop.add_reader(self.socket, self.read)

    def read(self):
        """All that came; when, the kernel knows, however late this process has its turn."""
        with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
            while True:
                data, extra, _flags, address = self.socket.recvmsg(2048, 64)
                seconds, nanos = struct.unpack("qq", extra[0][2])
                ago = time.time() - seconds - nanos / 1e9
                self.carry(self.loop.time() - ago, data, address)

    def send(self, data):
        if self.other and self.socket.fileno() >= 0:
            with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
                self.socket.sendto(data, self.other)

    def close(self):
        self.loop.remove_reader(self.socket)
        self.socket.close()


class Line:
    """Both ways of one call at a time."""

    def __init__(self, seed):
        self.loop = asyncio.get_running_loop()
        self.seed = seed
        self.wanted = {"to_peer": {}, "to_house": {}}
        self.strangers = strangers.Strangers(seed)
        self.peer = self.house = None
        self.ways = {}
        self.calls = 0

    async def lay(self):
        """Two new sockets, for a new call."""
        for end in filter(None, (self.peer, self.house)):
            end.close()
        for before in self.ways.values():
            before.stop()
        self.calls += 1
        self.ways = {name: way.Way(self.loop, f"{self.seed} {self.calls} {name}") for name in self.wanted}
        for name, wanted in self.wanted.items():
            self.ways[name].set(**wanted)
        self.peer, self.house = End(self.loop, self.from_peer), End(self.loop, self.from_house)

    def set(self, wanted):
        """One line of the input."""
        wanted = dict(wanted)
        if "strangers" in wanted:
            self.strangers.send(wanted.pop("strangers"), wanted.pop("kinds", None))
        outage = wanted.pop("outage", 0)
        moved = wanted.pop("move", None)
        if moved and self.house:
            self.move(moved)
        both = {name: wanted.pop(name) for name in FIELDS & wanted.keys()}
        for name, known in self.wanted.items():
            changed = both | wanted.pop(name, {})
            known.update(changed)
            if name in self.ways:
                self.ways[name].set(**changed)
                self.ways[name].outage(outage)
        if wanted:
            sys.exit(f"a line cannot do {wanted}")

    def move(self, who):
        """This end is seen at another port from now on, as behind a NAT that forgot it."""
        if who == "peer":
            before, self.house = self.house, End(self.loop, self.from_house)
            self.house.other = before.other
        else:
            before, self.peer = self.peer, End(self.loop, self.from_peer)
            self.peer.other = before.other
        before.close()

    def from_peer(self, at, data, address):
        self.peer.other = address
        self.ways["to_house"].carry(at, data, lambda data: self.house.send(data))

    def from_house(self, at, data, _address):
        self.ways["to_peer"].carry(at, data, lambda data: self.peer.send(data))

    def told(self):
        """What became of the packets; `overrun`: the kernel had no room, the machine is too slow."""
        ends = [end for end in (self.peer, self.house) if end]
        ports = {end.port for end in ends} | {end.other[1] for end in ends[:1] if end.other}
        with open("/proc/net/udp") as file:
            lines = [line.split() for line in file.readlines()[1:]]
        overrun = sum(int(line[-1]) for line in lines if int(line[1].split(":")[1], 16) in ports)
        ways = {name: way.told() for name, way in self.ways.items()}
        return ways | {"strangers": self.strangers.count, "overrun": overrun}

    async def offered(self, text):
        """The offer as the house shall see it."""
        await self.lay()
        return HOST.sub(rf"\g<1>127.0.0.1 {self.house.port}\g<4>", OTHER.sub("", text))

    async def answered(self, text):
        """The answer as the peer shall see it."""
        found = HOST.search(text)
        if found:
            self.house.other = (found[2], int(found[3]))
            name = re.search(r"a=ice-ufrag:(\S+)", text)
            self.strangers.aim(self.house.other, f"{name[1]}:peer")
        return HOST.sub(rf"\g<1>127.0.0.1 {self.peer.port}\g<4>", OTHER.sub("", text))


def door(line, loop, house):
    """A door that is asked in the place of the house's."""
    away = urllib.parse.urlsplit(house)

    def soon(work):
        return asyncio.run_coroutine_threadsafe(work, loop).result(5)

    class Door(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            payload = message["directive"]["payload"]
            if "offer" in payload:
                payload["offer"]["value"] = soon(line.offered(payload["offer"]["value"]))
            connection = http.client.HTTPConnection(away.hostname, away.port, timeout=10)
            kept = {name: self.headers[name] for name in ("Authorization", "Content-Type")}
            connection.request("POST", self.path, json.dumps(message), kept)
            reply = connection.getresponse()
            event = json.loads(reply.read())
            answer = event.get("event", {}).get("payload", {}).get("answer")
            if answer:
                answer["value"] = soon(line.answered(answer["value"]))
            body = json.dumps(event).encode()
            self.send_response(reply.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Door)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--door", required=True, help="the house's")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    loop = asyncio.get_running_loop()
    line = Line(options.seed)
    report.emit("ready", door=door(line, loop, options.door))
    order = 0
    while wanted := await asyncio.to_thread(sys.stdin.readline):
        order += 1
        line.set(json.loads(wanted))
        report.emit("told", order=order, **line.told())


if __name__ == "__main__":
    asyncio.run(main())
