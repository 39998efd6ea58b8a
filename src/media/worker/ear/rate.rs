//! Between 48 kHz, 16 kHz and 4 kHz.

use std::f32::consts::PI;

/// A low-pass filter of linear phase for a whole ratio of rates.
fn low_pass(ratio: usize, reach: usize) -> Vec<f32> {
    let length = 2 * reach * ratio + 1;
    let middle = (reach * ratio) as f32;
    // A little below the lower rate's half, so that the slope ends near it.
    let cut = 0.92 / ratio as f32;
    let taps = (0..length).map(|n| {
        let x = n as f32 - middle;
        let sinc = if x == 0.0 { cut } else { (PI * cut * x).sin() / (PI * x) };
        sinc * (0.5 + 0.5 * (PI * x / (middle + 1.0)).cos())
    });
    let taps: Vec<f32> = taps.collect();
    let sum: f32 = taps.iter().sum();
    taps.into_iter().map(|tap| tap / sum).collect()
}

/// The sum of all products; in eight lanes, which the processor adds at once.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a, a_rest) = a.as_chunks::<8>();
    let (b, b_rest) = b.as_chunks::<8>();
    let mut lanes = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += a * b;
        }
    }
    lanes.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}

/// Makes the rate lower by a whole ratio.
pub struct Decimator {
    taps: Vec<f32>,
    past: Vec<f32>,
    ratio: usize,
}

impl Decimator {
    /// `reach`: half the filter's length, in samples of the lower rate; that is the delay, too.
    pub fn new(ratio: usize, reach: usize) -> Self {
        let taps = low_pass(ratio, reach);
        Self { past: vec![0.0; taps.len() - 1], taps, ratio }
    }

    /// Appends one sample for each whole `ratio` of samples.
    pub fn run(&mut self, samples: &[f32], to: &mut Vec<f32>) {
        self.past.extend_from_slice(samples);
        let whole = (self.past.len() + 1 - self.taps.len()) / self.ratio;
        for window in self.past.windows(self.taps.len()).step_by(self.ratio).take(whole) {
            to.push(dot(window, &self.taps));
        }
        self.past.drain(..whole * self.ratio);
    }
}

/// Makes the rate higher by a whole ratio.
pub struct Interpolator {
    /// The filter's taps for each place between two samples, the newest sample's first.
    phases: Vec<Vec<f32>>,
    past: Vec<f32>,
}

impl Interpolator {
    /// `reach`: half the filter's length, in samples of the lower rate; that is the delay, too.
    pub fn new(ratio: usize, reach: usize) -> Self {
        let taps = low_pass(ratio, reach);
        let phase =
            |start| taps.iter().skip(start).step_by(ratio).rev().map(|tap| tap * ratio as f32).collect();
        Self { phases: (0..ratio).map(phase).collect(), past: vec![0.0; 2 * reach] }
    }

    /// Writes `ratio` samples for each.
    pub fn run(&mut self, samples: &[f32], to: &mut [f32]) {
        let kept = self.past.len();
        self.past.extend_from_slice(samples);
        for (newest, out) in (kept + 1..).zip(to.chunks_exact_mut(self.phases.len())) {
            for (phase, sample) in self.phases.iter().zip(out) {
                let window = self.past.get(newest.saturating_sub(phase.len())..newest).unwrap_or_default();
                *sample = dot(window, phase);
            }
        }
        self.past.drain(..self.past.len() - kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hz: f32, rate: f32, samples: usize) -> Vec<f32> {
        (0..samples).map(|n| (2.0 * PI * hz * n as f32 / rate).sin()).collect()
    }

    fn level(samples: &[f32]) -> f32 {
        (samples.iter().map(|s| s * s).sum::<f32>() / samples.len() as f32).sqrt()
    }

    /// Down to 16 kHz and up again, in pieces.
    fn there_and_back(samples: &[f32]) -> Vec<f32> {
        let (mut down, mut up) = (Decimator::new(3, 16), Interpolator::new(3, 16));
        let mut back = vec![0.0; samples.len()];
        for (piece, out) in samples.chunks_exact(480).zip(back.chunks_exact_mut(480)) {
            let mut low = Vec::new();
            down.run(piece, &mut low);
            assert_eq!(low.len(), 160);
            up.run(&low, out);
        }
        back
    }

    #[test]
    fn speech_passes_unharmed_two_milliseconds_late() {
        let sent = tone(1_234.0, 48_000.0, 9_600);
        let heard = there_and_back(&sent);
        let error: Vec<f32> = heard[4_896..].iter().zip(&sent[4_800..]).map(|(a, b)| a - b).collect();
        assert!(level(&error) < 0.005, "{}", level(&error));
    }

    #[test]
    fn what_the_lower_rate_cannot_hold_is_gone() {
        let heard = there_and_back(&tone(9_000.0, 48_000.0, 9_600));
        assert!(level(&heard[4_800..]) < 0.005, "{}", level(&heard[4_800..]));
    }
}
