//! How long to wait before the next try to reach the hub. Pure: time and chance come from outside.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Most tries within [`WINDOW`].
const MOST_TRIES: usize = 10;
const WINDOW: Duration = Duration::from_secs(60);
/// Pauses after a loss, seconds. A hub that restarts is mostly back within 40 s, and its cameras should
/// be back 5 s later.
const FIRST_PAUSES: [f64; 9] = [1.0, 3.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0];
/// Tries that are made before the pauses grow.
const EAGER_TRIES: u32 = 24;
const STEADY_PAUSE: f64 = 6.0;
const LONGEST_PAUSE: f64 = 60.0;
/// After a refused token, which counts as a failed login for our address.
const REFUSED_PAUSE: Duration = Duration::from_secs(300);

/// The pauses of one link.
#[derive(Debug, Default)]
pub struct Retry {
    failures: u32,
    tries: VecDeque<Instant>,
}

impl Retry {
    /// A try begins.
    pub fn trying(&mut self, now: Instant) {
        self.tries.push_back(now);
        if self.tries.len() > MOST_TRIES {
            self.tries.pop_front();
        }
    }

    /// The link was complete: a loss from here on is a new one.
    pub fn reached(&mut self) {
        self.failures = 0;
    }

    /// A try or a link has ended; when to try next. `chance` is in `0.0..1.0`.
    #[must_use]
    pub fn next(&mut self, now: Instant, refused: bool, chance: f64) -> Instant {
        if refused {
            return now + REFUSED_PAUSE + Duration::from_secs_f64(10.0 * chance);
        }
        let pause = match FIRST_PAUSES.get(self.failures as usize) {
            Some(pause) => *pause * (0.9 + 0.1 * chance),
            None if self.failures < EAGER_TRIES => STEADY_PAUSE * (0.8 + 0.2 * chance),
            None => {
                let growth = 1.5_f64.powi((self.failures - EAGER_TRIES).min(20) as i32 + 1);
                (STEADY_PAUSE * growth).min(LONGEST_PAUSE) * (0.5 + 0.5 * chance)
            }
        };
        self.failures = self.failures.saturating_add(1);
        let next = now + Duration::from_secs_f64(pause);
        match self.tries.front() {
            Some(oldest) if self.tries.len() == MOST_TRIES => next.max(*oldest + WINDOW),
            _ => next,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The moments of all tries within `span` when each fails at once, in seconds.
    fn tries(span: f64, chance: f64) -> Vec<f64> {
        let start = Instant::now();
        let (mut retry, mut now, mut moments) = (Retry::default(), start, Vec::new());
        while now < start + Duration::from_secs_f64(span) {
            moments.push((now - start).as_secs_f64());
            retry.trying(now);
            now = retry.next(now, false, chance);
        }
        moments
    }

    #[test]
    fn there_are_never_more_than_ten_tries_in_a_minute() {
        for chance in [0.0, 0.5, 0.99] {
            let moments = tries(3600.0, chance);
            for window in moments.windows(11) {
                assert!(window[10] - window[0] >= 59.99, "{window:?}");
            }
        }
    }

    #[test]
    fn a_hub_that_restarts_is_found_within_five_seconds_of_its_return() {
        let moments = tries(38.0, 0.99);
        assert!(moments.windows(2).all(|pair| pair[1] - pair[0] <= 5.0), "{moments:?}");
        assert!(moments[1] - moments[0] <= 1.0);
    }

    #[test]
    fn a_hub_that_stays_away_is_asked_about_once_a_minute() {
        let moments = tries(7200.0, 0.99);
        let last: Vec<f64> = moments.windows(2).map(|pair| pair[1] - pair[0]).rev().take(5).collect();
        assert!(last.iter().all(|pause| (55.0..=60.0).contains(pause)), "{last:?}");
    }

    #[test]
    fn a_refused_token_is_shown_at_most_twelve_times_an_hour() {
        let now = Instant::now();
        let mut retry = Retry::default();
        assert!(retry.next(now, true, 0.0) - now >= Duration::from_secs(300));
    }

    #[test]
    fn after_a_complete_link_the_pauses_begin_anew() {
        let mut now = Instant::now();
        let mut retry = Retry::default();
        for _ in 0..40 {
            retry.trying(now);
            now = retry.next(now, false, 0.5);
        }
        now += WINDOW;
        retry.reached();
        assert!(retry.next(now, false, 0.99) - now <= Duration::from_secs(1));
    }
}
