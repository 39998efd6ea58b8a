//! Whether somebody says something.
//!
//! Against the noise floor: the quietest of the last three seconds, because speech pauses within that time and noise
//! does not.

use std::collections::VecDeque;

use crate::level::dbfs;

/// Frames of 20 ms that are looked back upon for the floor.
const KEPT: usize = 150;
/// Before so many frames the floor is not known.
const KNOWN: usize = 25;
/// dBFS. The floor is not higher than this at first, so that even a steady sound is one if it is loud.
const HIGHEST_FLOOR: f32 = -40.0;
/// Frames after which a sound that never pauses is noise, however loud it is: nobody speaks for 15 s without a breath.
const STEADY: u32 = 750;
/// dBFS; while it is not known.
const FIRST_FLOOR: f32 = -50.0;
/// dB above the floor.
const ABOVE: f32 = 10.0;
/// dBFS. Anything quieter is no sound.
const QUIETEST: f32 = -52.0;
/// dBFS. Digital silence, or what a codec makes of it, says nothing about the room.
const NO_ROOM: f32 = -75.0;
/// Of the last five frames so many must be loud; a click is shorter.
const LOUD: u32 = 3;
/// The frame before the first loud one belongs to it.
const LEAD: u32 = 1;

/// One talker's voice.
#[derive(Default)]
pub struct Voice {
    levels: VecDeque<f32>,
    /// Bit n: the frame n before the last one was loud.
    loud: u32,
    last: f32,
    without_rumble: f32,
    /// Loud frames without a pause.
    unbroken: u32,
}

impl Voice {
    /// Hears a frame of 20 ms. True while somebody says something.
    pub fn hear(&mut self, frame: &[f32]) -> bool {
        let level = self.level(frame);
        if level > NO_ROOM {
            self.levels.push_back(level);
            self.levels.drain(..self.levels.len().saturating_sub(KEPT));
        }
        let loud = level > (self.floor() + ABOVE).max(QUIETEST);
        self.unbroken = match loud {
            true => self.unbroken + 1,
            false if self.is_steady() && self.quietest() > HIGHEST_FLOOR => self.unbroken,
            false => 0,
        };
        self.loud = self.loud << 1 | u32::from(loud);
        (self.loud & 0b1_1111).count_ones() >= LOUD
    }

    /// How many frames back it began, the soft beginning included.
    pub fn age(&self) -> usize {
        let mut age = 0;
        // One quiet frame does not end it.
        while self.loud >> age & 0b11 != 0 && age < 30 {
            age += 1;
        }
        (age + LEAD) as usize
    }

    fn floor(&self) -> f32 {
        match self.levels.len() {
            ..KNOWN => self.quietest().min(FIRST_FLOOR),
            _ if self.is_steady() => self.quietest(),
            _ => self.quietest().min(HIGHEST_FLOOR),
        }
    }

    fn quietest(&self) -> f32 {
        self.levels.iter().copied().fold(0.0, f32::min)
    }

    fn is_steady(&self) -> bool {
        self.unbroken >= STEADY
    }

    /// dBFS, without what is below about 100 Hz.
    fn level(&mut self, frame: &[f32]) -> f32 {
        let mut power = 0.0;
        for sample in frame {
            self.without_rumble = sample - self.last + 0.987 * self.without_rumble;
            self.last = *sample;
            power += self.without_rumble * self.without_rumble;
        }
        dbfs(power / frame.len().max(1) as f32)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    struct Ear {
        voice: Voice,
        random: u32,
        at: usize,
    }

    impl Ear {
        fn new() -> Self {
            Self { voice: Voice::default(), random: 1, at: 0 }
        }

        fn noise(&mut self) -> f32 {
            self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (self.random >> 8) as f32 / 8_388_608.0 - 1.0
        }

        /// How many of so many frames are a voice: noise, and above it a tone, of these amplitudes.
        fn voiced(&mut self, frames: usize, noise: f32, tone: f32) -> usize {
            (0..frames)
                .filter(|_| {
                    let frame: Vec<f32> = (0..960)
                        .map(|_| {
                            self.at += 1;
                            let phase = self.at as f32 * 300.0 * std::f32::consts::TAU / 48_000.0;
                            noise * self.noise() + tone * phase.sin()
                        })
                        .collect();
                    self.voice.hear(&frame)
                })
                .count()
        }
    }

    #[test]
    fn words_are_a_voice_within_sixty_milliseconds_and_silence_is_none() {
        let mut ear = Ear::new();
        assert_eq!(ear.voiced(100, 0.0, 0.0), 0);
        assert_eq!(ear.voiced(2, 0.0, 0.1), 0);
        assert_eq!(ear.voiced(20, 0.0, 0.1), 20);
        assert_eq!(ear.voice.age(), 22 + 1);
        assert!(ear.voiced(50, 0.0, 0.0) <= 3);
    }

    #[test]
    fn comfort_noise_and_the_noise_of_a_room_are_none_and_words_in_it_are() {
        assert_eq!(Ear::new().voiced(200, 0.001, 0.0), 0, "comfort noise");
        let mut ear = Ear::new();
        assert_eq!(ear.voiced(100, 0.0, 0.0), 0);
        assert_eq!(ear.voiced(200, 0.008, 0.0), 0, "a room");
        assert!(ear.voiced(50, 0.008, 0.1) >= 48);
        assert!(ear.voiced(200, 0.008, 0.0) <= 3);
    }

    #[test]
    fn a_click_is_no_voice() {
        let mut ear = Ear::new();
        for _ in 0..10 {
            ear.voiced(20, 0.0, 0.0);
            assert_eq!(ear.voiced(2, 0.0, 0.9), 0);
        }
    }

    #[test]
    fn a_loud_sound_is_one_even_if_it_is_steady_but_not_for_ever() {
        let mut ear = Ear::new();
        assert!(ear.voiced(700, 0.0, 0.1) >= 698);
        assert!(ear.voiced(100, 0.0, 0.1) < 60);
        assert_eq!(ear.voiced(1_000, 0.0, 0.1), 0, "a television holds the speaker no longer");
        assert_eq!(ear.voiced(200, 0.0, 0.0), 0);
        assert!(ear.voiced(100, 0.0, 0.1) >= 98);
    }
}
