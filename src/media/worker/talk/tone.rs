//! The tone that tells whether a speaker sounds.

use std::f32::consts::TAU;

use crate::opus::PACKET;

/// Whose it is: no call is named so.
pub const TESTER: u32 = u32::MAX;
/// Frames of 20 ms.
const FRAMES: usize = 60;
/// Hz at its beginning and how many more each second: one that rises is found again in a microphone's sound.
const FROM: f32 = 300.0;
const RISES: f32 = 1_500.0;
const LOUD: f32 = 0.25;

/// A tone that rises for a little more than a second.
#[derive(Default)]
pub struct Tone {
    left: usize,
    at: usize,
}

impl Tone {
    /// Begins.
    pub fn start(&mut self) {
        (self.left, self.at) = (FRAMES, 0);
    }

    /// Nothing of it is left.
    pub fn is_over(&self) -> bool {
        self.left == 0
    }

    /// Its next 20 ms; `None` when it is over.
    pub fn frame(&mut self) -> Option<Vec<f32>> {
        self.left = self.left.checked_sub(1)?;
        let first = self.at;
        self.at += PACKET;
        let end = (FRAMES * PACKET) as f32;
        let sample = |n: usize| {
            let seconds = n as f32 / 48_000.0;
            let fade = (n as f32 / 960.0).min((end - n as f32) / 960.0).min(1.0);
            LOUD * fade * (TAU * (FROM + RISES * seconds / 2.0) * seconds).sin()
        };
        Some((first..first + PACKET).map(sample).collect())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn it_lasts_a_little_more_than_a_second_and_has_no_click_at_either_end() {
        let mut tone = Tone::default();
        assert!(tone.frame().is_none());
        tone.start();
        let samples: Vec<f32> = std::iter::from_fn(|| tone.frame()).flatten().collect();
        assert_eq!(samples.len(), 57_600);
        assert!(samples[0].abs() < 0.01 && samples.last().unwrap().abs() < 0.01);
        assert!(samples[1_000..56_000].iter().any(|sample| *sample > 0.24));
    }
}
