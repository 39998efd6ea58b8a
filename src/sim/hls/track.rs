//! What of a stream can be fetched at a moment, and the playlists that say so.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use crate::sim::stamp::Stamp;

/// Segments that are kept.
const KEPT: usize = 5;
/// Complete segments that a playlist names.
const NAMED: usize = 3;
/// Segments at the end of a playlist whose parts are named, the last one included.
const IN_PARTS: usize = 4;

/// A part of a segment.
#[derive(Debug, PartialEq)]
pub(super) struct Part {
    pub(super) duration: Duration,
    /// It has a key picture, though maybe not in front: the hub calls that independent.
    pub(super) is_independent: bool,
    pub(super) data: Bytes,
}

/// A segment, complete or not.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) sequence: u64,
    /// Which run of the program made it.
    run: u64,
    began: Stamp,
    pub(super) parts: Vec<Part>,
    pub(super) is_complete: bool,
}

impl Segment {
    fn duration(&self) -> Duration {
        self.parts.iter().map(|part| part.duration).sum()
    }

    /// All its parts, one behind the other.
    pub(super) fn data(&self) -> Vec<u8> {
        self.parts.iter().flat_map(|part| part.data.iter().copied()).collect()
    }
}

/// What of a stream can be fetched.
#[derive(Debug, Default)]
pub(super) struct Track {
    pub(super) init: Bytes,
    pub(super) codecs: String,
    pub(super) segments: VecDeque<Segment>,
    /// The next segment's number.
    next: u64,
    run: u64,
    /// The stream is over.
    pub(super) has_ended: bool,
}

impl Track {
    pub(super) fn begin_segment(&mut self) {
        self.complete();
        let (sequence, run) = (self.next, self.run);
        self.segments.push_back(Segment {
            sequence,
            run,
            began: Stamp::now(),
            parts: Vec::new(),
            is_complete: false,
        });
        self.next += 1;
        if self.segments.len() > KEPT {
            self.segments.pop_front();
        }
    }

    pub(super) fn add_part(&mut self, part: Part) {
        if let Some(segment) = self.segments.back_mut() {
            segment.parts.push(part);
        }
    }

    /// The program has ended; what comes next does not go on from here.
    pub(super) fn break_off(&mut self) {
        self.complete();
        self.run += 1;
    }

    fn complete(&mut self) {
        if let Some(segment) = self.segments.back_mut() {
            segment.is_complete = true;
        }
    }

    pub(super) fn segment(&self, sequence: u64) -> Option<&Segment> {
        self.segments.iter().find(|segment| segment.sequence == sequence)
    }

    /// The master playlist, once the bitrate is known: when a second segment has begun.
    pub(super) fn master_playlist(&self) -> Option<String> {
        let whole = self.segments.iter().rev().find(|segment| segment.is_complete)?;
        let bits = (self.init.len() + whole.data().len()) as f64 * 8.0;
        let rate = bits / whole.duration().as_secs_f64().max(0.001) * 1.2;
        let codecs = &self.codecs;
        Some(format!("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH={rate:.0},CODECS=\"{codecs}\"\nplaylist.m3u8\n"))
    }

    /// The media playlist, once there is anything to name.
    pub(super) fn playlist(&self, shortest_segment: Duration, longest_part: Duration) -> Option<String> {
        let last = self.segments.back()?;
        let most = if last.is_complete { NAMED } else { NAMED + 1 };
        let first = self.segments.len().saturating_sub(most);
        let named = || self.segments.iter().skip(first);
        let head = named().next()?;
        let longest = named().filter(|segment| segment.is_complete).map(Segment::duration).max();
        let target = longest.unwrap_or(shortest_segment).as_secs_f64();
        let part = longest_part.as_secs_f64();
        let mut lines = vec![
            "#EXTM3U".to_owned(),
            "#EXT-X-VERSION:6".to_owned(),
            "#EXT-X-INDEPENDENT-SEGMENTS".to_owned(),
            "#EXT-X-MAP:URI=\"init.mp4\"".to_owned(),
            format!("#EXT-X-TARGETDURATION:{target:.0}"),
            format!("#EXT-X-MEDIA-SEQUENCE:{}", head.sequence),
            format!("#EXT-X-DISCONTINUITY-SEQUENCE:{}", head.run),
            format!("#EXT-X-PART-INF:PART-TARGET={part:.3}"),
            format!("#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK={:.3}", 2.0 * part),
            format!("#EXT-X-START:TIME-OFFSET=-{:.3},PRECISE=YES", 2.0 * part),
        ];
        let mut run = head.run;
        let count = named().count();
        for (nth, segment) in named().enumerate() {
            if std::mem::replace(&mut run, segment.run) != segment.run {
                lines.push("#EXT-X-DISCONTINUITY".to_owned());
            }
            segment.name(nth + IN_PARTS >= count, &mut lines);
        }
        let (sequence, part) =
            if last.is_complete { (last.sequence + 1, 0) } else { (last.sequence, last.parts.len()) };
        lines.push(format!("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"./segment/{sequence}.{part}.m4s\"\n"));
        Some(lines.join("\n"))
    }
}

impl Segment {
    fn name(&self, in_parts: bool, lines: &mut Vec<String>) {
        let sequence = self.sequence;
        for (nth, part) in self.parts.iter().enumerate().filter(|_| in_parts) {
            let independent = if part.is_independent { ",INDEPENDENT=YES" } else { "" };
            let duration = part.duration.as_secs_f64();
            lines.push(format!(
                "#EXT-X-PART:DURATION={duration:.3},URI=\"./segment/{sequence}.{nth}.m4s\"{independent}"
            ));
        }
        if self.is_complete {
            let began = self.began.millis();
            lines.push(format!("#EXT-X-PROGRAM-DATE-TIME:{}Z", began.trim_end_matches("+00:00")));
            lines.push(format!("#EXTINF:{:.3},", self.duration().as_secs_f64()));
            lines.push(format!("./segment/{sequence}.m4s"));
        }
    }
}
