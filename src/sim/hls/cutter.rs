//! Cuts a stream of fragments into segments and their parts. Pure.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::mp4::{Head, Picture};
use super::track::Part;

/// What a fragment leads to.
#[derive(Debug, PartialEq)]
pub(super) enum Cut {
    /// A segment begins; the one before is complete.
    Segment,
    /// A part of the segment that began last.
    Part(Part),
}

/// Cuts a stream of fragments. A segment begins with a key picture, and only when the one before is long enough;
/// a part ends before it would become too long.
#[derive(Debug)]
pub(super) struct Cutter {
    head: Head,
    shortest_segment: Duration,
    longest_part: Duration,
    segment_from: Option<u64>,
    part_from: u64,
    part_is_independent: bool,
    last: u64,
    pending: BytesMut,
}

impl Cutter {
    pub(super) fn new(head: Head, shortest_segment: Duration, longest_part: Duration) -> Self {
        Self {
            head,
            shortest_segment,
            longest_part,
            segment_from: None,
            part_from: 0,
            part_is_independent: false,
            last: 0,
            pending: BytesMut::new(),
        }
    }

    /// Takes a fragment: its `moof`, with its `mdat` behind it.
    pub(super) fn take(&mut self, moof: &Bytes, mdat: &Bytes) -> Vec<Cut> {
        let mut cuts = Vec::new();
        if let Some(picture) = Picture::read(moof, &self.head) {
            self.cut_before(picture, &mut cuts);
            self.last = picture.at;
        }
        // What comes before the first key picture cannot be shown.
        if self.segment_from.is_some() {
            self.pending.extend_from_slice(moof);
            self.pending.extend_from_slice(mdat);
        }
        cuts
    }

    fn cut_before(&mut self, picture: Picture, cuts: &mut Vec<Cut>) {
        let since = |from: u64| self.span(from, picture.at);
        let begins =
            picture.is_key && self.segment_from.is_none_or(|from| since(from) >= self.shortest_segment);
        let frame = since(self.last);
        let is_full = self.segment_from.is_some() && since(self.part_from) + frame > self.longest_part;
        if begins || is_full {
            if !self.pending.is_empty() {
                cuts.push(Cut::Part(Part {
                    duration: since(self.part_from),
                    is_independent: self.part_is_independent,
                    data: self.pending.split().freeze(),
                }));
            }
            (self.part_from, self.part_is_independent) = (picture.at, false);
        }
        self.part_is_independent |= picture.is_key;
        if begins {
            self.segment_from = Some(picture.at);
            cuts.push(Cut::Segment);
        }
    }

    fn span(&self, from: u64, to: u64) -> Duration {
        Duration::from_secs_f64(to.saturating_sub(from) as f64 / f64::from(self.head.timescale))
    }
}
