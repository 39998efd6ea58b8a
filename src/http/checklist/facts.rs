//! All that the checklist is made of, as the house knows it.

use serde::Serialize;
use url::Url;

use crate::alexa::gateway::EventsStatus;
use crate::hub::Link;
use crate::state::{CheckedCamera, CheckedDoor};

/// All that the lines are made of.
#[derive(Debug, Clone)]
pub(in crate::http) struct Facts {
    /// The hub's supervisor started us.
    pub supervised: bool,
    /// Its whole name there.
    pub add_on: Option<String>,
    /// It is the demo.
    pub demo: bool,
    /// The hub.
    pub hub: HubFacts,
    /// Every camera.
    pub cameras: Vec<CameraFacts>,
    /// The door's listener is open.
    pub door_open: bool,
    /// `door.public_url`.
    pub public_url: Option<Url>,
    /// The last try of the door from here.
    pub door_tried: Option<CheckedDoor>,
    /// Users who are linked.
    pub links: usize,
    /// Events to Alexa.
    pub events: EventsStatus,
    /// The newest call of Alexa's that showed a picture.
    pub shown: Option<CallFacts>,
    /// The newest one that did not, if it is newer.
    pub dark: Option<CallFacts>,
}

/// The hub.
#[derive(Debug, Clone)]
pub(in crate::http) struct HubFacts {
    /// Its own address.
    pub url: Option<Url>,
    /// There is a token to show it.
    pub has_token: bool,
    /// The supervisor's proxy stands before it.
    pub proxied: bool,
    /// The link.
    pub link: Link,
    /// Version, or empty.
    pub version: String,
    /// Where it is reached from the internet, as its owner told it.
    pub external_url: Option<Url>,
    /// Its cameras.
    pub cameras: usize,
}

/// A camera.
#[derive(Debug, Clone, Default)]
pub(in crate::http) struct CameraFacts {
    /// Endpoint id.
    pub id: String,
    /// The name people use.
    pub name: String,
    /// Alexa may show it.
    pub shared: bool,
    /// Its privacy switch is on.
    pub on: bool,
    /// Why it is known to be down.
    pub trouble: Option<String>,
    /// When a call last showed its picture, RFC 3339.
    pub shown: Option<String>,
    /// The last look at it.
    pub checked: Option<CheckedCamera>,
    /// Its picture was seen once.
    pub learned: bool,
}

/// A call.
#[derive(Debug, Clone, Serialize)]
pub(in crate::http) struct CallFacts {
    /// Our own id of it.
    pub id: String,
    /// The camera's name.
    pub camera: String,
    /// When it began, RFC 3339.
    pub at: String,
    /// ms to its first picture.
    pub ms: Option<u64>,
}
