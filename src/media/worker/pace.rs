//! Spreads what comes in bursts over the time that it shows.

/// A stream's bursts: it is passed on evenly, no later than its latest burst makes necessary.
#[derive(Debug, Default)]
pub struct Pace {
    /// What is shown at 0 on the source's clock is due at this time of ours, ms.
    base_ms: Option<i64>,
    /// Least time that a sample had to wait since `window_ms`.
    least_ms: i64,
    window_ms: i64,
}

/// Further from its place than this: the source's clock has jumped.
const JUMP_MS: i64 = 4_000;
/// So long all samples must have come early before they are passed on earlier.
const WINDOW_MS: i64 = 10_000;
/// Samples may always come so much early.
const MARGIN_MS: i64 = 60;

impl Pace {
    /// When a sample of this time on the source's clock is due, ms of our clock.
    pub fn due(&mut self, at_ms: i64, now_ms: i64) -> i64 {
        let base = *self.base_ms.get_or_insert(now_ms.saturating_sub(at_ms));
        let due = base.saturating_add(at_ms);
        let wait = due.saturating_sub(now_ms);
        if !(0..=JUMP_MS).contains(&wait) {
            // Late: so may be all that follow.
            self.begin_at(now_ms.saturating_sub(at_ms), now_ms);
            return now_ms;
        }
        self.least_ms = self.least_ms.min(wait);
        if now_ms.saturating_sub(self.window_ms) <= WINDOW_MS {
            return due;
        }
        let spare = (self.least_ms - MARGIN_MS).max(0);
        self.begin_at(base - spare, now_ms);
        due - spare.min(wait)
    }

    fn begin_at(&mut self, base_ms: i64, now_ms: i64) {
        (self.base_ms, self.least_ms, self.window_ms) = (Some(base_ms), i64::MAX, now_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When each sample is due, if one comes every 40 ms of the source's time in bursts of so many.
    fn out(bursts: impl Iterator<Item = (i64, i64)>) -> Vec<i64> {
        let mut pace = Pace::default();
        let arrivals = bursts.flat_map(|(at, count)| (0..count).map(move |_| at));
        arrivals.enumerate().map(|(sample, at)| pace.due(sample as i64 * 40, at)).collect()
    }

    #[test]
    fn bursts_go_out_evenly() {
        let out = out((0..20).map(|burst| (burst * 1_000, 25)));
        assert!(out.windows(2).all(|pair| pair[1] - pair[0] == 40));
    }

    #[test]
    fn a_late_burst_delays_the_rest_and_the_delay_is_given_back_when_it_was_the_only_one() {
        let late = |burst: i64| burst * 1_000 + if burst == 5 { 700 } else { 0 };
        let out = out((0..60).map(|burst| (late(burst), 25)));
        assert_eq!(out[5 * 25], 5_700);
        assert!(out[6 * 25] >= 6_700 - 40);
        let last = out[59 * 25] - 59_000;
        assert!((0..=MARGIN_MS).contains(&last), "{last} ms");
    }

    #[test]
    fn a_clock_that_jumps_is_followed_at_once() {
        let mut pace = Pace::default();
        assert_eq!(pace.due(1_000, 0), 0);
        assert_eq!(pace.due(9_000_000, 40), 40);
        assert_eq!(pace.due(9_000_040, 41), 80);
        assert_eq!(pace.due(i64::MIN, 90), 90);
        assert_eq!(pace.due(i64::MAX, 90), 90);
    }
}
