//! What a camera's speaker takes.

use serde::{Deserialize, Serialize};

/// What a camera's speaker takes, one frame in a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpeakerFormat {
    /// 48 kHz, frames of 20 ms.
    Opus,
    /// G.711 µ-law, 8 kHz, mono, frames of 20 ms.
    Pcmu,
    /// G.711 A-law, 8 kHz, mono, frames of 20 ms.
    Pcma,
    /// AAC-LC, raw access units of 1024 samples.
    Aac {
        /// Hz.
        rate: u32,
        /// 1 or 2.
        channels: u8,
    },
}

impl SpeakerFormat {
    /// Hz of its RTP timestamps.
    #[must_use]
    pub fn clock_rate(self) -> u32 {
        match self {
            Self::Opus => 48_000,
            Self::Pcmu | Self::Pcma => 8_000,
            Self::Aac { rate, .. } => rate,
        }
    }

    /// Samples of a frame, in ticks of [`clock_rate`](Self::clock_rate).
    #[must_use]
    pub fn frame_ticks(self) -> u32 {
        match self {
            Self::Opus => 960,
            Self::Pcmu | Self::Pcma => 160,
            Self::Aac { .. } => 1024,
        }
    }
}
