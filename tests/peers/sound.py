"""Level and pitch of received sound, and the sound that is sent. Samples are 16 bit mono."""

import array
import cmath
import math

import recording

SILENCE_DBFS = -120.0


def dbfs(samples):
    """RMS level; a full-scale square wave is 0."""
    if not samples:
        return SILENCE_DBFS
    power = sum(sample * sample for sample in samples) / len(samples)
    return round(max(10 * math.log10(power / 32768**2), SILENCE_DBFS), 1) if power else SILENCE_DBFS


def _spectrum(values):
    count = len(values)
    if count == 1:
        return values
    even, odd = _spectrum(values[0::2]), _spectrum(values[1::2])
    turned = [cmath.exp(-2j * math.pi * k / count) * odd[k] for k in range(count // 2)]
    return [e + o for e, o in zip(even, turned)] + [e - o for e, o in zip(even, turned)]


def pitch(samples, rate):
    """Strongest frequency in Hz (to about 2 Hz) where it is loudest, or None in next to silence."""
    step = max(rate // 8000, 1)
    low = [sum(samples[i : i + step]) / step for i in range(0, len(samples) - step + 1, step)]
    # A tone may come in beeps.
    parts = [low[at : at + 4096] for at in range(0, len(low) - 4095, 1024)]
    power = [sum(value * value for value in part) for part in parts]
    if not parts or max(power) < 4096 * 32:
        return None
    part = parts[power.index(max(power))]
    shaped = [value * (0.5 - 0.5 * math.cos(2 * math.pi * i / 4096)) for i, value in enumerate(part)]
    power = [abs(value) for value in _spectrum(shaped)[:2048]]
    peak = max(range(10, 2047), key=lambda k: power[k])
    left, mid, right = (math.log(power[peak + d] + 1e-9) for d in (-1, 0, 1))
    bend = left - 2 * mid + right
    offset = 0.5 * (left - right) / bend if bend else 0.0
    return round((peak + offset) * (rate / step) / 4096, 1)


class Ear:
    """Keeps the level of each second and the last two seconds of samples."""

    def __init__(self, rate=48000):
        self.rate = rate
        self.levels = []
        self._second = array.array("h")
        self._recent = array.array("h")

    def hear(self, samples):
        """Takes mono samples."""
        self._second.extend(samples)
        while len(self._second) >= self.rate:
            second = self._second[: self.rate]
            self._second = self._second[self.rate :]
            self.levels.append(dbfs(second))
            self._recent = (self._recent + second)[-2 * self.rate :]

    def summary(self):
        """Level of the last two seconds, of each second, and the strongest tone."""
        recent = (self._recent + self._second)[-2 * self.rate :]
        return {
            "audio_dbfs": dbfs(recent),
            "audio_levels": self.levels,
            "tone_hz": pitch(recent, self.rate),
        }


def talk(what, rate=48000):
    """Endless 20 ms blocks of what is said: a frequency in Hz, `speech`, or a 16 bit mono WAV."""
    block = rate // 50
    if what == "speech":
        yield from _speech(rate, block)
    elif what.replace(".", "", 1).isdigit():
        turn = 2 * math.pi * float(what) / rate
        at = 0
        while True:
            yield array.array("h", (int(12000 * math.sin(turn * (at + i))) for i in range(block)))
            at += block
    else:
        samples = recording.read(what, rate)
        while True:
            for at in range(0, len(samples) - block, block):
                yield samples[at : at + block]


def script(texts, rate=48000):
    """Endless 20 ms blocks and which files begin with them; `texts`: `FILE[@seconds]`."""
    block, at = rate // 50, 0
    said = [(path, round(second * 50), recording.read(path, rate)) for path, second in map(recording.placed, texts)]
    while True:
        out = array.array("h", bytes(2 * block))
        for _path, start, samples in said:
            if at >= start:
                words = samples[(at - start) * block : (at - start + 1) * block]
                out = words + out[len(words) :] if words else out
        yield out, [path for path, start, _samples in said if start == at]
        at += 1


def _speech(rate, block):
    """Vowel-like: harmonics of a gliding voice under syllables of 4 Hz with pauses."""
    phase, at = 0.0, 0
    while True:
        out = array.array("h")
        for _ in range(block):
            second = at / rate
            phase += 2 * math.pi * (130 + 25 * math.sin(2 * math.pi * 0.7 * second)) / rate
            envelope = max(0.0, math.sin(2 * math.pi * 2 * second)) ** 0.5
            if second % 3 > 2.4:
                envelope = 0.0
            voice = sum(math.sin(phase * n) / n for n in (1, 2, 3, 5, 8))
            out.append(int(7000 * envelope * voice))
            at += 1
        yield out
