#!/usr/bin/python3
"""Speech by espeak-ng: sentences in one voice, as 48 kHz WAV of about -20 dBFS."""

import argparse
import pathlib
import subprocess
import tempfile

import numpy

from samples import load, save

RATE = 48000
PEAK = 0.7
SENTENCES = (
    "The birch canoe slid on the smooth planks.",
    "Glue the sheet to the dark blue background.",
    "It is easy to tell the depth of a well.",
    "These days a chicken leg is a rare dish.",
    "Rice is often served in round bowls.",
    "The juice of lemons makes fine punch.",
    "The box was thrown beside the parked truck.",
    "The hogs were fed chopped corn and garbage.",
    "Four hours of steady work faced us.",
    "A large size in stockings is hard to sell.",
    "The boy was there when the sun rose.",
    "A rod is used to catch pink salmon.",
)


def speech(voice, seconds, first=0, pause=0.25):
    """So many seconds of sentences from one of them on."""
    out = numpy.zeros(0)
    at = first
    while len(out) < seconds * RATE:
        with tempfile.NamedTemporaryFile(suffix=".wav") as file:
            command = ["espeak-ng", "-v", voice, "-s", "160", "-w", file.name]
            subprocess.run([*command, SENTENCES[at % len(SENTENCES)]], check=True)
            said = load(file.name, RATE)
        loud = numpy.nonzero(numpy.abs(said) > 0.01)[0]
        out = numpy.concatenate((out, said[loud[0] : loud[-1]], numpy.zeros(int(pause * RATE))))
        at += 1
    out = out[: int(seconds * RATE)]
    return out * PEAK / numpy.max(numpy.abs(out))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=pathlib.Path)
    parser.add_argument("--voice", default="en-gb")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--first", type=int, default=0, help="which sentence")
    wanted = parser.parse_args()
    save(wanted.file, speech(wanted.voice, wanted.seconds, wanted.first), RATE)


if __name__ == "__main__":
    main()
