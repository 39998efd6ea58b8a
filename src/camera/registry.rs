//! Which cameras exist and who owns their calls: one actor.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix::{
    Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, Context, Handler, Message, ResponseActFuture,
    WrapFuture,
};
use tracing::{debug, info, warn};

use super::call::EndReason;
use super::catalogue::{Catalogue, catalogue, find, named};
use super::resources::Resources;
use super::session::{CameraSession, ExpectCall, Leave, Report, Update};
use super::{CameraError, CameraSummary, Discover, EndpointId, Locate, Located};
use crate::config::Config;
use crate::hub::bridge::{HubBridge, HubChanged, Snapshot};
use crate::hub::{Cause, HubCamera, HubSnapshot, Link};
use crate::media::TroubleKind;
use crate::seat::{Retire, Seat};
use crate::state::What;

mod described;
mod events;
mod happenings;
mod power;

pub use described::{DescribeCameras, Described};
use events::Told;
pub use power::SwitchPower;

/// The hub's snapshot comes out of its bridge's memory.
const SNAPSHOT: Duration = Duration::from_secs(2);
/// The same for a press, which has no time to lose.
const SNAPSHOT_OF_PRESS: Duration = Duration::from_millis(500);
/// A snapshot that could not be had is asked for again after this long.
const AGAIN: Duration = Duration::from_secs(1);
/// This many deaths within [`UNHEALTHY`] keep a camera closed for as long.
const DEATHS: usize = 3;
/// A hub that restarts is back sooner; after this long its cameras count as not reachable.
const AWAY: Duration = Duration::from_secs(300);
const UNHEALTHY: Duration = Duration::from_secs(60);

/// The sessions that live, by camera. Outlives a Registry, so that one that was built anew finds
/// the calls that go on.
pub type Sessions = Arc<Mutex<HashMap<EndpointId, Addr<CameraSession>>>>;

/// Knows every camera and owns its session. One, owned by the app.
pub struct Registry {
    /// Settings, as they are in use now.
    config: Arc<Config>,
    /// Asked for the hub's cameras; `None` without a hub.
    bridge: Option<Seat<HubBridge>>,
    /// This actor's own place; sessions tell their end there.
    seat: Seat<Registry>,
    /// Shared with the Registry before and after this one.
    sessions: Sessions,
    /// Handed to each session.
    resources: Resources,
    /// Last pulled from the bridge.
    hub: Option<HubSnapshot>,
    /// Since when it has not been connected and complete.
    hub_away_since: Option<Instant>,
    /// Settings and hub laid together.
    catalogue: Catalogue,
    /// What a session found wrong with its camera, until it finds it right.
    troubles: HashMap<EndpointId, Trouble>,
    /// Cameras that the hub has switched and not yet told of.
    switched: power::Switched,
    /// When sessions died, newest last.
    deaths: HashMap<EndpointId, Vec<Instant>>,
    /// Calls that go on, as sessions tell it.
    calls: HashMap<EndpointId, usize>,
    /// The hub has been connected and complete: what is not in the catalogue is gone.
    is_complete: bool,
    /// What Alexa was told last.
    told: Option<Told>,
    /// Cameras that are away, and whether the list of cameras says so.
    away: HashMap<EndpointId, bool>,
}

struct Trouble {
    text: String,
    since: Instant,
}

/// Note of a CameraSession that died or left.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct CameraStopped {
    /// Which camera.
    pub endpoint: EndpointId,
    /// True if nobody had asked it to leave.
    pub died: bool,
}

/// Note of a CameraSession: how its camera is.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct CameraNews {
    /// Which camera.
    pub endpoint: EndpointId,
    /// What is wrong, for people; `None` if all is well.
    pub trouble: Option<String>,
    /// It shows a picture now.
    pub shows: bool,
    /// Calls that go on.
    pub calls: usize,
    /// Something was learned of it that the list of cameras depends on.
    pub learned: bool,
}

/// Ask: somebody has pressed the bell at this camera; a call may follow.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Pressed {
    /// Which camera.
    pub endpoint: EndpointId,
    /// When, by our clock, RFC 3339.
    pub at: String,
    /// What rang.
    pub cause: Cause,
}

/// Note: the settings of cameras are others now.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ConfigChanged(pub Arc<Config>);

/// Ask: the camera of this endpoint id, entity or name, its session actor started if needed.
#[derive(Debug, Message)]
#[rtype(result = "Result<Located, CameraError>")]
pub struct FindCamera(pub String);

/// Ask: every camera, with its session if it has one.
#[derive(Debug, Message)]
#[rtype(result = "Vec<(CameraSummary, Option<Addr<CameraSession>>)>")]
pub struct ListCameras;

impl Registry {
    /// A Registry that takes over the given sessions.
    #[must_use]
    pub fn new(
        config: Arc<Config>,
        bridge: Option<Seat<HubBridge>>,
        seat: Seat<Registry>,
        sessions: Sessions,
        resources: Resources,
    ) -> Self {
        let catalogue = catalogue(&config, None, &resources.state.learned());
        let mut registry = Self {
            config,
            bridge,
            seat,
            sessions,
            resources,
            hub: None,
            hub_away_since: None,
            catalogue: Catalogue::new(),
            troubles: HashMap::new(),
            switched: power::Switched::default(),
            deaths: HashMap::new(),
            calls: HashMap::new(),
            is_complete: false,
            told: None,
            away: HashMap::new(),
        };
        registry.catalogue = registry.with_power(catalogue);
        registry
    }

    fn pull(&mut self, ctx: &mut Context<Self>) {
        let Some(bridge) = self.bridge.clone() else { return };
        let ask = async move { bridge.ask(Snapshot, SNAPSHOT).await };
        ctx.spawn(ask.into_actor(self).map(|snapshot, act, ctx| match snapshot {
            Ok(snapshot) => act.take(snapshot),
            Err(error) => {
                warn!(%error, "the hub's cameras could not be read; the last known ones stay");
                ctx.run_later(AGAIN, |act, ctx| act.pull(ctx));
            }
        }));
    }

    fn take(&mut self, mut snapshot: HubSnapshot) {
        // Before the hub is complete nothing is gone, least of all for a bridge that has just begun.
        if snapshot.link != Link::Running
            && let Some(before) = &self.hub
        {
            let missing = |camera: &&HubCamera| {
                !snapshot.cameras.iter().any(|known| known.endpoint_id == camera.endpoint_id)
            };
            let kept: Vec<HubCamera> = before.cameras.iter().filter(missing).cloned().collect();
            snapshot.cameras.extend(kept);
        }
        self.note_hub(&snapshot.link);
        if snapshot.link == Link::Running {
            self.hub_away_since = None;
            self.is_complete = true;
        } else {
            self.hub_away_since.get_or_insert_with(Instant::now);
        }
        self.resources.state.set_hub_trouble(snapshot.trouble.clone());
        self.hub = Some(snapshot);
        self.lay_out();
    }

    /// Settings, hub and what was learned, laid together anew.
    fn lay_out(&mut self) {
        self.remember_names();
        let fresh = catalogue(&self.config, self.hub.as_ref(), &self.resources.state.learned());
        let fresh = self.with_power(fresh);
        if fresh.len() != self.catalogue.len() {
            info!(cameras = fresh.len(), "cameras known");
        }
        let sessions = self.sessions();
        for (id, session) in &sessions {
            match (self.catalogue.get(id), fresh.get(id)) {
                (Some(before), Some(now)) if before == now => {}
                (_, Some(now)) => session.do_send(Update(now.clone())),
                (_, None) => session.do_send(Leave(EndReason::CameraGone)),
            }
        }
        self.resources.stills.retain(|id| fresh.get(id).is_some_and(|camera| camera.summary.on));
        self.note_changes(&fresh);
        self.catalogue = fresh;
        self.warm_up();
        self.tell_alexa();
    }

    fn summaries(&self) -> impl Iterator<Item = CameraSummary> {
        self.catalogue.keys().filter_map(|id| self.summary(id))
    }

    /// A name of the settings stands for one entity, also when that is renamed.
    fn remember_names(&self) {
        let state = &self.resources.state;
        let learned = state.learned();
        for (registry_id, name) in self.hub.iter().flat_map(|hub| named(&self.config, hub)) {
            if learned.get(registry_id).is_some_and(|learned| learned.named == name) {
                continue;
            }
            for (other, _) in learned.iter().filter(|(_, learned)| learned.named == name) {
                state.learn(other, |learned| learned.named.clear());
            }
            state.learn(registry_id, |learned| name.clone_into(&mut learned.named));
        }
    }

    /// Cameras that are kept warm, or whose stream is to be looked at, have a session from the start.
    fn warm_up(&mut self) {
        let warm: Vec<EndpointId> =
            self.catalogue.iter().filter(|(_, camera)| camera.has_work()).map(|(id, _)| id.clone()).collect();
        for id in warm {
            // A camera that cannot be had now is tried again at its first call.
            if let Err(error) = self.session(&id) {
                warn!(%error, "camera could not be warmed up");
            }
        }
    }

    fn sessions(&self) -> HashMap<EndpointId, Addr<CameraSession>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn session(&mut self, id: &EndpointId) -> Result<Addr<CameraSession>, CameraError> {
        let camera = self.catalogue.get(id).ok_or_else(|| CameraError::Unknown(id.to_string()))?;
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = sessions.get(id).filter(|session| session.connected()) {
            return Ok(session.clone());
        }
        let recent = |at: &&Instant| at.elapsed() < UNHEALTHY;
        if self.deaths.get(id).is_some_and(|deaths| deaths.iter().filter(recent).count() >= DEATHS) {
            return Err(CameraError::Unreachable {
                camera: camera.summary.name.clone(),
                kind: TroubleKind::WorkerLost,
                reason:
                    "its part of Doorstep failed three times within a minute; it is tried again in a minute"
                        .into(),
            });
        }
        let session = CameraSession::new(camera.clone(), self.resources.clone(), self.seat.clone()).start();
        sessions.insert(id.clone(), session.clone());
        Ok(session)
    }

    fn summary(&self, id: &EndpointId) -> Option<CameraSummary> {
        let camera = self.catalogue.get(id)?;
        let mut summary = camera.summary.clone();
        summary.calls = self.calls.get(id).copied().unwrap_or(0);
        summary.events = self.resources.sends_events();
        if summary.reachable && camera.hub_away && self.hub_away_since.is_some_and(|at| at.elapsed() >= AWAY)
        {
            summary.reachable = false;
            summary.reason = Some("the hub is not connected; look whether it runs".to_owned());
        }
        if summary.reachable
            && let Some(trouble) = self.troubles.get(id)
        {
            // Old trouble of a camera that nobody has looked at since says little about now.
            summary.reachable = trouble.since.elapsed() >= UNHEALTHY && summary.calls == 0;
            summary.reason = Some(trouble.text.clone());
        }
        Some(summary)
    }
}

impl Actor for Registry {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(256);
        // Sessions of the Registry before this one know what it has yet to hear.
        for session in self.sessions().values() {
            session.do_send(Report);
        }
        self.is_complete = self.bridge.is_none();
        self.pull(ctx);
        self.warm_up();
        self.begin_telling(ctx);
    }
}

impl Handler<HubChanged> for Registry {
    type Result = ();

    fn handle(&mut self, _: HubChanged, ctx: &mut Self::Context) {
        self.pull(ctx);
    }
}

impl Handler<ConfigChanged> for Registry {
    type Result = ();

    fn handle(&mut self, ConfigChanged(config): ConfigChanged, _: &mut Self::Context) {
        self.config = config;
        self.lay_out();
    }
}

impl Handler<Retire> for Registry {
    type Result = ();

    fn handle(&mut self, _: Retire, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

impl Handler<Discover> for Registry {
    type Result = Vec<CameraSummary>;

    fn handle(&mut self, _: Discover, _: &mut Self::Context) -> Self::Result {
        self.summaries().collect()
    }
}

impl Handler<ListCameras> for Registry {
    type Result = Vec<(CameraSummary, Option<Addr<CameraSession>>)>;

    fn handle(&mut self, _: ListCameras, _: &mut Self::Context) -> Self::Result {
        let sessions = self.sessions();
        let known = self.summaries();
        known.map(|summary| (summary.clone(), sessions.get(&summary.endpoint_id).cloned())).collect()
    }
}

impl Handler<Locate> for Registry {
    type Result = Result<Located, CameraError>;

    fn handle(&mut self, locate: Locate, _: &mut Self::Context) -> Self::Result {
        let unknown = || CameraError::Unknown(locate.endpoint.to_string());
        let summary = self.summary(&locate.endpoint).ok_or_else(unknown)?;
        Ok(Located { session: self.session(&locate.endpoint)?, summary })
    }
}

impl Handler<FindCamera> for Registry {
    type Result = Result<Located, CameraError>;

    fn handle(&mut self, FindCamera(name): FindCamera, ctx: &mut Self::Context) -> Self::Result {
        let learned = self.resources.state.learned();
        let found = find(&name, &self.catalogue, &self.config, self.hub.as_ref(), &learned);
        let endpoint = found.map(|camera| camera.summary.endpoint_id.clone());
        self.handle(Locate { endpoint: endpoint.ok_or(CameraError::Unknown(name))? }, ctx)
    }
}

impl Handler<Pressed> for Registry {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, Pressed { endpoint, at, cause }: Pressed, _: &mut Self::Context) -> Self::Result {
        let bridge = self.bridge.clone();
        let ask = async move {
            match bridge {
                Some(bridge) => bridge.ask(Snapshot, SNAPSHOT_OF_PRESS).await.ok(),
                None => None,
            }
        };
        Box::pin(ask.into_actor(self).map(move |snapshot, act, ctx| {
            // The press may be the first that is heard of the camera or of its bell.
            if let Some(snapshot) = snapshot {
                act.take(snapshot);
            }
            act.ring(&endpoint, at, cause);
            match act.handle(Locate { endpoint: endpoint.clone() }, ctx) {
                // A session without room in its mailbox is busy with calls: its feed is open.
                Ok(located) => drop(located.session.try_send(ExpectCall)),
                Err(error) => debug!(camera = %endpoint, %error, "a press opens nothing"),
            }
        }))
    }
}

impl Handler<CameraStopped> for Registry {
    type Result = ();

    fn handle(&mut self, stopped: CameraStopped, _: &mut Self::Context) {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        // A new session may sit there already.
        if sessions.get(&stopped.endpoint).is_some_and(|session| !session.connected()) {
            sessions.remove(&stopped.endpoint);
        }
        drop(sessions);
        self.calls.remove(&stopped.endpoint);
        if stopped.died {
            warn!(camera = %stopped.endpoint, "the camera's session died; the next call builds a new one");
            self.note(What::Restarted, &stopped.endpoint);
            let deaths = self.deaths.entry(stopped.endpoint).or_default();
            deaths.retain(|at| at.elapsed() < UNHEALTHY);
            deaths.push(Instant::now());
            self.warm_up();
        } else {
            self.troubles.remove(&stopped.endpoint);
        }
    }
}

impl Handler<CameraNews> for Registry {
    type Result = ();

    fn handle(&mut self, news: CameraNews, _: &mut Self::Context) {
        self.calls.insert(news.endpoint.clone(), news.calls);
        self.note_news(&news);
        if news.learned {
            self.lay_out();
        }
        match news.trouble {
            Some(text) => {
                self.troubles.insert(news.endpoint, Trouble { text, since: Instant::now() });
            }
            None => {
                self.troubles.remove(&news.endpoint);
            }
        }
        self.tell_alexa();
    }
}
