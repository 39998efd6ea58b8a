//! How the hub stands, for whoever looks: the last snapshot, and when the next one is due.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::hub::{HubSnapshot, Link};

/// Between two snapshots, however much happens.
pub(super) const SHOW_EVERY: Duration = Duration::from_millis(100);

/// The last snapshot. Outlives the link.
#[derive(Debug)]
pub(super) struct Board {
    shown: Arc<HubSnapshot>,
    shown_at: Option<Instant>,
    due_at: Option<Instant>,
}

impl Board {
    pub(super) fn new() -> Self {
        let first = HubSnapshot::without_cameras(Link::Down("connecting".into()));
        Self { shown: Arc::new(first), shown_at: None, due_at: None }
    }

    /// The same `Arc` as before if nothing changed.
    pub(super) fn shown(&self) -> &Arc<HubSnapshot> {
        &self.shown
    }

    /// What is shown is no longer so; it can wait until enough time has passed since the last one.
    pub(super) fn soon(&mut self, now: Instant) {
        let earliest = self.shown_at.map_or(now, |at| at + SHOW_EVERY);
        self.due_at.get_or_insert(earliest);
    }

    /// What is shown is no longer so, and that cannot wait.
    pub(super) fn at_once(&mut self, now: Instant) {
        self.due_at = Some(now);
    }

    /// When the next snapshot is due, if it is not what it was.
    pub(super) fn due_at(&self) -> Option<Instant> {
        self.due_at
    }

    /// A snapshot made of all that is known now.
    pub(super) fn renew(&mut self, snapshot: HubSnapshot, now: Instant) {
        self.due_at = None;
        self.shown_at = Some(now);
        self.show(snapshot);
    }

    /// The link is another one, which says nothing of what else is due.
    pub(super) fn show(&mut self, snapshot: HubSnapshot) {
        if *self.shown != snapshot {
            self.shown = Arc::new(snapshot);
        }
    }

    /// The link is lost, and with it all that was due.
    pub(super) fn lost(&mut self, link: Link) {
        (self.due_at, self.shown_at) = (None, None);
        self.show(HubSnapshot { link, trouble: None, ..HubSnapshot::clone(&self.shown) });
    }
}
