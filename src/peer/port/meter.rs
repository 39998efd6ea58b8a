//! What one peer's checks show of its path.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::peer::Measured;

/// The last check that was answered. The far end's reports may stay away for long on a line that is full; its answers to
/// checks it owes (RFC 7675).
#[derive(Debug, Default)]
pub(in crate::peer) struct Meter {
    last: Mutex<Option<Measured>>,
    sought: AtomicBool,
}

impl Meter {
    /// A check was answered at `now`.
    pub(super) fn answered(&self, round_trip: Duration, now: Instant) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Measured { round_trip, at: now });
    }

    /// A check of the far end's has come.
    pub(super) fn sought(&self) {
        self.sought.store(true, Ordering::Relaxed);
    }

    /// What was measured last.
    pub(in crate::peer) fn last(&self) -> Option<Measured> {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True once a check of the far end's has come.
    pub(in crate::peer) fn was_sought(&self) -> bool {
        self.sought.load(Ordering::Relaxed)
    }
}
