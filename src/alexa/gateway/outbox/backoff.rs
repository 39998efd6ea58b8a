//! How long to leave the event gateway alone after it failed.

use std::time::{Duration, Instant};

/// Where doubling ends; with chance added this is the longest pause, five minutes.
const LAST_DOUBLING: Duration = Duration::from_secs(200);

/// The pause after `failures` earlier ones: `first`, doubled each time, up to half as much again by
/// `chance`, which is in `0.0..1.0`.
pub(super) fn pause(first: Duration, failures: u32, chance: f64) -> Duration {
    let doubled = first.saturating_mul(1 << failures.min(16));
    doubled.min(LAST_DOUBLING).mul_f64(1.0 + 0.5 * chance)
}

/// The pauses of one kind of parcels.
#[derive(Debug)]
pub(super) struct Backoff {
    first: Duration,
    failures: u32,
    until: Option<Instant>,
}

impl Backoff {
    pub(super) fn new(first: Duration) -> Self {
        Self { first, failures: 0, until: None }
    }

    /// A parcel failed. Several that fail together count as one.
    pub(super) fn failed(&mut self, now: Instant, chance: f64) {
        if self.pausing(now).is_none() {
            self.until = Some(now + pause(self.first, self.failures, chance));
            self.failures = self.failures.saturating_add(1);
        }
    }

    /// A parcel arrived: the next failure is the first of its own trouble.
    pub(super) fn delivered(&mut self) {
        self.failures = 0;
    }

    /// The pause is over, whatever it was for.
    pub(super) fn end(&mut self) {
        self.until = None;
    }

    /// When the pause is over, if there is one.
    pub(super) fn pausing(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| *until > now)
    }
}
