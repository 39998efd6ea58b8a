//! Energies of sounds, and their ratios.

use crate::level::SILENT;

/// dB of a ratio of energies, or dBFS of a mean square.
pub fn decibels(ratio: f32) -> f32 {
    (10.0 * ratio.log10()).max(SILENT)
}

/// The mean of the squares.
pub fn mean_square(samples: &[f32]) -> f32 {
    samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len().max(1) as f32
}
