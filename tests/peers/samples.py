"""Sound as arrays: floats of full scale 1, mono."""

import wave

import numpy

DEPTH = 32768
SILENCE_DBFS = -120.0


def resampled(samples, before, after):
    """By its spectrum, which is cut where the lower rate ends."""
    if before == after:
        return samples
    count = len(samples) * after // before
    spectrum = numpy.fft.rfft(samples)
    kept = numpy.zeros(count // 2 + 1, complex)
    size = min(len(kept), len(spectrum))
    kept[:size] = spectrum[:size]
    return numpy.fft.irfft(kept, count) * (after / before)


def pcm(samples):
    """16 bit, as bytes."""
    return numpy.clip(numpy.rint(samples * DEPTH), -DEPTH, DEPTH - 1).astype("<i2").tobytes()


def load(path, rate):
    """A 16 bit mono WAV of any rate, at this one."""
    with wave.open(str(path)) as file:
        if (file.getsampwidth(), file.getnchannels()) != (2, 1):
            raise ValueError(f"{path} is not 16 bit mono")
        samples = numpy.frombuffer(file.readframes(file.getnframes()), "<i2") / DEPTH
        return resampled(samples, file.getframerate(), rate)


def save(path, samples, rate):
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(pcm(samples))


def dbfs(samples):
    """RMS level; a full-scale square wave is 0."""
    power = numpy.mean(samples**2) if len(samples) else 0
    return max(10 * numpy.log10(power), SILENCE_DBFS) if power else SILENCE_DBFS


def levels(samples, rate, seconds=0.02):
    """Level of each block."""
    size = int(rate * seconds)
    blocks = samples[: len(samples) // size * size].reshape(-1, size)
    return numpy.maximum(10 * numpy.log10(numpy.mean(blocks**2, axis=1) + 1e-12), SILENCE_DBFS)


def cross(long, short):
    """Their correlation at each place of the short one in the long one, -1 to 1."""
    size = 1 << (len(long) + len(short) - 1).bit_length()
    product = numpy.fft.rfft(long, size) * numpy.conj(numpy.fft.rfft(short, size))
    at_places = numpy.fft.irfft(product, size)[: max(len(long) - len(short) + 1, 1)]
    sums = numpy.concatenate(([0], numpy.cumsum(long**2)))
    energy = sums[len(short) :] - sums[: len(sums) - len(short)]
    return at_places / numpy.sqrt(numpy.maximum(energy, 1e-9) * max(numpy.sum(short**2), 1e-9))


def place(long, short):
    """Where the short one is most alike, as samples, and how much, 0 to 1."""
    if len(long) < len(short):
        long = numpy.pad(long, (0, len(short) - len(long)))
    alike = numpy.abs(cross(long, short))
    at = int(numpy.argmax(alike))
    return at, float(alike[at])
