//! H.264 and H.265 byte streams: finding units, keeping parameter sets, length prefixes to start codes.

use bytes::{Bytes, BytesMut};

const START: [u8; 4] = [0, 0, 0, 1];
const IDR: u8 = 5;
const SPS: u8 = 7;
const PPS: u8 = 8;
/// A sane camera has one or two of each.
const MOST_SETS: usize = 8 * 1024;

/// The units of an access unit, without start codes and trailing zeros.
pub fn units(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = after_start(data);
    std::iter::from_fn(move || {
        let here = rest?;
        let end = find_start(here).unwrap_or(here.len());
        rest = here.get(end..).and_then(after_start);
        let unit = here.get(..end).unwrap_or_default();
        let zeros = unit.iter().rev().take_while(|byte| **byte == 0).count();
        unit.get(..unit.len() - zeros)
    })
    .filter(|unit| !unit.is_empty())
}

/// Where the next `00 00 01` begins.
fn find_start(data: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(third) = data.get(at + 2) {
        match third {
            0 => at += 1,
            1 if data.get(at..at + 2) == Some(&[0, 0]) => return Some(at),
            _ => at += 3,
        }
    }
    None
}

fn after_start(data: &[u8]) -> Option<&[u8]> {
    data.get(find_start(data)? + 3..)
}

/// What an access unit holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found<'a> {
    /// An instantaneous decoder refresh.
    pub idr: bool,
    /// The last sequence parameter set.
    pub sps: Option<&'a [u8]>,
    /// The last picture parameter set.
    pub pps: Option<&'a [u8]>,
}

/// Looks through an access unit.
pub fn look(data: &[u8]) -> Found<'_> {
    let mut found = Found::default();
    for unit in units(data) {
        match unit.first().map(|head| head & 0x1F) {
            Some(IDR) => found.idr = true,
            Some(SPS) => found.sps = Some(unit),
            Some(PPS) => found.pps = Some(unit),
            _ => {}
        }
    }
    found
}

/// True if a decoder may begin at this H.265 access unit: ITU-T H.265, table 7-1, types BLA, IDR and CRA, and the
/// parameter sets, which some cameras send by themselves in front of a key picture.
#[must_use]
pub fn is_h265_key(data: &[u8]) -> bool {
    let kinds = units(data).filter_map(|unit| unit.first()).map(|head| head >> 1 & 0x3F);
    kinds.into_iter().any(|kind| matches!(kind, 16..=21 | 32..=34))
}

/// Puts parameter sets in front of key pictures that come without.
#[derive(Debug, Default)]
pub struct ParameterSets {
    sps: Vec<u8>,
    pps: Vec<u8>,
    /// Bytes of the length in front of each unit, if the stream has those instead of start codes.
    prefix: Option<usize>,
}

impl ParameterSets {
    /// From what the container says about the stream: Annex B or an avcC box, or nothing.
    pub fn from_extradata(extradata: &[u8]) -> Self {
        let mut sets = Self::default();
        if extradata.first() == Some(&1) && extradata.len() >= 7 {
            sets.read_avcc(extradata);
        } else {
            sets.keep(&look(extradata));
        }
        sets
    }

    fn read_avcc(&mut self, avcc: &[u8]) {
        self.prefix = avcc.get(4).map(|byte| usize::from(byte & 3) + 1);
        let mut rest = avcc.get(5..).unwrap_or_default();
        for (mask, is_sps) in [(0x1F, true), (0xFF, false)] {
            let Some((&count, mut list)) = rest.split_first() else { return };
            for _ in 0..count & mask {
                let Some((set, after)) = take_prefixed(list, 2) else { return };
                *(if is_sps { &mut self.sps } else { &mut self.pps }) = set.to_vec();
                list = after;
            }
            rest = list;
        }
    }

    fn keep(&mut self, found: &Found<'_>) {
        for (kept, seen) in [(&mut self.sps, found.sps), (&mut self.pps, found.pps)] {
            if let Some(seen) = seen.filter(|seen| *seen != kept.as_slice() && seen.len() <= MOST_SETS) {
                seen.clone_into(kept);
            }
        }
    }

    /// The sequence parameter set in force, without start code; empty while unknown.
    pub fn sps(&self) -> &[u8] {
        &self.sps
    }

    /// The access unit as it is passed on, and true if it holds an IDR.
    pub fn complete(&mut self, data: &[u8]) -> (Bytes, bool) {
        let annexed;
        let data = match self.prefix {
            Some(prefix) => {
                annexed = with_start_codes(data, prefix);
                &annexed[..]
            }
            None => data,
        };
        let found = look(data);
        self.keep(&found);
        let lacks = found.idr && (found.sps.is_none() || found.pps.is_none());
        if !lacks || self.sps.is_empty() || self.pps.is_empty() {
            return (Bytes::copy_from_slice(data), found.idr);
        }
        let mut whole = BytesMut::with_capacity(data.len() + self.sps.len() + self.pps.len() + 8);
        for set in [&self.sps, &self.pps] {
            whole.extend_from_slice(&START);
            whole.extend_from_slice(set);
        }
        whole.extend_from_slice(data);
        (whole.freeze(), true)
    }
}

fn take_prefixed(data: &[u8], prefix: usize) -> Option<(&[u8], &[u8])> {
    let (length, rest) = data.split_at_checked(prefix)?;
    rest.split_at_checked(length.iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte)))
}

fn with_start_codes(mut data: &[u8], prefix: usize) -> Vec<u8> {
    let mut annexed = Vec::with_capacity(data.len() + 16);
    while let Some((unit, rest)) = take_prefixed(data, prefix) {
        annexed.extend_from_slice(&START);
        annexed.extend_from_slice(unit);
        data = rest;
    }
    annexed
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use proptest::prelude::*;

    use super::*;

    const SPS_UNIT: [u8; 5] = [0x67, 0x42, 0xC0, 0x1F, 9];
    const PPS_UNIT: [u8; 3] = [0x68, 0xCE, 9];
    const IDR_UNIT: [u8; 4] = [0x65, 1, 2, 3];

    fn stream(units: &[&[u8]]) -> Vec<u8> {
        units.iter().flat_map(|unit| [&START[..], unit].concat()).collect()
    }

    #[test]
    fn a_decoder_of_h265_may_begin_at_a_key_picture_or_at_parameter_sets() {
        let unit = |kind: u8| [kind << 1, 1, 0x80];
        assert!(is_h265_key(&stream(&[&unit(32), &unit(33), &unit(19)])));
        assert!(is_h265_key(&stream(&[&unit(21)])));
        assert!(is_h265_key(&stream(&[&unit(32), &unit(33), &unit(34)])));
        assert!(!is_h265_key(&stream(&[&unit(35), &unit(1)])));
        assert!(!is_h265_key(&[0, 0, 1]));
    }

    #[test]
    fn a_key_picture_without_parameter_sets_gets_those_of_the_session_description() {
        let mut sets = ParameterSets::from_extradata(&stream(&[&SPS_UNIT, &PPS_UNIT]));
        let (whole, key) = sets.complete(&stream(&[&IDR_UNIT]));
        assert!(key);
        assert_eq!(&whole[..], stream(&[&SPS_UNIT, &PPS_UNIT, &IDR_UNIT]));
        let plain = stream(&[&[0x41, 7, 7]]);
        assert_eq!(sets.complete(&plain), (plain.into(), false));
    }

    #[test]
    fn parameter_sets_that_change_in_the_stream_are_the_ones_used_from_then_on() {
        let mut sets = ParameterSets::from_extradata(&stream(&[&SPS_UNIT, &PPS_UNIT]));
        let newer = [0x67, 0x64, 0, 0x29];
        sets.complete(&stream(&[&newer, &PPS_UNIT]));
        let (whole, _) = sets.complete(&stream(&[&IDR_UNIT]));
        assert_eq!(&whole[..], stream(&[&newer, &PPS_UNIT, &IDR_UNIT]));
    }

    #[test]
    fn length_prefixes_become_start_codes() {
        let mut avcc = vec![1, 0x42, 0xC0, 0x1F, 0xFF, 0xE1, 0, 5];
        avcc.extend(SPS_UNIT);
        avcc.extend([1, 0, 3]);
        avcc.extend(PPS_UNIT);
        let mut sets = ParameterSets::from_extradata(&avcc);
        let (whole, key) = sets.complete(&[0, 0, 0, 4, 0x65, 1, 2, 3]);
        assert!(key);
        assert_eq!(&whole[..], stream(&[&SPS_UNIT, &PPS_UNIT, &IDR_UNIT]));
    }

    #[test]
    fn short_and_long_start_codes_and_trailing_zeros_are_understood() {
        let data = [0, 0, 1, 0x67, 5, 0, 0, 0, 1, 0x68, 6, 0, 0, 0, 0, 1, 0x65, 7];
        assert_eq!(units(&data).collect::<Vec<_>>(), [&[0x67, 5][..], &[0x68, 6], &[0x65, 7]]);
    }

    proptest! {
        #[test]
        fn no_bytes_can_upset_it(extradata in prop::collection::vec(any::<u8>(), 0..64), data in prop::collection::vec(0_u8..4, 0..200)) {
            let avcc = [&[1, 0, 0, 0, 3, 0xE1], &extradata[..]].concat();
            for extradata in [extradata, avcc] {
                let whole = ParameterSets::from_extradata(&extradata).complete(&data).0;
                // A length of one byte that says zero becomes a start code of four.
                prop_assert!(whole.len() <= 4 * data.len() + extradata.len() + 16);
            }
        }

        #[test]
        fn units_are_found_as_they_were_joined(list in prop::collection::vec(prop::collection::vec(1_u8..=255, 1..20), 0..10)) {
            let units_in: Vec<&[u8]> = list.iter().map(Vec::as_slice).collect();
            let joined = stream(&units_in);
            prop_assert_eq!(units(&joined).collect::<Vec<_>>(), units_in);
        }
    }
}
