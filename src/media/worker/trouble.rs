//! Why a camera shows nothing, in words for people.

use ffmpeg_next as ffmpeg;

use crate::liveness::Liveness;
use crate::network;
use doorstep::media::TroubleKind;

/// One reason; never holds the camera's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// A sentence without a full stop.
    pub reason: String,
    /// What kind of reason it is.
    pub kind: TroubleKind,
    /// Trying again soon is pointless: the camera has to be set up differently.
    pub lasting: bool,
}

impl Trouble {
    /// Anything that time may cure.
    pub fn passing(kind: TroubleKind, reason: &str) -> Self {
        Self { reason: reason.to_owned(), kind, lasting: false }
    }

    /// Anything that only somebody's hand can cure.
    pub fn lasting(kind: TroubleKind, reason: String) -> Self {
        Self { reason, kind, lasting: true }
    }

    /// From an error at opening. An interrupted call may give any error, so the clock is asked first.
    pub fn at_open(error: ffmpeg::Error, liveness: &Liveness) -> Self {
        if liveness.is_overdue() {
            return Self::passing(TroubleKind::Silent, "the camera did not answer within 10 seconds");
        }
        if network::was_refused() {
            return Self::lasting(
                TroubleKind::AddressForbidden,
                "the camera sends us on to another address, which is not followed; if that is the right one, \
                 put it into the settings"
                    .into(),
            );
        }
        match error {
            ffmpeg::Error::HttpUnauthorized => {
                Self::lasting(TroubleKind::Login, "wrong user name or password".into())
            }
            ffmpeg::Error::HttpForbidden => {
                Self::lasting(TroubleKind::Refused, "the camera refuses access".into())
            }
            ffmpeg::Error::HttpNotFound => {
                let reason = "the camera does not know this path; check the end of its address";
                Self::lasting(TroubleKind::PathUnknown, reason.into())
            }
            ffmpeg::Error::HttpBadRequest | ffmpeg::Error::HttpOther4xx => {
                Self::passing(TroubleKind::Refused, "the camera refused the request")
            }
            ffmpeg::Error::HttpServerError => {
                Self::passing(TroubleKind::Refused, "the camera has an error of its own or no free place")
            }
            ffmpeg::Error::ProtocolNotFound => {
                Self::lasting(TroubleKind::Settings, "this kind of address cannot be opened".into())
            }
            ffmpeg::Error::InvalidData => {
                Self::passing(TroubleKind::Format, "what the camera sends is no stream that can be read")
            }
            ffmpeg::Error::Other { errno: libc::ECONNREFUSED } => Self::passing(
                TroubleKind::Unreachable,
                "the camera refused the connection; check its address and port",
            ),
            ffmpeg::Error::Other { errno: libc::EHOSTUNREACH | libc::ENETUNREACH } => {
                Self::passing(TroubleKind::Unreachable, "the camera's address cannot be reached from here")
            }
            ffmpeg::Error::Other { errno: libc::ETIMEDOUT } => {
                Self::passing(TroubleKind::Silent, "the camera does not answer")
            }
            ffmpeg::Error::Other { errno: libc::EIO } => Self::passing(
                TroubleKind::Unreachable,
                "the camera's name is not known here or the connection broke",
            ),
            other => Self::passing(TroubleKind::Other, &format!("the camera cannot be opened ({other})")),
        }
    }

    /// From an error in the middle of the stream.
    pub fn in_stream(error: ffmpeg::Error, liveness: &Liveness) -> Self {
        match error {
            _ if liveness.is_overdue() => Self::passing(TroubleKind::BrokeOff, "the camera stopped sending"),
            ffmpeg::Error::Eof => Self::passing(TroubleKind::BrokeOff, "the camera ended the stream"),
            other => Self::passing(TroubleKind::BrokeOff, &format!("the stream broke off ({other})")),
        }
    }
}
