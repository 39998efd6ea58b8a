//! Changes of loudness without a click.

/// Samples of a ramp: 20 ms at 48 kHz.
const RAMP: f32 = 960.0;

/// A gain that moves to where it shall be.
pub struct Fade {
    gain: f32,
}

impl Default for Fade {
    fn default() -> Self {
        Self { gain: 1.0 }
    }
}

impl Fade {
    /// Applies the gain, which moves towards `target`.
    pub fn run(&mut self, samples: &mut [f32], target: f32) {
        if self.gain == target && target == 1.0 {
            return;
        }
        for sample in samples {
            self.gain += (target - self.gain).clamp(-1.0 / RAMP, 1.0 / RAMP);
            *sample *= self.gain;
        }
    }
}
