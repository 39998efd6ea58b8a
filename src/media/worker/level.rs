//! How loud something is.

/// dBFS of silence.
pub const SILENT: f32 = -100.0;

/// dBFS of a mean power.
pub fn dbfs(power: f32) -> f32 {
    let level = 10.0 * power.log10();
    if level.is_finite() { level.clamp(SILENT, 20.0) } else { SILENT }
}

/// The level over a time.
#[derive(Default)]
pub struct Level {
    power: f64,
    samples: usize,
}

impl Level {
    /// More of it.
    pub fn note(&mut self, samples: &[f32]) {
        self.power += samples.iter().map(|s| f64::from(s * s)).sum::<f64>();
        self.samples += samples.len();
    }

    /// dBFS since the last time, -100 for silence or nothing.
    pub fn take(&mut self) -> f32 {
        let Self { power, samples } = std::mem::take(self);
        dbfs((power / samples.max(1) as f64) as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_of_a_square_wave_is_its_amplitude_and_silence_is_minus_a_hundred() {
        let mut level = Level::default();
        level.note(&[0.1, -0.1].repeat(480));
        assert!((level.take() + 20.0).abs() < 0.01);
        assert_eq!(level.take(), SILENT);
        level.note(&[0.0; 960]);
        assert_eq!(level.take(), SILENT);
        level.note(&[f32::NAN]);
        assert_eq!(level.take(), SILENT);
    }
}
