//! Echo: what a camera's microphone hears of its own speaker.

use serde::{Deserialize, Serialize};

/// What calls found out about a camera's echo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EchoFinding {
    /// Its microphone hears nothing of its speaker, or the camera takes it away itself.
    None,
    /// Its microphone hears its speaker, and that is taken away here.
    Cancelled,
    /// Too much of it is left, so that only one side can talk at a time.
    Left,
}

/// Whether echo is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EchoRule {
    /// Never: neither echo nor noise is taken away.
    Off,
    /// Always.
    On,
    /// Unless the camera does it itself; what was found before, if anything.
    Auto(Option<EchoFinding>),
}

impl EchoFinding {
    /// Its name, to be kept.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Cancelled => "cancelled",
            Self::Left => "left",
        }
    }

    /// The finding of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::None, Self::Cancelled, Self::Left].into_iter().find(|finding| finding.name() == name)
    }
}
