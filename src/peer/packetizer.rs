//! Cuts a camera's pictures into RTP payloads, once for all who watch.

#[cfg(test)]
mod tests;

use bytes::{BufMut, Bytes, BytesMut};
use rtc::rtp::codec::h264::H264Payloader;
use rtc::rtp::packetizer::Payloader as _;

use super::{MAX_PAYLOAD, Picture};

/// Largest access unit that is taken, in bytes.
pub const MAX_ACCESS_UNIT: usize = 8 * 1024 * 1024;
/// Most NAL units in an access unit. A picture in 64 slices with its extras has a third of it.
const MAX_UNITS: usize = 256;
/// Most parameter sets that are kept for the next key picture, and their size in bytes.
const MAX_SETS: usize = 8;
const MAX_SET: usize = 1024;

const SLICE: u8 = 1;
const IDR: u8 = 5;
const SPS: u8 = 7;
const PPS: u8 = 8;
/// SPS extension and subset SPS: kept with the other parameter sets.
const MORE_SETS: [u8; 2] = [13, 15];
const STAP_A: u8 = 24;

/// The packetizer of one camera; give it each picture once, in decoding order.
///
/// Parameter sets travel in one aggregate in front of each key picture. That part is ours: the
/// stack's payloader keeps only the last of several, drops them when they are large, and holds them
/// back across pictures. Delimiters, SEI and filler are left out, since no receiver needs them.
#[derive(Debug, Default)]
pub struct Packetizer {
    payloader: H264Payloader,
    sets: Vec<Bytes>,
}

impl Packetizer {
    /// A packetizer that has not seen any parameter sets yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Cuts one access unit (Annex B, start codes of 3 or 4 bytes) into payloads of at most
    /// [`MAX_PAYLOAD`] bytes. `timestamp`: 90 kHz ticks of the camera's timeline. `key`: the
    /// camera's side calls it a key picture; it counts only if there is an IDR in it and the
    /// parameter sets are known, which then go in front even if the camera sent them earlier.
    ///
    /// Payloads that hold a whole NAL unit share `annex_b`'s memory. `None` if there is no picture
    /// in it: no start code, parameter sets alone, more than [`MAX_ACCESS_UNIT`] bytes.
    pub fn packetize(&mut self, annex_b: &Bytes, timestamp: u64, key: bool) -> Option<Picture> {
        if annex_b.len() > MAX_ACCESS_UNIT {
            return None;
        }
        let units = units(annex_b)?;
        let mut fresh: Vec<Bytes> = Vec::new();
        let (mut pictures, mut has_idr) = (Vec::with_capacity(units.len()), false);
        for unit in units {
            let kind = kind(&unit);
            match kind {
                SLICE..=IDR => {
                    has_idr |= kind == IDR;
                    pictures.push(unit);
                }
                _ if is_set(kind) => fresh.push(unit),
                _ => {}
            }
        }
        self.remember(&fresh);
        if pictures.is_empty() {
            return None;
        }
        let has =
            |sets: &[Bytes]| [SPS, PPS].iter().all(|wanted| sets.iter().any(|set| kind(set) == *wanted));
        let key = key && has_idr && has(&self.sets);
        let mut payloads = Vec::new();
        aggregate(if has_idr && !has(&fresh) { &self.sets } else { &fresh }, &mut payloads);
        for unit in &pictures {
            payloads.extend(self.payloader.payload(MAX_PAYLOAD, unit).ok()?);
        }
        Some(Picture { payloads: payloads.into(), timestamp, key })
    }

    /// A new SPS makes what was known before worthless; a further PPS only joins.
    fn remember(&mut self, fresh: &[Bytes]) {
        if fresh.iter().any(|set| kind(set) == SPS) {
            self.sets.clear();
        }
        for set in fresh {
            let known = self.sets.iter().any(|known| known == set);
            if !known && self.sets.len() < MAX_SETS && set.len() <= MAX_SET {
                // A copy: a slice would keep the whole picture's memory alive.
                self.sets.push(Bytes::copy_from_slice(set));
            }
        }
    }
}

fn kind(unit: &Bytes) -> u8 {
    unit.first().map_or(0, |header| header & 0x1f)
}

fn is_set(kind: u8) -> bool {
    matches!(kind, SPS | PPS) || MORE_SETS.contains(&kind)
}

/// Packs parameter sets into one payload (RFC 6184 5.7.1), or into several if they are large.
fn aggregate(sets: &[Bytes], payloads: &mut Vec<Bytes>) {
    let mut group = BytesMut::new();
    for set in sets {
        let Ok(length) = u16::try_from(set.len()) else { continue };
        if 1 + 2 + set.len() > MAX_PAYLOAD {
            continue;
        }
        if !group.is_empty() && group.len() + 2 + set.len() > MAX_PAYLOAD {
            payloads.push(group.split().freeze());
        }
        if group.is_empty() {
            group.put_u8(0x60 | STAP_A);
        }
        group.put_u16(length);
        group.put_slice(set);
    }
    if !group.is_empty() {
        payloads.push(group.freeze());
    }
}

/// The NAL units between start codes, without their trailing zeros; `None` without any start code
/// or with more units than a sane picture has.
fn units(annex_b: &Bytes) -> Option<Vec<Bytes>> {
    let mut starts = Vec::new();
    let mut at = 0;
    // A start code is found by its one: two zeros come before it.
    while let Some(step) = annex_b.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == 1)) {
        let one = at + step;
        if one >= 2 && annex_b[one - 1] == 0 && annex_b[one - 2] == 0 {
            if starts.len() == MAX_UNITS {
                return None;
            }
            starts.push(one + 1);
        }
        at = one + 1;
    }
    let first = *starts.first()?;
    let mut units = Vec::with_capacity(starts.len());
    for (index, &start) in starts.iter().enumerate() {
        let end = starts.get(index + 1).map_or(annex_b.len(), |next| next - 3);
        let body = annex_b.get(start.max(first)..end)?;
        let zeros = body.iter().rev().take_while(|byte| **byte == 0).count();
        let unit = annex_b.slice(start..end - zeros);
        // The forbidden bit marks damage; a header alone holds nothing.
        if unit.len() > 1 && unit[0] & 0x80 == 0 {
            units.push(unit);
        }
    }
    (!units.is_empty()).then_some(units)
}
