//! How fast pictures are sent to one viewer: no faster than a line of some breadth bears. Pure.

use std::time::Duration;

use tokio::time::Instant;

use super::fanout::Group;
use crate::peer::MAX_PAYLOAD;

/// What a far end is taken to receive that does not say, kbit/s.
const USUAL_KBPS: u32 = 2_500;
/// Nothing is sent faster, kbit/s.
const FASTEST_KBPS: u32 = 80_000;
/// The rate doubles this often while what was there before waits and nothing is lost: a loss in a router's queue is
/// heard of that late.
const STEP: Duration = Duration::from_millis(250);
/// So much may go at once after a quiet time, bytes: routers hold that.
const BURST: u64 = 64 * 1024;
/// The stream's own rate is taken over this time.
const SPAN: Duration = Duration::from_secs(1);

/// What the far end reported and what that made us do, so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Feedback {
    /// NACK messages.
    pub nack: u64,
    /// Packets that were sent again, which take their share of the line.
    pub retransmitted: u64,
}

/// From twice what the far end says it can receive upwards until what was there before is through, and no faster from
/// then on; at a loss half as fast, but always faster than the stream itself, or else what waits would never be
/// through.
pub struct Pace {
    base_kbps: u32,
    kbps: u32,
    seen: Feedback,
    /// What was there before is not through yet, so the rate grows.
    grows: bool,
    /// When the rate last grew.
    grew: Instant,
    /// When a loss last made it smaller.
    halved: Option<Instant>,
    /// Until then the rate does not grow, and what waits need not be through.
    steady: Instant,
    /// When what has been sent will have left at that rate.
    due: Instant,
    /// Bytes of the stream's own pictures, and since when they are counted.
    came: (u64, Instant),
    /// The stream's own rate, kbit/s.
    stream_kbps: u32,
}

impl Pace {
    /// `bandwidth_kbps`: what the far end's offer allows; for the time of `steady` a key picture is on its way that
    /// makes all before it needless.
    #[must_use]
    pub fn new(bandwidth_kbps: Option<u32>, seen: Feedback, now: Instant, steady: Duration) -> Self {
        let base_kbps = base(bandwidth_kbps);
        Self {
            base_kbps,
            kbps: base_kbps,
            seen,
            grows: true,
            grew: now,
            halved: None,
            steady: now + steady,
            due: now,
            came: (0, now),
            stream_kbps: 0,
        }
    }

    /// How long one is behind who gets this group at the first rate while the stream goes on.
    #[must_use]
    pub fn catches_up(group: Group, bandwidth_kbps: Option<u32>) -> Duration {
        let base = base(bandwidth_kbps);
        let ms = u64::try_from(group.lasts.as_millis()).unwrap_or(u64::MAX).max(1);
        let stream = u32::try_from(group.bytes as u64 * 8 / ms).unwrap_or(FASTEST_KBPS);
        took(group.bytes as u64, base.saturating_sub(stream).max(base / 10))
    }

    /// A picture of the stream came. A key picture ends a steady time: what was awaited is here.
    pub fn came(&mut self, bytes: usize, key: bool, now: Instant) {
        let (sum, since) = &mut self.came;
        *sum += bytes as u64;
        let span = now.saturating_duration_since(*since);
        if span >= SPAN {
            let kbps = *sum * 8 / u64::try_from(span.as_millis()).unwrap_or(u64::MAX).max(1);
            self.stream_kbps = u32::try_from(kbps).unwrap_or(FASTEST_KBPS);
            self.came = (0, now);
        }
        if key {
            self.steady = self.steady.min(now);
        }
    }

    /// When the next packets may be sent.
    #[must_use]
    pub fn due(&self) -> Instant {
        self.due
    }

    /// Takes account of `bytes` that were just sent while more of them wait, or not.
    pub fn sent(&mut self, bytes: usize, waits: bool, seen: Feedback, now: Instant) {
        let again = seen.retransmitted.saturating_sub(self.seen.retransmitted) * MAX_PAYLOAD as u64;
        let has_lost = seen.nack > self.seen.nack;
        self.seen = seen;
        let least = if now < self.steady { 0 } else { self.stream_kbps.saturating_mul(3) / 2 };
        let least = least.max(self.base_kbps / 2).min(FASTEST_KBPS);
        let since = |at: Instant| now.saturating_duration_since(at);
        self.grows &= waits;
        if has_lost {
            if self.halved.is_none_or(|at| since(at) >= STEP) {
                (self.kbps, self.halved, self.grew) = (self.kbps / 2, Some(now), now);
            }
        } else if !self.grows {
            self.kbps = self.base_kbps;
        } else if since(self.grew.max(self.steady)) >= STEP {
            (self.kbps, self.grew) = (self.kbps.saturating_mul(2), now);
        }
        self.kbps = self.kbps.clamp(least, FASTEST_KBPS);
        let earliest = now.checked_sub(took(BURST, self.kbps)).unwrap_or(now);
        self.due = self.due.max(earliest) + took(bytes as u64 + again, self.kbps);
    }
}

fn base(bandwidth_kbps: Option<u32>) -> u32 {
    bandwidth_kbps.unwrap_or(USUAL_KBPS).saturating_mul(2).clamp(1_000, FASTEST_KBPS)
}

fn took(bytes: u64, kbps: u32) -> Duration {
    Duration::from_micros(bytes * 8_000 / u64::from(kbps))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Feedback = Feedback { nack: 0, retransmitted: 0 };

    /// How long pieces of 62,500 bytes take that are sent as soon as they may, ms; with NACK messages so far.
    fn times(pace: &mut Pace, start: Instant, nacks: &[u64]) -> Vec<u128> {
        let mut now = start.max(pace.due());
        let mut send = |nack: &u64| {
            pace.sent(62_500, true, Feedback { nack: *nack, retransmitted: 0 }, now);
            let took = pace.due().saturating_duration_since(now);
            now = now.max(pace.due());
            took.as_millis()
        };
        nacks.iter().map(&mut send).collect()
    }

    #[test]
    fn what_waits_goes_out_faster_while_nothing_is_lost_and_slower_after_a_loss() {
        let now = Instant::now();
        let mut pace = Pace::new(Some(2_500), GOOD, now, Duration::ZERO);
        // 5 Mbit/s, doubled after 300 ms and again after 550.
        assert_eq!(times(&mut pace, now, &[0; 9]), [100, 100, 100, 50, 50, 50, 50, 50, 25]);
        let now = pace.due();
        assert_eq!(times(&mut pace, now, &[1, 2, 3, 4, 5, 6, 7]), [50, 50, 50, 50, 50, 100, 100], "losses");
    }

    #[test]
    fn the_rate_does_not_grow_while_a_key_picture_is_on_its_way() {
        let now = Instant::now();
        let mut pace = Pace::new(Some(2_500), GOOD, now, Duration::from_secs(5));
        assert_eq!(times(&mut pace, now, &[0, 0, 0, 1, 2, 3, 3]), [100, 100, 100, 200, 200, 200, 200]);
        let now = pace.due();
        pace.came(1_000, true, now);
        assert_eq!(times(&mut pace, now, &[3, 3, 3]), [200, 200, 100]);
    }

    #[test]
    fn who_catches_up_has_only_what_the_stream_leaves() {
        let group = |bytes, seconds| Group { bytes, lasts: Duration::from_secs(seconds) };
        assert_eq!(Pace::catches_up(group(937_500, 3), Some(2_500)), Duration::from_secs(3));
        assert_eq!(Pace::catches_up(group(5_000_000, 4), Some(2_500)), Duration::from_secs(80));
    }

    #[test]
    fn what_is_sent_again_takes_its_share_of_the_line() {
        let now = Instant::now();
        let mut pace = Pace::new(Some(2_500), GOOD, now, Duration::ZERO);
        pace.sent(0, true, Feedback { nack: 0, retransmitted: 100 }, now);
        assert_eq!((pace.due() - now).as_millis(), 190);
    }

    #[test]
    fn after_a_quiet_time_some_goes_at_once() {
        let now = Instant::now();
        let mut pace = Pace::new(Some(2_500), GOOD, now, Duration::ZERO);
        let later = now + Duration::from_secs(10);
        pace.sent(60_000, true, GOOD, later);
        assert!(pace.due() <= later);
        pace.sent(60_000, true, GOOD, later);
        assert!(pace.due() > later + Duration::from_millis(30));
    }

    #[test]
    fn a_stream_that_takes_more_than_the_offer_allows_is_never_held_back_for_good() {
        let start = Instant::now();
        let mut pace = Pace::new(Some(1_000), GOOD, start, Duration::ZERO);
        let mut waiting = 0;
        for n in 0..250_u32 {
            // 8 Mbit/s, and each picture loses something.
            let now = start + Duration::from_millis(40) * n;
            pace.came(40_000, false, now);
            waiting += 40_000;
            while waiting > 0 && pace.due() <= now {
                waiting -= 20_000;
                pace.sent(20_000, waiting > 0, Feedback { nack: n.into(), retransmitted: 0 }, now);
            }
        }
        assert!(waiting <= 200_000, "{waiting} bytes wait");
    }
}
