//! The ways to a camera's picture: its own address, and what the hub offers.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use secrecy::SecretString;
use serde::Serialize;

use super::entity::Entity;
use super::relay::Relay;
use crate::config::Prefer;
use crate::hub::HubError;
use crate::hub::bridge::{FindStill, HubBridge, OpenStream};
use crate::media::fetch::FetchEnd;
use crate::media::fetch::hls::Hls;
use crate::media::fetch::stills::{StillRequest, Stills};
use crate::media::{Source, TroubleKind};
use crate::peer::connection::Peers;
use crate::seat::Seat;

/// The hub starts a stream only when somebody asks.
const STREAM: Duration = Duration::from_secs(15);
/// Answered from the bridge's memory.
const STILL: Duration = Duration::from_secs(2);

/// What ways lead through. Cloning shares it.
#[derive(Clone)]
pub struct Reach {
    /// Makes calls to the hub's relay.
    pub peers: Peers,
    /// Carries what is asked of the hub; `None` without a hub.
    pub bridge: Option<Seat<HubBridge>>,
    /// Fetches the hub's streams and stills.
    pub http: reqwest::Client,
}

/// A kind of way, named as `prefer` in the settings names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum WayKind {
    /// The camera's own address, or the test picture.
    Source,
    /// The hub's WebRTC relay.
    Relay,
    /// The hub's LL-HLS.
    Hls,
    /// The hub's stills.
    Still,
}

impl WayKind {
    /// What it is, for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Source => "its own address",
            Self::Relay => "the hub's relay",
            Self::Hls => "the hub's stream",
            Self::Still => "the hub's stills",
        }
    }
}

/// A way to a camera's picture.
#[derive(Debug, Clone)]
pub enum Way {
    /// The camera's own address, or the test picture.
    Own(Source),
    /// The hub's WebRTC relay.
    Relay(Entity),
    /// The hub's LL-HLS.
    Hls(Entity),
    /// The hub's stills.
    Stills(Entity),
}

impl Way {
    /// Which kind of way it is.
    #[must_use]
    pub fn kind(&self) -> WayKind {
        match self {
            Self::Own(_) => WayKind::Source,
            Self::Relay(_) => WayKind::Relay,
            Self::Hls(_) => WayKind::Hls,
            Self::Stills(_) => WayKind::Still,
        }
    }

    /// What it is, for people.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.kind().name()
    }

    /// The hub's camera entity that it leads to.
    #[must_use]
    pub fn entity(&self) -> Option<&Entity> {
        match self {
            Self::Own(_) => None,
            Self::Relay(entity) | Self::Hls(entity) | Self::Stills(entity) => Some(entity),
        }
    }

    /// True if it is the one that the settings name.
    #[must_use]
    pub fn is(&self, prefer: Prefer) -> bool {
        match prefer {
            Prefer::Auto => true,
            Prefer::Source => matches!(self, Self::Own(_)),
            Prefer::Relay => matches!(self, Self::Relay(_)),
            Prefer::Hls => matches!(self, Self::Hls(_)),
            Prefer::Still => matches!(self, Self::Stills(_)),
        }
    }

    /// What a feed reads. `talk`: sound for the camera's speaker may go this way.
    #[must_use]
    pub fn source(&self, camera: &str, talk: bool, reach: &Reach) -> Option<Source> {
        let bridge = || reach.bridge.clone();
        match self {
            Self::Own(source) => Some(source.clone()),
            Self::Relay(entity) => Some(Source::Fetched(Arc::new(Relay {
                entity: entity.clone(),
                camera: camera.to_owned(),
                talk,
                bridge: bridge()?,
                peers: reach.peers.clone(),
            }))),
            Self::Hls(entity) => {
                let (entity, bridge) = (entity.clone(), bridge()?);
                let open =
                    move || -> BoxFuture<'static, _> { open_stream(entity.clone(), bridge.clone()).boxed() };
                Some(Source::Fetched(Arc::new(Hls::new(reach.http.clone(), Arc::new(open)))))
            }
            Self::Stills(entity) => Some(Source::Fetched(Arc::new(stills(entity, reach)?))),
        }
    }
}

/// The camera's own address among ways.
#[must_use]
pub fn own(ways: &[Way]) -> Option<&Way> {
    ways.iter().find(|way| matches!(way, Way::Own(_)))
}

impl PartialEq for Way {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Own(Source::Address(a)), Self::Own(Source::Address(b))) => a == b,
            (Self::Own(Source::Test(a)), Self::Own(Source::Test(b))) => a == b,
            (Self::Relay(a), Self::Relay(b))
            | (Self::Hls(a), Self::Hls(b))
            | (Self::Stills(a), Self::Stills(b)) => a == b,
            _ => false,
        }
    }
}

/// The hub's stills of a camera; `None` without a hub.
pub(super) fn stills(entity: &Entity, reach: &Reach) -> Option<Stills> {
    let (entity, bridge) = (entity.clone(), reach.bridge.clone()?);
    let find = move || -> BoxFuture<'static, _> {
        let (entity, bridge) = (entity.clone(), bridge.clone());
        async move {
            let entity_id = entity.find(&bridge).await?;
            let found = ask(&bridge, FindStill { entity_id }, STILL).await?;
            Ok(StillRequest { url: found.url, bearer: found.bearer })
        }
        .boxed()
    };
    Some(Stills::new(reach.http.clone(), Arc::new(find)))
}

/// Opens a camera's HLS stream at the hub; gives its address, which is a secret.
pub(super) async fn open_stream(entity: Entity, bridge: Seat<HubBridge>) -> Result<SecretString, FetchEnd> {
    let entity_id = entity.find(&bridge).await?;
    ask(&bridge, OpenStream { entity_id, base: None }, STREAM).await
}

/// Asks the bridge on behalf of a source; what it refuses ends the source.
pub(super) async fn ask<M, T>(bridge: &Seat<HubBridge>, message: M, within: Duration) -> Result<T, FetchEnd>
where
    HubBridge: actix::Handler<M>,
    M: actix::Message<Result = Result<T, HubError>> + Send + 'static,
    T: Send + 'static,
    <HubBridge as actix::Actor>::Context: actix::dev::ToEnvelope<HubBridge, M>,
{
    match bridge.ask(message, within).await {
        Ok(Ok(reply)) => Ok(reply),
        Ok(Err(error)) => Err(FetchEnd::passing(kind(&error), error.to_string())),
        Err(error) => Err(FetchEnd::passing(TroubleKind::HubAway, format!("hub not reached: {error}"))),
    }
}

fn kind(error: &HubError) -> TroubleKind {
    match error {
        HubError::Down(_) | HubError::Protocol(_) => TroubleKind::HubAway,
        HubError::Refused => TroubleKind::HubLogin,
        HubError::Command { .. } => TroubleKind::Hub,
    }
}
