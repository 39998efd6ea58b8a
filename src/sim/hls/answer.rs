//! What a client of a stream is answered.

use std::time::Duration;

use tokio::time::timeout;

use super::stream::Stream;
use super::track::Track;
use crate::sim::core::Core;
use crate::sim::http::{Answer, Request};

const PLAYLIST: &str = "application/vnd.apple.mpegurl";
const SEGMENT: &str = "video/iso.segment";
/// How many parts ahead a client may ask.
const MOST_AHEAD: u64 = 3;

/// Answers a request for what is under `/api/hls/`. No bearer is asked for: the path holds the secret.
pub(in crate::sim) async fn answer(core: &Core, path: &str, request: &Request) -> Answer {
    let found = path.split_once('/').and_then(|(token, name)| {
        let stream = core.office().streams.with_token(token)?;
        Some((stream, name))
    });
    let Some((stream, name)) = found else { return Answer::refusal(404) };
    stream.touch();
    let (segment, part) = (core.options.shortest_segment, core.options.longest_part);
    match name {
        "master_playlist.m3u8" => text(wait(&stream, None, Track::master_playlist).await),
        "playlist.m3u8" => match Wanted::read(request) {
            Ok(wanted) => playlist(&stream, wanted, segment, part).await,
            Err(refusal) => refusal,
        },
        "init.mp4" => {
            let init =
                wait(&stream, None, |track| (!track.init.is_empty()).then(|| track.init.clone())).await;
            init.map_or(Answer::refusal(404), |init| Answer::ok("video/mp4", init))
        }
        name => media(&stream, name, 2 * part).await,
    }
}

fn text(playlist: Option<String>) -> Answer {
    playlist.map_or(Answer::refusal(404), |text| Answer::ok(PLAYLIST, text))
}

/// Waits until the track gives something; nothing once the stream has ended, or it takes too long.
async fn wait<T>(stream: &Stream, limit: Option<Duration>, find: impl Fn(&Track) -> Option<T>) -> Option<T> {
    let mut track = stream.track.subscribe();
    let found = async {
        let track = track.wait_for(|track| track.has_ended || find(track).is_some()).await.ok()?;
        find(&track)
    };
    match limit {
        Some(limit) => timeout(limit, found).await.ok().flatten(),
        None => found.await,
    }
}

async fn playlist(stream: &Stream, wanted: Option<Wanted>, segment: Duration, part: Duration) -> Answer {
    let newest = {
        let track = stream.track.borrow();
        if wanted.is_some_and(|wanted| wanted.is_beyond(&track)) {
            return Answer::refusal(400);
        }
        track.segments.back().map_or(0, |segment| segment.sequence)
    };
    // What belongs to a later segment may take as long as a segment does.
    let limit = wanted.map(|wanted| match wanted.part {
        Some(_) if wanted.segment <= newest => 2 * part,
        _ => 3 * segment,
    });
    let is_there = |track: &Track| wanted.is_none_or(|wanted| wanted.is_there(track));
    let find = |track: &Track| is_there(track).then(|| track.playlist(segment, part)).flatten();
    text(wait(stream, limit, find).await)
}

/// A segment, or one of its parts: `segment/<sequence>.m4s`, `segment/<sequence>.<part>.m4s`.
async fn media(stream: &Stream, name: &str, patience: Duration) -> Answer {
    let found = async {
        let numbers = name.strip_prefix("segment/")?.strip_suffix(".m4s")?;
        let (sequence, part) = match numbers.split_once('.') {
            Some((sequence, part)) => (sequence.parse::<u64>().ok()?, Some(part.parse::<usize>().ok()?)),
            None => (numbers.parse().ok()?, None),
        };
        // Only what a playlist has named or hinted at is waited for.
        let is_due = {
            let track = stream.track.borrow();
            let newest = track.segments.back().map_or(0, |segment| segment.sequence);
            (track.segment(sequence).is_some() || sequence == newest + 1)
                && part.is_none_or(|part| track.segment(sequence).map_or(0, |s| s.parts.len()) >= part)
        };
        let find = |track: &Track| match (track.segment(sequence)?, part) {
            (segment, Some(part)) => segment.parts.get(part).map(|part| part.data.to_vec()),
            (segment, None) => segment.is_complete.then(|| segment.data()),
        };
        if is_due { wait(stream, Some(patience), find).await } else { None }
    };
    found.await.map_or(Answer::refusal(404), |data| Answer::ok(SEGMENT, data))
}

/// Up to where a client wants a playlist to go.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    segment: u64,
    /// `None`: the whole segment.
    part: Option<u64>,
}

impl Wanted {
    /// A part of no segment, or what is no number, is refused.
    fn read(request: &Request) -> Result<Option<Self>, Answer> {
        let number = |name| request.query(name).map(str::parse::<u64>).transpose();
        match (number("_HLS_msn"), number("_HLS_part")) {
            (Ok(None), Ok(None)) => Ok(None),
            (Ok(Some(segment)), Ok(part)) => Ok(Some(Self { segment, part })),
            _ => Err(Answer::refusal(400)),
        }
    }

    /// It is further ahead than the server looks.
    fn is_beyond(self, track: &Track) -> bool {
        let Some(last) = track.segments.back() else { return self.segment > 1 };
        self.segment > last.sequence + 2
            || self.segment == last.sequence
                && self.part.is_some_and(|part| part >= last.parts.len() as u64 + MOST_AHEAD)
    }

    /// A part beyond the last one of its segment is the first one of the next segment.
    fn is_there(self, track: &Track) -> bool {
        let Some(last) = track.segments.back() else { return false };
        match self.part {
            None => last.sequence > self.segment || last.sequence == self.segment && last.is_complete,
            Some(part) if last.sequence == self.segment => (last.parts.len() as u64) > part,
            Some(part) if last.sequence == self.segment + 1 && last.parts.is_empty() => {
                track.segment(self.segment).is_some_and(|segment| segment.parts.len() as u64 > part)
            }
            Some(_) => last.sequence > self.segment,
        }
    }
}
