//! The hub's wire: what it says (pure) and the link to it (one actor).
//!
//! `tokio_tungstenite` is used in `bridge` only. Nothing here knows of Alexa, peers or media:
//! the `bridge::HubBridge` keeps the hub's state merged and filtered to cameras, bells and
//! motion, and whoever was given to it as `Recipient<HubChanged>` is woken and pulls a [`HubSnapshot`].

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;
use tokio::sync::mpsc;
use url::Url;

use crate::error::ErrorKind;

pub mod address;
pub mod bridge;
pub mod capabilities;
pub mod entity;
pub mod ice_server;
pub mod lines;
pub mod listing;
pub mod model;
pub mod press;
pub mod protocol;
pub mod registries;
pub mod retry;
pub mod skill;
pub mod states;
pub mod ties;
pub mod trust;

/// Where the link to the hub stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state", content = "reason")]
pub enum Link {
    /// No hub is configured.
    None,
    /// Not connected; the text is the last reason, for people, without secrets.
    Down(String),
    /// The hub refused the token; tries are minutes apart.
    Refused(String),
    /// Connected, the hub is still starting: nothing that is missing is gone.
    Starting,
    /// Connected and complete.
    Running,
}

/// One camera entity of the hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HubCameraEntity {
    /// Registry id: stays when the entity is renamed.
    pub registry_id: String,
    /// `camera.front_door`.
    pub entity_id: String,
    /// What people call this picture at the hub, or its entity id without the domain.
    pub name: String,
    /// False when the hub says `unavailable`.
    pub available: bool,
    /// True if it can stream (supported_features bit 2), false for stills only.
    pub streams: bool,
    /// True if the hub can switch it on and off (supported_features bit 1).
    pub switches: bool,
    /// The hub says `off`: it shows nothing to anybody.
    pub off: bool,
    /// How it can be streamed, as the hub told (`camera/capabilities`; older hubs: its attribute
    /// `frontend_stream_type`); `None` while that is not known.
    pub ways: Option<StreamWays>,
}

/// How a camera of the hub can be streamed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct StreamWays {
    /// By `camera/webrtc/offer`.
    pub relay: bool,
    /// By `camera/stream`.
    pub hls: bool,
    /// The hub says that its speaker can be reached. A hint: the relay's answer is the truth.
    pub two_way_audio: bool,
}

/// A WebRTC session at a camera of the hub. Dropping it ends the session. It ends with the link, too:
/// then `news` ends.
#[derive(Debug)]
pub struct RelayLine {
    /// What the hub says of it, in order.
    pub news: mpsc::Receiver<RelayNews>,
    /// Tells the link when this is dropped.
    _hangs_up: tokio_util::sync::DropGuard,
}

/// What the hub says of a WebRTC session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RelayNews {
    /// The answer's SDP.
    Answer(String),
    /// A candidate of the far end's, `candidate:…`. May come before the answer, and twice.
    Candidate(String),
    /// It failed; may come after a success.
    Failed {
        /// The hub's code.
        code: String,
        /// The hub's text, without secrets.
        message: String,
    },
}

/// An entity that rings or sees motion, and its entity id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HubSensor {
    /// `event.front_door`, `binary_sensor.front_door_motion`.
    pub entity_id: String,
    /// False when the hub says `unavailable`.
    pub available: bool,
    /// Motion: `true` while it is seen. Bells: always false.
    pub on: bool,
}

/// An entity that a camera may be tied to by hand: every one may be its bell, a binary sensor its motion sensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubTieable {
    /// `event.front_door`, `input_button.show_drive`, `binary_sensor.front_door_motion`.
    pub entity_id: String,
    /// What people call it at the hub, or its entity id without the domain.
    pub name: String,
    /// It is known as a bell.
    pub rings: bool,
    /// It is known as a motion sensor.
    pub sees: bool,
}

impl HubTieable {
    /// It tells when motion begins and when it ends.
    #[must_use]
    pub fn may_see(&self) -> bool {
        self.entity_id.starts_with("binary_sensor.")
    }
}

/// One device with at least one camera entity, or a camera entity without device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HubCamera {
    /// `hub#` and the registry id of the device, or of the entity when it has no device.
    pub endpoint_id: String,
    /// The name people use, as the hub composes it.
    pub name: String,
    /// Maker, or empty.
    pub manufacturer: String,
    /// Model, or empty.
    pub model: String,
    /// Software version, or empty.
    pub version: String,
    /// Its camera entities, best first.
    pub entities: Vec<HubCameraEntity>,
    /// The bell tied to it.
    pub bell: Option<HubSensor>,
    /// The motion sensor tied to it.
    pub motion: Option<HubSensor>,
}

/// All that the hub knows of cameras, at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HubSnapshot {
    /// The link. While it is not `Running`, `cameras` is the last known list.
    pub link: Link,
    /// Version of the hub, or empty.
    pub version: String,
    /// Where it is reached from the internet, as its owner told it; `None` if nobody did.
    pub external_url: Option<Url>,
    /// Its cameras, in order of endpoint id.
    pub cameras: Vec<HubCamera>,
    /// Endpoint ids of those cameras of the settings whose motion sensor, tied by hand, sees something.
    pub moving: BTreeSet<String>,
    /// What cameras may be tied to by hand, in order of entity id.
    #[serde(skip)]
    pub tieable: Arc<[HubTieable]>,
    /// What the hub keeps from us and what that means, for people.
    pub trouble: Option<String>,
}

impl HubSnapshot {
    /// A hub of which nothing is known.
    #[must_use]
    pub fn without_cameras(link: Link) -> Self {
        Self {
            link,
            version: String::new(),
            external_url: None,
            cameras: Vec::new(),
            moving: BTreeSet::new(),
            tieable: Arc::default(),
            trouble: None,
        }
    }
}

/// A user of the hub.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, serde::Deserialize)]
pub struct HubUser {
    /// The hub's id of the user.
    pub id: String,
    /// Display name.
    pub name: String,
    /// May change settings.
    pub is_admin: bool,
}

/// A press at the door. Comes through a bounded queue, never through a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Press {
    /// Endpoint id of the camera that the bell is tied to: `hub#…`, or as the settings name it.
    pub endpoint_id: String,
    /// When, by our own clock, RFC 3339 in UTC, whole seconds. The hub's clock may be hours off.
    pub at: String,
    /// What rang.
    pub cause: Cause,
}

/// What rang.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A bell that is known as one.
    Bell,
    /// Something else that the settings name as a bell: a rule of the home's own stands behind it.
    Rule,
}

/// What can go wrong at the hub.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HubError {
    /// The link is down or the hub did not answer in time.
    #[error("hub not reached: {0}")]
    Down(String),
    /// The hub refused a token.
    #[error("the hub refused the token")]
    Refused,
    /// The hub answered with an error.
    #[error("hub: {code}: {message}")]
    Command {
        /// The hub's code.
        code: String,
        /// The hub's text, without secrets.
        message: String,
    },
    /// The hub sent something that makes no sense.
    #[error("the hub sent {0}")]
    Protocol(String),
}

impl HubError {
    /// The kind that the edges see.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Down(_) | Self::Protocol(_) => ErrorKind::BridgeDown,
            Self::Refused => ErrorKind::Unauthorized,
            Self::Command { .. } => ErrorKind::Unreachable,
        }
    }
}
