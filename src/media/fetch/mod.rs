//! Sources that `doorstep` reads itself, because a secret of the hub's opens them or because they are
//! no address at all. A worker gets their bytes, and only if their picture or sound is to be made anew.

pub mod hls;
pub mod mp4_head;
pub mod playlist;
pub mod reader;
pub mod stills;

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, mpsc};

use super::talk::SpeakerFormat;
use super::{TroubleKind, annex_b};

/// Reads a source.
#[async_trait]
pub trait Fetch: Send + Sync + Debug {
    /// What it is, for people: `the hub's relay`.
    fn name(&self) -> &'static str;

    /// Brings pieces, a [`Piece::Begin`] first, until the source ends or nobody takes them. Dropping
    /// the future ends it. The feed calls it again after a pause.
    async fn fetch(&self, to: mpsc::Sender<Piece>) -> FetchEnd;
}

/// Why a source ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchEnd {
    /// For people, without secrets: what failed and what to do next.
    pub reason: String,
    /// What kind of failure it is.
    pub kind: TroubleKind,
    /// It would fail again soon.
    pub lasting: bool,
}

impl FetchEnd {
    /// It may go better soon.
    #[must_use]
    pub fn passing(kind: TroubleKind, reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), kind, lasting: false }
    }

    /// It would fail again soon.
    #[must_use]
    pub fn lasting(kind: TroubleKind, reason: impl Into<String>) -> Self {
        Self { lasting: true, ..Self::passing(kind, reason) }
    }
}

/// What a source brings.
#[derive(Debug)]
pub enum Piece {
    /// It begins, or begins anew: what came before is over.
    Begin(Begin),
    /// Bytes of a container, in order.
    Bytes(Bytes),
    /// One access unit (Annex B), or one JPEG; 90 kHz ticks of the source's clock.
    Picture {
        /// At most `wire::MAX_PICTURE` bytes.
        data: Bytes,
        /// 90 kHz ticks.
        ticks: i64,
    },
    /// One packet of sound.
    Sound {
        /// What one RTP packet carries.
        data: Bytes,
        /// Ticks of its codec's clock: 48 kHz for Opus, 8 kHz for G.711.
        ticks: i64,
    },
}

/// How a source begins.
#[derive(Debug)]
pub struct Begin {
    /// What its pieces are.
    pub form: Form,
    /// The camera's speaker, if the source reaches it.
    pub speaker: Option<SpeakerLine>,
    /// Told when a key picture is wanted, if the source can be asked for one.
    pub key_frames: Option<Arc<Notify>>,
}

/// Takes what is said for the camera's speaker.
#[derive(Debug)]
pub struct SpeakerLine {
    /// What it takes.
    pub format: SpeakerFormat,
    /// One frame each. Bounded; what does not fit is dropped.
    pub frames: mpsc::Sender<Bytes>,
}

/// What the pieces of a source are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Form {
    /// [`Piece::Bytes`] of a fragmented MP4: its head, then its fragments.
    Mp4,
    /// [`Piece::Picture`] and [`Piece::Sound`].
    Packets {
        /// What the pictures are.
        picture: PictureCodec,
        /// What the sound is, if there is any.
        sound: Option<SoundCodec>,
    },
}

/// What a picture is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PictureCodec {
    /// Annex B access units.
    H264,
    /// Annex B access units.
    H265,
    /// Whole pictures, shown until the next one.
    Jpeg,
}

impl PictureCodec {
    /// True if a decoder may begin at this picture.
    #[must_use]
    pub fn is_key(self, picture: &[u8]) -> bool {
        match self {
            Self::H264 => annex_b::look(picture).idr,
            Self::H265 => annex_b::is_h265_key(picture),
            Self::Jpeg => true,
        }
    }
}

/// What a packet of sound is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SoundCodec {
    /// 48 kHz.
    Opus,
    /// G.711 µ-law, 8 kHz, mono.
    Pcmu,
    /// G.711 A-law, 8 kHz, mono.
    Pcma,
}

/// Why a request failed, for people: the client's own text may hold an address that is a secret.
fn plainly(error: &reqwest::Error) -> String {
    let what = if error.is_timeout() {
        "it did not answer in time"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the connection broke"
    };
    format!("the hub cannot be reached: {what}")
}
