//! Finds how long a sound takes from the speaker to the microphone.
//!
//! Generalized cross-correlation with phase transform (Knapp and Carter, 1976) of both signals at 4 kHz, averaged
//! over the last seconds. The phase transform makes speech, whose samples resemble their neighbours, as sharp as
//! noise.

use std::sync::Arc;

use rustfft::num_complex::Complex;
use rustfft::{Fft, FftPlanner};

use super::rate::Decimator;
use super::timeline::Timeline;

/// How much lower the rate is in here than outside.
const RATIO: i64 = 4;
/// Hz.
const RATE: usize = 4_000;
/// Half the length of the filter before it, in samples.
const REACH: usize = 8;
/// Of one transform.
const SIZE: usize = 16_384;
/// Samples of the microphone that are looked at at once: about a second.
const SEGMENT: usize = 4_096;
/// Delays that are tried, in samples, from `EARLIEST` on: up to 1.4 s. The clocks may be a little wrong at first.
const LAGS: usize = 6_144;
const EARLIEST: i64 = -400;
/// The transform's lines that are used: 250 to 1850 Hz, which every telephone line passes.
const LOW: usize = 250 * SIZE / RATE;
const HIGH: usize = 1_850 * SIZE / RATE;
/// Samples between two looks: 128 ms.
const HOP: i64 = 512;
/// How much of what was seen before counts at the next look: the average is over about a second.
const KEEP: f32 = 0.9;
/// A peak is so many times higher than the root mean square of all. Two different voices reach 10.
const PEAK: f32 = 14.0;
/// A speaker whose mean square is below this is silent: -60 dBFS.
const SILENT: f32 = 1e-6;
/// Samples for which the speaker must have been loud at the delay of a peak: 250 ms.
const LEAST_LOUD: usize = RATE / 4;
/// Samples that are judged at once as loud or silent.
const PIECE: usize = 40;

/// What a look brought.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Look {
    /// The speaker was silent for as long as a sound may take.
    Silence,
    /// The microphone has nothing of the speaker's, as far as one sees.
    Nothing,
    /// It has, so many samples of 16 kHz later.
    Echo(i64),
}

/// Listens to both signals, and says once in 128 ms what it knows.
pub struct DelaySearch {
    forward: Arc<dyn Fft<f32>>,
    inverse: Arc<dyn Fft<f32>>,
    work: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
    /// The averaged cross spectrum, each line of length one at a look; from `LOW` on.
    cross: Vec<Complex<f32>>,
    speaker: Side,
    microphone: Side,
    speaker_samples: Vec<f32>,
    microphone_samples: Vec<f32>,
    last: i64,
}

/// One signal at the lower rate.
struct Side {
    decimator: Decimator,
    low: Vec<f32>,
    timeline: Timeline,
}

impl Side {
    fn new(capacity: usize) -> Self {
        let decimator = Decimator::new(RATIO as usize, REACH);
        Self { decimator, low: Vec::new(), timeline: Timeline::new(capacity) }
    }

    fn write(&mut self, at: i64, samples: &[f32]) {
        self.low.clear();
        self.decimator.run(samples, &mut self.low);
        self.timeline.write(at.div_euclid(RATIO), &self.low);
    }
}

impl DelaySearch {
    /// Remembers so many seconds of the speaker.
    pub fn new(seconds: usize) -> Self {
        let mut planner = FftPlanner::new();
        Self {
            forward: planner.plan_fft_forward(SIZE),
            inverse: planner.plan_fft_inverse(SIZE),
            work: vec![Complex::default(); SIZE],
            scratch: vec![Complex::default(); SIZE],
            cross: vec![Complex::default(); HIGH - LOW],
            speaker: Side::new(seconds * RATE),
            microphone: Side::new(SEGMENT),
            speaker_samples: vec![0.0; SEGMENT + LAGS],
            microphone_samples: vec![0.0; SEGMENT],
            last: 0,
        }
    }

    /// What the speaker is given: 16 kHz, whole multiples of four samples.
    pub fn speaker(&mut self, at: i64, samples: &[f32]) {
        self.speaker.write(at, samples);
    }

    /// What the microphone hears: 16 kHz, whole multiples of four samples.
    pub fn microphone(&mut self, at: i64, samples: &[f32]) -> Option<Look> {
        self.microphone.write(at, samples);
        let end = self.microphone.timeline.end();
        if (0..HOP).contains(&(end - self.last)) {
            return None;
        }
        self.last = end;
        Some(self.look(end))
    }

    /// The signals' clocks have moved against each other.
    pub fn forget(&mut self) {
        self.cross.fill(Complex::default());
    }

    fn look(&mut self, end: i64) -> Look {
        let begin = end - SEGMENT as i64;
        let first = begin - EARLIEST - LAGS as i64;
        self.microphone.timeline.read(begin, &mut self.microphone_samples);
        self.speaker.timeline.read(first, &mut self.speaker_samples);
        if loud(&self.speaker_samples) == 0 {
            return Look::Silence;
        }
        self.average();
        self.correlate();
        let lags = self.work.get(..LAGS).unwrap_or_default();
        let mean = lags.iter().map(|c| c.re * c.re).sum::<f32>() / LAGS as f32;
        let peak = lags.iter().enumerate().max_by(|a, b| a.1.re.abs().total_cmp(&b.1.re.abs()));
        let Some((start, peak)) = peak else { return Look::Nothing };
        let heard = self.speaker_samples.get(start..start + SEGMENT).unwrap_or_default();
        // Not a number is no peak, either.
        if peak.re.abs() > PEAK * mean.sqrt() && loud(heard) >= LEAST_LOUD {
            Look::Echo((EARLIEST + (LAGS - start) as i64) * RATIO)
        } else {
            Look::Nothing
        }
    }

    /// Adds what is heard now to the averaged cross spectrum.
    fn average(&mut self) {
        // Two real signals in one complex transform.
        self.work.fill(Complex::default());
        for (to, sample) in self.work.iter_mut().zip(&self.speaker_samples) {
            to.re = *sample;
        }
        for (to, sample) in self.work.iter_mut().zip(&self.microphone_samples) {
            to.im = *sample;
        }
        self.forward.process_with_scratch(&mut self.work, &mut self.scratch);
        let lines = self.work.get(LOW..HIGH).unwrap_or_default();
        let mirrored = self.work.get(SIZE - HIGH + 1..=SIZE - LOW).unwrap_or_default().iter().rev();
        for ((cross, line), mirrored) in self.cross.iter_mut().zip(lines).zip(mirrored) {
            let speaker = line + mirrored.conj();
            let microphone = (line - mirrored.conj()) * Complex::new(0.0, -1.0);
            let product = speaker * microphone.conj();
            *cross = *cross * KEEP + product / product.norm().max(f32::MIN_POSITIVE);
        }
    }

    /// Makes `work` the correlation: at n, that of the microphone's samples with the speaker's from n on.
    fn correlate(&mut self) {
        self.work.fill(Complex::default());
        for (line, cross) in (LOW..).zip(&self.cross) {
            self.work[line] = *cross;
            self.work[SIZE - line] = cross.conj();
        }
        self.inverse.process_with_scratch(&mut self.work, &mut self.scratch);
    }
}

/// Samples in pieces that are not silent.
fn loud(samples: &[f32]) -> usize {
    let energy = |piece: &[f32]| piece.iter().map(|sample| sample * sample).sum::<f32>();
    samples.chunks(PIECE).filter(|piece| energy(piece) > SILENT * PIECE as f32).count() * PIECE
}
