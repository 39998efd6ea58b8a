//! What a worker is told of a camera's speaker.

use serde::{Deserialize, Serialize};

use super::{EchoRule, SpeakerFormat};

/// Who may be heard at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duplex {
    /// Both sides.
    Full,
    /// One side at a time: while one talks, the other is held down.
    Half,
}

/// A camera's speaker, and how it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TalkSetup {
    /// What the speaker takes; `None`: it is one to look at only.
    pub format: Option<SpeakerFormat>,
    /// Whether its echo is taken out of the microphone.
    pub echo: EchoRule,
    /// Who may be heard at the same time.
    pub duplex: Duplex,
}
