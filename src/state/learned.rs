//! What calls taught us of cameras.

use serde::{Deserialize, Serialize};

/// What calls taught us of a camera entity of the hub, or of a camera.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Learned {
    /// FFmpeg's name of its codec, as it was last seen.
    pub codec: String,
    /// Pixels, as they were last seen; 0 if they were not.
    pub width: u32,
    /// Pixels, as they were last seen; 0 if they were not.
    pub height: u32,
    /// Its picture can be passed on as it is.
    pub copied: bool,
    /// Why it can, or has to be encoded anew; for people.
    pub why: String,
    /// Its speaker can be reached through the hub's relay; `None` before that was looked at.
    pub talk: Option<bool>,
    /// Why that could not be seen, for people.
    pub talk_trouble: Option<String>,
    /// What the hub's stream of it is, once that was looked at.
    pub stream: Option<LearnedStream>,
    /// What the settings call it: its entity id when they named it, whatever the hub calls it since.
    pub named: String,
    /// The back channel of a camera's own address, once that was looked at.
    pub back_channel: Option<LearnedBackChannel>,
    /// What was found out about a camera's echo: `none`, `cancelled`, `left`.
    pub echo: Option<String>,
}

impl Learned {
    /// A picture was seen. Its size is known later than its codec.
    pub fn see(&mut self, codec: &str, (width, height): (u32, u32), copied: bool) {
        codec.clone_into(&mut self.codec);
        self.copied = copied;
        if width > 0 {
            (self.width, self.height) = (width, height);
        }
    }
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

/// What the back channel of a camera's own address is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LearnedBackChannel {
    /// A fingerprint of the address, which may hold a password: another address is looked at anew.
    pub address: String,
    /// What its speaker takes, as an `rtpmap` names it (RFC 8866 6.6): `PCMU/8000`; `None` if it has none.
    pub format: Option<String>,
    /// Why it cannot be used, for people.
    pub trouble: Option<String>,
    /// Another look would show the same, until somebody changes a setting.
    pub lasting: bool,
}
