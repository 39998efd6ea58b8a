//! Whether a picture fits what the lines of its viewers carry. Pure.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The picture's rate is taken over this time.
const SPAN: Duration = Duration::from_secs(4);
/// Above what is allowed for so long: what had waited and came at once is over by then.
const LASTING: Duration = Duration::from_secs(5);
/// A rate this much above what is allowed is borne, percent.
const BORNE: u64 = 115;
/// Of what an offer allows, so much is left for the picture after headers and sound, percent.
const PICTURE: u32 = 88;

/// Weighs the picture's rate against what its viewers allow.
#[derive(Debug, Default)]
pub struct Fit {
    /// Bytes of pictures since the feed began, and when they were counted.
    counts: VecDeque<(Instant, u64)>,
    /// Since when it has been above what is allowed.
    above: Option<Instant>,
    limit: Option<u32>,
}

impl Fit {
    /// The limit that the picture has to keep from now on, kbit/s. `bytes`: of all pictures since the feed
    /// began; `allowed`: the least that a viewer's offer allows (`b=AS`, RFC 4566 5.8), kbit/s.
    pub fn judge(&mut self, now: Instant, bytes: u64, allowed: Option<u32>) -> Option<u32> {
        while self.counts.front().is_some_and(|(at, _)| now.duration_since(*at) > SPAN) {
            self.counts.pop_front();
        }
        self.counts.push_back((now, bytes));
        let too_much = allowed
            .is_some_and(|allowed| self.kbps().is_some_and(|kbps| kbps * 100 > u64::from(allowed) * BORNE));
        self.above = self.above.filter(|_| too_much).or(too_much.then_some(now));
        let lasts = self.above.is_some_and(|since| now.duration_since(since) >= LASTING);
        // What it would take without the limit is not known while there is one.
        let limited = self.limit.is_some() || lasts;
        self.limit = allowed.filter(|_| limited).map(|allowed| allowed.saturating_mul(PICTURE) / 100);
        self.limit
    }

    /// `None` before there is enough to tell.
    fn kbps(&self) -> Option<u64> {
        let ((from, before), (to, after)) = (self.counts.front()?, self.counts.back()?);
        let ms = u64::try_from(to.duration_since(*from).as_millis()).ok()?;
        let enough = SPAN.as_millis() as u64 * 3 / 4;
        (ms >= enough).then(|| after.saturating_sub(*before) * 8 / ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Limits, twice a second, of a picture of so many kbit/s whose viewers allow this.
    fn limits(fit: &mut Fit, from: Instant, kbps: u64, allowed: &[Option<u32>]) -> Vec<Option<u32>> {
        let step = |n: usize| from + Duration::from_millis(500) * u32::try_from(n).unwrap_or(0);
        let judged = allowed.iter().enumerate();
        judged.map(|(n, allowed)| fit.judge(step(n), n as u64 * kbps * 500 / 8, *allowed)).collect()
    }

    #[test]
    fn a_picture_that_takes_too_much_for_seconds_is_limited_until_its_viewer_leaves() {
        let mut allowed = vec![Some(2_500); 20];
        allowed.extend([Some(1_000), None, None]);
        let limits = limits(&mut Fit::default(), Instant::now(), 4_000, &allowed);
        assert!(limits[..15].iter().all(Option::is_none), "{limits:?}");
        assert_eq!(limits[17..20], [Some(2_200); 3]);
        assert_eq!(limits[20..], [Some(880), None, None]);
    }

    #[test]
    fn a_backlog_that_comes_at_once_is_no_rate() {
        let (mut fit, now) = (Fit::default(), Instant::now());
        for n in 0..40_u32 {
            let bytes = u64::from(n) * 2_000 * 500 / 8 + if n > 0 { 1_500_000 } else { 0 };
            assert_eq!(fit.judge(now + Duration::from_millis(500) * n, bytes, Some(2_500)), None);
        }
    }

    #[test]
    fn a_picture_that_fits_or_whose_viewers_say_nothing_is_left_alone() {
        for (kbps, allowed) in [(2_600, Some(2_500)), (20_000, None)] {
            let limits = limits(&mut Fit::default(), Instant::now(), kbps, &[allowed; 30]);
            assert!(limits.iter().all(Option::is_none));
        }
    }
}
