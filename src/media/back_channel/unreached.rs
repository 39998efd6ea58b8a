//! Why there is no connection to a camera.

use std::io::{Error, ErrorKind};

/// Why there is no connection to a camera, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreached {
    /// Nobody listens.
    #[error("nobody answers at its port; look whether RTSP is switched on in it, and at which port")]
    Port,
    /// No way there, or nobody there.
    #[error("there is no way to it; look whether it is switched on and in this network")]
    Host,
    /// No secure connection.
    #[error("no secure connection comes about; try its rtsp address instead of rtsps")]
    Secure,
}

impl From<Error> for Unreached {
    fn from(error: Error) -> Self {
        match error.kind() {
            ErrorKind::ConnectionRefused => Self::Port,
            _ => Self::Host,
        }
    }
}
