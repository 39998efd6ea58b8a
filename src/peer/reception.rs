//! What the far end says that it received: reports (RFC 3550 6.4) and the round trip that follows from them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rtc::rtcp::reception_report::ReceptionReport;

/// Reports of ours that the far end may still speak of.
const REMEMBERED: usize = 16;
/// No line is that slow; what says so is a lie.
const LONGEST: Duration = Duration::from_secs(20);
/// A receiver that jumps further between two reports has begun anew, packets.
const JUMP: u32 = 50_000;

/// What one report adds to those before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Received {
    /// Packets of the picture that were on their way since the last report.
    pub(super) expected: u64,
    /// Those of them that never came, repaired ones not counted.
    pub(super) lost: u64,
    /// The round trip that it proves.
    pub(super) round_trip: Option<Duration>,
}

/// Reads the reports of one far end.
#[derive(Debug, Default)]
pub(super) struct Reception {
    /// Our picture's stream.
    video: Option<u32>,
    /// Reports of ours: the middle of their time stamp, and when they left.
    sent: VecDeque<(u32, Instant)>,
    /// Highest number and loss of the last report on the picture.
    last: Option<(u32, i32)>,
}

impl Reception {
    /// This stream carries our picture.
    pub(super) fn watch(&mut self, ssrc: u32) {
        (self.video, self.last) = (Some(ssrc), None);
    }

    /// True for the stream of our picture.
    pub(super) fn is_video(&self, ssrc: u32) -> bool {
        self.video == Some(ssrc)
    }

    /// A report of ours leaves, with this time stamp (NTP, RFC 3550 4).
    pub(super) fn reported(&mut self, ntp: u64, now: Instant) {
        if self.sent.len() >= REMEMBERED {
            self.sent.pop_front();
        }
        self.sent.push_back((middle(ntp), now));
    }

    /// The far end reports on one of our streams. `None` when that says nothing new of the picture.
    pub(super) fn take(&mut self, report: &ReceptionReport, now: Instant) -> Option<Received> {
        if !self.is_video(report.ssrc) {
            return None;
        }
        let lost = signed(report.total_lost);
        let highest = report.last_sequence_number;
        let last = self.last.replace((highest, lost));
        let round_trip = self.round_trip(report, now);
        let Some((before, lost_before)) = last else {
            return Some(Received { round_trip, ..Received::default() });
        };
        let expected = highest.wrapping_sub(before);
        if expected > JUMP {
            return Some(Received { round_trip, ..Received::default() });
        }
        // Doubles make the sum smaller (RFC 3550 A.3).
        let lost = u32::try_from(lost.saturating_sub(lost_before)).unwrap_or(0).min(expected);
        Some(Received { expected: expected.into(), lost: lost.into(), round_trip })
    }

    fn round_trip(&self, report: &ReceptionReport, now: Instant) -> Option<Duration> {
        if report.last_sender_report == 0 {
            return None;
        }
        let (_, left) = self.sent.iter().find(|(stamp, _)| *stamp == report.last_sender_report)?;
        let held = Duration::from_secs_f64(f64::from(report.delay) / 65_536.0);
        let away = now.saturating_duration_since(*left);
        // A far end that says it held our report for longer than it was away has a clock of its own.
        away.checked_sub(held).filter(|round_trip| *round_trip <= LONGEST)
    }
}

/// The 32 bits that the far end repeats.
fn middle(ntp: u64) -> u32 {
    u32::try_from((ntp >> 16) & u64::from(u32::MAX)).unwrap_or_default()
}

/// A number of 24 bits with its sign.
fn signed(total: u32) -> i32 {
    (total << 8).cast_signed() >> 8
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    const VIDEO: u32 = 7;

    fn report(highest: u32, total_lost: u32) -> ReceptionReport {
        ReceptionReport { ssrc: VIDEO, total_lost, last_sequence_number: highest, ..Default::default() }
    }

    fn watching() -> Reception {
        let mut reception = Reception::default();
        reception.watch(VIDEO);
        reception
    }

    #[test]
    fn two_reports_tell_what_was_lost_between_them() {
        let (mut reception, now) = (watching(), Instant::now());
        assert_eq!(reception.take(&report(65_500, 3), now).unwrap(), Received::default());
        let second = reception.take(&report(65_700, 13), now).unwrap();
        assert_eq!((second.expected, second.lost), (200, 10));
        let doubled = reception.take(&report(65_800, 5), now).unwrap();
        assert_eq!((doubled.expected, doubled.lost), (100, 0), "doubles are no loss");
        assert!(reception.take(&ReceptionReport { ssrc: 8, ..report(9, 9) }, now).is_none());
    }

    #[test]
    fn the_round_trip_is_the_time_away_without_the_time_that_the_far_end_took() {
        let (mut reception, start) = (watching(), Instant::now());
        let ntp = 0x1234_5678_9abc_def0_u64;
        reception.reported(ntp, start);
        let mut told = report(10, 0);
        (told.last_sender_report, told.delay) = (0x5678_9abc, 65_536 / 2);
        let now = start + Duration::from_millis(620);
        assert_eq!(reception.take(&told, now).unwrap().round_trip, Some(Duration::from_millis(120)));
        told.last_sender_report = 1;
        assert_eq!(reception.take(&told, now).unwrap().round_trip, None, "never sent");
        (told.last_sender_report, told.delay) = (0x5678_9abc, 65_536);
        assert_eq!(reception.take(&told, now).unwrap().round_trip, None, "held for longer than it was away");
    }

    proptest! {
        #[test]
        fn no_report_makes_more_lost_than_was_expected(reports in prop::collection::vec(any::<(u32, u32, u32, u32)>(), 0..50)) {
            let (mut reception, now) = (watching(), Instant::now());
            reception.reported(1 << 20, now);
            for (highest, total_lost, last_sender_report, delay) in reports {
                let told = ReceptionReport { last_sender_report, delay, ..report(highest, total_lost) };
                let received = reception.take(&told, now).unwrap();
                prop_assert!(received.lost <= received.expected && received.expected <= JUMP.into());
            }
        }
    }
}
