//! From RTP payloads to whole access units: H.264 (RFC 6184) and H.265 (RFC 7798). Pure.
//!
//! The stack's own depacketizers index past the end of a short aggregate, so packets from outside do
//! not go through them.

use bytes::{BufMut, Bytes, BytesMut};

use super::PictureFormat;

const START: [u8; 4] = [0, 0, 0, 1];
/// Largest access unit, bytes.
const LARGEST: usize = 8 * 1024 * 1024;

/// A whole access unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Annex B.
    pub data: Bytes,
    /// RTP timestamp.
    pub timestamp: u32,
    /// A decoder may start here.
    pub key: bool,
}

/// Collects the packets of one stream, in order.
#[derive(Debug)]
pub struct Depacketizer {
    format: PictureFormat,
    data: BytesMut,
    timestamp: u32,
    key: bool,
    /// The unit has begun.
    open: bool,
    /// Part of the unit is missing.
    broken: bool,
    /// What is missing may reach into the unit after this one.
    spills: bool,
    /// Inside a unit that comes in fragments.
    fragment: bool,
}

impl Depacketizer {
    /// A stream that begins.
    #[must_use]
    pub fn new(format: PictureFormat) -> Self {
        Self {
            format,
            data: BytesMut::new(),
            timestamp: 0,
            key: false,
            open: false,
            broken: false,
            spills: false,
            fragment: false,
        }
    }

    /// So many packets are missing before the next one: what they belonged to cannot be whole.
    pub fn lost(&mut self, packets: u64) {
        // A single one is the last of an open unit, if the next one is of another.
        self.spills = self.open && packets > 1;
        self.broken = true;
    }

    /// Takes the next packet. The units that it ends; `Err` for each that is not whole.
    pub fn take(&mut self, payload: &[u8], timestamp: u32, marker: bool) -> Vec<Result<Unit, ()>> {
        let mut ended = Vec::new();
        if timestamp != self.timestamp && self.open {
            ended.extend(self.end());
            self.broken = self.spills;
        }
        self.spills = false;
        self.open = true;
        self.timestamp = timestamp;
        let whole = match self.format {
            PictureFormat::H264 => self.take_h264(payload),
            PictureFormat::H265 => self.take_h265(payload),
        };
        if whole.is_none() || self.data.len() > LARGEST {
            self.broken = true;
            self.data.clear();
        }
        if marker {
            ended.extend(self.end());
        }
        ended
    }

    fn end(&mut self) -> Option<Result<Unit, ()>> {
        self.open = false;
        let broken = std::mem::take(&mut self.broken) | std::mem::take(&mut self.fragment);
        let key = std::mem::take(&mut self.key);
        let data = self.data.split().freeze();
        if broken {
            return Some(Err(()));
        }
        (!data.is_empty()).then_some(Ok(Unit { data, timestamp: self.timestamp, key }))
    }

    fn put(&mut self, unit: &[u8]) -> Option<()> {
        self.look(*unit.first()?);
        self.data.put_slice(&START);
        self.data.put_slice(unit);
        Some(())
    }

    fn look(&mut self, head: u8) {
        self.key |= match self.format {
            PictureFormat::H264 => head & 0x1F == 5,
            // IRAP pictures and parameter sets, table 7-1: some send those by themselves.
            PictureFormat::H265 => matches!((head >> 1) & 0x3F, 16..=23 | 32..=34),
        };
    }

    /// Units with their length in front.
    fn put_all(&mut self, mut rest: &[u8]) -> Option<()> {
        while !rest.is_empty() {
            let (length, after) = rest.split_first_chunk::<2>()?;
            let (unit, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
            self.put(unit)?;
            rest = after;
        }
        Some(())
    }

    fn put_fragment(&mut self, head: &[u8], begins: bool, ends: bool, rest: &[u8]) -> Option<()> {
        if begins {
            self.put(head)?;
        } else if !self.fragment {
            return None;
        }
        self.fragment = !ends;
        self.data.put_slice(rest);
        Some(())
    }

    fn take_h264(&mut self, payload: &[u8]) -> Option<()> {
        let (&first, rest) = payload.split_first()?;
        match first & 0x1F {
            1..=23 => self.put(payload),
            // STAP-A
            24 => self.put_all(rest),
            // FU-A
            28 => {
                let (&fragment, rest) = rest.split_first()?;
                let head = [first & 0xE0 | fragment & 0x1F];
                self.put_fragment(&head, fragment & 0x80 != 0, fragment & 0x40 != 0, rest)
            }
            _ => None,
        }
    }

    fn take_h265(&mut self, payload: &[u8]) -> Option<()> {
        let (&[first, second], rest) = payload.split_first_chunk::<2>()?;
        match (first >> 1) & 0x3F {
            0..=47 => self.put(payload),
            // Aggregation packet
            48 => self.put_all(rest),
            // Fragmentation unit
            49 => {
                let (&fragment, rest) = rest.split_first()?;
                let head = [first & 0x81 | (fragment & 0x3F) << 1, second];
                self.put_fragment(&head, fragment & 0x80 != 0, fragment & 0x40 != 0, rest)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn single_units_aggregates_and_fragments_become_one_access_unit() {
        let mut stream = Depacketizer::new(PictureFormat::H264);
        assert!(stream.take(&[0x78, 0, 2, 0x67, 1, 0, 2, 0x68, 2], 90, false).is_empty());
        assert!(stream.take(&[0x7C, 0x85, 7, 7], 90, false).is_empty());
        assert!(stream.take(&[0x7C, 0x05, 8], 90, false).is_empty());
        let ended = stream.take(&[0x7C, 0x45, 9], 90, true);
        let data = [&START[..], &[0x67, 1], &START, &[0x68, 2], &START, &[0x65, 7, 7, 8, 9]].concat();
        assert_eq!(ended, [Ok(Unit { data: data.into(), timestamp: 90, key: true })]);
    }

    #[test]
    fn h265_is_put_together_likewise() {
        let mut stream = Depacketizer::new(PictureFormat::H265);
        assert!(stream.take(&[0x62, 1, 0x93, 5], 1, false).is_empty());
        let ended = stream.take(&[0x62, 1, 0x53, 6], 1, true);
        let data = [&START[..], &[0x26, 1, 5, 6]].concat();
        assert_eq!(ended, [Ok(Unit { data: data.into(), timestamp: 1, key: true })]);
    }

    #[test]
    fn a_unit_with_a_hole_is_told_as_broken_and_the_next_is_whole() {
        let mut stream = Depacketizer::new(PictureFormat::H264);
        stream.take(&[0x7C, 0x85, 7], 1, false);
        stream.lost(1);
        assert_eq!(stream.take(&[0x7C, 0x45, 9], 1, true), [Err(())]);
        assert_eq!(stream.take(&[0x61, 1], 2, true).len(), 1);
        // A picture whose last packet is missing ends with the next one's first.
        stream.take(&[0x7C, 0x81, 7], 3, false);
        stream.lost(1);
        let ended = stream.take(&[0x61, 1], 4, true);
        assert!(ended[0].is_err() && ended[1].is_ok(), "{ended:?}");
        // More than one may have been of both.
        stream.take(&[0x7C, 0x81, 7], 5, false);
        stream.lost(2);
        assert_eq!(stream.take(&[0x61, 1], 6, true), [Err(()), Err(())]);
        // One between two pictures is the first of the next: its parameter sets, or a part of it.
        assert!(stream.take(&[0x61, 1], 7, true)[0].is_ok());
        stream.lost(1);
        assert_eq!(stream.take(&[0x65, 1], 8, true), [Err(())]);
        assert!(stream.take(&[0x61, 1], 9, true)[0].is_ok());
    }

    proptest! {
        #[test]
        fn no_packets_can_upset_it(
            packets in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..20), 0_u32..3, any::<bool>()), 0..40),
            h265: bool,
        ) {
            let format = if h265 { PictureFormat::H265 } else { PictureFormat::H264 };
            let mut stream = Depacketizer::new(format);
            for (payload, timestamp, marker) in packets {
                for unit in stream.take(&payload, timestamp, marker).into_iter().flatten() {
                    prop_assert!(unit.data.starts_with(&START));
                }
            }
        }
    }
}
