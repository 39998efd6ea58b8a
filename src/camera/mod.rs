//! The meeting place of hub, peers and media: which cameras exist, who shows what to whom.
//!
//! `registry::Registry` (one actor) knows every camera and owns a `session::CameraSession`
//! (an actor per camera that a directive named or that is kept warm). Asks go only downward, news only upward.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::error::ErrorKind;
use crate::media::TroubleKind;

pub mod account;
pub mod backlog;
pub mod call;
pub mod catalogue;
pub mod details;
pub mod entity;
pub mod exchanges;
pub mod fanout;
pub mod fit;
pub mod hub_servers;
pub mod line;
pub mod line_rate;
pub mod live;
pub mod ongoing;
pub mod outcome;
pub mod pace;
pub mod places;
pub mod probe;
pub mod registry;
pub mod relay;
pub mod resources;
pub mod round_trip;
pub mod sampler;
pub mod screen_stream;
pub mod sentence;
pub mod session;
pub mod shared;
pub mod speaker;
pub mod speaker_test;
pub mod still_store;
pub mod talk;
pub mod trouble;
pub mod unanswered;
pub mod viewer;
pub mod way;

/// Name of a camera towards Alexa. Made only by [`EndpointId::parse`] or from the registry.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct EndpointId(String);

impl EndpointId {
    /// Takes a text of 1 to 256 characters out of `A-Z a-z 0-9 _ - = # ; : ? @ &`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = |c: char| c.is_ascii_alphanumeric() || "_-=#;:?@&".contains(c);
        (!text.is_empty() && text.len() <= 256 && text.chars().all(fits)).then(|| Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for EndpointId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Name of one call, given by Alexa.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct SessionId(String);

impl SessionId {
    /// Takes a text of 1 to 128 printable ASCII characters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        (!text.is_empty() && text.len() <= 128 && text.bytes().all(|b| b.is_ascii_graphic()))
            .then(|| Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// For whom a directive speaks: the user that a call belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Caller {
    /// A linked user of the hub, by the hub's user id.
    User(String),
    /// The holder of the door token where there is no hub.
    Door,
    /// Whoever plays an Echo in the page.
    Page,
}

/// A camera as the outside may know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CameraSummary {
    /// Name towards Alexa.
    pub endpoint_id: EndpointId,
    /// The name people use.
    pub name: String,
    /// Has a bell: shown as a doorbell.
    pub doorbell: bool,
    /// Maker, or empty.
    pub manufacturer: String,
    /// Model, or empty.
    pub model: String,
    /// Software version, or empty.
    pub version: String,
    /// The talk path is known to work in both directions at once.
    pub full_duplex: bool,
    /// How one talks to it.
    pub talk: talk::TalkSummary,
    /// Has a motion sensor.
    pub motion: Option<bool>,
    /// False if known to be down; `reason` says why.
    pub reachable: bool,
    /// Why it is not reachable or what was wrong last, for people.
    pub reason: Option<String>,
    /// False if the user keeps it away from Alexa.
    pub alexa: bool,
    /// Its presses and changes are sent to Alexa.
    pub events: bool,
    /// False while its privacy switch is off: nobody sees it, and nothing of it is opened.
    pub on: bool,
    /// The hub's stream for screens that know no WebRTC; `None` unless the settings want it.
    pub stream: Option<screen_stream::ScreenStream>,
    /// Calls that are going on.
    pub calls: usize,
}

/// Ask of the Registry: every camera. Answered from memory.
#[derive(Debug, actix::Message)]
#[rtype(result = "Vec<CameraSummary>")]
pub struct Discover;

/// Ask of the Registry: the camera behind an endpoint, its session actor started if needed.
#[derive(Debug, actix::Message)]
#[rtype(result = "Result<Located, CameraError>")]
pub struct Locate {
    /// Which.
    pub endpoint: EndpointId,
}

/// Answer to [`Locate`].
#[derive(Debug, Clone)]
pub struct Located {
    /// The camera as it is known.
    pub summary: CameraSummary,
    /// The actor that owns its calls.
    pub session: actix::Addr<session::CameraSession>,
}

/// Ask of a CameraSession: answer an offer. The reply is the answer's SDP.
#[derive(Debug, actix::Message)]
#[rtype(result = "Result<String, CameraError>")]
pub struct Offer {
    /// The call.
    pub session: SessionId,
    /// Whose call it is.
    pub caller: Caller,
    /// The offer as it came, up to 32 KiB.
    pub sdp: String,
    /// When it came; the call's record counts from here.
    pub arrived: Instant,
    /// When the answer must be there.
    pub deadline: Instant,
}

/// Ask of a CameraSession: Alexa says that the call is connected.
#[derive(Debug, actix::Message)]
#[rtype(result = "Result<(), CameraError>")]
pub struct Connected {
    /// The call.
    pub session: SessionId,
    /// Who says so.
    pub caller: Caller,
}

/// Ask of a CameraSession: end the call. Succeeds for a call that is unknown or has ended.
#[derive(Debug, actix::Message)]
#[rtype(result = "Result<(), CameraError>")]
pub struct Disconnect {
    /// The call.
    pub session: SessionId,
    /// Who says so; `None` ends it on behalf of the house (`POST /api/v1/calls/{id}/end`).
    pub caller: Option<Caller>,
}

/// Ask of a CameraSession: end all calls of somebody whose link was taken away.
#[derive(Debug, actix::Message)]
#[rtype(result = "()")]
pub struct Revoked(pub Caller);

/// Ask of a CameraSession: how it stands.
#[derive(Debug, actix::Message)]
#[rtype(result = "CameraStatus")]
pub struct Status;

/// Ask of a CameraSession: open the camera, if it is not open, without a call, and say how that goes. It
/// stays open for a while, so that one can ask again until enough is known. A camera that is shown is not
/// opened a second time.
#[derive(Debug, actix::Message)]
#[rtype(result = "Result<account::Account, CameraError>")]
pub struct Probe;

/// Ask of a CameraSession: a still picture. Of the open feed, else the hub's, else the last one that is kept.
#[derive(Debug, actix::Message)]
#[rtype(result = "Result<crate::media::still::Still, CameraError>")]
pub struct TakeStill {
    /// Opens the camera for it, for a while. Without this a camera that is closed stays closed.
    pub fresh: bool,
}

/// Ask of a CameraSession: play a tone at the speaker. Nothing else ever sounds there by itself.
#[derive(Debug, actix::Message)]
#[rtype(result = "Result<(), CameraError>")]
pub struct PlayTone;

/// Answer to [`Status`].
#[derive(Debug, Clone, Serialize)]
pub struct CameraStatus {
    /// The feed is open (a worker runs).
    pub live: bool,
    /// The camera itself shows a picture.
    pub picture: bool,
    /// The way that the feed takes.
    pub way: Option<way::WayKind>,
    /// What the picture is, when known.
    pub video: Option<crate::media::VideoFacts>,
    /// What the sound is, when known.
    pub sound: Option<crate::media::SoundFacts>,
    /// Last level at the speaker, dBFS.
    pub speaker_dbfs: Option<f32>,
    /// How the conversation sounds; absent before somebody talked.
    pub conversation: Option<crate::media::talk::TalkReport>,
    /// Why nobody is heard at the camera, if that is so; for people.
    pub speaker_trouble: Option<String>,
    /// The speaker plays what it is given.
    pub speaker_open: bool,
    /// What is wrong, for people.
    pub trouble: Option<String>,
    /// Records of the calls that are going on. Not told with the camera: the list of calls has them.
    #[serde(skip)]
    pub calls: Vec<crate::state::CallRecord>,
}

/// What can go wrong between an offer and its answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CameraError {
    /// No camera has this endpoint id.
    #[error("no camera is known as {0}")]
    Unknown(String),
    /// The camera is known to be down.
    #[error("{camera} cannot be reached: {reason}")]
    Unreachable {
        /// The camera's name.
        camera: String,
        /// What kind of trouble it is in.
        kind: TroubleKind,
        /// Why, for people.
        reason: String,
    },
    /// The hub is needed to show the camera, and it is not connected.
    #[error("{0} is shown by the hub, and the hub is not connected; look whether it runs")]
    HubAway(String),
    /// The user keeps the camera away from Alexa.
    #[error(
        "{0} is not shared with Alexa; in the settings it needs a `source` and must not have `alexa = false`"
    )]
    Disabled(String),
    /// Its privacy switch is off.
    #[error("{0} is switched off")]
    SwitchedOff(String),
    /// Nobody can talk there.
    #[error("nobody can talk through {camera}: {why}")]
    Speechless {
        /// The camera's name.
        camera: String,
        /// Why, for people.
        why: String,
    },
    /// It has no stream for screens that know no WebRTC.
    #[error(
        "{0} has no stream for screens; in the settings it needs `stream = true`, and the page says what else"
    )]
    NoStream(String),
    /// It has no still picture.
    #[error("there is no picture of {camera} yet: {why}")]
    NoStill {
        /// The camera's name.
        camera: String,
        /// Why, for people.
        why: String,
    },
    /// All places are taken.
    #[error("{}: {limit} calls are going on, no more fit", camera.as_deref().unwrap_or("all cameras"))]
    Full {
        /// The camera's name; `None`: all cameras together.
        camera: Option<String>,
        /// The limit that was met.
        limit: usize,
    },
    /// The offer cannot be used.
    #[error("{0}")]
    Offer(String),
    /// The call is not known at this camera.
    #[error("no call {0} at this camera")]
    NoCall(String),
    /// The call belongs to somebody else.
    #[error("the call belongs to another user")]
    Foreign,
    /// The call was ended before its answer was ready.
    #[error("the call was ended before it was answered")]
    Ended,
    /// The answer was not ready in time.
    #[error("{0} did not answer in time")]
    Late(String),
    /// A mistake of ours.
    #[error("internal error: {0}")]
    Internal(String),
}

impl CameraError {
    /// The kind that the edges see.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Unknown(_) | Self::Foreign | Self::NoStill { .. } => ErrorKind::NotFound,
            Self::Unreachable { .. } => ErrorKind::Unreachable,
            Self::HubAway(_) => ErrorKind::BridgeDown,
            Self::Disabled(_) => ErrorKind::Disabled,
            Self::SwitchedOff(_) => ErrorKind::SwitchedOff,
            Self::NoStream(_) => ErrorKind::Malformed,
            Self::Speechless { .. } => ErrorKind::InvalidValue,
            Self::Full { .. } => ErrorKind::Busy,
            Self::Offer(_) | Self::NoCall(_) | Self::Ended => ErrorKind::InvalidValue,
            Self::Late(_) => ErrorKind::Timeout,
            Self::Internal(_) => ErrorKind::Internal,
        }
    }
}

/// Time that the house gives itself for any directive.
pub const REPLY_BUDGET: Duration = Duration::from_millis(4_500);

/// Why a camera shows nothing, with what FFmpeg said last.
fn explained(reason: String, last_words: Option<String>) -> String {
    match last_words {
        Some(words) => format!("{reason} ({words})"),
        None => reason,
    }
}
