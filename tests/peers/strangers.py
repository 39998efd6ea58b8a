"""Who sends to the house what belongs to no call of theirs: DTLS, STUN and RTP, from addresses of their own."""

import asyncio
import contextlib
import hashlib
import hmac
import random
import socket
import struct
import zlib

ADDRESSES = ("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4")
POOL = 256  # packets that are made once and sent over and over
PAUSE = 0.005  # s
COOKIE = 0x2112A442
HANDSHAKE, ALERT, CHANGE, APPLICATION = 22, 21, 20, 23  # DTLS content types (RFC 6347)


def record(kind, body, epoch=0, sequence=0):
    """A DTLS 1.2 record."""
    version = struct.pack(">BH", kind, 0xFEFD)
    return version + struct.pack(">HIHH", epoch, sequence >> 16, sequence & 0xFFFF, len(body)) + body


def handshake(kind, body, message=0):
    """A whole handshake message in one record."""
    length = len(body).to_bytes(3, "big")
    head = bytes([kind]) + length + struct.pack(">H", message) + bytes(3) + length
    return record(HANDSHAKE, head + body, sequence=message)


def client_hello(dice):
    """One that a server would answer."""
    body = b"\xfe\xfd" + dice.randbytes(32) + b"\x00\x00" + b"\x00\x04\xc0\x2b\xc0\x2f" + b"\x01\x00"
    groups = b"\x00\x0a\x00\x04\x00\x02\x00\x17" + b"\x00\x0d\x00\x04\x00\x02\x04\x03"
    srtp = b"\x00\x0e\x00\x05\x00\x02\x00\x01\x00" + b"\x00\x0b\x00\x02\x01\x00"
    return handshake(1, body + struct.pack(">H", len(groups + srtp)) + groups + srtp)


def dtls(dice):
    """What could upset a handshake that goes on."""
    return dice.choice(
        [
            client_hello(dice),
            handshake(2, b"\xfe\xfd" + dice.randbytes(32) + b"\x00\xc0\x2b\x00", message=dice.randrange(3)),
            handshake(3, b"\xfe\xfd\x14" + dice.randbytes(20)),
            handshake(14, b"", message=dice.randrange(6)),
            handshake(20, dice.randbytes(12), message=dice.randrange(8)),
            record(ALERT, b"\x02\x28", sequence=dice.randrange(8)),  # fatal, handshake_failure
            record(ALERT, b"\x01\x00", sequence=dice.randrange(8)),  # close_notify
            record(CHANGE, b"\x01", sequence=dice.randrange(8)),
            record(APPLICATION, dice.randbytes(48), epoch=1),
            record(HANDSHAKE, dice.randbytes(dice.randrange(200))),
        ]
    )


def attribute(kind, value):
    return struct.pack(">HH", kind, len(value)) + value + bytes(-len(value) % 4)


def stun(dice, name):
    """A check (RFC 8445) for this name whose signature is guessed, or an answer that nobody asked for."""
    kind = dice.choice([0x0001, 0x0001, 0x0101, 0x0111])
    body = attribute(0x0006, name.encode()) + attribute(0x0024, struct.pack(">I", 1845501695))
    body += attribute(0x802A, dice.randbytes(8)) + attribute(0x0025, b"")
    transaction = dice.randbytes(12)

    def head(length):
        return struct.pack(">HHI", kind, length, COOKIE) + transaction

    signature = hmac.new(dice.randbytes(16), head(len(body) + 24) + body, hashlib.sha1).digest()
    body += attribute(0x0008, signature)
    whole = head(len(body) + 8) + body
    return whole + attribute(0x8028, struct.pack(">I", zlib.crc32(whole) ^ 0x5354554E))


def rtp(dice):
    """Like media, or like a report of it."""
    kind = dice.choice([96, 99, 99, 200, 201, 205])
    return struct.pack(">BBH", 0x80, kind, dice.randrange(1 << 16)) + dice.randbytes(dice.randrange(8, 1200))


MAKERS = {"dtls": lambda dice, _name: dtls(dice), "stun": stun, "rtp": lambda dice, _name: rtp(dice)}


class Strangers:
    """They send by the clock, so many packets a second."""

    def __init__(self, seed):
        self.dice = random.Random(f"{seed} strangers")
        self.sockets = []
        for address in ADDRESSES:
            end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            end.setblocking(False)
            end.bind((address, 0))
            self.sockets.append(end)
        self.house = None  # where to
        self.name = "nobody:x"  # of the house's in checks, and of whoever asks
        self.rate, self.kinds = 0, tuple(MAKERS)
        self.packets = []
        self.count = 0
        self.task = None

    def aim(self, house, name):
        """At this address from now on, in checks by this name."""
        self.house, self.name = house, name
        self.prepare()

    def send(self, rate, kinds=None):
        """So many packets a second of these kinds."""
        self.rate, self.kinds = rate, tuple(kinds or MAKERS)
        self.prepare()
        if not self.task:
            self.task = asyncio.ensure_future(self.run())

    def prepare(self):
        self.packets = [MAKERS[self.dice.choice(self.kinds)](self.dice, self.name) for _ in range(POOL)]

    async def run(self):
        loop = asyncio.get_running_loop()
        last, due = loop.time(), 0.0
        while True:
            await asyncio.sleep(PAUSE)
            now = loop.time()
            due, last = due + (now - last) * self.rate, now
            while due >= 1 and self.house:
                due -= 1
                self.count += 1
                with contextlib.suppress(OSError):
                    sender, packet = self.dice.choice(self.sockets), self.dice.choice(self.packets)
                    sender.sendto(packet, self.house)
