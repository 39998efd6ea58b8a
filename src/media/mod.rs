//! Everything that touches a camera's samples: the worker, its protocol, its supervision.
//!
//! One worker process (`doorstep-media`) per live camera holds FFmpeg and does all decoding and
//! encoding; `feed::Feed` owns it from this side, replaces it when it dies or falls silent,
//! and turns its output into one steady timeline. `ffmpeg_next` is used in `worker/` only, which is
//! the crate of that program and no module of this one: `doorstep` must not link it.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::config::camera_address::CameraAddress;
use crate::error::ErrorKind;

mod address_policy;
pub mod annex_b;
pub mod back_channel;
mod destination;
pub mod feed;
pub mod fetch;
pub mod flow;
pub mod onvif;
mod scrub;
pub mod sound_line;
mod source;
pub mod sps;
pub mod still;
pub mod talk;
pub mod timeline;
mod trouble_kind;
pub mod why;
pub mod wire;

pub use address_policy::{AddressPolicy, Lookup, Refusal};
pub use destination::Destination;
pub use source::TestPattern;
pub use trouble_kind::TroubleKind;

/// Where a camera's picture comes from. Addresses may hold a password. Made by [`Source::parse`].
#[derive(Debug, Clone)]
pub enum Source {
    /// An address that FFmpeg opens, at the host that an [`AddressPolicy`] finds for it.
    Address(CameraAddress),
    /// The worker's own pattern with clock and tone, and a speaker whose level can be read.
    Test(TestPattern),
    /// Read by `doorstep` itself; the worker gets bytes, if it is needed at all.
    Fetched(Arc<dyn fetch::Fetch>),
}

/// What a feed is to show.
#[derive(Debug, Clone)]
pub struct FeedSpec {
    /// The camera's name as people say it; for the slate and the log.
    pub camera: String,
    /// Where its picture may come from, best first; never empty.
    pub sources: Vec<Source>,
    /// Most that an encoded picture may take, kbit/s.
    pub max_kbps: u32,
    /// Its speaker, if one is known.
    pub speaker: Option<talk::SpeakerSpec>,
}

/// One access unit of the camera's H.264, on the feed's own timeline.
#[derive(Debug, Clone)]
pub struct AccessUnit {
    /// Annex B; an IDR has its SPS and PPS in front.
    pub data: Bytes,
    /// 90 kHz ticks since the feed began; never goes back.
    pub timestamp: u64,
    /// True for an IDR.
    pub key: bool,
    /// True if the worker made it because the camera shows nothing.
    pub slate: bool,
}

/// One Opus packet of 20 ms, 48 kHz, on the feed's own timeline.
#[derive(Debug, Clone)]
pub struct SoundPacket {
    /// The Opus packet.
    pub opus: Bytes,
    /// 48 kHz ticks since the feed began; never goes back.
    pub timestamp: u64,
}

/// What flows out of a feed.
#[derive(Debug, Clone)]
pub enum Sample {
    /// A picture.
    Picture(Arc<AccessUnit>),
    /// A piece of sound.
    Sound(SoundPacket),
}

/// What the camera's picture is, as the worker found it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VideoFacts {
    /// FFmpeg's codec name: `h264`, `hevc`, `mjpeg`.
    pub codec: String,
    /// Pixels; 0 while unknown.
    pub width: u32,
    /// Pixels; 0 while unknown.
    pub height: u32,
    /// True if it is passed on as it is, false if it is encoded anew.
    pub copied: bool,
    /// True if it could be passed on as it is, even while it is encoded anew for a time.
    #[serde(default)]
    pub copyable: bool,
    /// Why it is copied or encoded anew, for people.
    pub why: String,
    /// True if whoever makes it can be asked for a key picture, which a camera may do in vain.
    #[serde(default)]
    pub keys_on_request: bool,
}

/// What the camera's sound is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoundFacts {
    /// FFmpeg's codec name: `aac`, `pcm_mulaw`, `opus`; `none` for made silence.
    pub codec: String,
    /// Hz.
    pub rate: u32,
}

impl SoundFacts {
    /// Made silence.
    #[must_use]
    pub fn none() -> Self {
        Self { codec: "none".into(), rate: 48_000 }
    }

    /// Of packets that come without a container.
    #[must_use]
    pub fn of(codec: fetch::SoundCodec) -> Self {
        let (name, rate) = match codec {
            fetch::SoundCodec::Opus => ("opus", 48_000),
            fetch::SoundCodec::Pcmu => ("pcm_mulaw", 8_000),
            fetch::SoundCodec::Pcma => ("pcm_alaw", 8_000),
        };
        Self { codec: name.into(), rate }
    }
}

/// What a feed tells its camera. Control only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum FeedEvent {
    /// The source is open.
    Opened {
        /// Its picture.
        video: VideoFacts,
        /// Its sound.
        sound: SoundFacts,
    },
    /// The feed turns to this source. Said by the feed itself, never by a worker.
    Tries {
        /// Place in [`FeedSpec::sources`].
        source: usize,
    },
    /// The feed reads this source now. Said by the feed itself, never by a worker.
    Uses {
        /// Place in [`FeedSpec::sources`].
        source: usize,
        /// The source itself brings a speaker.
        speaker: bool,
        /// Talk reaches a speaker, this one or another.
        talk: bool,
    },
    /// The camera's speaker was opened, closed, or failed. Said by the feed itself, never by a worker.
    Speaker(talk::SpeakerEvent),
    /// The first picture of the camera itself (no slate) since the source was opened.
    FirstPicture,
    /// The camera shows nothing: not reached, refused, stalled, unusable. Tries go on.
    Failed {
        /// For people, without secrets: what failed and what to do next.
        reason: String,
        /// What kind of failure it is.
        #[serde(default)]
        kind: TroubleKind,
        /// What FFmpeg said last, if it says more; without secrets.
        #[serde(default)]
        last_words: Option<String>,
    },
    /// The worker died or fell silent and is being replaced.
    WorkerLost(String),
    /// How fast the camera's own pictures come; about once a second.
    Flow(flow::Flow),
    /// Level of what was sent to the camera's speaker in the last 100 ms, in dBFS (-100 = silence).
    SpeakerLevel(f32),
    /// Who has the speaker; `None`: it is not needed any more.
    Talks {
        /// As of [`wire::ToWorker::Talk`].
        talker: Option<u32>,
    },
    /// How the conversation sounds.
    Conversation(talk::TalkReport),
}

/// What can go wrong with a feed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MediaError {
    /// The worker program cannot be started.
    #[error("the media worker cannot be started: {0}")]
    Worker(String),
    /// The worker said something that makes no sense.
    #[error("the media worker sent {0}")]
    Protocol(String),
    /// The source's address is not one that may be opened.
    #[error("source cannot be used: {0}")]
    Source(String),
}

impl MediaError {
    /// The kind that the edges see.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Worker(_) | Self::Protocol(_) => ErrorKind::Internal,
            Self::Source(_) => ErrorKind::InvalidValue,
        }
    }
}
