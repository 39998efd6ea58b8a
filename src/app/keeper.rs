//! Who keeps the long-lived actors alive.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, ActorContext, AsyncContext, Context, Handler, Message, StreamHandler};
use tokio::sync::{mpsc, watch};
use tracing::{error, info, warn};

use super::{bridge_config, hand_ties};
use crate::alexa::gateway::EventGateway;
use crate::camera::EndpointId;
use crate::camera::hub_servers;
use crate::camera::registry::{ConfigChanged, Pressed, Registry, Sessions};
use crate::camera::resources::Resources;
use crate::config::Config;
use crate::hub::Press;
use crate::hub::bridge::{HubBridge, HubChanged, TieByHand};
use crate::seat::Seat;
use crate::telemetry::redact::hide;
use crate::telemetry::set_level;

/// How often the keeper looks whether its actors live.
const WATCH: Duration = Duration::from_millis(200);
/// From a wake that the Registry had no room for to the next.
const WAKE_AGAIN: Duration = Duration::from_millis(100);
/// This many dead actors within [`BROKEN_WITHIN`] are more than building anew can mend.
const BROKEN: usize = 5;
const BROKEN_WITHIN: Duration = Duration::from_secs(600);
/// Presses that wait for the Registry.
pub(super) const PRESSES: usize = 256;
/// From a press to the Registry that hears of it.
const TELL: Duration = Duration::from_secs(2);

/// Owns the long-lived actors: fills their seats, and fills them anew when one dies. actix does not
/// restart an actor that panicked.
pub(super) struct Keeper {
    /// Kept up to date.
    pub(super) config: Arc<Config>,
    /// Taken when the actor starts.
    pub(super) used: Option<watch::Receiver<Arc<Config>>>,
    pub(super) registry: Seat<Registry>,
    /// `None` without a hub.
    pub(super) bridge: Option<Seat<HubBridge>>,
    /// For who sends events.
    pub(super) to_alexa: reqwest::Client,
    /// Handed from one Registry to the next.
    pub(super) sessions: Sessions,
    pub(super) resources: Resources,
    /// Tells those who follow the hub that it is not what it was.
    pub(super) hub_changed: watch::Sender<()>,
    /// From the bridge to the Registry.
    pub(super) presses: Option<mpsc::Sender<Press>>,
    /// When actors died, newest last.
    pub(super) deaths: Vec<Instant>,
    pub(super) broken: watch::Sender<bool>,
    /// A Registry that was busy is woken again soon.
    pub(super) wakes_again: bool,
}

/// Ask: build nothing anew.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct Stop;

impl Keeper {
    fn build_registry(&self) {
        let registry = Registry::new(
            self.config.clone(),
            self.bridge.clone(),
            self.registry.clone(),
            self.sessions.clone(),
            self.resources.clone(),
        );
        self.registry.fill(registry.start());
    }

    fn build_bridge(&self, ctx: &mut Context<Self>) {
        if let (Some(seat), Some(config), Some(presses)) =
            (&self.bridge, bridge_config(&self.config), self.presses.clone())
        {
            let wake = ctx.address().recipient();
            seat.fill(HubBridge::new(config, wake, presses).with_ties(hand_ties(&self.config)).start());
        }
    }

    fn build_events(&self) {
        let Some(seat) = &self.resources.events else { return };
        let (state, http) = (self.resources.state.clone(), self.to_alexa.clone());
        if let Some(events) = EventGateway::new(&self.config.alexa, state, http) {
            seat.fill(events.start());
        }
    }

    /// The settings' own servers come before the hub's.
    fn follow_hub_servers(&self) {
        let webrtc = &self.config.webrtc;
        if let Some(bridge) = self.bridge.clone()
            && webrtc.stun.is_empty()
            && webrtc.turn.is_empty()
        {
            let (peers, changed) = (self.resources.peers.clone(), self.hub_changed.subscribe());
            actix::spawn(hub_servers::follow(bridge, peers, changed));
        }
    }

    fn watch(&mut self, ctx: &mut Context<Self>) {
        let dead = |connected: Option<bool>| connected == Some(false);
        if dead(self.registry.addr().map(|addr| addr.connected())) {
            self.bury("Registry");
            self.build_registry();
        }
        if dead(self.bridge.as_ref().and_then(Seat::addr).map(|addr| addr.connected())) {
            self.bury("HubBridge");
            self.build_bridge(ctx);
        }
        if dead(self.resources.events.as_ref().and_then(Seat::addr).map(|addr| addr.connected())) {
            self.bury("EventGateway");
            self.build_events();
        }
    }

    fn bury(&mut self, role: &'static str) {
        crate::telemetry::actor_rebuilt(role);
        error!(role, "an actor died and is built anew");
        self.deaths.retain(|at| at.elapsed() < BROKEN_WITHIN);
        self.deaths.push(Instant::now());
        if self.deaths.len() >= BROKEN {
            error!("too many dead actors; the process ends so that it can be started anew");
            self.broken.send_replace(true);
        }
    }
}

impl Actor for Keeper {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let (presses, pressed) = mpsc::channel(PRESSES);
        self.presses = Some(presses);
        actix::spawn(tell_presses(pressed, self.registry.clone()));
        self.build_events();
        self.build_registry();
        self.build_bridge(ctx);
        self.follow_hub_servers();
        if let Some(used) = self.used.take() {
            let next = async |mut used: watch::Receiver<Arc<Config>>| {
                used.changed().await.ok()?;
                let config = used.borrow_and_update().clone();
                Some((config, used))
            };
            ctx.add_stream(futures_util::stream::unfold(used, next));
        }
        ctx.run_interval(WATCH, Self::watch);
    }
}

/// What can change while the house runs: its cameras, what is tied to them, and how much is logged.
impl StreamHandler<Arc<Config>> for Keeper {
    fn handle(&mut self, config: Arc<Config>, _: &mut Self::Context) {
        config.secrets().iter().for_each(hide);
        set_level(&config.log.level);
        self.config = config.clone();
        // Notes downward that must not be lost: one for each time that somebody saves.
        if let Some(registry) = self.registry.addr() {
            registry.do_send(ConfigChanged(config));
        }
        if let Some(bridge) = self.bridge.as_ref().and_then(Seat::addr) {
            bridge.do_send(TieByHand(hand_ties(&self.config)));
        }
    }

    /// The settings go before the keeper only when the process ends.
    fn finished(&mut self, _: &mut Self::Context) {}
}

/// Tells the Registry of each press. One that finds nobody there is worth nothing later.
async fn tell_presses(mut presses: mpsc::Receiver<Press>, registry: Seat<Registry>) {
    while let Some(Press { endpoint_id, at, cause }) = presses.recv().await {
        info!(camera = endpoint_id, at, ?cause, "the bell was pressed");
        let Some(endpoint) = EndpointId::parse(&endpoint_id) else { continue };
        let pressed = || Pressed { endpoint: endpoint.clone(), at: at.clone(), cause };
        if let Err(error) = registry.ask_patiently(pressed, TELL).await {
            warn!(%error, camera = endpoint_id, "a press at the door was not heard");
        }
    }
}

/// The bridge outlives a Registry, so it wakes the keeper, who knows the one that sits there.
impl Handler<HubChanged> for Keeper {
    type Result = ();

    fn handle(&mut self, changed: HubChanged, ctx: &mut Self::Context) {
        self.hub_changed.send_replace(());
        let is_busy = self.registry.addr().is_some_and(|registry| registry.try_send(changed).is_err());
        // The hub may have nothing more to say for hours.
        if is_busy && !std::mem::replace(&mut self.wakes_again, true) {
            ctx.run_later(WAKE_AGAIN, |act, ctx| {
                act.wakes_again = false;
                ctx.notify(HubChanged);
            });
        }
    }
}

impl Handler<Stop> for Keeper {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        ctx.stop();
    }
}
