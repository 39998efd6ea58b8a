//! Pictures that wait to be sent to one viewer, because it joined in the middle of a group. Pure.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::peer::Picture;

/// More is given up, bytes: a line that is so far behind is better served by the next key picture.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// Pictures in their order, each with its time on the camera's clock as the viewer is to see it.
#[derive(Default)]
pub struct Backlog {
    pictures: VecDeque<(Arc<Picture>, u64)>,
    bytes: usize,
    /// Too much had to wait: nothing is of use before the next key picture.
    waits: bool,
}

impl Backlog {
    /// Begins with what was there before.
    #[must_use]
    pub fn new(pictures: Vec<(Arc<Picture>, u64)>) -> Self {
        let bytes = pictures.iter().map(|(picture, _)| picture.len()).sum();
        Self { pictures: pictures.into(), bytes, waits: false }
    }

    /// True if there is something to send.
    #[must_use]
    pub fn is_due(&self) -> bool {
        !self.pictures.is_empty()
    }

    /// The camera's next picture. A key picture makes all before it needless. How many pictures are lost.
    pub fn push(&mut self, picture: Arc<Picture>) -> u64 {
        if picture.key {
            self.clear();
            self.waits = false;
        }
        if self.waits {
            return 1;
        }
        self.bytes += picture.len();
        self.pictures.push_back((picture.clone(), picture.timestamp));
        if self.bytes <= MOST_BYTES {
            return 0;
        }
        let lost = self.pictures.len() as u64;
        self.clear();
        self.waits = true;
        lost
    }

    /// What is sent next.
    pub fn pop(&mut self) -> Option<(Arc<Picture>, u64)> {
        let next = self.pictures.pop_front()?;
        self.bytes -= next.0.len();
        Some(next)
    }

    fn clear(&mut self) {
        self.pictures.clear();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn picture(timestamp: u64, bytes: usize, key: bool) -> Arc<Picture> {
        Arc::new(Picture { payloads: Arc::from([Bytes::from(vec![0x65; bytes])]), timestamp, key })
    }

    fn times(backlog: &mut Backlog) -> Vec<u64> {
        std::iter::from_fn(|| backlog.pop()).map(|(_, time)| time).collect()
    }

    #[test]
    fn a_key_picture_makes_all_that_waits_before_it_needless() {
        let mut backlog = Backlog::new(vec![(picture(1, 10, true), 1), (picture(2, 10, false), 2)]);
        for (timestamp, key) in [(3, false), (4, true), (5, false)] {
            assert_eq!(backlog.push(picture(timestamp, 10, key)), 0);
        }
        assert_eq!(times(&mut backlog), [4, 5]);
        assert!(!backlog.is_due());
    }

    #[test]
    fn too_much_is_given_up_until_the_next_key_picture() {
        let mut backlog = Backlog::new(vec![(picture(1, MOST_BYTES, true), 1)]);
        assert_eq!(backlog.push(picture(2, 1, false)), 2);
        assert_eq!(backlog.push(picture(3, 1, false)), 1);
        assert!(!backlog.is_due());
        assert_eq!(backlog.push(picture(4, 1, true)), 0);
        assert_eq!(times(&mut backlog), [4]);
    }
}
