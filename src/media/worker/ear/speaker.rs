//! What a camera's speaker is given.

use super::rate::Decimator;
use super::timeline::Timeline;
use super::{MS, RATIO, REACH, tame};

/// Seconds of it that are remembered: the longest delay, and packets that come late.
pub const SECONDS: usize = 6;
/// What is given in a row is played in a row, even when it is given a little early or late.
const UNEVEN: i64 = 60 * MS;
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
    /// The place behind the last loud frame.
    loud: Option<i64>,
}

impl Speaker {
    /// Of a speaker that is silent.
    pub fn new() -> Self {
        Self {
            decimator: Decimator::new(RATIO, REACH),
            tamed: Vec::new(),
            low: Vec::new(),
            timeline: Timeline::new(SECONDS * 16_000),
            loud: None,
        }
    }

    /// It is given samples of 48 kHz; says which places they take, and what they are at 16 kHz.
    pub fn play(&mut self, samples: &[f32], at_ms: i64) -> (i64, &[f32]) {
        self.tamed.clear();
        self.tamed.extend_from_slice(samples);
        tame(&mut self.tamed);
        self.low.clear();
        self.decimator.run(&self.tamed, &mut self.low);
        let (at, end) = (at_ms.clamp(-FAR, FAR) * MS, self.timeline.end());
        let at = if (end - at).abs() <= UNEVEN { end } else { at };
        self.timeline.write(at, &self.low);
        if super::mean_square(&self.low) > LOUD {
            self.loud = Some(self.timeline.end());
        }
        (at, &self.low)
    }

    /// What it is given from a place on.
    pub fn read(&self, at: i64, to: &mut [f32]) {
        self.timeline.read(at, to);
    }

    /// Whether it is loud at a place.
    pub fn is_loud(&self, at: i64, samples: &mut [f32]) -> bool {
        self.timeline.read(at, samples);
        super::mean_square(samples) > LOUD
    }

    /// Whether it was loud in so many samples before a place.
    pub fn was_loud(&self, at: i64, samples: i64) -> bool {
        self.loud.is_some_and(|loud| at - loud < samples && self.timeline.end() >= loud)
    }
}
