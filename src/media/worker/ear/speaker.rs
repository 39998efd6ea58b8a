//! What a camera's speaker is given.

use super::energy::mean_square;
use super::rate::Decimator;
use super::timeline::Timeline;
use super::{MS, RATIO, REACH, tame};

/// Seconds of it that are remembered: the longest delay, and packets that come late.
pub const SECONDS: usize = 6;
/// What is given in a row is played in a row, even when some of it is given this much early or late,
const UNEVEN: i64 = 60 * MS;
/// or this much so many times in a row.
const ASTRAY: i64 = 10 * MS;
const TIMES: u32 = 5;
/// No time is further from zero than this, ms.
const FAR: i64 = 1 << 40;
/// The speaker is loud from this mean square on: -50 dBFS.
const LOUD: f32 = 1e-5;

/// The speaker's signal on the worker's clock, at 16 kHz.
pub struct Speaker {
    decimator: Decimator,
    tamed: Vec<f32>,
    low: Vec<f32>,
    timeline: Timeline,
    /// How many times in a row it was given early or late.
    astray: u32,
    /// The place behind the last loud frame.
    loud: Option<i64>,
}

/// What the speaker was given, at 16 kHz.
pub struct Played<'a> {
    /// Its place.
    pub at: i64,
    pub samples: &'a [f32],
    pub is_loud: bool,
}

impl Speaker {
    /// Of a speaker that is silent.
    pub fn new() -> Self {
        Self {
            decimator: Decimator::new(RATIO, REACH),
            tamed: Vec::new(),
            low: Vec::new(),
            timeline: Timeline::new(SECONDS * 16_000),
            astray: 0,
            loud: None,
        }
    }

    /// It is given samples of 48 kHz.
    pub fn play(&mut self, samples: &[f32], at_ms: i64) -> Played<'_> {
        self.tamed.clear();
        self.tamed.extend_from_slice(samples);
        tame(&mut self.tamed);
        self.low.clear();
        self.decimator.run(&self.tamed, &mut self.low);
        let at = self.place(at_ms.clamp(-FAR, FAR) * MS);
        self.timeline.write(at, &self.low);
        let is_loud = mean_square(&self.low) > LOUD;
        if is_loud {
            self.loud = Some(self.timeline.end());
        }
        Played { at, samples: &self.low, is_loud }
    }

    fn place(&mut self, at: i64) -> i64 {
        let end = self.timeline.end();
        let off = (at - end).abs();
        self.astray = if off > ASTRAY { self.astray + 1 } else { 0 };
        if off <= UNEVEN && self.astray < TIMES {
            return end;
        }
        self.astray = 0;
        at
    }

    /// What it is given from a place on.
    pub fn read(&self, at: i64, to: &mut [f32]) {
        self.timeline.read(at, to);
    }

    /// Whether it was loud in so many samples before a place.
    pub fn was_loud(&self, at: i64, samples: i64) -> bool {
        self.loud.is_some_and(|loud| at - loud < samples && self.timeline.end() >= loud)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives 20 ms at each of these times; says where they went, ms.
    fn places(times: &[i64]) -> Vec<i64> {
        let mut speaker = Speaker::new();
        times.iter().map(|at| speaker.play(&[0.1; 960], *at).at / MS).collect()
    }

    #[test]
    fn what_is_given_unevenly_is_played_evenly() {
        assert_eq!(places(&[1_000, 1_055, 1_056, 1_060, 1_095]), [1_000, 1_020, 1_040, 1_060, 1_080]);
    }

    #[test]
    fn a_pause_is_a_pause_and_a_short_one_is_noticed_soon() {
        assert_eq!(places(&[1_000, 1_500, 900]), [1_000, 1_500, 900]);
        let places = places(&[1_000, 1_040, 1_060, 1_080, 1_100, 1_120, 1_140]);
        assert_eq!(places, [1_000, 1_020, 1_040, 1_060, 1_080, 1_120, 1_140]);
    }

    #[test]
    fn it_was_loud_for_as_long_as_its_sound_may_be_heard() {
        let mut speaker = Speaker::new();
        assert!(!speaker.was_loud(0, LONG));
        assert!(speaker.play(&[0.1; 960], 0).is_loud);
        assert!(speaker.was_loud(1_000 * MS, LONG) && !speaker.was_loud(1_030 * MS, LONG));
    }

    const LONG: i64 = 1_000 * MS;
}
