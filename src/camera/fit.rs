//! Whether what a camera sends fits what the lines of its viewers carry. Pure.

use std::time::{Duration, Instant};

use crate::media::flow::Flow;

/// A rate that was measured over less time is no rate yet, s.
const SPAN: f32 = 4.0;
/// A rate this much above what is allowed is borne, percent.
const BORNE: u64 = 115;
/// What was above fits again below this much of what is allowed, percent.
const FITS: u64 = 95;
/// Of what an offer allows, so much is left for the picture after headers and sound, percent.
const PICTURE: u32 = 88;
/// What a line did not carry is tried again after this time at the earliest, and after longer each time it fails.
const AGAIN: Duration = Duration::from_secs(10);
const LONGEST_AGAIN: Duration = Duration::from_secs(300);
/// What takes more than this no machine encodes in time, kbit/s: it is a camera's fault, and none of a line.
const ABSURD: u64 = 30_000;
/// A line that carried everything for so long is another one.
const PROVEN: Duration = Duration::from_secs(60);

/// Weighs what the camera sends against what its viewers allow and their lines carry.
#[derive(Debug)]
pub struct Fit {
    /// It is above what is allowed.
    above: bool,
    /// It is above what a line carries since then.
    too_much: Option<Instant>,
    /// When a line last seemed to carry it again.
    returned: Option<Instant>,
    /// It is not tried again before.
    again: Duration,
}

impl Default for Fit {
    fn default() -> Self {
        Self { above: false, too_much: None, returned: None, again: AGAIN }
    }
}

impl Fit {
    /// The limit that the picture has to keep from now on, kbit/s. `flow`: what the camera sends, whatever is made
    /// of it; `allowed`: the least that a viewer's offer allows (`b=AS`, RFC 4566 5.8), kbit/s; `carried`: the least
    /// that a viewer's line carries, kbit/s, if that has an end.
    pub fn judge(
        &mut self,
        flow: Option<Flow>,
        allowed: Option<u32>,
        carried: Option<u32>,
        now: Instant,
    ) -> Option<u32> {
        let flow = flow.filter(|flow| flow.seconds >= SPAN).map(|flow| u64::from(flow.kbps));
        match (flow, allowed) {
            (_, None) => self.above = false,
            (Some(flow), Some(allowed)) => {
                let borne = if self.above { FITS } else { BORNE };
                self.above = flow * 100 > u64::from(allowed) * borne;
            }
            (None, Some(_)) => {}
        }
        if let Some(flow) = flow {
            self.weigh(flow, carried, now);
        }
        // The line's rate moves all the time and is told apart; the size shall not.
        (self.above || self.too_much.is_some()).then(|| Self::picture_kbps(allowed.unwrap_or(u32::MAX)))
    }

    fn weigh(&mut self, flow: u64, carried: Option<u32>, now: Instant) {
        let exceeds = |percent: u64| carried.is_some_and(|carried| flow * 100 > u64::from(carried) * percent);
        let since = |at: Instant| now.saturating_duration_since(at);
        match self.too_much {
            None if exceeds(BORNE) && flow <= ABSURD => {
                let failed = self.returned.is_some_and(|at| since(at) < PROVEN);
                self.again = if failed { (self.again * 4).min(LONGEST_AGAIN) } else { AGAIN };
                self.too_much = Some(now);
            }
            Some(at) if !exceeds(FITS) && since(at) >= self.again => {
                (self.too_much, self.returned) = (None, Some(now));
            }
            _ => {}
        }
    }

    /// True while a line does not carry it.
    #[must_use]
    pub fn is_too_much(&self) -> bool {
        self.too_much.is_some()
    }

    /// What is left for the picture of what an offer allows, kbit/s.
    #[must_use]
    pub fn picture_kbps(allowed: u32) -> u32 {
        u32::try_from(u64::from(allowed) * u64::from(PICTURE) / 100).unwrap_or(allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(kbps: u32, seconds: f32) -> Option<Flow> {
        let (pictures_per_second, since_key_seconds) = (25.0, 1.0);
        Some(Flow { pictures_per_second, kbps, key_picture_seconds: None, since_key_seconds, seconds })
    }

    #[test]
    fn what_takes_too_much_is_limited_until_it_fits_or_nobody_minds() {
        let (mut fit, now) = (Fit::default(), Instant::now());
        let mut judge = |flow, allowed| fit.judge(flow, allowed, None, now);
        assert_eq!(judge(flow(4_000, 12.0), Some(2_500)), Some(2_200));
        assert_eq!(judge(flow(4_000, 12.0), Some(1_000)), Some(880));
        assert_eq!(judge(flow(2_600, 12.0), Some(2_500)), Some(2_200), "not far enough below");
        assert_eq!(judge(flow(2_300, 12.0), Some(2_500)), None);
        assert_eq!(judge(flow(2_600, 12.0), Some(2_500)), None, "not far enough above");
        assert_eq!(judge(flow(20_000, 12.0), None), None);
    }

    #[test]
    fn what_was_measured_for_a_moment_changes_nothing() {
        let (mut fit, now) = (Fit::default(), Instant::now());
        let mut judge = |flow, allowed| fit.judge(flow, allowed, None, now);
        assert_eq!(judge(None, Some(2_500)), None);
        assert_eq!(judge(flow(9_000, 1.0), Some(2_500)), None);
        assert_eq!(judge(flow(9_000, 5.0), Some(2_500)), Some(2_200));
        assert_eq!(judge(flow(100, 1.0), Some(2_500)), Some(2_200), "it was opened again");
    }

    #[test]
    fn what_no_camera_sends_in_earnest_is_no_fault_of_a_line() {
        let (mut fit, now) = (Fit::default(), Instant::now());
        assert_eq!(fit.judge(flow(400_000, 12.0), None, Some(2_000), now), None);
    }

    #[test]
    fn what_a_line_does_not_carry_is_limited_and_tried_again_ever_later() {
        let (mut fit, start) = (Fit::default(), Instant::now());
        let mut judge = |carried, s| {
            let now = start + Duration::from_secs(s);
            fit.judge(flow(4_000, 12.0), Some(6_000), carried, now).is_some()
        };
        assert!(!judge(Some(3_600), 0) && judge(Some(3_000), 1), "a little too much is borne");
        assert!(judge(None, 5), "too soon");
        assert!(!judge(None, 12) && judge(Some(2_000), 20));
        assert!(judge(None, 50), "it failed once");
        assert!(!judge(None, 61) && !judge(None, 130));
        assert!(judge(Some(2_000), 140) && !judge(None, 151), "it carried everything for a minute");
    }
}
