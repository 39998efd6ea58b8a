//! What becomes of a camera's speaker.

use serde::{Deserialize, Serialize};

use super::SpeakerFormat;

/// What becomes of a camera's speaker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SpeakerEvent {
    /// It plays what it is given.
    Opened {
        /// What it takes.
        format: SpeakerFormat,
    },
    /// Nobody talks any more.
    Closed,
    /// It cannot be used; it is tried again if somebody still talks.
    Failed {
        /// For people, without secrets: what failed and what to do next.
        reason: String,
        /// It would fail again, until somebody changes a setting.
        lasting: bool,
    },
}
