"""A room: what a microphone in it hears of a loudspeaker in it, and its own noise.

Two clocks: the speaker plays by one, the microphone counts by another that may drift against it.
"""

import numpy

RATE = 16000
BLOCK = RATE // 50
ECHO_SECONDS = 0.06
TAPS = numpy.arange(-15, 17)  # of the sinc between two samples
MEMORY = 2 * RATE
# Twice the rate: a sinc of the lower half.
UPWARDS = numpy.sinc(numpy.arange(-31, 32) / 2) * numpy.hanning(65)[1:-1]


def level(dbfs):
    """Amplitude of a level."""
    return 10 ** (dbfs / 20)


def reflections(seed):
    """Impulse response: the direct way first, then sixty milliseconds that die away by 60 dB; of energy 1."""
    count = int(RATE * ECHO_SECONDS)
    out = numpy.random.default_rng(seed).normal(size=count) * 0.3
    out *= level(-60 * numpy.arange(count) / count)
    out[0] = 1
    return out / numpy.sqrt(numpy.sum(out**2))


class Room:
    """Samples are floats of full scale 1; of the microphone at `RATE`, a `BLOCK` at a time."""

    def __init__(self, speaker_rate=RATE, delay=120.0, gain=-6.0, seed=1.0, drift=0.0, drive=0.0, noise=-65.0):
        """`speaker_rate`: `RATE` or half of it; `delay` in ms from speaker to microphone; `gain` of the echo in dB;
        `drift` in ppm by which the microphone counts faster; `drive` of a loudspeaker that distorts (tanh), 0 for
        none; `noise` in dBFS."""
        self.upwards = RATE // speaker_rate == 2
        self.before = numpy.zeros(len(UPWARDS) - 1)
        self.delay = delay * RATE / 1000 - (len(UPWARDS) // 2 if self.upwards else 0)
        self.pace = 1 + drift * 1e-6
        self.drive = drive
        self.noise = level(noise)
        self.dice = numpy.random.default_rng(int(seed) + 1)
        self.response = reflections(int(seed)) * level(gain)
        self.tail = numpy.zeros(len(self.response) - 1)
        self.echo = numpy.zeros(MEMORY)  # the last of what the microphone would hear at once
        self.played = 0
        self.heard = 0

    def play(self, block):
        """The speaker's next 20 ms."""
        if self.upwards:
            block = self.doubled(block)
        if self.drive:
            block = numpy.tanh(block * self.drive) / self.drive
        out = numpy.convolve(block, self.response)
        out[: len(self.tail)] += self.tail
        self.tail = out[BLOCK:]
        self.echo = numpy.concatenate((self.echo[BLOCK:], out[:BLOCK]))
        self.played += BLOCK

    def doubled(self, block):
        spread = numpy.zeros(BLOCK)
        spread[::2] = block
        spread = numpy.concatenate((self.before, spread))
        self.before = spread[BLOCK:]
        return numpy.convolve(spread, UPWARDS, "valid")

    def hear(self):
        """The microphone's next block. What it brings has to be played by then, and one block more."""
        at = (self.heard + numpy.arange(BLOCK)) / self.pace - self.delay
        self.heard += BLOCK
        whole = numpy.floor(at).astype(int)
        away = TAPS - (at - whole)[:, None]
        weights = numpy.sinc(away) * numpy.cos(numpy.pi * away / (len(TAPS) + 2)) ** 2
        index = whole[:, None] + TAPS - (self.played - MEMORY)
        echo = numpy.where(index >= 0, self.echo[numpy.clip(index, 0, MEMORY - 1)], 0)
        return numpy.sum(weights * echo, axis=1), self.noise * self.dice.normal(size=BLOCK)
