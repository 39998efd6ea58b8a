//! How much of something may be done, now and per second.

use std::time::{Duration, Instant};

/// More than what gets lost in computing with times.
const ROUNDING: Duration = Duration::from_micros(1);

/// A bucket that fills by itself and by what is earned.
#[derive(Debug)]
pub(super) struct Bucket {
    left: f64,
    most: f64,
    per_second: f64,
    filled: Option<Instant>,
}

impl Bucket {
    /// Full at first.
    pub(super) fn new(most: f64, per_second: f64) -> Self {
        Self { left: most, most, per_second, filled: None }
    }

    /// Adds what has come in the time since the last call.
    pub(super) fn fill(&mut self, now: Instant) {
        let passed = self.filled.map_or(Duration::ZERO, |filled| now.saturating_duration_since(filled));
        self.filled = Some(self.filled.map_or(now, |filled| filled.max(now)));
        self.earn(passed.as_secs_f64() * self.per_second);
    }

    /// Adds something beside what comes with the time.
    pub(super) fn earn(&mut self, amount: f64) {
        self.left = (self.left + amount).min(self.most);
    }

    /// False, and nothing is taken, if so much is not left.
    pub(super) fn spend(&mut self, amount: f64) -> bool {
        let enough = amount <= self.left;
        if enough {
            self.left -= amount;
        }
        enough
    }

    /// How long it takes until so much is surely left, if nothing is earned.
    pub(super) fn wait(&self, amount: f64) -> Duration {
        Duration::from_secs_f64((amount - self.left).max(0.0) / self.per_second) + ROUNDING
    }
}
