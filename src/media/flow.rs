//! How fast a camera's own pictures come, before anything is made of them.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Ticks a second.
const TICKS: i64 = 90_000;
/// Measured is what came within this many ticks.
const WINDOW: i64 = 12 * TICKS;
/// Most pictures that are looked back at.
const PICTURES: usize = 2_048;

/// What a camera sends, as measured of late on the clock of its pictures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Flow {
    /// Pictures a second.
    pub pictures_per_second: f32,
    /// kbit/s of the pictures.
    pub kbps: u32,
    /// Seconds between the last two key pictures; `None` before there were two.
    pub key_picture_seconds: Option<f32>,
    /// Seconds since the last key picture, or since the first picture if none was a key picture.
    pub since_key_seconds: f32,
    /// Seconds that were looked at, at most 12.
    pub seconds: f32,
}

/// Measures one stream of pictures.
#[derive(Debug, Default)]
pub struct FlowMeter {
    /// When each came and its bytes, oldest first.
    pictures: VecDeque<(i64, usize)>,
    bytes: usize,
    first: i64,
    key_at: Option<i64>,
    key_picture_ticks: Option<i64>,
    told: i64,
}

impl FlowMeter {
    /// Takes a picture; `ticks` are of a 90 kHz clock. Once a second of that clock it says how it stands.
    pub fn take(&mut self, ticks: i64, bytes: usize, key: bool) -> Option<Flow> {
        let last = self.pictures.back().map(|(at, _)| *at);
        // A clock that jumps is another stream's.
        let jumped = |last: i64| !(last.saturating_sub(TICKS)..last.saturating_add(WINDOW)).contains(&ticks);
        if last.is_none_or(jumped) {
            *self = Self { first: ticks, told: ticks, ..Self::default() };
        }
        // B frames come out of order.
        let at = last.filter(|last| !jumped(*last)).map_or(ticks, |last| last.max(ticks));
        if key {
            self.key_picture_ticks = self.key_at.map(|before| at - before).or(self.key_picture_ticks);
            self.key_at = Some(at);
        }
        self.pictures.push_back((at, bytes));
        self.bytes += bytes;
        while self.pictures.len() > PICTURES
            || self.pictures.front().is_some_and(|(first, _)| *first < at.saturating_sub(WINDOW))
        {
            self.bytes -= self.pictures.pop_front().map_or(0, |(_, bytes)| bytes);
        }
        (at - self.told >= TICKS).then(|| {
            self.told = at;
            self.flow(at, bytes)
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "a few seconds of ticks and bytes")]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "figures for people")]
    fn flow(&self, at: i64, last: usize) -> Flow {
        let seconds = |ticks: i64| ticks as f32 / TICKS as f32;
        let span = seconds(at - self.pictures.front().map_or(at, |(first, _)| *first)).max(0.001);
        Flow {
            pictures_per_second: (self.pictures.len() - 1) as f32 / span,
            // The last one lasts until the next, which is not there yet.
            kbps: ((self.bytes - last) as f32 * 8.0 / 1000.0 / span) as u32,
            key_picture_seconds: self.key_picture_ticks.map(seconds),
            since_key_seconds: seconds(at - self.key_at.unwrap_or(self.first)),
            seconds: span,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn last(meter: &mut FlowMeter, pictures: impl Iterator<Item = (i64, bool)>) -> Option<Flow> {
        pictures.filter_map(|(at, key)| meter.take(at, 10_000, key)).last()
    }

    #[test]
    fn pictures_are_measured_on_their_own_clock() {
        let flow = last(&mut FlowMeter::default(), (0..76).map(|n| (900 + n * 3_600, n % 25 == 0))).unwrap();
        assert_eq!(
            flow,
            Flow {
                pictures_per_second: 25.0,
                kbps: 2_000,
                key_picture_seconds: Some(1.0),
                since_key_seconds: 0.0,
                seconds: 3.0,
            }
        );
    }

    #[test]
    fn a_key_picture_that_does_not_come_is_told_by_the_time_without_it() {
        let flow = last(&mut FlowMeter::default(), (0..=500).map(|n| (n * 3_600, n == 25))).unwrap();
        assert_eq!((flow.key_picture_seconds, flow.since_key_seconds), (None, 19.0));
        assert_eq!(flow.seconds, 12.0);
    }

    #[test]
    fn a_clock_that_jumps_begins_anew_and_b_frames_are_no_jump() {
        let mut meter = FlowMeter::default();
        // Shown later than sent: 0 3 1 2 6 4 5.
        let order = [0, 3, 1, 2].into_iter().chain((1..40).flat_map(|n| [n * 3 + 3, n * 3 + 1, n * 3 + 2]));
        let flow = last(&mut meter, order.map(|n| (n * 3_600, n == 0))).unwrap();
        assert!((flow.pictures_per_second - 25.0).abs() < 1.5, "{flow:?}");
        for jump in [i64::MAX - 1, -4_000_000] {
            assert_eq!(meter.take(jump, 1, true), None);
        }
        assert_eq!(meter.pictures.len(), 1);
    }
}
