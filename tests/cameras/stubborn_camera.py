#!/usr/bin/python3
"""A camera that does not let itself be talked to: it stands before another camera and passes on all but that.

A connection is one for talking when its DESCRIBE asks for the ONVIF back channel; then, and only then, it is refused
in some way; the first one is not, by which a client looks whether there is a speaker. JSON lines: `ready` (with the address), `talks` (a connection is for talking), `asked` (its method),
`refused` (how), `closed`.
"""

import argparse
import asyncio
import os
import urllib.parse

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "peers"))

import report  # noqa: E402

TALK = b"www.onvif.org/ver20/backchannel"
CHALLENGE = b'WWW-Authenticate: Digest realm="door", nonce="%s", algorithm=MD5\r\n'
REASONS = {401: b"Unauthorized", 453: b"Not Enough Bandwidth", 454: b"Session Not Found", 503: b"Service Unavailable"}
FAULTS = {
    "401": "its DESCRIBE, whatever the password",
    "453": "its SETUP",
    "454": "its PLAY",
    "503": "its DESCRIBE",
    "silent": "no answer to its DESCRIBE",
    "second": "closed at its DESCRIBE while another connection plays",
    "close": "closed when so many seconds were said",
}
AT = {"401": b"DESCRIBE", "453": b"SETUP", "454": b"PLAY", "503": b"DESCRIBE", "silent": b"DESCRIBE"}


async def message(reader):
    """The next request or interleaved packet: its head's lines (None for a packet) and all its bytes."""
    first = await reader.readexactly(1)
    if first == b"$":
        head = await reader.readexactly(3)
        return None, first + head + await reader.readexactly(int.from_bytes(head[1:], "big"))
    text = first + await reader.readuntil(b"\r\n\r\n")
    lines = text.split(b"\r\n")
    length = next((l.split(b":")[1] for l in lines if l.lower().startswith(b"content-length:")), b"0")
    return lines, text + await reader.readexactly(int(length))


class Connection:
    """One client's."""

    playing = 0  # of all connections
    talking = 0  # connections for talking so far

    def __init__(self, wanted, client, camera):
        self.wanted = wanted
        self.client = client  # (reader, writer)
        self.camera = camera
        self.talks = False
        self.is_look = False
        self.plays = False
        self.words_since = None

    async def run(self):
        """Until one side or the fault ends it."""
        ways = [asyncio.ensure_future(way) for way in (self.from_client(), self.from_camera())]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        Connection.playing -= self.plays
        for _reader, writer in (self.client, self.camera):
            writer.close()
        report.emit("closed", talks=self.talks)

    async def from_camera(self):
        while data := await self.camera[0].read(65536):
            self.client[1].write(data)
            await self.client[1].drain()

    async def from_client(self):
        while True:
            lines, data = await message(self.client[0])
            if lines is None:
                if self.enough():
                    return
            elif await self.refuse(lines):
                continue
            elif self.ends(lines):
                return
            self.camera[1].write(data)
            await self.camera[1].drain()

    def enough(self):
        """Whether now is the middle of the sentence in which it closes."""
        if not self.talks or self.wanted.fault != "close":
            return False
        now = asyncio.get_running_loop().time()
        self.words_since = self.words_since or now
        if now - self.words_since < self.wanted.after:
            return False
        report.emit("refused", how="close")
        return True

    async def refuse(self, lines):
        """Whether a request was, by an answer or by none."""
        method, fault = lines[0].split(b" ")[0], self.wanted.fault
        if not self.talks and any(TALK in line for line in lines if line.lower().startswith(b"require:")):
            self.talks = True
            Connection.talking += 1
            self.is_look = Connection.talking <= self.wanted.looks
            report.emit("talks")
        if method == b"PLAY" and not self.talks and not self.plays:
            self.plays = True
            Connection.playing += 1
        if not self.talks:
            return False
        report.emit("asked", method=method.decode())
        if AT.get(fault) != method or self.is_look:
            return False
        report.emit("refused", how=fault)
        if fault != "silent":
            number = next((l for l in lines if l.lower().startswith(b"cseq:")), b"CSeq: 0")
            more = CHALLENGE % os.urandom(8).hex().encode() if fault == "401" else b""
            reason = REASONS[int(fault)]
            self.client[1].write(b"RTSP/1.0 %s %s\r\n%s\r\n%s\r\n" % (fault.encode(), reason, number, more))
            await self.client[1].drain()
        return True

    def ends(self, lines):
        """Whether this connection is one too many."""
        second = self.wanted.fault == "second" and self.talks and lines[0].startswith(b"DESCRIBE")
        if second and Connection.playing:
            report.emit("refused", how="second")
            return True
        return False


async def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("camera", help="address of the camera behind, rtsp://user:password@host:port/path")
    parser.add_argument("--fault", choices=tuple(FAULTS), required=True, help=str(FAULTS))
    parser.add_argument("--after", type=float, default=1.0, help="seconds that are said before it closes")
    parser.add_argument("--looks", type=int, default=1, help="connections for talking that are not refused")
    wanted = parser.parse_args()
    report.follow_parent()
    behind = urllib.parse.urlsplit(wanted.camera)

    async def take(*client):
        camera = await asyncio.open_connection(behind.hostname, behind.port)
        await Connection(wanted, client, camera).run()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    who = behind.netloc.rpartition("@")[0]
    host = f"{who}@127.0.0.1:{port}" if who else f"127.0.0.1:{port}"
    report.emit("ready", url=behind._replace(netloc=host).geturl(), port=port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
