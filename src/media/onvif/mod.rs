//! Asks a camera itself for a key picture, over ONVIF: `SetSynchronizationPoint` of its media service
//! (Media Service Specification, section 5.18, Media 2, section 5.9). Its device service is found
//! without configuration, at the host of its RTSP address; user and password are those of that address.
//!
//! Everything that a camera answers is taken for hostile: answers are short, name no entities, lead to no
//! other host, and come within a deadline.

mod answer;
mod asker;
mod device;
mod key_pictures;
mod login;
mod request;
mod target;

pub use answer::{Answer, Refused};
pub use asker::Asker;
pub use request::MediaVersion;

/// Why a camera cannot be asked for a key picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OnvifError {
    /// No port that is usual for it answers as a device service.
    #[error("no ONVIF device service was found")]
    NoDevice,
    /// It offers no media service.
    #[error("it has no media service")]
    NoMedia,
    /// None of its profiles, or more than one, is the stream that is shown.
    #[error("none of its profiles is the stream that is shown")]
    NoProfile,
    /// It takes neither kind of login with the address's user and password.
    #[error("it refuses the user or password of its address")]
    Unauthorized,
    /// It refuses, or says what makes no sense.
    #[error(transparent)]
    Answer(#[from] Refused),
    /// An HTTP status without an answer.
    #[error("it answers with HTTP status {0}")]
    Status(u16),
    /// The connection failed, the answer came too late or was too long.
    #[error("it did not answer as it should")]
    Connection,
}
