#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::field_reassign_with_default)]

use proptest::prelude::*;
use rtc::rtp::codec::h264::H264Packet;
use rtc::rtp::packetizer::Depacketizer as _;

use super::*;

const SPS_UNIT: &[u8] = &[0x67, 0x42, 0xe0, 0x1f, 0x8c, 0x8d, 0x40];
const PPS_UNIT: &[u8] = &[0x68, 0xce, 0x3c, 0x80];

fn annex_b(units: &[&[u8]]) -> Bytes {
    let mut out = Vec::new();
    for (index, unit) in units.iter().enumerate() {
        out.extend_from_slice(if index % 2 == 0 { &[0, 0, 0, 1] } else { &[0, 0, 1] });
        out.extend_from_slice(unit);
    }
    out.into()
}

/// The NAL units that a receiver puts together again.
fn received(picture: &Picture) -> Vec<Vec<u8>> {
    let mut depacketizer = H264Packet::default();
    depacketizer.is_avc = true;
    let mut units = Vec::new();
    for payload in picture.payloads.iter() {
        assert!(payload.len() <= MAX_PAYLOAD);
        let mut rest = &depacketizer.depacketize(payload).unwrap()[..];
        while let Some((length, tail)) = rest.split_first_chunk::<4>() {
            let (unit, tail) = tail.split_at(u32::from_be_bytes(*length) as usize);
            units.push(unit.to_vec());
            rest = tail;
        }
    }
    units
}

fn slice(header: u8, length: usize) -> Vec<u8> {
    let mut unit = vec![header];
    unit.extend((1..length).map(|index| (index % 250) as u8 | 4));
    unit
}

#[test]
fn a_key_picture_begins_with_one_aggregate_of_its_parameter_sets() {
    let idr = slice(0x65, 5000);
    let second_pps: &[u8] = &[0x68, 0x53, 0x8f, 0x20];
    let unit = annex_b(&[&[0x09, 0xf0], SPS_UNIT, PPS_UNIT, second_pps, &[0x06, 5, 1, 2, 0x80], &idr]);
    let picture = Packetizer::new().packetize(&unit, 90_000, true).unwrap();
    assert!(picture.key);
    assert_eq!(picture.timestamp, 90_000);
    assert_eq!(picture.payloads[0][0], 0x78);
    assert_eq!(picture.payloads.len(), 1 + 5000_usize.div_ceil(MAX_PAYLOAD - 2));
    assert_eq!(received(&picture), [SPS_UNIT.to_vec(), PPS_UNIT.to_vec(), second_pps.to_vec(), idr]);
}

#[test]
fn parameter_sets_that_came_earlier_go_in_front_of_a_bare_key_picture() {
    let mut packetizer = Packetizer::new();
    let idr = slice(0x65, 300);
    let bare = packetizer.packetize(&annex_b(&[&idr]), 0, true).unwrap();
    assert!(!bare.key, "nobody can start here");
    assert!(packetizer.packetize(&annex_b(&[SPS_UNIT, PPS_UNIT]), 1, false).is_none(), "no picture");
    let picture = packetizer.packetize(&annex_b(&[&idr]), 2, true).unwrap();
    assert!(picture.key);
    assert_eq!(received(&picture), [SPS_UNIT.to_vec(), PPS_UNIT.to_vec(), idr]);
}

#[test]
fn a_new_sps_replaces_what_was_known() {
    let mut packetizer = Packetizer::new();
    let idr = slice(0x65, 300);
    let other: &[u8] = &[0x67, 0x64, 0x00, 0x28, 0xac];
    packetizer.packetize(&annex_b(&[SPS_UNIT, PPS_UNIT, &idr]), 0, true).unwrap();
    packetizer.packetize(&annex_b(&[other, PPS_UNIT, &idr]), 1, true).unwrap();
    let picture = packetizer.packetize(&annex_b(&[&idr]), 2, true).unwrap();
    assert_eq!(received(&picture), [other.to_vec(), PPS_UNIT.to_vec(), idr]);
}

#[test]
fn an_ordinary_picture_is_its_slices_alone_and_shares_their_memory() {
    let small = slice(0x41, 900);
    let unit = annex_b(&[&[0x09, 0xf0], &small, &[0x0c, 0xff, 0xff, 0x80]]);
    let picture = Packetizer::new().packetize(&unit, 0, false).unwrap();
    assert!(!picture.key);
    assert_eq!(received(&picture), [small]);
    assert!(unit.as_ptr_range().contains(&picture.payloads[0].as_ptr()));
}

#[test]
fn a_key_picture_is_not_taken_on_trust() {
    let mut packetizer = Packetizer::new();
    let p = slice(0x41, 100);
    assert!(!packetizer.packetize(&annex_b(&[SPS_UNIT, PPS_UNIT, &p]), 0, true).unwrap().key);
    let idr = slice(0x65, 100);
    assert!(!packetizer.packetize(&annex_b(&[SPS_UNIT, PPS_UNIT, &idr]), 0, false).unwrap().key);
}

#[test]
fn what_is_no_picture_gives_nothing() {
    let mut packetizer = Packetizer::new();
    let mut huge = annex_b(&[&slice(0x65, 100)]).to_vec();
    huge.resize(MAX_ACCESS_UNIT + 1, 0xff);
    for bad in [
        vec![],
        vec![0; 1000],
        vec![0x65; 1000],
        vec![0, 0, 1],
        vec![0, 0, 1, 0, 0, 1, 0, 0, 0, 1],
        vec![0, 0, 1, 0x65],
        vec![0, 0, 1, 0xe5, 1, 2, 3],
        [0, 0, 1, 0x41, 0x9a].repeat(MAX_UNITS + 1),
        huge,
    ] {
        assert!(packetizer.packetize(&Bytes::from(bad), 0, true).is_none());
    }
}

#[test]
fn large_parameter_sets_are_split_over_aggregates() {
    let (sps, pps) = (slice(0x67, 800), slice(0x68, 800));
    let idr = slice(0x65, 2000);
    let picture = Packetizer::new().packetize(&annex_b(&[&sps, &pps, &idr]), 0, true).unwrap();
    assert_eq!(received(&picture), [sps, pps, idr]);
}

fn unit() -> impl Strategy<Value = Vec<u8>> {
    let header = prop::sample::select(vec![0x65_u8, 0x41, 0x01, 0x61, 0x21, 0x06, 0x09, 0x0c]);
    (header, prop::collection::vec(1..=255_u8, 2..4000)).prop_map(|(header, mut body)| {
        // A start code cannot be inside a NAL unit: an encoder puts a 3 in between.
        body.iter_mut().filter(|byte| **byte == 1).for_each(|byte| *byte = 3);
        body.insert(0, header);
        body
    })
}

proptest! {
    #[test]
    fn a_receiver_gets_the_same_slices(units in prop::collection::vec(unit(), 1..12)) {
        let borrowed: Vec<&[u8]> = units.iter().map(Vec::as_slice).collect();
        let slices: Vec<Vec<u8>> =
            units.iter().filter(|unit| matches!(unit[0] & 0x1f, 1 | 5)).cloned().collect();
        match Packetizer::new().packetize(&annex_b(&borrowed), 0, false) {
            Some(picture) => prop_assert_eq!(received(&picture), slices),
            None => prop_assert!(slices.is_empty()),
        }
    }

    #[test]
    fn no_bytes_break_it(pictures in prop::collection::vec(prop::collection::vec(0..=8_u8, 0..3000), 0..4)) {
        let mut packetizer = Packetizer::new();
        for picture in pictures {
            if let Some(picture) = packetizer.packetize(&Bytes::from(picture), 0, true) {
                prop_assert!(!picture.is_empty());
                prop_assert!(picture.payloads.iter().all(|payload| payload.len() <= MAX_PAYLOAD));
            }
        }
    }
}
