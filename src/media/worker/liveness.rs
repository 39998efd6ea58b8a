//! Whether the thread that serves the source still moves.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::clock::now_ms;

/// That thread says beforehand until when it may be away; past that, and some grace, the worker no
/// longer says that it is alive, and is replaced.
pub struct Liveness(AtomicI64);

/// An interrupted call of FFmpeg's takes a moment to come back.
const GRACE_MS: i64 = 5_000;

impl Liveness {
    /// May be away for a moment.
    pub fn new() -> Self {
        Self(AtomicI64::new(now_ms()))
    }

    /// The thread is back within so many milliseconds.
    pub fn back_within(&self, ms: i64) {
        self.0.store(now_ms() + ms, Ordering::Relaxed);
    }

    /// The time it gave itself is over.
    pub fn is_overdue(&self) -> bool {
        now_ms() > self.0.load(Ordering::Relaxed)
    }

    /// The time it gave itself and the grace are not over.
    pub fn holds(&self) -> bool {
        now_ms() <= self.0.load(Ordering::Relaxed) + GRACE_MS
    }
}
