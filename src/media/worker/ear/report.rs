//! What an ear tells of what it heard.

use doorstep::media::talk::EchoFinding;

/// What was heard since the last report.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EarReport {
    /// What the microphone heard, dBFS; -100 for silence or nothing.
    pub microphone_dbfs: f32,
    /// What of that was passed on, dBFS; -100 for silence or nothing.
    pub passed_dbfs: f32,
    /// How much of the echo is taken away while only the speaker is heard, dB. `None` before it could be measured.
    pub erle_db: Option<f32>,
    /// From the moment in which a sound is given to the speaker until the microphone's packet brings it, ms.
    /// `None` until it is found.
    pub delay_ms: Option<u32>,
    /// What was found out about the echo.
    pub echo: Option<EchoFinding>,
    /// The visitor speaks now.
    pub hears_voice: bool,
    /// The microphone heard the speaker since the last report.
    pub heard_speaker: bool,
}
