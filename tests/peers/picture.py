"""What can be told of an H.264 stream from its RTP packets alone."""


class Bits:
    """Bits of a NAL unit, most significant first, emulation prevention removed."""

    def __init__(self, nal):
        out, zeros = bytearray(), 0
        for byte in nal:
            if zeros >= 2 and byte == 3:
                zeros = 0
                continue
            zeros = zeros + 1 if byte == 0 else 0
            out.append(byte)
        self.data, self.at = bytes(out), 0

    def u(self, count):
        value = 0
        for _ in range(count):
            value = value << 1 | (self.data[self.at >> 3] >> (7 - (self.at & 7)) & 1)
            self.at += 1
        return value

    def ue(self):
        zeros = 0
        while not self.u(1):
            zeros += 1
        return (1 << zeros) - 1 + (self.u(zeros) if zeros else 0)

    def se(self):
        value = self.ue()
        return (value + 1) // 2 if value & 1 else -(value // 2)


def read_sps(nal):
    """Profile, constraint flags, level and size in pixels."""
    bits = Bits(nal[1:])
    profile, constraints, level = bits.u(8), bits.u(8), bits.u(8)
    bits.ue()
    chroma = 1
    if profile in (100, 110, 122, 244, 44, 83, 86, 118, 128):
        chroma = bits.ue()
        if chroma == 3:
            bits.u(1)
        bits.ue()
        bits.ue()
        bits.u(1)
        if bits.u(1):
            for index in range(8 if chroma != 3 else 12):
                if bits.u(1):
                    last = following = 8
                    for _ in range(16 if index < 6 else 64):
                        if following:
                            following = (last + bits.se()) % 256
                        last = following or last
    bits.ue()
    order = bits.ue()
    if order == 0:
        bits.ue()
    elif order == 1:
        bits.u(1)
        bits.se()
        bits.se()
        for _ in range(bits.ue()):
            bits.se()
    bits.ue()
    bits.u(1)
    width = (bits.ue() + 1) * 16
    map_height = bits.ue() + 1
    frame_only = bits.u(1)
    if not frame_only:
        bits.u(1)
    height = map_height * 16 * (2 - frame_only)
    bits.u(1)
    if bits.u(1):
        left, right, top, bottom = bits.ue(), bits.ue(), bits.ue(), bits.ue()
        unit_x = 2 if chroma in (1, 2) else 1
        unit_y = (2 if chroma == 1 else 1) * (2 - frame_only)
        width -= (left + right) * unit_x
        height -= (top + bottom) * unit_y
    return {
        "profile_idc": profile,
        "constraints": constraints,
        "level_idc": level,
        "width": width,
        "height": height,
    }


def nals(payload):
    """(type, NAL unit or None when it is a later fragment) of one RTP payload."""
    if not payload:
        return
    kind = payload[0] & 31
    if kind == 24:
        at = 1
        while at + 2 < len(payload):
            size = int.from_bytes(payload[at : at + 2], "big")
            yield payload[at + 2] & 31, payload[at + 2 : at + 2 + size]
            at += 2 + size
    elif kind == 28:
        if len(payload) > 1 and payload[1] & 0x80:
            yield payload[1] & 31, None
    else:
        yield kind, payload


class RtpWatch:
    """Sequence, SSRC and parameter sets of one stream, packet by packet."""

    def __init__(self, kind):
        self.kind = kind
        self.ssrcs = []
        self.payload_types = set()
        self.packets = 0
        self.bytes = 0
        self.reordered = 0
        self.repeated = 0
        self.first = None  # seconds, the caller's clock
        self.sps = None
        self.idr_times = []
        self._bytes_by_second = []
        self._lags = []
        self._ticks = None  # timestamp without wrapping
        self._seen = set()
        self._top = None
        self._bottom = None
        self._idr_timestamp = None

    def packet(self, now, ssrc, payload_type, sequence, timestamp, payload):
        """Takes one packet in the order of arrival."""
        if self.first is None:
            self.first = now
        if ssrc not in self.ssrcs:
            self.ssrcs.append(ssrc)
        self.payload_types.add(payload_type)
        self.packets += 1
        self.bytes += len(payload)
        second = int(now - self.first)
        self._bytes_by_second += [0] * (second + 1 - len(self._bytes_by_second))
        self._bytes_by_second[second] += len(payload)
        self._lag(now, timestamp)
        if self._top is None:
            extended = sequence
            self._top = self._bottom = extended
        else:
            delta = (sequence - self._top + 0x8000) % 0x10000 - 0x8000
            extended = self._top + delta
            if extended in self._seen:
                self.repeated += 1
            elif delta < 0:
                self.reordered += 1
            self._top = max(self._top, extended)
            self._bottom = min(self._bottom, extended)
        self._seen.add(extended)
        if self.kind != "video":
            return
        for nal_type, nal in nals(payload):
            if nal_type == 7 and nal:
                try:
                    self.sps = read_sps(nal)
                except IndexError:
                    self.sps = {"profile_idc": 0, "level_idc": 0, "damaged": True}
            elif nal_type == 5 and timestamp != self._idr_timestamp:
                self._idr_timestamp = timestamp
                self.idr_times.append(now)

    def _lag(self, now, timestamp):
        """Keeps the timestamp that came soonest in each second."""
        if self._ticks is None:
            self._ticks = timestamp
        self._ticks += (timestamp - self._ticks + 0x80000000) % 0x100000000 - 0x80000000
        second = int(now - self.first)
        if not self._lags or self._lags[-1][0] != second:
            self._lags.append((second, now, self._ticks))
        elif self._ticks > self._lags[-1][2]:
            self._lags[-1] = (second, now, self._ticks)

    def lags(self, per_ms):
        """For each second how much later its last packet came than its timestamp says, against the first."""
        times = [now * 1000 - ticks / per_ms for _, now, ticks in self._lags]
        return [round(at - times[0], 1) for at in times]

    def kbps_by_second(self):
        """Payload of each second since the first packet, kbit/s."""
        return [round(count * 8 / 1000) for count in self._bytes_by_second]

    @property
    def top(self):
        """The highest sequence number so far."""
        return (self._top or 0) & 0xFFFF

    @property
    def lost(self):
        """Packets that never came, between the first and the last that did."""
        if self._top is None:
            return 0
        return self._top - self._bottom + 1 - len(self._seen)


class Decodable:
    """Pictures that came whole with all that they need: each needs the one before, but for key pictures.

    Packets are taken in their order, as a jitter buffer hands them on; one that comes behind a later one is too late.
    """

    def __init__(self):
        self.times = []
        self._next = None  # sequence number
        self._timestamp = None
        self._whole = self._key = self._good = False

    def packet(self, now, sequence, timestamp, marker, payload):
        """Takes one packet."""
        ahead = 0 if self._next is None else (sequence - self._next) & 0xFFFF
        if ahead >= 0x8000:
            return
        gap = ahead > 0
        self._next = (sequence + 1) & 0xFFFF
        kinds = {kind for kind, _nal in nals(payload)}
        if timestamp != self._timestamp:
            # The picture before, or one in between, is not whole.
            self._good = self._good and self._timestamp is None and not gap
            self._timestamp = timestamp
            # A key picture begins with its parameter sets.
            self._whole, self._key = not gap or 7 in kinds, False
        elif gap:
            self._whole = False
        self._key = self._key or 5 in kinds
        if marker:
            self._good = self._whole and (self._key or self._good)
            self._timestamp = None
            if self._good:
                self.times.append(now)


def freezes(times):
    """How often, and for how many ms, the picture stood: gaps over max(3 x mean, mean + 150 ms)."""
    if len(times) < 3:
        return 0, 0.0
    gaps = [(after - before) * 1000 for before, after in zip(times, times[1:])]
    mean = sum(gaps) / len(gaps)
    limit = max(3 * mean, mean + 150)
    frozen = [gap for gap in gaps if gap > limit]
    return len(frozen), round(sum(frozen), 1)
