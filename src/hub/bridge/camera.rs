//! What the hub is asked for on behalf of one camera: its relay, its stream, its still picture.

use actix::{Handler, ResponseFuture};
use secrecy::SecretString;
use serde_json::{Map, Value};
use tokio::sync::oneshot;
use url::Url;

use super::desk::OpenLine;
use super::{HubBridge, crowded, lost};
use crate::hub::ice_server::{HubIceServer, ice_servers};
use crate::hub::{HubError, RelayLine, protocol};

/// Ask: a WebRTC session at a camera of the hub (`camera/webrtc/offer`). Answered when the hub has taken
/// the offer, within 10 s.
#[derive(Debug, Clone, actix::Message)]
#[rtype(result = "Result<RelayLine, HubError>")]
pub struct OpenRelay {
    /// The camera.
    pub entity_id: String,
    /// Our offer.
    pub offer: String,
}

/// Ask: what a WebRTC session at this camera needs (`camera/webrtc/get_client_config`): the name of a
/// data channel, if it wants one. Within 10 s.
#[derive(Debug, Clone, actix::Message)]
#[rtype(result = "Result<Option<String>, HubError>")]
pub struct RelayWishes {
    /// The camera.
    pub entity_id: String,
}

/// Ask: the STUN and TURN servers that the hub hands out. Within 10 s.
#[derive(Debug, Clone, PartialEq, Eq, actix::Message)]
#[rtype(result = "Result<Vec<HubIceServer>, HubError>")]
pub struct IceServers {
    /// `None`: those of the hub itself (`web_rtc/ice_servers`), which older hubs do not tell. With a
    /// camera: those for a session there, which are the hub's as well unless the camera has its own.
    pub entity_id: Option<String>,
}

/// Ask: the address of a camera's HLS stream (`camera/stream`), absolute; it is a secret. Within 10 s.
#[derive(Debug, Clone, actix::Message)]
#[rtype(result = "Result<SecretString, HubError>")]
pub struct OpenStream {
    /// The camera.
    pub entity_id: String,
    /// The hub's base address for whoever reads the stream; `None`: the one by which we reach it.
    pub base: Option<Url>,
}

/// Ask: how a camera's still picture is fetched. Answered from memory.
#[derive(Debug, Clone, actix::Message)]
#[rtype(result = "Result<HubAddress, HubError>")]
pub struct FindStill {
    /// The camera.
    pub entity_id: String,
}

/// Ask: how an entity's state is fetched, with all its attributes. Answered from memory.
#[derive(Debug, Clone, actix::Message)]
#[rtype(result = "Result<HubAddress, HubError>")]
pub struct FindState {
    /// The entity.
    pub entity_id: String,
}

/// How something of the hub is fetched: `GET` with a bearer.
#[derive(Debug, Clone)]
pub struct HubAddress {
    /// `…/api/camera_proxy/camera.front_door`
    pub url: Url,
    /// Our token.
    pub bearer: SecretString,
}

fn of_camera(entity_id: String) -> Map<String, Value> {
    Map::from_iter([("entity_id".to_owned(), Value::String(entity_id))])
}

impl Handler<OpenRelay> for HubBridge {
    type Result = ResponseFuture<Result<RelayLine, HubError>>;

    fn handle(&mut self, OpenRelay { entity_id, offer }: OpenRelay, _: &mut Self::Context) -> Self::Result {
        let mut fields = of_camera(entity_id);
        fields.insert("offer".into(), offer.into());
        let (reply, answer) = oneshot::channel();
        let lines = self.counter.as_ref().map(|counter| counter.lines.clone());
        Box::pin(async move {
            lines.ok_or_else(lost)?.try_send(OpenLine { fields, reply }).map_err(crowded)?;
            answer.await.map_err(|_| lost())?
        })
    }
}

impl Handler<RelayWishes> for HubBridge {
    type Result = ResponseFuture<Result<Option<String>, HubError>>;

    fn handle(&mut self, RelayWishes { entity_id }: RelayWishes, _: &mut Self::Context) -> Self::Result {
        let config = self.ask("camera/webrtc/get_client_config", of_camera(entity_id));
        Box::pin(async move {
            let config = config.await?;
            Ok(config.as_object().and_then(|config| protocol::some_text(config, "dataChannel", 64)))
        })
    }
}

impl Handler<IceServers> for HubBridge {
    type Result = ResponseFuture<Result<Vec<HubIceServer>, HubError>>;

    fn handle(&mut self, IceServers { entity_id }: IceServers, _: &mut Self::Context) -> Self::Result {
        let answer = match entity_id {
            Some(entity_id) => self.ask("camera/webrtc/get_client_config", of_camera(entity_id)),
            None => self.ask("web_rtc/ice_servers", Map::new()),
        };
        Box::pin(async move {
            let answer = answer.await?;
            ice_servers(&answer).ok_or_else(|| HubError::Protocol("no list of ICE servers".into()))
        })
    }
}

impl Handler<OpenStream> for HubBridge {
    type Result = ResponseFuture<Result<SecretString, HubError>>;

    fn handle(&mut self, OpenStream { entity_id, base }: OpenStream, _: &mut Self::Context) -> Self::Result {
        let stream = self.ask("camera/stream", of_camera(entity_id));
        let config = &self.dialer.config;
        // The Supervisor's proxy hands out whole answers only, too late for parts of a second.
        let base = base.or_else(|| config.direct.clone()).unwrap_or_else(|| config.url.clone());
        Box::pin(async move {
            let stream = stream.await?;
            let path = stream.get("url").and_then(Value::as_str).unwrap_or_default();
            Ok(protocol::http_address(&base, path)?.to_string().into())
        })
    }
}

impl Handler<FindStill> for HubBridge {
    type Result = Result<HubAddress, HubError>;

    fn handle(&mut self, FindStill { entity_id }: FindStill, _: &mut Self::Context) -> Self::Result {
        self.address(&format!("/api/camera_proxy/{entity_id}"))
    }
}

impl Handler<FindState> for HubBridge {
    type Result = Result<HubAddress, HubError>;

    fn handle(&mut self, FindState { entity_id }: FindState, _: &mut Self::Context) -> Self::Result {
        self.address(&format!("/api/states/{entity_id}"))
    }
}

impl HubBridge {
    fn address(&self, path: &str) -> Result<HubAddress, HubError> {
        let config = &self.dialer.config;
        let url = protocol::http_address(&config.url, path)?;
        Ok(HubAddress { url, bearer: config.token.clone() })
    }
}
