"""One direction of a line that loses, delays and damages packets, all by one seed.

Each packet's fate is drawn from its place in the order alone: the same seed loses the same packets, whatever else
is set and however late this process has its turn.
"""

import collections
import dataclasses
import heapq
import random

HEADERS = 28  # IPv4 and UDP
SPELL = 0.2  # s; jitter drifts from one value to the next in this time
LATE = 0.05  # s; what is overtaken comes so much later at most
SHORT = 40  # bytes at most of a packet that is cut
REMEMBERED = 64  # packets that may be sent again
CHANCES = ("loss", "reorder", "duplicate", "flip", "cut", "replay")


@dataclasses.dataclass(frozen=True)
class Impairment:
    """What happens to the packets; shares are percent."""

    loss: float = 0  # never arrives
    delay: float = 0  # ms
    jitter: float = 0  # ms, more or less; the order stays
    reorder: float = 0  # is overtaken by those behind it
    duplicate: float = 0  # arrives twice
    flip: float = 0  # has a wrong bit
    cut: float = 0  # is cut short
    replay: float = 0  # is followed by an earlier one
    kbps: float = 0  # of a bottleneck; 0: there is none
    queue: int = 125_000  # bytes that wait for it; what finds no place is dropped


class Way:
    """What comes in at one end leaves at the other, later, changed, or never."""

    def __init__(self, loop, seed):
        self.loop = loop
        self.impairment = Impairment()
        self.fates, self.amounts, self.spells = (random.Random(f"{seed} {what}") for what in "fas")
        self.under_way = []  # [arrives, number, leaves the bottleneck, data, send]
        self.number = 0
        self.timer = None
        self.latest = 0.0  # when the last one of those in order arrives
        self.free = 0.0  # when the bottleneck has nothing left
        self.dark = 0.0  # nothing passes until then
        self.spell, self.shifts = None, (0.0, 0.0)  # from and to
        self.sent = collections.deque(maxlen=REMEMBERED)
        self.count = dict.fromkeys(("came", "bytes", "dropped", "outage", *CHANCES), 0)
        self.deepest = 0.0

    def set(self, **wanted):
        """From now on this is different."""
        now, before = self.loop.time(), self.impairment
        self.impairment = dataclasses.replace(before, **wanted)
        if before.kbps and self.impairment.kbps and before.kbps != self.impairment.kbps:
            self.stretch(now, before.kbps / self.impairment.kbps)

    def stretch(self, now, ratio):
        """What waits for the bottleneck does so at its new rate."""

        def moved(at):
            return max(at - now, 0) * ratio - max(at - now, 0)

        for entry in self.under_way:
            entry[0] += moved(entry[2])
            entry[2] += moved(entry[2])
        self.free += moved(self.free)
        self.latest = max((entry[0] for entry in self.under_way), default=0.0)
        heapq.heapify(self.under_way)
        self.wake()

    def outage(self, seconds):
        """Nothing that comes until then arrives."""
        self.dark = self.loop.time() + seconds

    def carry(self, at, data, send):
        """Takes a packet that came at this moment."""
        fate = {what: self.fates.random() * 100 < getattr(self.impairment, what) for what in CHANCES}
        self.count["came"] += 1
        self.count["bytes"] += len(data) + HEADERS
        if at < self.dark:
            self.count["outage"] += 1
            return
        leaves = None if fate["loss"] else self.leaves(at, len(data) + HEADERS)
        if leaves is None:
            self.count["loss" if fate["loss"] else "dropped"] += 1
            return
        for what in CHANCES:
            self.count[what] += fate[what]
        self.sent.append(data)
        arrives = self.arrives(at, leaves, fate["reorder"])
        self.put(arrives, leaves, self.damaged(data, fate), send)
        if fate["duplicate"]:
            self.put(arrives, leaves, data, send)
        if fate["replay"]:
            self.put(arrives, leaves, self.amounts.choice(self.sent), send)

    def leaves(self, at, size):
        """When it has passed the bottleneck; None when there is no place for it."""
        if not self.impairment.kbps:
            return at
        per_byte = 8 / (self.impairment.kbps * 1000)
        if max(self.free - at, 0) / per_byte + size > self.impairment.queue:
            return None
        self.free = max(self.free, at) + size * per_byte
        self.deepest = max(self.deepest, self.free - at)
        return self.free

    def arrives(self, at, leaves, overtaken):
        spell, part = divmod(at / SPELL, 1)
        if spell != self.spell:
            self.spell, self.shifts = spell, (self.shifts[1], self.spells.uniform(-1, 1))
        shift = self.shifts[0] * (1 - part) + self.shifts[1] * part
        late = max(self.impairment.delay + shift * self.impairment.jitter, 0) / 1000
        arrives = max(leaves + late, self.latest)
        if overtaken:
            return arrives + self.amounts.uniform(0, LATE)
        self.latest = arrives
        return arrives

    def damaged(self, data, fate):
        if fate["flip"] and data:
            bit = self.amounts.randrange(len(data) * 8)
            data = bytearray(data)
            data[bit >> 3] ^= 1 << (bit & 7)
        return bytes(data[: self.amounts.randint(0, SHORT)] if fate["cut"] else data)

    def put(self, arrives, leaves, data, send):
        self.number += 1
        heapq.heappush(self.under_way, [arrives, self.number, leaves, data, send])
        if self.under_way[0][1] == self.number:
            self.wake()

    def wake(self):
        """Hands over what has arrived, and comes again for the next."""
        if self.timer:
            self.timer.cancel()
            self.timer = None
        while self.under_way and self.under_way[0][0] <= self.loop.time():
            _arrives, _number, _leaves, data, send = heapq.heappop(self.under_way)
            send(data)
        if self.under_way:
            self.timer = self.loop.call_at(self.under_way[0][0], self.wake)

    def stop(self):
        """What is under way never arrives."""
        self.under_way.clear()
        self.wake()

    def told(self):
        """What became of the packets so far."""
        waits = max(self.free - self.loop.time(), 0)
        return self.count | {"waits_ms": round(waits * 1000), "deepest_ms": round(self.deepest * 1000)}
