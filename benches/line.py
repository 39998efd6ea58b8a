#!/usr/bin/python3
"""A thin line between a call's peer and the house, for one call after another.

It stands in for the door and rewrites the candidates of both descriptions, so that all packets of a call come
by here. Towards the house they are late by `--delay`, nothing else. Towards the peer they pass a bottleneck
of so many kbit/s with a queue that drops what finds no place in it (drop-tail), and are late after that; up
to a millisecond of the delay is drawn with `--seed`.
Prints `{"door": address}`, and for each line that it reads what it has carried of this call.
"""

import argparse
import asyncio
import collections
import contextlib
import http.client
import http.server
import json
import random
import re
import socket
import struct
import sys
import threading
import time
import urllib.parse

HEADERS = 28  # IPv4 and UDP
SO_RCVBUFFORCE = 33  # asm-generic/socket.h; beyond the kernel's limit
SO_TIMESTAMPNS = 35
ROOM = 4 << 20
HOST = re.compile(r"(a=candidate:\S+ 1 UDP \d+ )(\S+) (\d+)( typ host)", re.IGNORECASE)


class Bottleneck:
    """When a packet that comes now leaves: the queue is time that is spent already."""

    def __init__(self, kbps, queue):
        self.seconds_per_byte = 8 / (kbps * 1000)
        self.queue = queue
        self.free = 0.0
        self.carried = self.dropped = 0
        self.deepest = 0.0

    def leaves(self, now, size):
        """Seconds, or None when there is no place."""
        waiting = max(self.free - now, 0) / self.seconds_per_byte
        if waiting + size > self.queue:
            self.dropped += 1
            return None
        self.carried += 1
        self.free = max(self.free, now) + size * self.seconds_per_byte
        self.deepest = max(self.deepest, self.free - now)
        return self.free

    def told(self):
        return {"carried": self.carried, "dropped": self.dropped, "deepest_ms": round(self.deepest * 1000)}


class Delay:
    """What is under way, in order."""

    def __init__(self, loop):
        self.loop = loop
        self.under_way = collections.deque()

    def carry(self, at, send, data):
        """Hands it over at this moment, and never before what came earlier."""
        if self.under_way:
            at = max(at, self.under_way[-1][0])
        else:
            self.loop.call_at(at, self.arrive)
        self.under_way.append((at, send, data))

    def arrive(self):
        while self.under_way and self.under_way[0][0] <= self.loop.time():
            _at, send, data = self.under_way.popleft()
            send(data)
        if self.under_way:
            self.loop.call_at(self.under_way[0][0], self.arrive)


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
    """The way of one call at a time."""

    def __init__(self, options):
        self.loop = asyncio.get_running_loop()
        self.delay = options.delay / 1000
        self.dice = random.Random(options.seed)
        self.options = options
        self.there, self.back = Delay(self.loop), Delay(self.loop)
        self.bottleneck = self.peer = self.house = None
        self.ends = ()

    async def lay(self):
        """Two new sockets, for a new call."""
        for end in self.ends:
            end.close()
        self.bottleneck = Bottleneck(self.options.kbps, self.options.queue)
        self.peer, self.house = self.ends = (
            End(self.loop, self.from_peer),
            End(self.loop, self.from_house),
        )

    def from_peer(self, at, data, address):
        self.peer.other = address
        self.there.carry(at + self.delay, self.house.send, data)

    def from_house(self, at, data, _address):
        left = self.bottleneck.leaves(at, len(data) + HEADERS)
        if left is not None:
            late = self.delay + self.dice.uniform(-0.0005, 0.0005)
            self.back.carry(left + late, self.peer.send, data)

    def told(self):
        """What became of the packets; `overrun`: the kernel had no room, the machine is too slow."""
        if not self.ends:
            return {}
        ports = {end.port for end in self.ends} | {self.peer.other[1] if self.peer.other else None}
        with open("/proc/net/udp") as file:
            lines = [line.split() for line in file.readlines()[1:]]
        overrun = sum(int(line[-1]) for line in lines if int(line[1].split(":")[1], 16) in ports)
        return self.bottleneck.told() | {"overrun": overrun}

    async def offered(self, text):
        """The offer as the house shall see it."""
        await self.lay()
        return HOST.sub(rf"\g<1>127.0.0.1 {self.house.port}\g<4>", text)

    async def answered(self, text):
        """The answer as the peer shall see it."""
        found = HOST.search(text)
        if found:
            self.house.other = (found[2], int(found[3]))
        return HOST.sub(rf"\g<1>127.0.0.1 {self.peer.port}\g<4>", text)


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
    parser.add_argument("--kbps", type=float, default=5000, help="of the bottleneck")
    parser.add_argument("--queue", type=int, default=125_000, help="bytes")
    parser.add_argument("--delay", type=float, default=10, help="ms each way")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    loop = asyncio.get_running_loop()
    line = Line(options)
    print(json.dumps({"door": door(line, loop, options.door)}), flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(line.told()), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
