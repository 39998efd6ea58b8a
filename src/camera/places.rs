//! How many of something fit into the whole house: calls, pictures that are encoded anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The places for one kind of thing in the whole house.
#[derive(Clone, Default)]
pub struct Places(Arc<AtomicUsize>);

/// One taken place; dropping it frees it.
pub struct Place(Places);

impl Places {
    /// Takes a place if fewer than `limit` are taken.
    #[must_use]
    pub fn take(&self, limit: usize) -> Option<Place> {
        let free = |taken: usize| (taken < limit).then_some(taken + 1);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, free).ok()?;
        Some(Place(self.clone()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}
