//! How fast what was there before is sent to one who joins. Pure.

use std::time::Duration;

use tokio::time::Instant;

/// What a far end is taken to receive that does not say, kbit/s.
const USUAL_KBPS: u32 = 2_500;
/// Nothing is sent faster, kbit/s.
const FASTEST_KBPS: u32 = 80_000;
/// The rate doubles this often while nothing is lost.
const STEP: Duration = Duration::from_millis(100);

/// How fast the ring goes out: from twice what the far end says it can receive upwards, back to that
/// at the first loss.
pub struct Pace {
    slowest_kbps: u32,
    kbps: u32,
    /// NACK messages so far.
    nack: u64,
    /// When the rate last changed.
    changed: Instant,
    /// When what has been sent will have left at that rate.
    due: Instant,
}

impl Pace {
    /// `bandwidth_kbps`: what the far end's offer allows; `nack`: its NACK messages so far; `steady`: until then
    /// the rate does not grow.
    #[must_use]
    pub fn new(bandwidth_kbps: Option<u32>, nack: u64, now: Instant, steady: Duration) -> Self {
        let slowest_kbps = slowest(bandwidth_kbps);
        Self { slowest_kbps, kbps: slowest_kbps, nack, changed: now + steady, due: now }
    }

    /// How long so many bytes take at the first rate.
    #[must_use]
    pub fn time(bytes: usize, bandwidth_kbps: Option<u32>) -> Duration {
        Duration::from_micros(bytes as u64 * 8_000 / u64::from(slowest(bandwidth_kbps)))
    }

    /// Takes account of `bytes` that were just sent; the next ones are due at the returned time.
    pub fn sent(&mut self, bytes: usize, nack: u64, now: Instant) -> Instant {
        if nack > self.nack {
            (self.nack, self.kbps, self.changed) = (nack, self.slowest_kbps, self.changed.max(now));
        } else if now.saturating_duration_since(self.changed) >= STEP {
            (self.kbps, self.changed) = (self.kbps.saturating_mul(2).min(FASTEST_KBPS), now);
        }
        self.due += Duration::from_micros(bytes as u64 * 8_000 / u64::from(self.kbps));
        self.due
    }
}

fn slowest(bandwidth_kbps: Option<u32>) -> u32 {
    bandwidth_kbps.unwrap_or(USUAL_KBPS).saturating_mul(2).clamp(1_000, FASTEST_KBPS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ring_goes_out_faster_while_nothing_is_lost_and_at_its_first_rate_after_a_loss() {
        let mut now = Instant::now();
        let mut pace = Pace::new(Some(2_500), 0, now, Duration::ZERO);
        let mut send = |nack| {
            let due = pace.sent(62_500, nack, now);
            let took = due - now;
            now = due;
            took.as_millis()
        };
        assert_eq!([send(0), send(0), send(0)], [100, 50, 50]);
        assert_eq!(send(0), 25);
        assert_eq!(send(1), 100, "a loss");
        assert_eq!(send(1), 50);
    }

    #[test]
    fn the_rate_stays_where_it_is_while_a_picture_of_now_is_on_its_way() {
        let now = Instant::now();
        let mut pace = Pace::new(Some(2_500), 0, now, Duration::from_secs(2));
        let dues: Vec<_> =
            (0..4).map(|n| pace.sent(312_500, 0, now + Duration::from_millis(500) * n)).collect();
        assert_eq!(dues.last().map(|due| *due - now), Some(Duration::from_secs(2)));
        assert_eq!(Pace::time(1_250_000, Some(2_500)), Duration::from_secs(2));
    }
}
