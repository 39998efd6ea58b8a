//! How much longer packets are under way than they need. Pure.

use std::time::{Duration, Instant};

/// The shortest round trip is looked for anew this often: a way may change.
const SPAN: Duration = Duration::from_secs(60);

/// The shortest round trip of the last one to two minutes.
#[derive(Debug, Default)]
pub struct RoundTrip {
    before: Option<Duration>,
    now: Option<(Duration, Instant)>,
}

impl RoundTrip {
    /// A round trip was measured. Returns how much longer it is than the shortest one.
    pub fn take(&mut self, round_trip: Duration, now: Instant) -> Duration {
        let (shortest, since) = self.now.unwrap_or((round_trip, now));
        let shortest = shortest.min(round_trip);
        self.now = Some((shortest, since));
        if now.saturating_duration_since(since) >= SPAN {
            (self.before, self.now) = (Some(shortest), Some((round_trip, now)));
        }
        let shortest = self.before.map_or(shortest, |before| before.min(shortest));
        round_trip.saturating_sub(shortest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_longer_than_the_shortest_waits_until_that_is_long_ago() {
        let (mut round_trip, start) = (RoundTrip::default(), Instant::now());
        let mut waits =
            |ms, s| round_trip.take(Duration::from_millis(ms), start + Duration::from_secs(s)).as_millis();
        assert_eq!([waits(50, 0), waits(40, 1), waits(300, 2), waits(40, 3)], [0, 0, 260, 0]);
        assert_eq!([waits(90, 61), waits(90, 100)], [50, 50]);
        assert_eq!([waits(90, 125), waits(90, 190)], [0, 0], "another way");
    }
}
