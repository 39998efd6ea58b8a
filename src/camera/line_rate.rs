//! What the line to one viewer carries, by what its far end reports. Pure.
//!
//! A line that is full shows it in two ways: what is under way waits longer, and then some of it is lost. Loss alone
//! may as well be a bad radio link, where sending less helps nobody; so a cut that changes nothing is not repeated.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::round_trip::RoundTrip;
use crate::peer::PeerCounters;

/// Nothing is asked to be made for less, kbit/s.
pub const LEAST_KBPS: u32 = 150;
/// But for the time in which what waits has to drain.
const LEAST_DRAINING: f64 = 50.0;
/// Shares and rates are taken over this time.
const SPAN: Duration = Duration::from_millis(1_500);
/// What was there before the call goes out fast at its beginning: that says nothing.
pub const BEGINNING: Duration = Duration::from_secs(3);
/// What arrives is taken over this time at least.
const SHORT: Duration = Duration::from_millis(300);
/// No less than this of what is sent is thought to arrive where nothing is reported.
const UNKNOWN: f64 = 0.7;
/// Fewer packets than this make no share.
const FEW: u64 = 20;
/// Packets wait this long where a line is full.
const WAITS: Duration = Duration::from_millis(250);
/// So much waits that it has to drain.
const DEEP: Duration = Duration::from_millis(500);
/// They wait a little: loss is then a full line's.
const WAITS_A_LITTLE: Duration = Duration::from_millis(80);
/// Loss beside a little waiting.
const LOSS: f64 = 0.1;
/// Loss by itself, above what is always lost.
const HEAVY_LOSS: f64 = 0.15;
/// In standard deviations, what is still taken for chance.
const CHANCE: f64 = 3.0;
/// A cut has shown what it does after this time.
const SETTLED: Duration = Duration::from_secs(2);
/// A report that is older says nothing of now.
const RECENT: Duration = Duration::from_millis(2_500);
/// A far end of which nothing is heard for longer than this, and much longer than usual, was out of reach.
const AWAY: Duration = Duration::from_secs(2);
/// How much is much longer.
const UNUSUAL: u32 = 3;
/// Of what is sent no more than this is thought to be sent again.
const MOST_AGAIN: f64 = 0.4;
/// Of what a full line carries so much is used.
const USED: f64 = 0.85;
/// And so much at most while what waits has to drain, and at least.
const DRAINS: f64 = 0.5;
const DRAINS_DEEP: f64 = 0.2;
/// What waits has drained in about this time.
const DRAINED: f64 = 3.0;
/// Up to a little more than the line carried the rate grows by so much a second.
const SLOW: f64 = 0.05;
/// How much is a little more.
const LITTLE_MORE: f64 = 1.25;
/// Growth beyond that: the line is another one.
const FAST: f64 = 0.2;
/// More than the line carried is tried after it was good for this long, and after longer each time it fails.
const PATIENCE: Duration = Duration::from_secs(2);
const LONGEST_PATIENCE: Duration = Duration::from_secs(8);
/// A line that carried everything for so long is a new one.
const FORGOTTEN: Duration = Duration::from_secs(60);

/// Weighs what was sent against what arrived.
#[derive(Debug)]
pub struct LineRate {
    began: Instant,
    /// What was counted over the last [`SPAN`], oldest first.
    window: VecDeque<Counted>,
    round_trip: RoundTrip,
    /// The usual time between two signs of the far end.
    usual_gap: Duration,
    /// Most that may be sent, kbit/s; `None` while no end was seen.
    kbps: Option<f64>,
    /// What the line carried when it was full, kbit/s.
    carried: f64,
    /// The share that was lost before the last cut that loss alone caused.
    blamed: Option<f64>,
    /// What is lost whatever is sent.
    usual_loss: f64,
    /// It looked full a moment ago.
    suspected: bool,
    cut: Option<Instant>,
    /// How long packets waited at the last cut.
    waited: Option<Duration>,
    /// Since when nothing looks full.
    good_since: Instant,
    patience: Duration,
    took: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Counted {
    at: Instant,
    packets: u64,
    bytes: u64,
    /// Packets that the far end asked for again, and those that it got again.
    asked: u64,
    again: u64,
    missing: u64,
    expected: u64,
    received: u64,
    reported: Option<Instant>,
    /// When a report or the answer to a check last came.
    heard: Option<Instant>,
}

impl LineRate {
    /// Of a call that is connected at `now`.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            began: now,
            window: VecDeque::new(),
            round_trip: RoundTrip::default(),
            usual_gap: Duration::ZERO,
            kbps: None,
            carried: 0.0,
            blamed: None,
            usual_loss: 0.0,
            suspected: false,
            cut: None,
            waited: None,
            good_since: now,
            patience: PATIENCE,
            took: now,
        }
    }

    /// Most that may be sent for now, headers and what is sent again included, kbit/s; `None`: no end was seen.
    #[must_use]
    pub fn kbps(&self) -> Option<u32> {
        self.kbps.map(whole)
    }

    /// What is left of that for pictures.
    #[must_use]
    pub fn picture_kbps(&self) -> Option<u32> {
        let kbps = self.kbps?;
        let again = self.ends().map_or(0.0, |(first, last)| {
            let packets = ratio(last.packets - first.packets) + ratio(last.again - first.again);
            if packets < 1.0 { 0.0 } else { ratio(last.again - first.again) / packets }
        });
        Some(whole((kbps * (1.0 - again.min(MOST_AGAIN))).max(kbps.min(f64::from(LEAST_KBPS)))))
    }

    /// Takes account of what was counted up to now. `wanted_kbps`: what would be sent if the line carried everything.
    pub fn take(&mut self, counters: &PeerCounters, wanted_kbps: u32, now: Instant) {
        let counted = Counted {
            at: now,
            packets: counters.video_packets,
            bytes: counters.video_bytes,
            asked: counters.repairs_wanted,
            again: counters.retransmitted,
            missing: counters.reported.missing,
            expected: counters.reported.expected,
            received: counters.reported.received,
            reported: counters.reported.at,
            heard: counters.reported.at.max(counters.checked.map(|checked| checked.at)),
        };
        if self.was_dark(counted) {
            // What was sent into the dark says nothing of what the line carries.
            self.window.clear();
            (self.began, self.suspected) = (now, false);
        }
        self.window.push_back(counted);
        while self.window.len() > 2 && self.window.get(1).is_some_and(|second| now - second.at >= SPAN) {
            self.window.pop_front();
        }
        let waits = counters
            .round_trip()
            .filter(|measured| now.saturating_duration_since(measured.at) < RECENT)
            .map_or(Duration::ZERO, |measured| self.round_trip.take(measured.round_trip, now));
        let elapsed = now.saturating_duration_since(self.took).as_secs_f64().min(1.0);
        self.took = now;
        if now.saturating_duration_since(self.began) < BEGINNING {
            return;
        }
        let (loss, chance) = self.loss();
        if self.is_full(waits, loss, chance) {
            self.good_since = now;
            // Once may be chance.
            if std::mem::replace(&mut self.suspected, true) {
                self.cut(waits, loss, now);
            }
            return;
        }
        (self.suspected, self.waited) = (false, None);
        self.usual_loss = self.usual_loss.min(loss.max(self.usual_loss - LOSS * elapsed));
        if waits < WAITS_A_LITTLE.max(WAITS / 2) {
            self.grow(elapsed, wanted_kbps, now);
        }
    }

    /// True if nothing came through for a while until now.
    fn was_dark(&mut self, now: Counted) -> bool {
        let last = self.window.back().and_then(|last| last.heard);
        let Some((last, now)) = last.zip(now.heard).filter(|(last, now)| now > last) else { return false };
        let gap = now - last;
        let is_unusual = gap > AWAY && !self.usual_gap.is_zero() && gap > self.usual_gap * UNUSUAL;
        if !is_unusual {
            self.usual_gap = if self.usual_gap.is_zero() { gap } else { (self.usual_gap * 3 + gap) / 4 };
        }
        is_unusual
    }

    fn is_full(&self, waits: Duration, loss: f64, chance: f64) -> bool {
        let above_usual = loss - self.usual_loss;
        waits >= WAITS || above_usual > HEAVY_LOSS + chance || (waits >= WAITS_A_LITTLE && above_usual > LOSS)
    }

    fn cut(&mut self, waits: Duration, loss: f64, now: Instant) {
        if self.cut.is_some_and(|at| now.saturating_duration_since(at) < SETTLED) {
            return;
        }
        let by_loss_alone = waits < WAITS_A_LITTLE;
        if by_loss_alone && self.blamed.is_some_and(|before| loss > before * 0.75) {
            // Sending less changed nothing: it is not the line that is full.
            (self.usual_loss, self.blamed) = (loss, None);
            return;
        }
        if waits >= WAITS && self.waited.is_some_and(|before| waits * 5 < before * 4) {
            // It drains.
            (self.waited, self.cut) = (Some(waits), Some(now));
            return;
        }
        let Some(carried) = self.carried_now(waits >= WAITS) else { return };
        let tried_more = self.kbps.is_none_or(|kbps| kbps > self.carried);
        if self.cut.is_some() && tried_more {
            self.patience = (self.patience * 4).min(LONGEST_PATIENCE);
        }
        self.blamed = by_loss_alone.then_some(loss);
        self.waited = (waits >= WAITS).then_some(waits);
        self.carried = carried;
        let (share, least) =
            if waits >= DEEP { (drains(waits), LEAST_DRAINING) } else { (USED, f64::from(LEAST_KBPS)) };
        let kbps = (carried * share).max(least);
        self.kbps = Some(self.kbps.map_or(kbps, |before| before.min(kbps)));
        self.cut = Some(now);
    }

    fn grow(&mut self, elapsed: f64, wanted_kbps: u32, now: Instant) {
        let good = now.saturating_duration_since(self.good_since);
        let Some(kbps) = self.kbps else {
            if good >= FORGOTTEN {
                self.patience = PATIENCE;
            }
            return;
        };
        let kbps = if kbps < self.carried * USED {
            self.carried * USED
        } else if kbps < self.carried {
            (kbps * (1.0 + SLOW * elapsed)).min(self.carried)
        } else if good >= self.patience {
            let share = if kbps < self.carried * LITTLE_MORE { SLOW } else { FAST };
            kbps * (1.0 + share * elapsed)
        } else {
            kbps
        };
        self.kbps = (kbps < f64::from(wanted_kbps)).then_some(kbps.max(f64::from(LEAST_KBPS)));
    }

    fn ends(&self) -> Option<(Counted, Counted)> {
        self.window.front().copied().zip(self.window.back().copied())
    }

    /// The share of packets that did not arrive at once, and how much more of it so few packets may show by chance.
    fn loss(&self) -> (f64, f64) {
        let Some((first, last)) = self.ends() else { return (0.0, 0.0) };
        // Some ask for what is merely late; so reports count more, where there are any.
        let is_reported = last.reported.is_some_and(|at| last.at.saturating_duration_since(at) < RECENT);
        let (missing, whole) = if is_reported {
            let expected = last.expected.saturating_sub(first.expected);
            (last.missing.saturating_sub(first.missing), expected)
        } else {
            (last.asked - first.asked, last.packets - first.packets)
        };
        if whole < FEW {
            return (0.0, 0.0);
        }
        let chance = CHANCE * (HEAVY_LOSS * (1.0 - HEAVY_LOSS) / ratio(whole)).sqrt();
        ((ratio(missing) / ratio(whole)).min(1.0), chance)
    }

    /// What arrives now, kbit/s. `is_waiting`: that may be more than was sent, of what waited.
    fn carried_now(&self, is_waiting: bool) -> Option<f64> {
        let (first, last) = self.ends()?;
        let packets = last.packets - first.packets;
        if packets == 0 {
            return None;
        }
        let bytes = ratio(last.bytes - first.bytes);
        let sent = bytes * 0.008 / (last.at - first.at).as_secs_f64().max(0.1);
        let Some(arrived) = self.arrives() else { return Some(sent * (1.0 - self.loss().0).max(UNKNOWN)) };
        let size = bytes / ratio(packets + last.again - first.again);
        let arrived = arrived * size * 0.008;
        Some(if is_waiting { arrived } else { arrived.min(sent) })
    }

    /// Packets a second by the last reports, if they are of now.
    fn arrives(&self) -> Option<f64> {
        let last = self.window.back()?;
        let now = last.reported.filter(|at| last.at.saturating_duration_since(*at) < RECENT)?;
        // What came before the line was full shall not count.
        let before =
            self.window.iter().rev().find(|before| {
                before.reported.is_some_and(|at| now.saturating_duration_since(at) >= SHORT)
            })?;
        let since = now.saturating_duration_since(before.reported?).as_secs_f64();
        Some(ratio(last.received.saturating_sub(before.received)) / since)
    }
}

/// What is sent, as a share of what the line carries, while so much waits.
fn drains(waits: Duration) -> f64 {
    (1.0 - waits.as_secs_f64() / DRAINED).clamp(DRAINS_DEEP, DRAINS)
}

/// Counts are small enough for that.
#[allow(clippy::cast_precision_loss)]
fn ratio(count: u64) -> f64 {
    count as f64
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn whole(kbps: f64) -> u32 {
    // `as` saturates.
    kbps as u32
}

#[cfg(test)]
mod tests;
