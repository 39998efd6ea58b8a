#!/usr/bin/python3
"""What became of what was said: how alike it is where it was heard, how much of it came, and its longest gap.

Both are compared at 8 kHz, a second at a time, because a jitter buffer may stretch what passes it. One JSON object.
"""

import argparse
import statistics

import numpy

import report
from samples import dbfs, levels, load, place

RATE = 8000
LOST = 1.0  # seconds around where the next one should be
SPOKEN_DBFS = -35.0
SILENT_BELOW = 30.0  # dB under the speech as it was heard
BLOCK_SECONDS = 0.02


def follow(said, heard, rate):
    """Of each second of speech: its start in what was said and in what was heard (samples), and how alike it is."""
    whole, _alike = place(heard, said[: 4 * rate])
    found, offset, reach = [], whole, int(LOST * rate)
    for start in range(0, len(said) - rate + 1, rate):
        window = said[start : start + rate]
        if dbfs(window) < SPOKEN_DBFS:
            continue
        low = max(start + offset - reach, 0)
        part = heard[low : start + offset + rate + reach]
        part = numpy.pad(part, (0, max(rate - len(part), 0)))
        at, alike = place(part, window)
        if alike > 0.5:
            offset = low + at - start
        found.append((start, start + offset, alike))
    return found


def share_and_gap(said, heard, rate, found):
    """Which part of the spoken blocks was heard, 0 to 1, and the longest time without, ms."""
    here = numpy.concatenate([levels(said[a : a + rate], rate, BLOCK_SECONDS) for a, _b, _c in found])
    parts = [numpy.pad(heard[b : b + rate], (0, max(b + rate - len(heard), 0))) for _a, b, _c in found]
    there = numpy.concatenate([levels(part, rate, BLOCK_SECONDS) for part in parts])
    spoken = here > SPOKEN_DBFS
    silent = spoken & (there < numpy.median(there[spoken]) - SILENT_BELOW)
    longest = run = 0
    for one in silent:
        run = run + 1 if one else 0
        longest = max(longest, run)
    return 1 - silent.sum() / max(spoken.sum(), 1), longest * BLOCK_SECONDS * 1000


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("said")
    parser.add_argument("heard")
    wanted = parser.parse_args()
    said, heard = load(wanted.said, RATE), load(wanted.heard, RATE)
    found = follow(said, heard, RATE)
    share, gap = share_and_gap(said, heard, RATE, found) if found else (0.0, 0.0)
    report.emit(
        "judged",
        alike=round(statistics.median(alike for *_places, alike in found), 3) if found else 0.0,
        seconds=sum(alike > 0.5 for *_places, alike in found),  # that can be recognized
        begins=round(found[0][1] / RATE - found[0][0] / RATE, 3) if found else None,  # s, in what was heard
        share=round(float(share), 4),
        gap_ms=round(gap),
    )


if __name__ == "__main__":
    main()
