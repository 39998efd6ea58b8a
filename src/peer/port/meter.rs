//! What one peer's checks show of its path.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::peer::Measured;

/// The last check that was answered. The far end's reports may stay away for long on a line that is full; its answers to
/// checks it owes (RFC 7675).
#[derive(Debug, Default)]
pub(in crate::peer) struct Meter {
    last: Mutex<Option<Measured>>,
    sought: AtomicBool,
    moves: AtomicU64,
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

    /// The far end is at another address now.
    pub(in crate::peer) fn moved(&self) {
        self.moves.fetch_add(1, Ordering::Relaxed);
    }

    /// What was measured last.
    pub(in crate::peer) fn last(&self) -> Option<Measured> {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True once a check of the far end's has come.
    pub(in crate::peer) fn was_sought(&self) -> bool {
        self.sought.load(Ordering::Relaxed)
    }

    /// How often the far end was found at another address. It missed what was sent before.
    pub(in crate::peer) fn moves(&self) -> u64 {
        self.moves.load(Ordering::Relaxed)
    }
}
