//! One camera's pictures and sound, packetized once and handed to all its viewers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::media::{Sample, SoundPacket};
use crate::peer::Picture;
use crate::peer::packetizer::Packetizer;

/// Bytes of pictures that are kept since the last key picture; a longer group is not kept, and a
/// viewer then waits for the next key picture.
const RING_BYTES: usize = 16 * 1024 * 1024;
/// Pictures and pieces of sound that wait for one viewer.
const QUEUE: usize = 512;

/// What a viewer is handed.
#[derive(Debug, Clone)]
pub enum Item {
    /// A picture.
    Picture(Arc<Picture>),
    /// A piece of sound.
    Sound(SoundPacket),
}

/// The fan-out of one feed. Clones share it; it ends with its feed.
#[derive(Clone, Default)]
pub struct Fanout(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    /// Everything since the last key picture, or nothing.
    ring: Vec<Arc<Picture>>,
    ring_bytes: usize,
    viewers: Vec<Viewer>,
}

struct Viewer {
    queue: mpsc::Sender<Item>,
    /// It gets no picture before the next key picture: it has not begun, or its queue was full.
    waits: bool,
    /// Read by its call's record.
    dropped: Arc<AtomicU64>,
    begun: bool,
}

/// How much has come since the last key picture.
#[derive(Debug, Clone, Copy)]
pub struct Group {
    /// Of its pictures.
    pub bytes: usize,
    /// From the first to the last of them.
    pub lasts: Duration,
}

/// A viewer's end of the fan-out. Dropping it leaves.
pub struct Joined {
    /// All pictures since the last key picture, oldest first; empty if there is none yet.
    pub ring: Vec<Arc<Picture>>,
    /// What comes after them.
    pub items: mpsc::Receiver<Item>,
}

impl Fanout {
    /// Takes a feed's samples until it ends. Runs on the media runtime.
    pub async fn run(self, mut samples: mpsc::Receiver<Sample>) {
        let mut packetizer = Packetizer::new();
        while let Some(sample) = samples.recv().await {
            match sample {
                Sample::Picture(unit) => {
                    let picture = packetizer.packetize(&unit.data, unit.timestamp, unit.key);
                    if let Some(picture) = picture {
                        self.lock().show(Arc::new(picture));
                    }
                }
                Sample::Sound(packet) => self.lock().sound(&packet),
            }
        }
    }

    /// Joins: the ring as it is now, and a queue for what follows, without a gap between them.
    /// `dropped` counts the pictures that this viewer is not handed because its queue is full.
    #[must_use]
    pub fn join(&self, dropped: Arc<AtomicU64>) -> Joined {
        let (queue, items) = mpsc::channel(QUEUE);
        let mut inner = self.lock();
        // Without a ring nothing can be decoded before the next key picture.
        let begun = !inner.ring.is_empty();
        inner.viewers.push(Viewer { queue, waits: !begun, dropped, begun });
        Joined { ring: inner.ring.clone(), items }
    }

    /// The pictures since the last key picture.
    #[must_use]
    pub fn group(&self) -> Group {
        let inner = self.lock();
        let ends = inner.ring.first().zip(inner.ring.last());
        let ticks = ends.map_or(0, |(first, last)| last.timestamp.saturating_sub(first.timestamp));
        Group { bytes: inner.ring_bytes, lasts: Duration::from_millis(ticks / 90) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn show(&mut self, picture: Arc<Picture>) {
        if picture.key {
            self.ring.clear();
            self.ring_bytes = 0;
        }
        if picture.key || !self.ring.is_empty() {
            self.ring_bytes += picture.len();
            self.ring.push(picture.clone());
            if self.ring_bytes > RING_BYTES {
                self.ring.clear();
                self.ring_bytes = 0;
            }
        }
        self.viewers.retain_mut(|viewer| viewer.hand(&picture));
    }

    fn sound(&mut self, packet: &SoundPacket) {
        self.viewers.retain(|viewer| {
            use mpsc::error::TrySendError::Closed;
            !matches!(viewer.queue.try_send(Item::Sound(packet.clone())), Err(Closed(_)))
        });
    }
}

impl Viewer {
    /// False once the viewer has left.
    fn hand(&mut self, picture: &Arc<Picture>) -> bool {
        if self.waits && !picture.key {
            self.miss();
            return !self.queue.is_closed();
        }
        match self.queue.try_send(Item::Picture(picture.clone())) {
            Ok(()) => (self.waits, self.begun) = (false, true),
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.waits = true;
                self.miss();
            }
            Err(mpsc::error::TrySendError::Closed(_)) => return false,
        }
        true
    }

    fn miss(&mut self) {
        if self.begun {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use bytes::Bytes;

    fn picture(timestamp: u64, key: bool) -> Arc<Picture> {
        Arc::new(Picture { payloads: Arc::from([Bytes::from_static(&[0x65, 1])]), timestamp, key })
    }

    fn timestamps(items: &mut mpsc::Receiver<Item>) -> Vec<u64> {
        std::iter::from_fn(|| items.try_recv().ok())
            .map(|item| match item {
                Item::Picture(picture) => picture.timestamp,
                Item::Sound(sound) => sound.timestamp,
            })
            .collect()
    }

    #[test]
    fn a_viewer_that_joins_gets_everything_since_the_last_key_picture_and_then_what_follows() {
        let fanout = Fanout::default();
        for (timestamp, key) in [(1, true), (2, false), (3, true), (4, false)] {
            fanout.lock().show(picture(timestamp, key));
        }
        let mut joined = fanout.join(Arc::default());
        fanout.lock().show(picture(5, false));
        assert_eq!(joined.ring.iter().map(|p| p.timestamp).collect::<Vec<_>>(), [3, 4]);
        assert_eq!(timestamps(&mut joined.items), [5]);
    }

    #[test]
    fn a_viewer_without_a_ring_starts_at_the_next_key_picture() {
        let fanout = Fanout::default();
        let mut joined = fanout.join(Arc::default());
        for (timestamp, key) in [(1, false), (2, true), (3, false)] {
            fanout.lock().show(picture(timestamp, key));
        }
        assert_eq!(timestamps(&mut joined.items), [2, 3]);
    }

    #[test]
    fn a_slow_viewer_loses_pictures_up_to_the_next_key_picture_and_others_lose_none() {
        let fanout = Fanout::default();
        fanout.lock().show(picture(0, true));
        let lost = Arc::new(AtomicU64::new(0));
        let (mut slow, mut quick) = (fanout.join(lost.clone()), fanout.join(Arc::default()));
        let mut quick_seen = Vec::new();
        for timestamp in 1..=600 {
            fanout.lock().show(picture(timestamp, timestamp == 590));
            quick_seen.extend(timestamps(&mut quick.items));
        }
        assert_eq!(quick_seen, (1..=600).collect::<Vec<_>>());
        assert_eq!(timestamps(&mut slow.items), (1..=512).collect::<Vec<_>>());
        fanout.lock().show(picture(601, false));
        assert_eq!(timestamps(&mut slow.items), Vec::<u64>::new());
        fanout.lock().show(picture(602, true));
        assert_eq!(timestamps(&mut slow.items), [602]);
        assert_eq!(lost.load(Ordering::Relaxed), 600 - 512 + 1);
    }

    #[test]
    fn a_viewer_that_left_is_forgotten() {
        let fanout = Fanout::default();
        drop(fanout.join(Arc::default()));
        fanout.lock().show(picture(1, true));
        assert!(fanout.lock().viewers.is_empty());
    }
}
