//! The last still picture of each camera, in memory alone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::EndpointId;
use crate::media::still::Still;

/// Most pictures that are kept, and their bytes together; the oldest goes first.
const MOST: usize = 64;
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// Keeps one picture of a camera, so that the page has something to show of one that is closed. Clones share it.
#[derive(Clone, Default)]
pub struct StillStore(Arc<Mutex<BTreeMap<EndpointId, Still>>>);

impl StillStore {
    /// Takes the place of the one before.
    pub fn keep(&self, camera: EndpointId, still: Still) {
        let mut kept = self.lock();
        kept.insert(camera, still);
        while kept.len() > MOST || kept.values().map(|still| still.jpeg.len()).sum::<usize>() > MOST_BYTES {
            let oldest = kept.iter().min_by_key(|(_, still)| still.taken).map(|(camera, _)| camera.clone());
            let Some(oldest) = oldest else { return };
            kept.remove(&oldest);
        }
    }

    /// The one that is kept.
    #[must_use]
    pub fn get(&self, camera: &EndpointId) -> Option<Still> {
        self.lock().get(camera).cloned()
    }

    /// Forgets those of the cameras that may not be seen.
    pub fn retain(&self, may_be_seen: impl Fn(&EndpointId) -> bool) {
        self.lock().retain(|camera, _| may_be_seen(camera));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<EndpointId, Still>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::{Duration, SystemTime};

    use super::*;

    fn camera(number: u64) -> EndpointId {
        EndpointId::parse(&format!("camera_{number}")).unwrap()
    }

    fn keep(store: &StillStore, number: u64, bytes: usize) {
        let taken = SystemTime::UNIX_EPOCH + Duration::from_secs(number);
        store.keep(camera(number), Still { jpeg: vec![0; bytes].into(), taken });
    }

    #[test]
    fn neither_many_cameras_nor_large_pictures_fill_the_memory_and_the_newest_stay() {
        let store = StillStore::default();
        for number in 0..1_000 {
            keep(&store, number, 10);
        }
        assert_eq!(store.lock().len(), MOST);
        assert!(store.get(&camera(999)).is_some() && store.get(&camera(999 - MOST as u64)).is_none());
        keep(&store, 1_000, MOST_BYTES - 10);
        assert_eq!(store.lock().keys().cloned().collect::<Vec<_>>(), [camera(1_000), camera(999)]);
        keep(&store, 1_001, MOST_BYTES + 1);
        assert!(store.lock().is_empty(), "one that is too large is not kept at all");
    }

    #[test]
    fn what_may_not_be_seen_is_forgotten() {
        let store = StillStore::default();
        keep(&store, 1, 10);
        keep(&store, 2, 10);
        store.retain(|one| *one == camera(2));
        assert!(store.get(&camera(1)).is_none() && store.get(&camera(2)).is_some());
    }
}
