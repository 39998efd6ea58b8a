//! What calls taught us of a camera entity of the hub.

use serde::{Deserialize, Serialize};

/// What calls taught us of a camera entity of the hub.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Learned {
    /// FFmpeg's name of its codec, as it was last seen.
    pub codec: String,
    /// Its picture can be passed on as it is.
    pub copied: bool,
    /// Its speaker can be reached through the hub's relay.
    pub talk: bool,
    /// What the hub's stream of it is, once that was looked at.
    pub stream: Option<LearnedStream>,
    /// What the settings call it: its entity id when they named it, whatever the hub calls it since.
    pub named: String,
}

/// What the hub's HLS stream of a camera is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LearnedStream {
    /// As its master playlist names them (RFC 6381), `avc1.640028,mp4a.40.2`.
    pub codecs: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}
