//! Which hub the simulated one stands for.

use serde::{Deserialize, Serialize};

/// Which hub the simulated one stands for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flavour {
    /// A hub of 2026.11.
    #[default]
    Now,
    /// A hub of 2024.10: no `camera/capabilities`, no `camera/webrtc/*`; how a camera streams stands in its
    /// attribute `frontend_stream_type`; registries with fewer keys.
    Older,
    /// A hub of 2027.9: what was announced as gone is gone, and there are keys, events and ways to stream
    /// that nobody knows yet.
    Newer,
    /// As [`Now`](Self::Now), with a Supervisor before it.
    Supervised,
}

impl Flavour {
    /// The version that the hub says it has.
    #[must_use]
    pub const fn version(self) -> &'static str {
        match self {
            Self::Older => "2024.10.4",
            Self::Now | Self::Supervised => super::hub::VERSION,
            Self::Newer => "2027.9.0",
        }
    }
}
