//! A camera's speaker as a feed is told of it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Duplex, EchoRule, SpeakerFormat};
use crate::config::camera_address::CameraAddress;
use crate::media::fetch::Fetch;

/// The way to a camera's speaker.
#[derive(Debug, Clone)]
pub enum SpeakerWay {
    /// The test picture's: one to look at.
    Screen,
    /// The ONVIF back channel of an RTSP address.
    BackChannel {
        /// The address, at the host that an [`AddressPolicy`](crate::media::AddressPolicy) finds for it.
        address: CameraAddress,
        /// What it takes, as it was found when the camera was looked at.
        format: SpeakerFormat,
    },
    /// A source that brings a speaker: the one that is shown if it does, else this one is opened to talk.
    Source(Arc<dyn Fetch>),
}

/// A camera's speaker, and how it is used.
#[derive(Debug, Clone)]
pub struct SpeakerSpec {
    /// The way to it.
    pub way: SpeakerWay,
    /// Whether its echo is taken out of the microphone.
    pub echo: EchoRule,
    /// Who may be heard at the same time.
    pub duplex: Duplex,
}

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
        /// The camera has no such speaker (any more).
        gone: bool,
    },
}
