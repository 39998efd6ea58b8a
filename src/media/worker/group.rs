//! The camera's pictures since its last key picture, as they came.

use ffmpeg_next as ffmpeg;

/// A longer group is not kept.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// Pictures that are copied, in case that somebody needs one of now.
#[derive(Default)]
pub struct Group {
    packets: Vec<ffmpeg::Packet>,
    bytes: usize,
}

impl Group {
    /// The camera's next picture.
    pub fn push(&mut self, packet: ffmpeg::Packet, key: bool) {
        if key {
            self.clear();
        }
        if key || !self.packets.is_empty() {
            self.bytes += packet.size();
            self.packets.push(packet);
        }
        if self.bytes > MOST_BYTES {
            self.clear();
        }
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Oldest first, from the key picture on; empty if there is none or the group is too long.
    pub fn packets(&self) -> &[ffmpeg::Packet] {
        &self.packets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_begins_at_a_key_picture_and_one_that_is_too_long_is_not_kept() {
        let mut group = Group::default();
        group.push(ffmpeg::Packet::new(1), false);
        assert!(group.packets().is_empty());
        for key in [true, false, true, false, false] {
            group.push(ffmpeg::Packet::new(1), key);
        }
        assert_eq!(group.packets().len(), 3);
        group.push(ffmpeg::Packet::new(MOST_BYTES), false);
        group.push(ffmpeg::Packet::new(1), false);
        assert!(group.packets().is_empty());
    }
}
