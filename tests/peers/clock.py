"""A clock in the picture: milliseconds as a row of black and white fields, above a row of the opposite.

Each field is one macroblock, so that it survives an encoder; the second row tells a damaged picture. The time is
the machine's (`CLOCK_MONOTONIC`), the same for the camera and for whoever looks.
"""

import time

SIDE = 16  # pixels
BITS = 24  # 4.6 hours of milliseconds
BLACK, WHITE = bytes([16]) * SIDE, bytes([235]) * SIDE


def now():
    """What the clock shows at this moment."""
    return int(time.monotonic() * 1000) % (1 << BITS)


def draw(luma, stride, ms):
    """Writes it into the upper left corner of a luma plane, a `bytearray`."""
    fields = [WHITE if ms >> bit & 1 else BLACK for bit in range(BITS)]
    opposite = [BLACK if field is WHITE else WHITE for field in fields]
    for place, row in enumerate((b"".join(fields), b"".join(opposite))):
        for line in range(place * SIDE, (place + 1) * SIDE):
            luma[line * stride : line * stride + len(row)] = row


def read(luma, stride):
    """What a decoded luma plane shows, or None if there is no clock in it."""
    middle, out = SIDE // 2, 0
    if stride < BITS * SIDE or len(luma) < 2 * SIDE * stride:
        return None
    for bit in range(BITS):
        at = middle * stride + bit * SIDE + middle
        above, below = luma[at], luma[at + SIDE * stride]
        if abs(above - below) < 100:
            return None
        out |= (above > below) << bit
    return out


def since(ms, later):
    """Milliseconds from one reading to a later one; negative if it is an earlier one."""
    half = 1 << (BITS - 1)
    return (later - ms + half) % (1 << BITS) - half
