//! Why nobody can talk through a camera's speaker.

use super::Unreached;

/// Why a camera's back channel is not open, or no longer. For people: what failed and what to do next, without
/// address or password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackChannelError {
    /// The address is another kind.
    #[error("its address is not an RTSP one; put its RTSP address into the settings to talk through it")]
    NotRtspAddress,
    /// No TCP or TLS connection.
    #[error("it is not reached: {0}")]
    NotReached(Unreached),
    /// What answers speaks something else.
    #[error("what answers at its address is no RTSP server; put the camera's RTSP port into the settings")]
    NotRtsp,
    /// It offers no back channel.
    #[error("it offers no speaker; if it has one, switch two-way audio on in its own settings")]
    NoSpeaker,
    /// It offers a back channel for these formats only, none of which is made here.
    #[error("its speaker takes only {0}; choose G.711 or AAC in its own audio settings")]
    Format(String),
    /// It refuses the user or the password.
    #[error("it refuses the user or the password of its address; correct them in the settings")]
    Unauthorized,
    /// It has no connection, or no speaker, to give now.
    #[error("it takes no further connection now; close what else shows it or talks through it")]
    Busy,
    /// It sends elsewhere.
    #[error("it sends to another address; put that one into the settings")]
    Moved,
    /// It refuses with this RTSP status.
    #[error("it refuses to be talked through (RTSP status {0}); look into its own audio settings")]
    Refused(u16),
    /// It does not answer in time, or takes nothing any more.
    #[error("it does not answer; look whether its network is good, and restart it if it stays so")]
    Silent,
    /// It has ended the connection.
    #[error("it has closed the connection; try again, and close what else talks through it")]
    Closed,
    /// It says what makes no sense.
    #[error("it answers {0}; look for newer firmware")]
    Protocol(&'static str),
}

impl BackChannelError {
    /// True if another try is vain until somebody changes a setting; false if it may pass by itself.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::NotRtspAddress
            | Self::NotRtsp
            | Self::NoSpeaker
            | Self::Format(_)
            | Self::Unauthorized
            | Self::Moved => true,
            Self::Refused(status) => matches!(status, 400..=499 | 501 | 505 | 551) && *status != 454,
            Self::NotReached(_) | Self::Busy | Self::Silent | Self::Closed | Self::Protocol(_) => false,
        }
    }
}
