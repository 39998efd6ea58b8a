//! Which of a feed's sources is read. Pure.

use std::time::{Duration, Instant};

/// A source that failed rests for this long, then for twice as long each time.
const REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(30);
/// One that would fail again soon rests for this long at least: a camera or a hub may lock out who
/// tries too often.
const LASTING: Duration = Duration::from_secs(10);
/// A token that was refused counts as a failed login.
const REFUSED: Duration = Duration::from_secs(60);

/// How lasting a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It may be gone the next moment.
    Passing,
    /// It would fail again soon.
    Lasting,
    /// A password or a token is wrong.
    Refused,
}

/// Knows which sources rest, and until when.
#[derive(Debug)]
pub struct Choice {
    sources: Vec<Rest>,
}

#[derive(Debug, Clone, Copy)]
struct Rest {
    until: Option<Instant>,
    next: Duration,
}

impl Choice {
    /// So many sources, best first.
    pub fn new(sources: usize) -> Self {
        Self { sources: vec![Rest { until: None, next: REST }; sources] }
    }

    /// The best source that does not rest; else the one that is rested first, and when.
    pub fn next(&self, now: Instant) -> Option<(usize, Instant)> {
        let rested = self.sources.iter().map(|rest| rest.until.map_or(now, |until| until.max(now)));
        rested.enumerate().min_by_key(|(place, at)| (*at, *place))
    }

    /// A source has failed.
    pub fn failed(&mut self, source: usize, failure: Failure, now: Instant) {
        let Some(rest) = self.sources.get_mut(source) else { return };
        let least = match failure {
            Failure::Passing => Duration::ZERO,
            Failure::Lasting => LASTING,
            Failure::Refused => REFUSED,
        };
        rest.until = Some(now + rest.next.max(least));
        rest.next = (rest.next * 2).min(LONGEST_REST);
    }

    /// A source shows a picture: what was wrong with it is over.
    pub fn showed(&mut self, source: usize) {
        if let Some(rest) = self.sources.get_mut(source) {
            *rest = Rest { until: None, next: REST };
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_fails_gives_way_to_the_next_at_once_and_is_tried_again_when_that_ends() {
        let (mut choice, now) = (Choice::new(3), Instant::now());
        assert_eq!(choice.next(now), Some((0, now)));
        choice.failed(0, Failure::Passing, now);
        assert_eq!(choice.next(now), Some((1, now)));
        choice.showed(1);
        let later = now + Duration::from_secs(60);
        choice.failed(1, Failure::Passing, later);
        assert_eq!(choice.next(later), Some((0, later)), "the best one has rested");
    }

    #[test]
    fn when_all_have_failed_the_first_that_is_rested_comes() {
        let (mut choice, now) = (Choice::new(2), Instant::now());
        choice.failed(0, Failure::Lasting, now);
        choice.failed(1, Failure::Passing, now);
        assert_eq!(choice.next(now), Some((1, now + REST)));
        choice.failed(1, Failure::Refused, now + REST);
        assert_eq!(choice.next(now + REST), Some((0, now + LASTING)));
    }

    #[test]
    fn the_only_source_is_tried_again_after_growing_rests_that_a_picture_ends() {
        let (mut choice, mut now) = (Choice::new(1), Instant::now());
        let mut rests = Vec::new();
        for _ in 0..8 {
            choice.failed(0, Failure::Passing, now);
            let (_, at) = choice.next(now).unwrap();
            rests.push((at - now).as_secs());
            now = at;
        }
        assert_eq!(rests, [1, 2, 4, 8, 16, 30, 30, 30]);
        choice.showed(0);
        choice.failed(0, Failure::Passing, now);
        assert_eq!(choice.next(now).unwrap().1, now + REST);
    }
}
