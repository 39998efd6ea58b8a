//! Lifts a quiet talker, slowly.

use crate::level::dbfs;

/// dBFS that words should have.
const GOAL: f32 = -20.0;
/// dB at most.
const MOST: f32 = 12.0;
/// dB in 20 ms, up and down.
const STEPS: (f32, f32) = (0.1, 0.4);
/// The share of a new frame in the level of the words.
const SHARE: f32 = 0.05;

/// One talker's gain.
#[derive(Default)]
pub struct Gain {
    /// Mean power of the words.
    power: Option<f32>,
    db: f32,
}

impl Gain {
    /// Lifts a frame of 20 ms. Only words decide how much, so noise does not swell in their pauses.
    pub fn lift(&mut self, frame: &mut [f32], voiced: bool) {
        let before = self.db;
        if voiced {
            let power = frame.iter().map(|s| s * s).sum::<f32>() / frame.len().max(1) as f32;
            let mean = self.power.get_or_insert(power);
            *mean += SHARE * (power - *mean);
            let wanted = (GOAL - dbfs(*mean)).clamp(0.0, MOST);
            self.db += (wanted - self.db).clamp(-STEPS.1, STEPS.0);
        }
        let [from, to] = [before, self.db].map(|db| 10.0_f32.powf(db / 20.0));
        let step = (to - from) / frame.len().max(1) as f32;
        for (n, sample) in frame.iter_mut().enumerate() {
            *sample *= from + step * n as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level_after(seconds: usize, amplitude: f32, voiced: bool) -> f32 {
        let mut gain = Gain::default();
        let mut power = 0.0;
        for _ in 0..seconds * 50 {
            let mut frame = [amplitude, -amplitude].repeat(480);
            gain.lift(&mut frame, voiced);
            power = frame.iter().map(|s| s * s).sum::<f32>() / 960.0;
        }
        dbfs(power)
    }

    #[test]
    fn a_quiet_talker_is_lifted_by_twelve_decibels_and_a_loud_one_and_noise_are_not() {
        assert!((level_after(10, 0.01, true) - -28.0).abs() < 0.2);
        assert!((level_after(10, 0.05, true) - -20.0).abs() < 0.2);
        assert!((level_after(10, 0.5, true) - -6.0).abs() < 0.2);
        assert!((level_after(10, 0.01, false) - -40.0).abs() < 0.2);
        assert!(level_after(1, 0.01, true) < -34.0, "slowly");
    }
}
