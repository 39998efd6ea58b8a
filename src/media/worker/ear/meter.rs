//! Loudness.

/// dBFS of silence.
pub const SILENT: f32 = -100.0;

/// Measures the loudness of all that passes until it is read.
#[derive(Default)]
pub struct Meter {
    energy: f64,
    samples: usize,
}

impl Meter {
    /// Counts in what passes.
    pub fn hear(&mut self, samples: &[f32]) {
        self.energy += samples.iter().map(|sample| f64::from(sample * sample)).sum::<f64>();
        self.samples += samples.len();
    }

    /// dBFS since the last time.
    pub fn take(&mut self) -> f32 {
        let square = self.energy / self.samples.max(1) as f64;
        *self = Self::default();
        decibels(square as f32)
    }
}

/// dB of a ratio of energies, or dBFS of a mean square.
pub fn decibels(ratio: f32) -> f32 {
    (10.0 * ratio.log10()).max(SILENT)
}

/// The mean of the squares.
pub fn mean_square(samples: &[f32]) -> f32 {
    samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len().max(1) as f32
}
