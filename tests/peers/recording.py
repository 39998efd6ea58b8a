"""Sound in files: what was heard, with the moment of its first sample, and what is to be said.

Moments are the machine's (`CLOCK_MONOTONIC`, seconds), the same for all programs on it. Samples are 16 bit mono.
"""

import array
import atexit
import wave

import report


class Recording:
    """A WAV that is whole at any moment, however its program ends."""

    def __init__(self, path, rate):
        self.path = path
        self.rate = rate
        self.samples = 0
        self._open = open(path, "wb")  # noqa: SIM115  as long as the program
        self._wave = wave.open(self._open)
        atexit.register(self._wave.close)
        self._wave.setparams((1, 2, rate, 0, "NONE", ""))

    def write(self, samples, at):
        """`samples`: bytes; `at`: when the first of them sounded, told once."""
        if not self.samples:
            report.emit("records", file=self.path, rate=self.rate, at=round(at, 4))
        self._wave.writeframes(samples)
        self._open.flush()
        self.samples += len(samples) // 2


def read(path, rate):
    """Samples of a WAV that has this rate."""
    with wave.open(path) as file:
        if (file.getsampwidth(), file.getnchannels(), file.getframerate()) != (2, 1, rate):
            raise ValueError(f"{path} is not 16 bit mono at {rate} Hz")
        return array.array("h", file.readframes(file.getnframes()))


def placed(text):
    """A file and its seconds of `FILE[@seconds]`."""
    path, at, seconds = text.rpartition("@")
    return (path, float(seconds)) if at else (text, 0.0)
