//! The line to one viewer, as far as its far end lets us know. Pure.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::line_rate::{BEGINNING, LEAST_KBPS, LineRate};
use crate::peer::PeerCounters;
use crate::state::NetworkRecord;

/// What a far end said of its line holds for so long; one that says nothing for longer holds nobody down.
const RECENT: Duration = Duration::from_secs(10);
/// An estimate that is to move a picture which is passed on as it is has to hold for so long.
const HELD: Duration = Duration::from_secs(5);
/// Estimates that are remembered.
const REMEMBERED: usize = 64;
/// Loss is told of spans of this length.
const SPAN: Duration = Duration::from_secs(5);
/// Fewer packets make no share.
const FEW: u64 = 50;
/// A loss that people see, percent.
pub(super) const NOTABLE_LOSS: f64 = 5.0;
/// A round trip that people notice.
pub(super) const NOTABLE_ROUND_TRIP: Duration = Duration::from_millis(600);

/// What is known of a line since its call is connected.
#[derive(Debug)]
pub struct Line {
    began: Instant,
    rate: LineRate,
    /// What the far end said that it can receive (REMB), kbit/s, oldest first.
    estimates: VecDeque<(Instant, u32)>,
    /// When the far end last said anything.
    heard: Instant,
    counted: PeerCounters,
    /// Where the span of the worst loss begins.
    mark: (Instant, u64, u64),
    worst_loss: f64,
    longest: Option<Duration>,
    least_kbps: Option<u32>,
}

impl Line {
    /// Of a call that is connected at `now`.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            began: now,
            rate: LineRate::new(now),
            estimates: VecDeque::new(),
            heard: now,
            counted: PeerCounters::default(),
            mark: (now, 0, 0),
            worst_loss: 0.0,
            longest: None,
            least_kbps: None,
        }
    }

    /// The far end says that it can receive so much (REMB), kbit/s.
    pub fn estimated(&mut self, kbps: u32, now: Instant) {
        if self.estimates.len() >= REMEMBERED {
            self.estimates.pop_front();
        }
        self.estimates.push_back((now, kbps.max(LEAST_KBPS)));
        self.heard = now;
    }

    /// Takes account of what was counted up to now. `wanted_kbps`: what would be sent if the line carried everything.
    pub fn take(&mut self, counters: PeerCounters, wanted_kbps: u32, now: Instant) {
        let said = |of: &PeerCounters| (of.reported.reports, of.nack, of.pli, of.fir, of.checked);
        if said(&counters) != said(&self.counted) {
            self.heard = now;
        }
        self.rate.take(&counters, wanted_kbps, now);
        self.least_kbps = self.rate.kbps().into_iter().chain(self.least_kbps).min();
        self.longest = counters.reported.round_trip.max(self.longest);
        if now.saturating_duration_since(self.began) < BEGINNING {
            self.mark = (now, counters.video_packets, missing_of(&counters));
        }
        let (since, packets, missing) = self.mark;
        let sent = counters.video_packets - packets;
        if now.saturating_duration_since(since) >= SPAN {
            if sent >= FEW {
                self.worst_loss = self.worst_loss.max(percent(missing_of(&counters) - missing, sent));
            }
            self.mark = (now, counters.video_packets, missing_of(&counters));
        }
        self.counted = counters;
    }

    /// Most that an encoded picture may take for now, headers included, kbit/s; `None`: no end is known.
    #[must_use]
    pub fn carries_kbps(&self, now: Instant) -> Option<u32> {
        let estimate = self.estimates.back().filter(|(at, _)| is_recent(*at, now)).map(|(_, kbps)| *kbps);
        let measured = self.rate.picture_kbps().filter(|_| is_recent(self.heard, now));
        measured.into_iter().chain(estimate).min()
    }

    /// Most that a picture may take that is passed on as it is, kbit/s. An estimate has to hold for a while: it often
    /// begins low.
    #[must_use]
    pub fn bears_kbps(&self, now: Instant) -> Option<u32> {
        let has_begun = now.saturating_duration_since(self.began) >= RECENT;
        let age = |at: Instant| now.saturating_duration_since(at);
        let of_late = self.estimates.iter().filter(|(at, _)| age(*at) < HELD);
        let holds = self.estimates.iter().any(|(at, _)| age(*at) < HELD && age(*at) * 5 >= HELD * 4);
        let estimate = of_late.map(|(_, kbps)| *kbps).max().filter(|_| has_begun && holds);
        let measured = self.rate.kbps().filter(|_| is_recent(self.heard, now));
        measured.into_iter().chain(estimate).min()
    }

    /// What the record says of it.
    pub fn describe(&self, record: &mut NetworkRecord) {
        let ms = |time: Duration| u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
        record.round_trip_ms = self.counted.reported.round_trip.map(ms);
        record.longest_round_trip_ms = self.longest.map(ms);
        let loss = percent(missing_of(&self.counted), self.counted.video_packets);
        record.loss_percent = rounded(loss);
        record.worst_loss_percent = rounded(self.worst_loss.max(loss));
        record.rate_kbps = self.rate.kbps();
        record.least_rate_kbps = self.least_kbps;
    }

    /// What of it a user may have seen, in plain sentences.
    #[must_use]
    pub fn troubles(&self) -> Vec<String> {
        let mut troubles = Vec::new();
        let loss = percent(missing_of(&self.counted), self.counted.video_packets);
        if self.worst_loss >= NOTABLE_LOSS {
            troubles.push(format!(
                "the line to the far end lost up to {:.0} % of the packets ({loss:.1} % in all): a weak radio link, \
                 or a line that others fill",
                self.worst_loss
            ));
        }
        if let Some(kbps) = self.least_kbps {
            troubles.push(format!("the line to the far end carried no more than {kbps} kbit/s for a time"));
        }
        if let Some(longest) = self.longest.filter(|longest| *longest >= NOTABLE_ROUND_TRIP) {
            let ms = longest.as_millis();
            troubles.push(format!(
                "packets took up to {ms} ms to the far end and back: something on the way was full"
            ));
        }
        troubles
    }
}

fn is_recent(at: Instant, now: Instant) -> bool {
    now.saturating_duration_since(at) < RECENT
}

/// Packets that did not arrive at once.
pub(super) fn missing_of(counters: &PeerCounters) -> u64 {
    // Some ask for what is merely late; so reports count more, where there are any.
    if counters.reported.reports > 0 { counters.reported.missing } else { counters.repairs_wanted }
}

#[allow(clippy::cast_precision_loss)]
pub(super) fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { (part as f64 * 100.0 / whole as f64).min(100.0) }
}

fn rounded(percent: f64) -> f64 {
    (percent * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counters(packets: u64, missing: u64, reports: u64) -> PeerCounters {
        let mut counters = PeerCounters { video_packets: packets, ..Default::default() };
        (counters.reported.reports, counters.reported.missing) = (reports, missing);
        counters
    }

    #[test]
    fn an_estimate_moves_what_is_encoded_at_once_and_what_is_passed_on_when_it_holds() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let mut line = Line::new(start);
        for s in 0..20 {
            line.estimated(if s < 12 { 5_000 } else { 800 }, at(s));
        }
        assert_eq!((line.carries_kbps(at(19)), line.bears_kbps(at(19))), (Some(800), Some(800)));
        line.estimated(3_000, at(20));
        assert_eq!((line.carries_kbps(at(20)), line.bears_kbps(at(20))), (Some(3_000), Some(3_000)));
        line.estimated(0, at(21));
        assert_eq!((line.carries_kbps(at(21)), line.bears_kbps(at(21))), (Some(LEAST_KBPS), Some(3_000)));
        assert_eq!((line.carries_kbps(at(40)), line.bears_kbps(at(40))), (None, None), "it fell silent");
    }

    #[test]
    fn an_estimate_after_a_silence_moves_nothing_that_is_passed_on_at_once() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let mut line = Line::new(start);
        line.estimated(5_000, at(2));
        line.estimated(200, at(20));
        assert_eq!((line.carries_kbps(at(21)), line.bears_kbps(at(21))), (Some(200), None));
        (21..26).for_each(|s| line.estimated(200, at(s)));
        assert_eq!(line.bears_kbps(at(25)), Some(200));
    }

    #[test]
    fn an_estimate_at_the_beginning_moves_nothing_that_is_passed_on() {
        let start = Instant::now();
        let mut line = Line::new(start);
        line.estimated(300, start);
        let now = start + Duration::from_secs(4);
        assert_eq!((line.carries_kbps(now), line.bears_kbps(now)), (Some(300), None));
    }

    #[test]
    fn the_worst_loss_is_that_of_a_span_and_it_is_told() {
        let start = Instant::now();
        let mut line = Line::new(start);
        for s in 0..60 {
            let missing = if s < 30 { 0 } else { (s - 30).min(10) * 10 };
            line.take(counters(s * 100, missing, s), 2_500, start + Duration::from_secs(s));
        }
        let mut record = NetworkRecord::default();
        line.describe(&mut record);
        assert!((record.loss_percent - 1.7).abs() < 0.05, "{record:?}");
        assert!((8.0..=12.0).contains(&record.worst_loss_percent), "{record:?}");
        assert!(line.troubles().iter().any(|trouble| trouble.contains("10 %")), "{:?}", line.troubles());
    }
}
