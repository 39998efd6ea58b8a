//! Directive in, event out, inside the time budget.
//!
//! Every path ends in an event before [`REPLY_BUDGET`] is spent: whoever is asked gets a deadline,
//! and one more stands around the whole.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use serde_json::Value;
use time::OffsetDateTime;

use crate::alexa::gateway::EventGateway;
use crate::alexa::message::{Directive, Request};
use crate::alexa::{authorization, discovery, failure, health, rtc};
use crate::camera::registry::{Registry, SwitchPower};
use crate::camera::screen_stream::{FindStream, OpenedStream};
use crate::camera::session::CameraSession;
use crate::camera::shared::{description, state};
use crate::camera::{
    Caller, CameraError, CameraSummary, Connected, Disconnect, Discover, EndpointId, Locate, Offer,
    REPLY_BUDGET, SessionId,
};
use crate::error::ErrorKind;
use crate::hub::Link;
use crate::hub::bridge::{HubBridge, Snapshot};
use crate::seat::{self, AskError, Seat};
use crate::state::State;

mod control;
pub mod forward;
mod grant;
mod merge;
mod offer;
#[cfg(test)]
pub(crate) mod tests;

/// Kept back from the budget for the way home; a camera must have answered by then.
const RESERVE: Duration = Duration::from_millis(500);
/// Kept back from the budget when all else was late: time to say so.
const LAST_CALL: Duration = Duration::from_millis(200);
/// Longest wait for the Registry, which answers from memory; long enough for it to be rebuilt.
const REGISTRY_PATIENCE: Duration = Duration::from_millis(1_500);
/// Longest wait for the bridge to say how it stands, which it does from memory.
const BRIDGE_PATIENCE: Duration = Duration::from_millis(500);

/// Directive in, event out. Clones share everything.
#[derive(Clone)]
pub struct Router {
    /// Who answers for the cameras.
    cameras: Arc<dyn Cameras>,
    /// Who sends events; without it no grant is accepted.
    events: Option<Seat<EventGateway>>,
    /// Keeps what is left of offers that got no answer.
    state: Option<Arc<State>>,
}

/// Why there is no good event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RouteError {
    /// The camera says no.
    #[error(transparent)]
    Camera(#[from] CameraError),
    /// The camera's actor died over it or took too long.
    #[error("the camera: {0}")]
    Session(AskError),
    /// The Registry died over it or took too long: a fault of ours, whatever the camera does.
    #[error("the list of cameras: {0}")]
    Registry(AskError),
    /// The camera may exist, but the hub that knows it is not connected.
    #[error("the hub is not connected, and this camera is known from it only")]
    HubDown,
    /// A value that cannot be one of ours.
    #[error("{0}")]
    Value(&'static str),
}

impl RouteError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Camera(e) => e.kind(),
            Self::Session(e) => e.kind(),
            Self::Registry(_) => ErrorKind::Internal,
            Self::HubDown => ErrorKind::BridgeDown,
            Self::Value(_) => ErrorKind::InvalidValue,
        }
    }
}

/// The cameras as the router sees them; in the house these are the Registry and the bridge.
#[async_trait]
pub(crate) trait Cameras: Send + Sync {
    async fn all(&self) -> Result<Vec<CameraSummary>, RouteError>;
    async fn find(&self, endpoint: &EndpointId) -> Result<(CameraSummary, Box<dyn Calls>), RouteError>;
    async fn switch(
        &self,
        endpoint: &EndpointId,
        on: bool,
        within: Duration,
    ) -> Result<CameraSummary, RouteError>;
    /// False if a camera that is not known may yet come from the hub.
    async fn complete(&self) -> bool;
}

/// The calls of one camera; in the house this is its CameraSession.
#[async_trait]
pub(crate) trait Calls: Send + Sync {
    async fn offer(&self, offer: Offer, within: Duration) -> Result<String, RouteError>;
    async fn connected(&self, message: Connected, within: Duration) -> Result<(), RouteError>;
    async fn disconnect(&self, message: Disconnect, within: Duration) -> Result<(), RouteError>;
    async fn stream(&self, message: FindStream, within: Duration) -> Result<OpenedStream, RouteError>;
}

impl Router {
    /// Routes to whoever sits in these seats at the time.
    #[must_use]
    pub fn new(registry: Seat<Registry>, bridge: Option<Seat<HubBridge>>) -> Self {
        Self { cameras: Arc::new(Seated { registry, bridge }), events: None, state: None }
    }

    /// Says who sends events; without it no grant is accepted.
    #[must_use]
    pub fn with_events(mut self, events: Option<Seat<EventGateway>>) -> Self {
        self.events = events;
        self
    }

    /// Says who keeps what is left of offers that got no answer.
    #[must_use]
    pub fn with_state(mut self, state: Arc<State>) -> Self {
        self.state = Some(state);
        self
    }

    #[cfg(test)]
    pub(crate) fn over(cameras: Arc<dyn Cameras>) -> Self {
        Self { cameras, events: None, state: None }
    }

    /// Answers a directive that came at `arrived`. Always an event, always in time.
    pub async fn handle(&self, directive: &Directive, caller: Caller, arrived: Instant) -> Value {
        let envelope = &directive.envelope;
        let request = match &directive.request {
            Ok(request) => request,
            Err(fault) => return refuse(directive, fault.kind(), &fault.to_string()),
        };
        let last = remaining(arrived, LAST_CALL);
        let outcome = tokio::time::timeout(last, self.fulfil(directive, request, caller, arrived)).await;
        let event = match outcome {
            Ok(Ok(event)) => event,
            Ok(Err(error)) => {
                tracing::info!(name = %envelope.name, endpoint = ?envelope.endpoint_id, %error, "directive failed");
                refuse(directive, error.kind(), &error.to_string())
            }
            Err(_late) => {
                tracing::warn!(name = %envelope.name, endpoint = ?envelope.endpoint_id, "no answer in time");
                refuse(directive, ErrorKind::Timeout, "no answer in time")
            }
        };
        let failure = event.pointer("/event/payload/type").and_then(Value::as_str);
        crate::telemetry::directive(&envelope.name, failure.unwrap_or("ok"));
        tracing::debug!(
            name = %envelope.name,
            endpoint = ?envelope.endpoint_id,
            ms = u64::try_from(arrived.elapsed().as_millis()).unwrap_or(u64::MAX),
            "directive answered"
        );
        event
    }

    /// True if the actors behind the router answer.
    pub async fn alive(&self) -> bool {
        self.cameras.all().await.is_ok()
    }

    async fn fulfil(
        &self,
        directive: &Directive,
        request: &Request,
        caller: Caller,
        arrived: Instant,
    ) -> Result<Value, RouteError> {
        let envelope = &directive.envelope;
        match request {
            Request::Discover => {
                let cameras: Vec<_> =
                    self.cameras.all().await?.iter().filter(|c| c.alexa).map(description).collect();
                if cameras.len() > discovery::MAX_ENDPOINTS {
                    tracing::warn!(cameras = cameras.len(), "Alexa is told of the first 300 cameras only");
                }
                Ok(discovery::discover_response(envelope, &cameras))
            }
            Request::AcceptGrant(code) => {
                Ok(grant::accept(self.events.as_ref(), envelope, code.clone(), caller, arrived).await)
            }
            Request::ReportState => {
                let camera = self.look_up(directive).await?;
                shared(&camera)?;
                Ok(health::state_report(envelope, &state(&camera), OffsetDateTime::now_utc()))
            }
            Request::Power { on } => self.switch(directive, *on, arrived).await,
            Request::Stream => self.open_stream(directive, arrived).await,
            Request::Offer { session_id, sdp } => {
                self.offer(directive, session_id, sdp, caller, arrived).await
            }
            Request::Connected { session_id } => {
                let session = session(session_id)?;
                let (camera, calls) = self.locate(directive).await?;
                shared(&camera)?;
                calls.connected(Connected { session, caller }, remaining(arrived, RESERVE)).await?;
                Ok(rtc::session_connected(envelope, session_id))
            }
            Request::Disconnected { session_id } => {
                let session = session(session_id)?;
                // Also at a camera that was taken away from Alexa during the call.
                let (_, calls) = self.locate(directive).await?;
                let message = Disconnect { session, caller: Some(caller) };
                calls.disconnect(message, remaining(arrived, RESERVE)).await?;
                Ok(rtc::session_disconnected(envelope, session_id))
            }
        }
    }

    /// The camera as it is known, without starting anything for it.
    async fn look_up(&self, directive: &Directive) -> Result<CameraSummary, RouteError> {
        let endpoint = endpoint(directive)?;
        match self.cameras.all().await?.into_iter().find(|camera| camera.endpoint_id == endpoint) {
            Some(camera) => Ok(camera),
            None => Err(self.unknown(&endpoint).await),
        }
    }

    async fn locate(&self, directive: &Directive) -> Result<(CameraSummary, Box<dyn Calls>), RouteError> {
        let endpoint = endpoint(directive)?;
        match self.cameras.find(&endpoint).await {
            Err(RouteError::Camera(CameraError::Unknown(_))) => Err(self.unknown(&endpoint).await),
            found => found,
        }
    }

    /// After a start the hub's cameras are unknown until it is connected; to call them gone would
    /// make people look for a camera that is there.
    async fn unknown(&self, endpoint: &EndpointId) -> RouteError {
        if endpoint.as_str().starts_with("hub#") && !self.cameras.complete().await {
            return RouteError::HubDown;
        }
        CameraError::Unknown(endpoint.to_string()).into()
    }
}

/// The event for a directive that is not fulfilled.
#[must_use]
pub fn refuse(directive: &Directive, kind: ErrorKind, message: &str) -> Value {
    let envelope = &directive.envelope;
    if envelope.is_discover() {
        tracing::info!(?kind, message, "a discovery is answered with an empty list");
        return discovery::discover_response(envelope, &[]);
    }
    if envelope.is_grant() {
        return authorization::grant_failed(envelope, message);
    }
    failure::error_response(envelope, kind, message)
}

fn remaining(arrived: Instant, reserve: Duration) -> Duration {
    (arrived + (REPLY_BUDGET - reserve)).saturating_duration_since(Instant::now())
}

fn endpoint(directive: &Directive) -> Result<EndpointId, RouteError> {
    let id = directive.envelope.endpoint_id.as_deref().unwrap_or_default();
    EndpointId::parse(id).ok_or_else(|| CameraError::Unknown(id.to_owned()).into())
}

fn session(id: &str) -> Result<SessionId, RouteError> {
    SessionId::parse(id).ok_or(RouteError::Value("payload.sessionId is not 1 to 128 printable characters"))
}

fn shared(camera: &CameraSummary) -> Result<(), CameraError> {
    if camera.alexa { Ok(()) } else { Err(CameraError::Disabled(camera.name.clone())) }
}

/// The actors of the house.
struct Seated {
    registry: Seat<Registry>,
    bridge: Option<Seat<HubBridge>>,
}

#[async_trait]
impl Cameras for Seated {
    async fn all(&self) -> Result<Vec<CameraSummary>, RouteError> {
        self.registry.ask_patiently(|| Discover, REGISTRY_PATIENCE).await.map_err(RouteError::Registry)
    }

    async fn find(&self, endpoint: &EndpointId) -> Result<(CameraSummary, Box<dyn Calls>), RouteError> {
        let ask = || Locate { endpoint: endpoint.clone() };
        let located =
            self.registry.ask_patiently(ask, REGISTRY_PATIENCE).await.map_err(RouteError::Registry)??;
        Ok((located.summary, Box::new(located.session)))
    }

    async fn switch(
        &self,
        endpoint: &EndpointId,
        on: bool,
        within: Duration,
    ) -> Result<CameraSummary, RouteError> {
        let hub = within.saturating_sub(LAST_CALL);
        let ask = SwitchPower { endpoint: endpoint.clone(), on, within: hub };
        Ok(self.registry.ask(ask, within).await.map_err(RouteError::Registry)??)
    }

    async fn complete(&self) -> bool {
        match &self.bridge {
            None => true,
            Some(bridge) => {
                bridge.ask(Snapshot, BRIDGE_PATIENCE).await.is_ok_and(|hub| hub.link == Link::Running)
            }
        }
    }
}

#[async_trait]
impl Calls for actix::Addr<CameraSession> {
    async fn offer(&self, offer: Offer, within: Duration) -> Result<String, RouteError> {
        Ok(seat::ask(self, offer, within).await.map_err(RouteError::Session)??)
    }

    async fn connected(&self, message: Connected, within: Duration) -> Result<(), RouteError> {
        Ok(seat::ask(self, message, within).await.map_err(RouteError::Session)??)
    }

    async fn disconnect(&self, message: Disconnect, within: Duration) -> Result<(), RouteError> {
        Ok(seat::ask(self, message, within).await.map_err(RouteError::Session)??)
    }

    async fn stream(&self, message: FindStream, within: Duration) -> Result<OpenedStream, RouteError> {
        Ok(seat::ask(self, message, within).await.map_err(RouteError::Session)??)
    }
}
