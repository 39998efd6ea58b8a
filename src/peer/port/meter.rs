//! How long one peer's checks need there and back.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::peer::Measured;

/// The last check that was answered. The far end's reports may stay away for long on a line that is full; its answers to
/// checks it owes (RFC 7675).
#[derive(Debug, Default)]
pub(in crate::peer) struct Meter(Mutex<Option<Measured>>);

impl Meter {
    /// A check was answered at `now`.
    pub(super) fn answered(&self, round_trip: Duration, now: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Measured { round_trip, at: now });
    }

    /// What was measured last.
    pub(in crate::peer) fn last(&self) -> Option<Measured> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
