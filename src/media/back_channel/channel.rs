//! A camera's open speaker.

use bytes::Bytes;
use tokio::sync::mpsc;

use super::BackChannelError;
use crate::media::Destination;
use crate::media::talk::SpeakerFormat;

/// Asks the camera what its speaker takes, without a sound. The connection is closed again. Takes at most 5 s.
///
/// # Errors
/// When the camera has no speaker, or cannot be asked.
pub async fn look(_destination: &Destination) -> Result<SpeakerFormat, BackChannelError> {
    Err(BackChannelError::Silent)
}

/// A camera's speaker, open for one who talks.
pub struct BackChannel {
    format: SpeakerFormat,
}

impl BackChannel {
    /// Opens it. Takes at most 5 s.
    ///
    /// # Errors
    /// When the camera has no speaker, or does not give it.
    pub async fn open(_destination: &Destination) -> Result<Self, BackChannelError> {
        Err(BackChannelError::Silent)
    }

    /// What it takes.
    #[must_use]
    pub fn format(&self) -> SpeakerFormat {
        self.format
    }

    /// Carries frames until no more can come. Dropping the future closes the connection.
    ///
    /// # Errors
    /// When the camera ends it first.
    pub async fn run(self, _frames: mpsc::Receiver<Bytes>) -> Result<(), BackChannelError> {
        Err(BackChannelError::Silent)
    }
}
