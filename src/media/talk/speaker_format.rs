//! What a camera's speaker takes.

use std::fmt;
use std::str::FromStr;

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

impl fmt::Display for SpeakerFormat {
    /// As an `rtpmap` names it (RFC 8866 6.6).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opus => f.write_str("opus/48000/2"),
            Self::Pcmu => f.write_str("PCMU/8000"),
            Self::Pcma => f.write_str("PCMA/8000"),
            Self::Aac { rate, channels } => write!(f, "mpeg4-generic/{rate}/{channels}"),
        }
    }
}

/// A text that names no format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no format of a speaker")]
pub struct NoFormat;

impl FromStr for SpeakerFormat {
    type Err = NoFormat;

    fn from_str(text: &str) -> Result<Self, NoFormat> {
        Ok(match text {
            "opus/48000/2" => Self::Opus,
            "PCMU/8000" => Self::Pcmu,
            "PCMA/8000" => Self::Pcma,
            _ => {
                let rest = text.strip_prefix("mpeg4-generic/").ok_or(NoFormat)?;
                let (rate, channels) = rest.split_once('/').ok_or(NoFormat)?;
                let rate = rate.parse().map_err(|_| NoFormat)?;
                Self::Aac { rate, channels: channels.parse().map_err(|_| NoFormat)? }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_format_is_kept_by_its_name() {
        use SpeakerFormat::{Aac, Opus, Pcma, Pcmu};
        for format in [Opus, Pcmu, Pcma, Aac { rate: 16_000, channels: 1 }] {
            assert_eq!(format.to_string().parse::<SpeakerFormat>().unwrap(), format);
        }
        for none in ["", "G726-32/8000", "mpeg4-generic/x/1", "mpeg4-generic/16000"] {
            assert!(none.parse::<SpeakerFormat>().is_err(), "{none}");
        }
    }
}
