//! Still pictures of what a feed shows.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;

use super::AccessUnit;
use super::wire::MAX_PICTURE;

/// Largest still picture that a worker may make, bytes.
pub const MAX_STILL: usize = 512 * 1024;
/// Most pictures of which one is made: half a minute and more.
const MOST_UNITS: usize = 1_024;
/// What a length takes in front of each of them on the wire, bytes.
const LENGTH: usize = 4;

/// One picture of a camera.
#[derive(Clone, PartialEq, Eq)]
pub struct Still {
    /// A JPEG.
    pub jpeg: Bytes,
    /// When the camera showed it, by our clock.
    pub taken: SystemTime,
}

// What a camera sees belongs in no log.
impl std::fmt::Debug for Still {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Still({} bytes)", self.jpeg.len())
    }
}

/// Whether this begins as a JPEG does.
#[must_use]
pub fn is_jpeg(data: &[u8]) -> bool {
    data.starts_with(&[0xFF, 0xD8, 0xFF])
}

/// The camera's pictures since its last key picture, which a worker needs to make a still of the newest one. Pictures
/// beyond what one frame of the wire holds are left out: the still is older then.
#[derive(Debug, Default)]
pub struct Shown {
    units: Vec<Arc<AccessUnit>>,
    bytes: usize,
    /// When the last of them came.
    at: Option<SystemTime>,
}

impl Shown {
    /// The camera's next picture, or a slate, which ends what was shown.
    pub fn push(&mut self, unit: Arc<AccessUnit>) {
        if unit.slate || unit.key {
            *self = Self::default();
        }
        let is_wanted = !unit.slate && (unit.key || !self.units.is_empty());
        let bytes = self.bytes + LENGTH + unit.data.len();
        if is_wanted && self.units.len() < MOST_UNITS && bytes < MAX_PICTURE {
            self.bytes = bytes;
            self.at = Some(SystemTime::now());
            self.units.push(unit);
        }
    }

    /// Oldest first, and when the newest came; `None` before the first key picture.
    #[must_use]
    pub fn units(&self) -> Option<(Vec<Bytes>, SystemTime)> {
        Some((self.units.iter().map(|unit| unit.data.clone()).collect(), self.at?))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn unit(bytes: usize, key: bool, slate: bool) -> Arc<AccessUnit> {
        Arc::new(AccessUnit { data: vec![0; bytes].into(), timestamp: 0, key, slate })
    }

    fn kept(shown: &Shown) -> Option<usize> {
        shown.units().map(|(units, _)| units.len())
    }

    #[test]
    fn what_is_kept_begins_at_the_last_key_picture_is_bounded_and_ends_with_a_slate() {
        let mut shown = Shown::default();
        shown.push(unit(9, false, false));
        assert_eq!(kept(&shown), None, "nothing can be decoded yet");
        for key in [true, false, true, false, false] {
            shown.push(unit(9, key, false));
        }
        assert_eq!(kept(&shown), Some(3));
        for _ in 0..2 * MOST_UNITS {
            shown.push(unit(1, false, false));
        }
        assert_eq!(kept(&shown), Some(MOST_UNITS));
        shown.push(unit(MAX_PICTURE / 2, true, false));
        shown.push(unit(MAX_PICTURE / 2, false, false));
        assert_eq!(kept(&shown), Some(1));
        shown.push(unit(9, true, true));
        assert_eq!(kept(&shown), None, "a slate is no picture of the camera");
    }
}
