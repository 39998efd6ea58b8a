//! Why a camera shows nothing, as far as somebody can do something about it.

use serde::{Deserialize, Serialize};

/// The closed list of reasons why a camera shows nothing. The text beside it says more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TroubleKind {
    /// The camera refuses the user name or the password.
    Login,
    /// The hub refuses our token.
    HubLogin,
    /// The camera lets us in nowhere, or refuses what is asked: it has an error or no free place.
    Refused,
    /// Its name stands for no address.
    NameUnknown,
    /// Its address is one where no camera may be, or leads on to another one.
    AddressForbidden,
    /// Nobody takes the connection, or it breaks at once.
    Unreachable,
    /// It takes the connection and says nothing.
    Silent,
    /// It knows no stream at the end of its address.
    PathUnknown,
    /// What it sends cannot be shown.
    Format,
    /// It is connected and sends no picture.
    NoPicture,
    /// What it showed broke off.
    BrokeOff,
    /// The hub that shows it is not connected.
    HubAway,
    /// The hub does not show it: it says that it is not available, not there, or cannot be had.
    Hub,
    /// The settings name no way to it that can be used.
    Settings,
    /// Its picture has to be encoded anew, and all places for that are taken.
    EncoderFull,
    /// The media worker died.
    WorkerLost,
    /// None of these.
    #[default]
    Other,
}

impl TroubleKind {
    /// Every one.
    pub const ALL: [Self; 17] = [
        Self::Login,
        Self::HubLogin,
        Self::Refused,
        Self::NameUnknown,
        Self::AddressForbidden,
        Self::Unreachable,
        Self::Silent,
        Self::PathUnknown,
        Self::Format,
        Self::NoPicture,
        Self::BrokeOff,
        Self::HubAway,
        Self::Hub,
        Self::Settings,
        Self::EncoderFull,
        Self::WorkerLost,
        Self::Other,
    ];

    /// A password or a token is wrong: trying on may lock us out.
    #[must_use]
    pub fn is_login(self) -> bool {
        matches!(self, Self::Login | Self::HubLogin)
    }

    /// How much it tells of what to do: 2 for what only somebody's hand cures, 0 for what says little. Of two ways
    /// that failed, the one that tells more is named.
    #[must_use]
    pub fn weight(self) -> u8 {
        match self {
            Self::Login
            | Self::NameUnknown
            | Self::AddressForbidden
            | Self::PathUnknown
            | Self::Format
            | Self::Settings
            | Self::EncoderFull => 2,
            Self::HubLogin
            | Self::Refused
            | Self::Unreachable
            | Self::Silent
            | Self::NoPicture
            | Self::HubAway => 1,
            Self::BrokeOff | Self::Hub | Self::WorkerLost | Self::Other => 0,
        }
    }
}
