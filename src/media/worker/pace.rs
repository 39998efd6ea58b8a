//! Spreads what comes in bursts over the time that it shows.

/// A stream's bursts: it is passed on evenly, no later than its latest burst makes necessary.
#[derive(Debug, Default)]
pub struct Pace {
    /// What is shown at 0 on the source's clock is due at this time of ours, ms.
    base_ms: i64,
    /// The last arrival: on the source's clock, on ours.
    last: Option<(i64, i64)>,
    /// All that came so far came without a pause: it had been waiting for us.
    backlog: bool,
    /// Least time that a sample had to wait since `window_ms`.
    least_ms: i64,
    window_ms: i64,
}

/// Two samples further apart than this, the source's clock has jumped.
const JUMP_MS: i64 = 15_000;
/// A backlog is over with the first pause of this length.
const PAUSE_MS: i64 = 200;
/// So long all samples must have come early before they are passed on earlier.
const WINDOW_MS: i64 = 10_000;
/// Samples may always come so much early.
const MARGIN_MS: i64 = 60;

impl Pace {
    /// A sample of this time on the source's clock has come. False if that clock has jumped: what came before
    /// is due now.
    pub fn arrived(&mut self, at_ms: i64, now_ms: i64) -> bool {
        let last = self.last.replace((at_ms, now_ms));
        let Some((last_at_ms, last_ms)) = last.filter(|(last, _)| last.abs_diff(at_ms) <= JUMP_MS as u64)
        else {
            self.backlog = true;
            self.begin_at(now_ms.saturating_sub(at_ms), now_ms);
            return last.is_none();
        };
        self.backlog &= now_ms.saturating_sub(last_ms) < PAUSE_MS;
        let wait = self.due(at_ms).saturating_sub(now_ms);
        // Late, so may be all that follow; or old.
        if wait < 0 || self.backlog && at_ms > last_at_ms {
            self.begin_at(now_ms.saturating_sub(at_ms), now_ms);
            return true;
        }
        self.least_ms = self.least_ms.min(wait);
        if now_ms.saturating_sub(self.window_ms) > WINDOW_MS {
            self.begin_at(self.base_ms - (self.least_ms - MARGIN_MS).max(0), now_ms);
        }
        true
    }

    /// When a sample of this time on the source's clock is due, ms of our clock. May come closer.
    pub fn due(&self, at_ms: i64) -> i64 {
        self.base_ms.saturating_add(at_ms)
    }

    fn begin_at(&mut self, base_ms: i64, now_ms: i64) {
        (self.base_ms, self.least_ms, self.window_ms) = (base_ms, i64::MAX, now_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When each sample goes out, if one comes every 40 ms of the source's time in bursts of so many.
    fn out(bursts: impl Iterator<Item = (i64, i64)>) -> Vec<i64> {
        let mut pace = Pace::default();
        let arrivals: Vec<i64> = bursts.flat_map(|(at, count)| (0..count).map(move |_| at)).collect();
        let mut out = vec![i64::MAX; arrivals.len()];
        let mut come = 0;
        for now in 0..=arrivals.last().copied().unwrap_or_default() + 2_000 {
            while arrivals.get(come).is_some_and(|at| *at <= now) {
                assert!(pace.arrived(come as i64 * 40, now));
                come += 1;
            }
            for (sample, out) in out.iter_mut().enumerate().take(come) {
                if *out == i64::MAX && pace.due(sample as i64 * 40) <= now {
                    *out = now;
                }
            }
        }
        out
    }

    #[test]
    fn bursts_go_out_evenly() {
        let out = out((0..20).map(|burst| (burst * 1_000, 25)));
        assert!(out[25..].windows(2).all(|pair| pair[1] - pair[0] == 40), "{out:?}");
        assert_eq!(out[25], 1_000);
    }

    #[test]
    fn a_backlog_goes_out_at_once_and_what_follows_evenly() {
        let bursts = [(0, 150)].into_iter().chain((1..9).map(|burst| (burst * 1_000, 25)));
        let out = out(bursts);
        assert!(out[..150].iter().all(|at| *at == 0));
        assert_eq!(out[150], 1_000);
        assert!(out[150..].windows(2).all(|pair| pair[1] - pair[0] == 40), "{out:?}");
    }

    #[test]
    fn a_late_burst_delays_the_rest_and_the_delay_is_given_back_when_it_was_the_only_one() {
        let late = |burst: i64| burst * 1_000 + if burst == 5 { 700 } else { 0 };
        let out = out((0..60).map(|burst| (late(burst), 25)));
        assert_eq!(out[5 * 25], 5_700);
        assert_eq!(out[6 * 25], 6_700);
        let last = out[59 * 25] - 59_000;
        assert!((0..=MARGIN_MS).contains(&last), "{last} ms");
        assert!(out.windows(2).all(|pair| pair[0] <= pair[1]));
    }

    #[test]
    fn a_clock_that_jumps_is_told_and_followed_at_once() {
        let mut pace = Pace::default();
        assert!(pace.arrived(1_000, 0));
        assert!(!pace.arrived(9_000_000, 40));
        assert_eq!(pace.due(9_000_000), 40);
        assert!(!pace.arrived(i64::MIN, 50));
        assert!(!pace.arrived(i64::MAX, 50));
        assert!(pace.due(i64::MAX) <= 50);
    }
}
