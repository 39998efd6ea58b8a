//! What the hub sent that makes no sense: counted always, told rarely.

use std::time::{Duration, Instant};

/// Between two lines in the log.
const EVERY: Duration = Duration::from_secs(60);

/// Faults of the hub. Outlive the link.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    count: u64,
    again_at: Option<Instant>,
}

impl Complaints {
    /// One more. `fault` never holds what the hub sent: that may be a secret.
    pub(super) fn add(&mut self, fault: &str, now: Instant) {
        self.count += 1;
        if self.again_at.is_none_or(|at| at <= now) {
            tracing::warn!(count = self.count, fault, "the hub sent something that makes no sense");
            self.count = 0;
            self.again_at = Some(now + EVERY);
        }
    }
}
