//! The simulated hub's live streams (low latency HLS): a program makes fragmented MP4, the hub cuts it into
//! segments and parts, and clients wait for each part with their request.
//!
//! Paths, playlists and limits are those of the real hub's `stream` integration; see RFC 8216 and its successor's
//! partial segments (draft-pantos-hls-rfc8216bis 4.4 and 6.2.5.2).

mod answer;
mod cutter;
mod mp4;
mod stream;
mod streams;
mod track;

pub(super) use answer::answer;
pub(super) use stream::Stream;
pub(super) use streams::Streams;
