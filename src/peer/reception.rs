//! What the far end says that it received: reports (RFC 3550 6.4), and what follows from them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rtc::rtcp::reception_report::ReceptionReport;

use super::Reported;

/// Reports of ours that the far end may still speak of.
const REMEMBERED: usize = 16;
/// When every so many packets left is remembered, for the last so many of them.
const EVERY: u16 = 8;
const DEPARTURES: usize = 512;
/// No line is that slow; what says so is a lie.
const LONGEST: Duration = Duration::from_secs(20);
/// A receiver that jumps further between two reports has begun anew, packets.
const JUMP: u32 = 30_000;

/// Reads the reports of one far end on our picture.
#[derive(Debug, Default)]
pub(super) struct Reception {
    /// Our picture's stream.
    video: Option<u32>,
    /// Reports of ours: the middle of their time stamp, and when they left.
    sent: VecDeque<(u32, Instant)>,
    /// Packets of the picture: number, and when it left.
    departures: VecDeque<(u16, Instant)>,
    /// Highest number and loss of the last report.
    last: Option<(u32, i32)>,
    /// Packets lost by the far end's count so far; repaired ones are none, and doubles count the other way.
    lost: i64,
    reported: Reported,
}

impl Reception {
    /// This stream carries our picture.
    pub(super) fn watch(&mut self, ssrc: u32) {
        *self = Self { video: Some(ssrc), ..Self::default() };
    }

    /// True for the stream of our picture.
    pub(super) fn is_video(&self, ssrc: u32) -> bool {
        self.video == Some(ssrc)
    }

    /// A packet of the picture leaves for the first time.
    pub(super) fn left(&mut self, number: u16, now: Instant) {
        if number.is_multiple_of(EVERY) {
            if self.departures.len() >= DEPARTURES {
                self.departures.pop_front();
            }
            self.departures.push_back((number, now));
        }
    }

    /// A report of ours leaves, with this time stamp (NTP, RFC 3550 4).
    pub(super) fn reported(&mut self, ntp: u64, now: Instant) {
        if self.sent.len() >= REMEMBERED {
            self.sent.pop_front();
        }
        self.sent.push_back((middle(ntp), now));
    }

    /// The far end reports on one of our streams. `wanted`: packets that it asked for again so far. Returns all that
    /// was reported so far, if it is on the picture.
    pub(super) fn take(&mut self, report: &ReceptionReport, wanted: u64, now: Instant) -> Option<Reported> {
        if !self.is_video(report.ssrc) {
            return None;
        }
        let (highest, lost) = (report.last_sequence_number, signed(report.total_lost));
        if let Some((highest_before, lost_before)) = self.last.replace((highest, lost)) {
            let expected = highest.wrapping_sub(highest_before);
            // Doubles make the sum smaller (RFC 3550 A.3).
            let lost = i64::from(lost) - i64::from(lost_before);
            if expected <= JUMP && lost.unsigned_abs() <= u64::from(JUMP) {
                self.count(expected, lost, wanted);
            }
        }
        let reported = &mut self.reported;
        reported.reports += 1;
        reported.at = Some(now);
        if let Some(round_trip) = self.round_trip(report, now) {
            self.reported.round_trip = Some(round_trip);
        }
        Some(self.reported)
    }

    fn count(&mut self, expected: u32, lost: i64, wanted: u64) {
        self.lost += lost;
        self.reported.expected += u64::from(expected);
        let received = i64::from(expected) - lost;
        self.reported.received += u64::try_from(received).unwrap_or(0);
        // What was asked for and came late is in one of them, and what never came in both.
        let missing = u64::try_from(self.lost).unwrap_or(0).max(wanted);
        self.reported.missing = self.reported.missing.max(missing.min(self.reported.expected));
    }

    /// The longer one of two: what our own report needed there and back, and what the packet behind the last one that
    /// came there needs at least. The second sees a queue that has just begun to grow.
    fn round_trip(&self, report: &ReceptionReport, now: Instant) -> Option<Duration> {
        let away = |left: Instant| now.saturating_duration_since(left);
        let stamped = self.sent.iter().find(|(stamp, _)| *stamp == report.last_sender_report);
        let held = Duration::from_secs_f64(f64::from(report.delay) / 65_536.0);
        // A far end that says it held our report for longer than it was away has a clock of its own.
        let measured =
            stamped.filter(|(stamp, _)| *stamp != 0).and_then(|(_, left)| away(*left).checked_sub(held));
        let highest = (report.last_sequence_number & u32::from(u16::MAX)) as u16;
        let is_behind = |number: u16| (1..1 << 15).contains(&number.wrapping_sub(highest));
        let waiting =
            self.departures.iter().find(|(number, _)| is_behind(*number)).map(|(_, left)| away(*left));
        measured.max(waiting.filter(|_| measured.is_some())).filter(|round_trip| *round_trip <= LONGEST)
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
    fn what_was_asked_for_again_was_missing_even_if_it_came_and_what_never_came_is_too() {
        let (mut reception, now) = (watching(), Instant::now());
        assert_eq!(reception.take(&report(65_500, 3), 0, now).unwrap().expected, 0);
        let lossy = reception.take(&report(65_700, 13), 0, now).unwrap();
        assert_eq!((lossy.expected, lossy.received, lossy.missing), (200, 190, 10));
        let repaired = reception.take(&report(65_800, 3), 12, now).unwrap();
        assert_eq!((repaired.expected, repaired.received, repaired.missing), (300, 300, 12));
        let doubled = reception.take(&report(65_900, 0x00ff_fffe), 12, now).unwrap();
        assert_eq!((doubled.expected, doubled.missing), (400, 12), "five came twice");
        assert!(reception.take(&ReceptionReport { ssrc: 8, ..report(9, 9) }, 0, now).is_none());
    }

    #[test]
    fn the_round_trip_is_the_time_away_without_the_time_that_the_far_end_took() {
        let (mut reception, start) = (watching(), Instant::now());
        let round_trip = |reception: &mut Reception, stamp, delay| {
            let told = ReceptionReport { last_sender_report: stamp, delay, ..report(10, 0) };
            reception.take(&told, 0, start + Duration::from_millis(620)).unwrap().round_trip
        };
        reception.reported(0x1234_5678_9abc_def0, start);
        assert_eq!(round_trip(&mut reception, 1, 0), None, "never sent");
        assert_eq!(round_trip(&mut reception, 0x5678_9abc, 65_536), None, "held for longer than it was away");
        let measured = Some(Duration::from_millis(120));
        assert_eq!(round_trip(&mut reception, 0x5678_9abc, 65_536 / 2), measured);
    }

    #[test]
    fn a_packet_that_is_not_there_yet_makes_the_round_trip_longer() {
        let (mut reception, start) = (watching(), Instant::now());
        reception.reported(1 << 16, start);
        for number in 65_500..66_000_u32 {
            reception.left(number as u16, start + Duration::from_millis(u64::from(number - 65_500)));
        }
        let told =
            |highest| ReceptionReport { last_sender_report: 1, delay: 65_536 * 9 / 20, ..report(highest, 0) };
        let now = start + Duration::from_millis(500);
        let queued = reception.take(&told(65_600), 0, now).unwrap().round_trip.unwrap();
        assert!((390..=400).contains(&queued.as_millis()), "{queued:?}");
        let idle = reception.take(&told(65_999), 0, now).unwrap().round_trip;
        assert_eq!(idle.map(|idle| idle.as_millis()), Some(50), "nothing is under way");
    }

    proptest! {
        #[test]
        fn no_report_makes_more_missing_than_was_expected(
            reports in prop::collection::vec(any::<(u32, u32, u32, u32, u16)>(), 0..50)
        ) {
            let (mut reception, now) = (watching(), Instant::now());
            reception.reported(1 << 20, now);
            for (highest, total_lost, last_sender_report, delay, number) in reports {
                reception.left(number, now);
                let told = ReceptionReport { last_sender_report, delay, ..report(highest, total_lost) };
                let reported = reception.take(&told, number.into(), now).unwrap();
                prop_assert!(reported.missing <= reported.expected);
            }
        }
    }
}
