//! Fragmented MP4, as far as a stream must be understood to be cut (ISO 14496-12).

use bytes::{Buf, Bytes, BytesMut};
use tokio_util::codec::Decoder;

/// Largest box, in bytes.
const LARGEST_BOX: usize = 64 * 1024 * 1024;
/// In sample flags: not a key picture.
const NO_KEY: u32 = 0x1_0000;

/// Takes a stream of boxes apart: the kind of each, and all its bytes.
pub(super) struct BoxCodec;

impl Decoder for BoxCodec {
    type Item = ([u8; 4], Bytes);
    type Error = std::io::Error;

    fn decode(&mut self, bytes: &mut BytesMut) -> std::io::Result<Option<Self::Item>> {
        let Some((size, kind)) = begin(bytes) else { return Ok(None) };
        if !(8..=LARGEST_BOX).contains(&size) {
            return Err(std::io::Error::other("no box of a fragmented MP4"));
        }
        Ok((bytes.len() >= size).then(|| (kind, bytes.split_to(size).freeze())))
    }
}

fn begin(bytes: &[u8]) -> Option<(usize, [u8; 4])> {
    Some((usize::try_from(u32_at(bytes, 0)?).ok()?, bytes.get(4..8)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// The content of each box in `bytes`.
fn boxes(bytes: &[u8]) -> Vec<([u8; 4], &[u8])> {
    let (mut found, mut rest) = (Vec::new(), bytes);
    while let Some((size, kind)) = begin(rest) {
        let Some(content) = rest.get(8..size) else { break };
        found.push((kind, content));
        rest = &rest[size..];
    }
    found
}

/// The content of the first box at this path.
fn inner<'a>(bytes: &'a [u8], path: &[&[u8; 4]]) -> Option<&'a [u8]> {
    path.iter().try_fold(bytes, |bytes, wanted| {
        boxes(bytes).into_iter().find(|(kind, _)| kind == *wanted).map(|(_, content)| content)
    })
}

/// What a stream's head (its `moov`) says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    video: u32,
    /// Ticks of the video track a second.
    pub(super) timescale: u32,
    /// As in a master playlist (RFC 6381).
    pub(super) codecs: String,
    default_flags: u32,
}

impl Head {
    /// Reads a `moov` box. `None` without a video track.
    pub(super) fn read(moov: &[u8]) -> Option<Self> {
        let moov = inner(moov, &[b"moov"])?;
        let tracks: Vec<_> = boxes(moov).into_iter().filter(|(kind, _)| kind == b"trak").collect();
        let (mut video, mut codecs) = (None, Vec::new());
        for (_, track) in tracks {
            let media = inner(track, &[b"mdia"])?;
            let entries = inner(media, &[b"minf", b"stbl", b"stsd"])?.get(8..)?;
            codecs.extend(codec(entries));
            if inner(media, &[b"hdlr"])?.get(8..12)? == b"vide" {
                let (header, times) = (inner(track, &[b"tkhd"])?, inner(media, &[b"mdhd"])?);
                // Version 1 has 64 bits for each of the two moments before.
                let shift = |header: &[u8]| if header.first() == Some(&1) { 20 } else { 12 };
                video = Some((u32_at(header, shift(header))?, u32_at(times, shift(times))?));
            }
        }
        let (video, timescale) = video.filter(|(_, timescale)| *timescale > 0)?;
        let extends = inner(moov, &[b"mvex"]).map(boxes).unwrap_or_default();
        let own = extends.into_iter().find(|(kind, e)| kind == b"trex" && u32_at(e, 4) == Some(video));
        let default_flags = own.and_then(|(_, extends)| u32_at(extends, 20)).unwrap_or_default();
        Some(Self { video, timescale, codecs: codecs.join(","), default_flags })
    }
}

/// The name of the first codec in a sample description.
fn codec(entries: &[u8]) -> Option<String> {
    let (kind, entry) = boxes(entries).into_iter().next()?;
    Some(match &kind {
        b"avc1" => {
            let config = inner(entry.get(78..)?, &[b"avcC"])?;
            format!("avc1.{:02x}{:02x}{:02x}", config.get(1)?, config.get(2)?, config.get(3)?)
        }
        b"hvc1" | b"hev1" => {
            let config = inner(entry.get(78..)?, &[b"hvcC"])?;
            let tier = if config.get(1)? & 0x20 == 0 { 'L' } else { 'H' };
            let compatible = u32_at(config, 2)?.reverse_bits();
            let kind = std::str::from_utf8(&kind).unwrap_or_default();
            format!("{kind}.{}.{compatible:X}.{tier}{}.B0", config.get(1)? & 0x1f, config.get(12)?)
        }
        b"mp4a" => "mp4a.40.2".to_owned(),
        other => String::from_utf8_lossy(other).into_owned(),
    })
}

/// The first video sample of a fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Picture {
    /// Decode time, ticks of the video track.
    pub(super) at: u64,
    /// It is a key picture.
    pub(super) is_key: bool,
}

impl Picture {
    /// Reads a `moof` box. `None` if it holds no video.
    pub(super) fn read(moof: &[u8], head: &Head) -> Option<Self> {
        let tracks = boxes(inner(moof, &[b"moof"])?);
        let tracks = tracks.into_iter().filter(|(kind, _)| kind == b"traf");
        tracks.into_iter().find_map(|(_, track)| Self::of_track(track, head))
    }

    fn of_track(track: &[u8], head: &Head) -> Option<Self> {
        let mut header = inner(track, &[b"tfhd"])?;
        let has = header.get_u32();
        if header.len() < 4 || header.get_u32() != head.video {
            return None;
        }
        // The flags come last, after what the bits before them announce.
        let before = [(0x1, 8), (0x2, 4), (0x8, 4), (0x10, 4)];
        let shift = before.iter().filter(|(bit, _)| has & bit != 0).map(|(_, bytes)| bytes).sum();
        let default = if has & 0x20 == 0 { head.default_flags } else { u32_at(header, shift)? };
        let time = inner(track, &[b"tfdt"])?;
        let at = if time.first() == Some(&1) {
            u64::from_be_bytes(time.get(4..12)?.try_into().ok()?)
        } else {
            u64::from(u32_at(time, 4)?)
        };
        let flags = first_flags(inner(track, &[b"trun"])?)?.unwrap_or(default);
        Some(Self { at, is_key: flags & NO_KEY == 0 })
    }
}

/// The flags of a run's first sample, if it says any.
fn first_flags(run: &[u8]) -> Option<Option<u32>> {
    let has = u32_at(run, 0)?;
    let at = if has & 0x1 == 0 { 8 } else { 12 };
    if has & 0x4 != 0 {
        return Some(Some(u32_at(run, at)?));
    }
    if has & 0x400 == 0 {
        return Some(None);
    }
    let before = [0x100, 0x200].iter().filter(|&&bit| has & bit != 0).count() * 4;
    Some(Some(u32_at(run, at + before)?))
}
