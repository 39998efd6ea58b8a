//! Whether somebody speaks.

/// A voice is so many times louder than the noise: 9 dB.
const ABOVE_NOISE: f32 = 8.0;
/// A voice's least mean square: -55 dBFS.
const LEAST: f32 = 3e-6;
/// How much the noise may grow in a frame: 1 dB in a second.
const NOISE_GROWS: f32 = 1.0023;
/// Frames of 10 ms that are loud in a row before it is a voice.
const BEGIN: u32 = 4;
/// Frames of 10 ms for which a voice goes on after the last loud one.
const HANG: u32 = 30;

/// Listens to a cleaned signal for a voice.
pub struct Voice {
    level: f32,
    noise: f32,
    loud: u32,
    hang: u32,
}

impl Default for Voice {
    fn default() -> Self {
        Self { level: 0.0, noise: 1.0, loud: 0, hang: 0 }
    }
}

impl Voice {
    /// The next 10 ms: their mean square, and the most that may be echo of it.
    pub fn hear(&mut self, square: f32, echo: f32) {
        self.level += 0.3 * (square - self.level);
        self.noise = (self.noise * NOISE_GROWS).min(self.level).max(f32::MIN_POSITIVE);
        let loud = self.level > LEAST.max(ABOVE_NOISE * self.noise) && self.level > echo;
        self.loud = if loud { self.loud.saturating_add(1) } else { 0 };
        self.hang = if self.loud >= BEGIN { HANG } else { self.hang.saturating_sub(1) };
    }

    /// Somebody speaks now.
    pub fn speaks(&self) -> bool {
        self.hang > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(voice: &mut Voice, frames: usize, square: f32, echo: f32) -> bool {
        (0..frames).for_each(|_| voice.hear(square, echo));
        voice.speaks()
    }

    #[test]
    fn a_voice_is_louder_than_noise_and_echo_and_has_pauses() {
        let mut voice = Voice::default();
        assert!(!hear(&mut voice, 200, 1e-5, 0.0), "noise");
        assert!(!hear(&mut voice, 30, 1e-3, 1e-2), "echo");
        assert!(hear(&mut voice, 20, 1e-3, 1e-4), "a voice");
        assert!(hear(&mut voice, 20, 1e-5, 0.0), "between two words");
        assert!(!hear(&mut voice, 40, 1e-5, 0.0), "the end");
        assert!(!hear(&mut voice, 1, 1.0, 0.0), "a click");
    }
}
