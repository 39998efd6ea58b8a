//! How long it takes to the far end and back, out of our sender reports and its receiver reports.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Sender reports that may still be answered: about four seconds of picture and sound.
const KEPT: usize = 8;

/// Measures as RFC 3550 6.4.1 has it, by our own clock alone.
#[derive(Debug, Default)]
pub(super) struct RoundTrip {
    /// The middle of the stated time, and when it left.
    reports: VecDeque<(u32, Instant)>,
}

impl RoundTrip {
    /// A sender report leaves. `ntp_time`: the time that it states.
    pub(super) fn reported(&mut self, ntp_time: u64, now: Instant) {
        if self.reports.len() == KEPT {
            self.reports.pop_front();
        }
        self.reports.push_back((middle(ntp_time), now));
    }

    /// A receiver report came. `last`: the middle of the time of the sender report it answers; `delay`:
    /// how long the far end had it, in 1/65536 s. `None` for a report that was never sent, or when the
    /// far end claims a longer time than has passed.
    pub(super) fn answered(&self, last: u32, delay: u32, now: Instant) -> Option<Duration> {
        let (_, sent) = self.reports.iter().rev().find(|(middle, _)| *middle == last)?;
        let kept = Duration::from_secs_f64(f64::from(delay) / 65_536.0);
        now.saturating_duration_since(*sent).checked_sub(kept)
    }
}

fn middle(ntp_time: u64) -> u32 {
    u32::try_from((ntp_time >> 16) & u64::from(u32::MAX)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_time_that_the_far_end_held_the_report_does_not_count() {
        let (mut round_trip, start) = (RoundTrip::default(), Instant::now());
        round_trip.reported(0x1234_5678_9ABC_DEF0, start);
        round_trip.reported(0x1234_5679_9ABC_DEF0, start + SECOND);
        let measured = round_trip.answered(0x5678_9ABC, 65_536, start + SECOND + Duration::from_millis(80));
        assert_eq!(measured, Some(Duration::from_millis(80)));
    }

    #[test]
    fn what_makes_no_sense_or_was_never_sent_measures_nothing() {
        let (mut round_trip, start) = (RoundTrip::default(), Instant::now());
        for second in 0..20 {
            round_trip.reported(second << 32, start);
        }
        assert_eq!(round_trip.answered(7, 0, start), None, "never sent");
        assert_eq!(round_trip.answered(0, 0, start), None, "long ago");
        assert_eq!(round_trip.answered(19 << 16, 65_536, start + SECOND / 2), None, "held too long");
        assert!(round_trip.answered(19 << 16, 0, start).is_some());
    }
}
