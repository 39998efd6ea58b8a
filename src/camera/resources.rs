//! What all sessions share.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use super::exchanges::Exchanges;
use super::places::{Place, Places};
use super::still_store::StillStore;
use super::way::Reach;
use crate::alexa::gateway::EventGateway;
use crate::config::Limits;
use crate::hub::bridge::HubBridge;
use crate::media::feed::WorkerProgram;
use crate::peer::connection::Peers;
use crate::seat::Seat;
use crate::state::State;

/// What all sessions share. Cloning shares it.
#[derive(Clone)]
pub struct Resources {
    /// Where peers, feeds and packets live.
    pub media: Handle,
    /// Makes peers.
    pub peers: Peers,
    /// Makes feeds.
    pub worker: WorkerProgram,
    /// Most that an encoded picture may take, kbit/s.
    pub max_kbps: u32,
    /// Carries what is asked of the hub; `None` without a hub.
    pub bridge: Option<Seat<HubBridge>>,
    /// Sends events to Alexa; `None` unless the settings have what that takes.
    pub events: Option<Seat<EventGateway>>,
    /// Fetches the hub's streams and stills.
    pub http: reqwest::Client,
    /// Offers may name loopback addresses (demo and tests).
    pub allow_loopback: bool,
    /// Limits of the settings.
    pub limits: Limits,
    /// Keeps the records of calls.
    pub state: Arc<State>,
    /// Calls that go on at all cameras.
    pub places: Places,
    /// Cameras whose picture is encoded anew.
    pub transcodes: Places,
    /// Cameras that are being looked at for a speaker.
    pub looks: Places,
    /// What the last calls' ends said to each other.
    pub exchanges: Exchanges,
    /// The last still picture of each camera.
    pub stills: StillStore,
}

impl Resources {
    /// A place among the cameras whose picture is encoded anew, if one is free.
    #[must_use]
    pub fn encoding(&self) -> Option<Place> {
        self.transcodes.take(self.limits.transcodes)
    }

    /// The longest time for a call.
    #[must_use]
    pub fn longest_call(&self) -> Duration {
        Duration::from_secs(self.limits.call_minutes.saturating_mul(60))
    }

    /// A user has granted that events are sent to Alexa.
    #[must_use]
    pub fn sends_events(&self) -> bool {
        self.events.is_some() && self.state.has_grant()
    }

    /// What the ways of a camera lead through.
    #[must_use]
    pub fn reach(&self) -> Reach {
        Reach { peers: self.peers.clone(), bridge: self.bridge.clone(), http: self.http.clone() }
    }
}
