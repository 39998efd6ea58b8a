//! When Alexa is asked for the user's region.

use std::time::{Duration, Instant};

use url::Url;

use super::pause::Pause;
use super::region::{Region, RegionError};

/// Pauses while there is no answer.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(300);
/// From an answer to the next question.
const ANSWER_HOLDS: Duration = Duration::from_secs(60);

/// Decides when Alexa is asked for the user's region. Pure: time and chance come from outside.
pub(super) struct RegionFinder {
    region: Region,
    /// At most one question is under way.
    asking: bool,
    /// The skill is not known where events go now.
    in_doubt: bool,
    pause: Pause,
    trouble: Option<RegionError>,
}

impl RegionFinder {
    pub(super) fn new(region: Region) -> Self {
        Self { region, asking: false, in_doubt: false, pause: Pause::default(), trouble: None }
    }

    /// Base address of the event gateway. `found` is what was found earlier.
    pub(super) fn base(&self, found: Option<&str>) -> Option<Url> {
        self.region.base(found)
    }

    /// Where to ask, if that is to be done now; then [`Self::answered`] must follow.
    pub(super) fn question(&mut self, found: Option<&str>, now: Instant) -> Option<Url> {
        let Region::Asked(at) = &self.region else { return None };
        self.in_doubt |= self.region.base(found).is_none();
        if !self.in_doubt || self.asking || self.pause.left(now).is_some() {
            return None;
        }
        self.asking = true;
        Some(at.clone())
    }

    /// When to ask again.
    pub(super) fn again(&self, now: Instant) -> Option<Instant> {
        if self.in_doubt && !self.asking { self.pause.left(now) } else { None }
    }

    /// The region may be another one.
    pub(super) fn doubt(&mut self) {
        self.in_doubt = true;
    }

    /// The question was answered, with an error or without.
    pub(super) fn answered(&mut self, error: Option<RegionError>, now: Instant, chance: f64) {
        self.asking = false;
        self.trouble = error;
        if error.is_some() {
            self.pause.failed(now, FIRST, LONGEST, chance);
        } else {
            self.in_doubt = false;
            self.pause.ended();
            self.pause.at_least(now + ANSWER_HOLDS);
        }
    }

    /// Another user's region is none of the last one's.
    pub(super) fn begin_anew(&mut self) {
        (self.asking, self.in_doubt, self.pause, self.trouble) = (false, false, Pause::default(), None);
    }

    /// Why the region is not known, while that is so.
    pub(super) fn trouble(&self) -> Option<RegionError> {
        self.trouble
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    const ASKED: &str = "https://api.amazonalexa.com/";

    fn finder() -> RegionFinder {
        RegionFinder::new(Region::Asked(Url::parse(ASKED).unwrap()))
    }

    #[test]
    fn a_region_that_is_known_is_asked_for_again_only_in_doubt_and_once_a_minute() {
        let (mut finder, start) = (finder(), Instant::now());
        assert!(finder.question(None, start).is_some(), "nothing is known");
        assert!(finder.question(None, start).is_none(), "one question at a time");
        finder.answered(None, start, 0.0);
        let later = start + Duration::from_secs(1);
        assert!(finder.question(Some(ASKED), later).is_none() && finder.again(later).is_none());
        finder.doubt();
        assert!(finder.question(Some(ASKED), later).is_none());
        assert_eq!(finder.again(later), Some(start + ANSWER_HOLDS));
        assert!(finder.question(Some(ASKED), start + ANSWER_HOLDS).is_some());
    }

    #[test]
    fn a_host_that_is_not_believed_any_more_is_asked_for_anew() {
        assert!(finder().question(Some("http://127.0.0.1:5/"), Instant::now()).is_some());
    }

    #[test]
    fn without_an_answer_the_pauses_grow() {
        let (mut finder, mut now) = (finder(), Instant::now());
        for pause in [1, 2, 4, 8] {
            assert!(finder.question(None, now).is_some());
            finder.answered(Some(RegionError::Unreachable), now, 0.0);
            let again = finder.again(now).unwrap();
            assert_eq!((again - now).as_secs(), pause);
            now = again;
        }
        assert_eq!(finder.trouble(), Some(RegionError::Unreachable));
    }
}
