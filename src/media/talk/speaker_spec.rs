//! A camera's speaker as a feed is told of it.

use std::sync::Arc;

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
