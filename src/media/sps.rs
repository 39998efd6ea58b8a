//! Reading an H.264 sequence parameter set: size, level, order of pictures. ITU-T H.264, 7.3.2.1.1.

/// What a sequence parameter set says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sps {
    /// 66 Baseline, 77 Main, 100 High.
    pub profile: u8,
    /// Ten times the level: 41 is 4.1.
    pub level: u8,
    /// Pixels, after cropping.
    pub width: u32,
    /// Pixels, after cropping.
    pub height: u32,
    /// Pictures are sent in another order than they are shown (B frames).
    pub reordered: bool,
}

/// Pixels of a picture at level 4.1, whatever the set says its level is: table A-1, MaxFS.
const MOST_PIXELS: u32 = 8_192 * 256;
/// Pictures that may be kept for others to refer to: A.3.1, MaxDpbFrames.
const MOST_REFERENCES: u32 = 16;
/// Why a picture with B frames is encoded anew, for people.
pub const B_FRAMES: &str = "it has B frames, which some Echos show unsteadily";
/// Why a picture of a high level is, for people.
pub const LEVEL: &str = "its level is above 4.1, which some Echos do not show";

/// Profiles whose sets have chroma and scaling fields.
const HIGH: [u8; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];

impl Sps {
    /// Why a picture like this cannot be passed on as it is, for people; `None` if it can.
    #[must_use]
    pub fn hindrance(&self) -> Option<&'static str> {
        if self.reordered {
            Some(B_FRAMES)
        } else if self.level > 41 || self.width.saturating_mul(self.height) > MOST_PIXELS {
            Some(LEVEL)
        } else {
            None
        }
    }

    /// Reads a unit without start code; `None` if it is broken.
    #[must_use]
    pub fn parse(unit: &[u8]) -> Option<Self> {
        let mut bits = Bits::new(unit.get(1..)?);
        let profile = u8::try_from(bits.take(8)?).ok()?;
        bits.take(8)?;
        let level = u8::try_from(bits.take(8)?).ok()?;
        bits.number()?;
        let mut chroma = 1;
        if HIGH.contains(&profile) {
            chroma = bits.number()?;
            if chroma == 3 {
                bits.take(1)?;
            }
            bits.number()?;
            bits.number()?;
            bits.take(1)?;
            if bits.take(1)? == 1 {
                for list in 0..if chroma == 3 { 12 } else { 8 } {
                    if bits.take(1)? == 1 {
                        bits.scaling_list(if list < 6 { 16 } else { 64 })?;
                    }
                }
            }
        }
        bits.number()?;
        let order = bits.number()?;
        match order {
            0 => {
                bits.number()?;
            }
            1 => {
                bits.take(1)?;
                bits.number()?;
                bits.number()?;
                for _ in 0..bits.number().filter(|count| *count < 256)? {
                    bits.number()?;
                }
            }
            _ => {}
        }
        bits.number().filter(|references| *references <= MOST_REFERENCES)?;
        bits.take(1)?;
        let columns = bits.number()?.checked_add(1)?;
        let rows = bits.number()?.checked_add(1)?;
        let frames_only = bits.take(1)?;
        if frames_only == 0 {
            bits.take(1)?;
        }
        bits.take(1)?;
        let mut cropped = [0; 4];
        if bits.take(1)? == 1 {
            for side in &mut cropped {
                *side = bits.number()?;
            }
        }
        let (unit_x, unit_y) =
            if matches!(chroma, 1 | 2) { (2, if chroma == 1 { 2 } else { 1 }) } else { (1, 1) };
        let unit_y = unit_y * (2 - frames_only);
        let size = |blocks: u32, units: u32, before: u32, after: u32| {
            let cut = before.checked_add(after)?.checked_mul(units)?;
            blocks.checked_mul(16)?.checked_sub(cut).filter(|size| *size > 0)
        };
        let [left, right, top, bottom] = cropped;
        let width = size(columns, unit_x, left, right)?;
        let height = size(rows.checked_mul(2 - frames_only)?, unit_y, top, bottom)?;
        // Type 2 and Baseline have no B frames; else the optional part at the end may tell.
        let reordered = order != 2 && profile != 66 && bits.reordering().unwrap_or(0) > 0;
        Some(Self { profile, level, width, height, reordered })
    }
}

/// Bits of a unit, emulation prevention bytes taken out.
struct Bits {
    bytes: Vec<u8>,
    at: usize,
}

impl Bits {
    fn new(unit: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(unit.len().min(4096));
        let mut zeros = 0;
        for &byte in unit.iter().take(4096) {
            if zeros >= 2 && byte == 3 {
                zeros = 0;
                continue;
            }
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            bytes.push(byte);
        }
        Self { bytes, at: 0 }
    }

    fn take(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            let byte = *self.bytes.get(self.at / 8)?;
            value = value << 1 | u32::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(value)
    }

    /// Unsigned Exp-Golomb.
    fn number(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.take(1)? == 0 {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some((1_u32 << zeros) - 1 + self.take(zeros)?)
    }

    fn scaling_list(&mut self, size: u32) -> Option<()> {
        let (mut last, mut next) = (8_i64, 8_i64);
        for _ in 0..size {
            if next != 0 {
                let code = i64::from(self.number()?);
                let delta = if code % 2 == 0 { -(code / 2) } else { (code + 1) / 2 };
                next = (last + delta + 256).rem_euclid(256);
            }
            last = if next == 0 { last } else { next };
        }
        Some(())
    }

    /// `max_num_reorder_frames` of the optional part; `None` if it is not there.
    fn reordering(&mut self) -> Option<u32> {
        if self.take(1)? == 0 {
            return None;
        }
        if self.take(1)? == 1 && self.take(8)? == 255 {
            self.take(32)?;
        }
        if self.take(1)? == 1 {
            self.take(1)?;
        }
        if self.take(1)? == 1 {
            self.take(4)?;
            if self.take(1)? == 1 {
                self.take(24)?;
            }
        }
        if self.take(1)? == 1 {
            self.number()?;
            self.number()?;
        }
        if self.take(1)? == 1 {
            self.take(32)?;
            self.take(32)?;
            self.take(1)?;
        }
        let mut decoder_model = false;
        for _ in 0..2 {
            if self.take(1)? == 1 {
                decoder_model = true;
                let count = self.number()?.checked_add(1).filter(|count| *count <= 32)?;
                self.take(8)?;
                for _ in 0..count {
                    self.number()?;
                    self.number()?;
                    self.take(1)?;
                }
                self.take(20)?;
            }
        }
        if decoder_model {
            self.take(1)?;
        }
        self.take(1)?;
        if self.take(1)? == 0 {
            return None;
        }
        self.take(1)?;
        for _ in 0..4 {
            self.number()?;
        }
        self.number()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_set_of_a_camera_with_b_frames_says_so() {
        // x264, High, 640x360, two B frames.
        let unit = [
            0x67, 0x64, 0x00, 0x1e, 0xac, 0xd9, 0x40, 0xa0, 0x2f, 0xf9, 0x70, 0x11, 0x00, 0x00, 0x03, 0x00,
            0x01, 0x00, 0x00, 0x03, 0x00, 0x32, 0x0f, 0x16, 0x2d, 0x96,
        ];
        let sps = Sps::parse(&unit).unwrap();
        assert_eq!(sps, Sps { profile: 100, level: 30, width: 640, height: 360, reordered: true });
    }

    #[test]
    fn a_set_that_understates_its_level_cannot_be_copied() {
        // Baseline, 16384x16384, says level 4.1.
        let unit = [0x67, 0x42, 0x00, 0x29, 0xda, 0x00, 0x10, 0x00, 0x00, 0x80, 0x19];
        let sps = Sps::parse(&unit).unwrap();
        assert_eq!((sps.width, sps.height, sps.level), (16_384, 16_384, 41));
        assert!(sps.hindrance().is_some());
    }

    #[test]
    fn a_set_with_more_references_than_there_may_be_is_broken() {
        // Baseline, 640x368, 16 and 32 references.
        let sixteen = [0x67, 0x42, 0x00, 0x1f, 0xd8, 0x44, 0x0a, 0x02, 0xf9];
        let too_many = [0x67, 0x42, 0x00, 0x1f, 0xd8, 0x21, 0x02, 0x80, 0xbe, 0x40];
        assert_eq!(Sps::parse(&sixteen).map(|sps| (sps.width, sps.height)), Some((640, 368)));
        assert_eq!(Sps::parse(&too_many), None);
    }

    proptest! {
        #[test]
        fn no_bytes_can_upset_it(unit in prop::collection::vec(any::<u8>(), 0..80)) {
            for unit in [unit.clone(), [&[0x67, 100, 0, 41], &unit[..]].concat()] {
                if let Some(sps) = Sps::parse(&unit) {
                    prop_assert!(sps.width > 0 && sps.height > 0);
                }
            }
        }
    }
}
