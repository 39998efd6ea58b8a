//! Puts two tracks with clocks that cannot be trusted on one clock that can.
//!
//! Used twice: by the worker for what a camera says, and by the feed for what a worker says.

/// Which of the two tracks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Track {
    /// 90 kHz ticks.
    Picture,
    /// 48 kHz ticks.
    Sound,
}

/// Both tracks share one offset as long as their timestamps make sense, so lips and voice stay
/// together; a track that jumps gets a new place at its arrival, and finds back to the other one
/// when that jumps too. Nothing is ever placed before what was placed already, nor in the future by more
/// than the slack.
#[derive(Debug)]
pub struct Timeline {
    // Offsets are whole milliseconds: exact in 90 kHz and in 48 kHz.
    picture: Lane,
    sound: Lane,
    slack_ms: i64,
}

#[derive(Debug)]
struct Lane {
    per_ms: i64,
    step: i64,
    offset_ms: Option<i64>,
    last_in_ms: Option<i64>,
    last_out: i64,
    /// Since when there has been no progress.
    stuck_ms: Option<i64>,
}

/// Later than its arrival by more than this: it has jumped back.
const LATE_MS: i64 = 10_000;
/// Before its arrival by more than this: it has jumped ahead, and is not just a fast clock or a
/// backlog that is being worked off.
const EARLY_MS: i64 = 2_000;
/// More than B frames can account for.
const BACK_MS: i64 = 500;
/// Two offsets that are closer than this belong together.
const TOGETHER_MS: i64 = 300;
/// Timestamps that make no progress for this long stand still.
const STUCK_MS: i64 = 200;

impl Timeline {
    /// `picture_step`: least 90 kHz ticks between two pictures. `slack_ms`: so far ahead of its
    /// arrival a sample may be placed; 0 squeezes a backlog to the time of its arrival, more keeps
    /// distances as they are.
    #[must_use]
    pub fn new(picture_step: i64, slack_ms: i64) -> Self {
        Self { picture: Lane::new(90, picture_step), sound: Lane::new(48, 1), slack_ms }
    }

    /// The source was replaced: its old timestamps say nothing about its new ones.
    pub fn begin_anew(&mut self) {
        self.picture.forget();
        self.sound.forget();
    }

    /// A place for a sample that has no timestamp of its own: now.
    pub fn now(&mut self, track: Track, now_ms: i64) -> i64 {
        let lane = match track {
            Track::Picture => &mut self.picture,
            Track::Sound => &mut self.sound,
        };
        lane.last_out = now_ms.saturating_mul(lane.per_ms).max(lane.last_out.saturating_add(lane.step));
        lane.last_out
    }

    /// Where a sample that arrived at `now_ms` belongs, in ticks of its track.
    pub fn place(&mut self, track: Track, ticks: i64, now_ms: i64) -> i64 {
        let (lane, other) = match track {
            Track::Picture => (&mut self.picture, &mut self.sound),
            Track::Sound => (&mut self.sound, &mut self.picture),
        };
        let in_ms = ticks.div_euclid(lane.per_ms);
        let at_arrival = now_ms.saturating_sub(in_ms);
        let shared = *lane.offset_ms.get_or_insert(other.offset_ms.unwrap_or(at_arrival));
        let late = at_arrival.saturating_sub(shared);
        let back = lane.last_in_ms.is_some_and(|last| in_ms < last.saturating_sub(BACK_MS));
        if back || !(-EARLY_MS..=LATE_MS).contains(&late) {
            let together =
                other.offset_ms.filter(|offset| offset.saturating_sub(at_arrival).abs() <= TOGETHER_MS);
            lane.offset_ms = Some(together.unwrap_or(at_arrival).min(at_arrival));
        } else if late < -self.slack_ms {
            if other.offset_ms == lane.offset_ms {
                other.offset_ms = Some(at_arrival);
            }
            lane.offset_ms = Some(at_arrival);
        }
        let moved = lane.last_in_ms.is_none_or(|last| in_ms > last);
        lane.last_in_ms = Some(in_ms);
        let before = lane.offset_ms;
        let out = lane.out(ticks, moved, at_arrival, now_ms);
        if other.offset_ms == before {
            other.offset_ms = lane.offset_ms;
        }
        out
    }
}

impl Lane {
    fn new(per_ms: i64, step: i64) -> Self {
        Self { per_ms, step, offset_ms: None, last_in_ms: None, last_out: 0, stuck_ms: None }
    }

    fn forget(&mut self) {
        self.offset_ms = None;
        self.last_in_ms = None;
        self.stuck_ms = None;
    }

    fn out(&mut self, ticks: i64, moved: bool, at_arrival: i64, now_ms: i64) -> i64 {
        let placed =
            |offset: Option<i64>| ticks.saturating_add(offset.unwrap_or(0).saturating_mul(self.per_ms));
        let earliest = self.last_out.saturating_add(self.step);
        let mut out = placed(self.offset_ms);
        if out >= earliest && moved {
            self.stuck_ms = None;
        } else if now_ms.saturating_sub(*self.stuck_ms.get_or_insert(now_ms)) >= STUCK_MS {
            self.offset_ms = Some(at_arrival);
            out = placed(self.offset_ms);
        }
        self.last_out = out.max(earliest);
        self.last_out
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use proptest::prelude::*;

    use super::*;

    const HOUR: i64 = 3_600_000;

    /// Runs both tracks at real pace for `ms` and gives the last places in ms.
    fn run(line: &mut Timeline, now: &mut i64, source: i64, ms: i64) -> (i64, i64) {
        let mut last = (0, 0);
        for _ in 0..ms / 40 {
            let at = source + *now;
            last.0 = line.place(Track::Picture, at * 90, *now) / 90;
            last.1 = line.place(Track::Sound, at * 48, *now + 5) / 48;
            *now += 40;
        }
        last
    }

    #[test]
    fn both_tracks_start_at_their_arrival_and_stay_together() {
        let mut line = Timeline::new(1, 0);
        let mut now = 1_000;
        let (picture, sound) = run(&mut line, &mut now, 77_777, 2_000);
        assert_eq!(picture, now - 40);
        assert_eq!(sound, picture);
    }

    #[test]
    fn a_jump_of_an_hour_and_back_leaves_picture_and_sound_together() {
        let mut line = Timeline::new(1, 0);
        let mut now = 0;
        for source in [0, HOUR, -HOUR, 5] {
            let (picture, sound) = run(&mut line, &mut now, source, 2_000);
            assert!((picture - (now - 40)).abs() <= 10, "{picture} at {now}");
            assert!((picture - sound).abs() <= 10, "{picture} {sound}");
        }
    }

    #[test]
    fn a_backlog_is_squeezed_to_the_time_of_its_arrival() {
        let mut line = Timeline::new(90, 0);
        let places: Vec<_> = (0..20).map(|n| line.place(Track::Picture, n * 3600, 500)).collect();
        assert!(places.iter().all(|place| (500 * 90..=520 * 90).contains(place)), "{places:?}");
        assert_eq!(line.place(Track::Picture, 20 * 3600, 540), 540 * 90);
    }

    #[test]
    fn within_the_slack_distances_stay_as_they_are() {
        let mut line = Timeline::new(1, 100);
        assert_eq!(line.place(Track::Sound, 0, 30), 30 * 48);
        assert_eq!(line.place(Track::Sound, 960, 31), 50 * 48);
        assert_eq!(line.place(Track::Sound, 1920, 32), 70 * 48);
    }

    #[test]
    fn timestamps_that_stand_still_do_not_stop_the_picture() {
        let mut line = Timeline::new(1, 0);
        let places: Vec<_> = (0..100).map(|n| line.place(Track::Picture, 5, n * 40)).collect();
        assert!(places.windows(2).all(|two| two[0] < two[1]));
        assert_eq!(places.last(), Some(&(99 * 40 * 90 + 5)));
    }

    #[test]
    fn a_new_source_goes_on_where_the_old_one_ended() {
        let mut line = Timeline::new(1, 0);
        let mut now = 0;
        let before = run(&mut line, &mut now, 0, 1_000).0;
        line.begin_anew();
        let after = line.place(Track::Picture, -5, now) / 90;
        assert!(after > before && (now - 1..=now).contains(&after), "{after}");
    }

    proptest! {
        #[test]
        fn whatever_jump_of_the_clock_is_over_within_a_second(jump in -2 * HOUR..2 * HOUR, again in -1_000_i64..1_000) {
            let mut line = Timeline::new(90, 0);
            let mut now = 0;
            run(&mut line, &mut now, 0, 1_000);
            for source in [jump, jump + again] {
                let (picture, sound) = run(&mut line, &mut now, source, 1_000);
                // A short step back only makes both a little late.
                prop_assert!((picture - (now - 40)).abs() <= STUCK_MS + 80, "{} at {}", picture, now);
                prop_assert!((picture - sound).abs() <= 100, "{} {}", picture, sound);
            }
        }

        #[test]
        fn nothing_ever_goes_back(samples in prop::collection::vec((any::<bool>(), any::<i64>(), 0_i64..5000), 1..200)) {
            let mut line = Timeline::new(1, 0);
            let (mut now, mut last) = (0, [-1, -1]);
            for (picture, ticks, wait) in samples {
                now += wait;
                let track = if picture { Track::Picture } else { Track::Sound };
                let place = line.place(track, ticks, now);
                prop_assert!(place > last[usize::from(picture)]);
                last[usize::from(picture)] = place;
            }
        }
    }
}
