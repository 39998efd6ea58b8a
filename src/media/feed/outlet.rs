//! The bounded way of samples from a feed to its camera.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;

use crate::media::Sample;

/// When it overflows, pictures are left out up to the next key picture: half a group of pictures
/// would only show rubble.
pub struct Outlet {
    to: mpsc::Sender<Sample>,
    skipping: bool,
    dropped: Arc<AtomicU64>,
}

impl Outlet {
    /// Counts what it drops in `dropped`.
    pub fn new(to: mpsc::Sender<Sample>, dropped: Arc<AtomicU64>) -> Self {
        Self { to, skipping: false, dropped }
    }

    /// Passes a sample on if there is room. True if pictures began to be left out with this one.
    pub fn put(&mut self, sample: Sample) -> bool {
        let key = match &sample {
            Sample::Picture(picture) => Some(picture.key),
            Sample::Sound(_) => None,
        };
        if self.skipping && key == Some(false) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        match self.to.try_send(sample) {
            Ok(()) => {
                self.skipping &= key.is_none();
                false
            }
            Err(mpsc::error::TrySendError::Closed(_)) => false,
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
                let began = key.is_some() && !self.skipping;
                self.skipping |= key.is_some();
                began
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use bytes::Bytes;

    use super::*;
    use crate::media::{AccessUnit, SoundPacket};

    fn picture(timestamp: u64, key: bool) -> Sample {
        Sample::Picture(Arc::new(AccessUnit { data: Bytes::new(), timestamp, key, slate: false }))
    }

    #[test]
    fn after_an_overflow_pictures_go_on_with_a_key_picture() {
        let (to, mut from) = mpsc::channel(2);
        let dropped = Arc::default();
        let mut outlet = Outlet::new(to, Arc::clone(&dropped));
        assert!(!outlet.put(picture(0, true)));
        assert!(!outlet.put(picture(1, false)));
        assert!(outlet.put(picture(2, false)), "pictures begin to be left out");
        let _ = from.try_recv().unwrap();
        assert!(!outlet.put(picture(3, false)), "there is room, but no key picture");
        outlet.put(Sample::Sound(SoundPacket { opus: Bytes::new(), timestamp: 9 }));
        let _ = from.try_recv().unwrap();
        outlet.put(picture(4, true));
        assert!(matches!(from.try_recv(), Ok(Sample::Sound(_))));
        assert!(matches!(from.try_recv(), Ok(Sample::Picture(p)) if p.timestamp == 4));
        assert_eq!(dropped.load(Ordering::Relaxed), 2);
    }
}
