//! When something that failed may be tried again.

use std::time::{Duration, Instant};

/// When something that failed may be tried again. Pure: time and chance come from outside.
#[derive(Debug, Default)]
pub(super) struct Pause {
    failures: u32,
    until: Option<Instant>,
}

impl Pause {
    /// It failed: the pause is `first`, doubled with each failure up to `longest`, and up to a quarter
    /// longer by `chance`, which is in `0.0..1.0`.
    pub(super) fn failed(&mut self, now: Instant, first: Duration, longest: Duration, chance: f64) {
        let pause = first.saturating_mul(1 << self.failures.min(16)).min(longest);
        self.failures = self.failures.saturating_add(1);
        self.at_least(now + pause.mul_f64(1.0 + 0.25 * chance));
    }

    /// No try before that, whatever else is said.
    pub(super) fn at_least(&mut self, until: Instant) {
        self.until = Some(self.until.map_or(until, |known| known.max(until)));
    }

    /// It succeeded.
    pub(super) fn ended(&mut self) {
        *self = Self::default();
    }

    /// Until when to wait; `None`: it may be tried.
    pub(super) fn left(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| *until > now)
    }
}
