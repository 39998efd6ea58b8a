//! Whether what a camera sends fits what the lines of its viewers carry. Pure.

use crate::media::flow::Flow;

/// A rate that was measured over less time is no rate yet, s.
const SPAN: f32 = 4.0;
/// A rate this much above what is allowed is borne, percent.
const BORNE: u64 = 115;
/// What was above fits again below this much of what is allowed, percent.
const FITS: u64 = 95;
/// Of what an offer allows, so much is left for the picture after headers and sound, percent.
const PICTURE: u32 = 88;

/// Weighs what the camera sends against what its viewers allow.
#[derive(Debug, Default)]
pub struct Fit {
    /// It is above what is allowed.
    above: bool,
}

impl Fit {
    /// The limit that the picture has to keep from now on, kbit/s. `flow`: what the camera sends, whatever is made
    /// of it; `allowed`: the least that a viewer's offer allows (`b=AS`, RFC 4566 5.8), kbit/s.
    pub fn judge(&mut self, flow: Option<Flow>, allowed: Option<u32>) -> Option<u32> {
        let Some(allowed) = allowed else {
            self.above = false;
            return None;
        };
        if let Some(flow) = flow.filter(|flow| flow.seconds >= SPAN) {
            let borne = if self.above { FITS } else { BORNE };
            self.above = u64::from(flow.kbps) * 100 > u64::from(allowed) * borne;
        }
        self.above.then(|| Self::picture_kbps(allowed))
    }

    /// What is left for the picture of what an offer allows, kbit/s.
    #[must_use]
    pub fn picture_kbps(allowed: u32) -> u32 {
        allowed.saturating_mul(PICTURE) / 100
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
        let mut fit = Fit::default();
        assert_eq!(fit.judge(flow(4_000, 12.0), Some(2_500)), Some(2_200));
        assert_eq!(fit.judge(flow(4_000, 12.0), Some(1_000)), Some(880));
        assert_eq!(fit.judge(flow(2_600, 12.0), Some(2_500)), Some(2_200), "not far enough below");
        assert_eq!(fit.judge(flow(2_300, 12.0), Some(2_500)), None);
        assert_eq!(fit.judge(flow(2_600, 12.0), Some(2_500)), None, "not far enough above");
        assert_eq!(fit.judge(flow(20_000, 12.0), None), None);
    }

    #[test]
    fn what_was_measured_for_a_moment_changes_nothing() {
        let mut fit = Fit::default();
        assert_eq!(fit.judge(None, Some(2_500)), None);
        assert_eq!(fit.judge(flow(9_000, 1.0), Some(2_500)), None);
        assert_eq!(fit.judge(flow(9_000, 5.0), Some(2_500)), Some(2_200));
        assert_eq!(fit.judge(flow(100, 1.0), Some(2_500)), Some(2_200), "it was opened again");
    }
}
