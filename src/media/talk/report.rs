//! How a conversation sounds.

use serde::{Deserialize, Serialize};

use super::{Duplex, EchoFinding};

/// How a conversation sounds; told about once a second while the speaker is open, and when it closes. Levels are
/// in dBFS over the time since the last report, -100 for silence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TalkReport {
    /// Who has the speaker.
    pub talker: Option<u32>,
    /// What the speaker was given.
    pub speaker_dbfs: f32,
    /// What the microphone heard.
    pub microphone_dbfs: f32,
    /// What of that was passed on.
    pub passed_dbfs: f32,
    /// Echo return loss enhancement, dB: how much of the echo is taken away while only the speaker is heard.
    /// `None` before it could be measured.
    pub erle_db: Option<f32>,
    /// From the moment in which a sound is given to the speaker until the microphone brings it, ms.
    pub delay_ms: Option<u32>,
    /// The microphone heard the speaker since the last report.
    pub heard: bool,
    /// What was found out about the echo.
    pub echo: Option<EchoFinding>,
    /// Who may be heard at the same time.
    pub duplex: Duplex,
}
