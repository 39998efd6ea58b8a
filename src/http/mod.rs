//! The house's two listeners: the door, where Alexa's directives come in, and the pages.
//!
//! What both need lives here: [`House`], the one table from [`ErrorKind`] to an HTTP status, and
//! [`serve`], which gives every listener the same limits.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::http::StatusCode;
use actix_web::middleware::{DefaultHeaders, from_fn};
use actix_web::web::{self, ServiceConfig};
use actix_web::{App, HttpResponse, HttpServer};
use secrecy::SecretString;
use serde::Serialize;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::alexa::gateway::EventGateway;
use crate::camera::exchanges::Exchanges;
use crate::camera::registry::Registry;
use crate::config::Config;
use crate::config::settings::Settings;
use crate::error::ErrorKind;
use crate::hub::bridge::HubBridge;
use crate::media::AddressPolicy;
use crate::media::feed::WorkerProgram;
use crate::peer::port::Paths;
use crate::router::Router;
use crate::router::forward::Forward;
use crate::seat::Seat;
use crate::state::State;

pub mod api;
mod asker;
pub mod assets;
pub mod caller;
mod calls;
mod cameras;
mod changes;
mod checklist;
mod claims;
mod diagnostics;
pub mod door;
mod echo;
mod fingerprint;
pub mod guard;
mod hub_try;
mod limits;
mod lines;
mod login;
mod login_page;
mod me;
mod paths;
mod probe;
pub mod reach;
pub mod roles;
mod set_up;
mod settings;
mod stills;
#[cfg(test)]
pub(crate) mod tests;
pub mod tls;
pub mod ui;
mod veil;
mod verdicts;
mod words;

/// Longest wait for a request's head.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Largest body of a request, bytes.
pub const MAX_BODY: usize = 64 * 1024;
/// Longest wait for a request's body.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections per listener.
pub const MAX_CONNECTIONS: usize = 512;

/// Where the demo is found, for the page that plays the Echo.
#[derive(Debug, Clone, Serialize)]
pub struct DemoInfo {
    /// Base address of the door, `http://127.0.0.1:8098`.
    pub door: String,
    /// Base address of the hub simulator.
    pub hub: String,
    /// Address of the page that plays the visitor; only the demo's machine reaches it.
    pub visitor: String,
    /// Presses the demo's bell, as a visitor would.
    #[serde(skip)]
    pub bell: DemoBell,
}

/// Presses the demo's bell.
#[derive(Clone)]
pub struct DemoBell(pub Arc<dyn Fn() + Send + Sync>);

impl std::fmt::Debug for DemoBell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DemoBell")
    }
}

/// Gives the counters of the UDP port, as JSON.
pub type PortCounters = Arc<dyn Fn() -> serde_json::Value + Send + Sync>;

/// Gives what is known of our ways to the network.
pub type PathsNow = Arc<dyn Fn() -> Paths + Send + Sync>;

/// What the handlers share. Clones share everything.
#[derive(Clone)]
pub struct House {
    /// Every camera.
    pub registry: Seat<Registry>,
    /// The link to the hub; none is configured without it.
    pub bridge: Option<Seat<HubBridge>>,
    /// Sends events to Alexa; `None` unless the settings have what that takes.
    pub events: Option<Seat<EventGateway>>,
    /// What survives a restart.
    pub state: Arc<State>,
    /// Settings as this house was started with. What can change while it runs is to be asked of `settings`.
    pub config: Arc<Config>,
    /// The settings file, and what is in use of it now; `None` where there is no file.
    pub settings: Option<Arc<Settings>>,
    /// Told when the house is to be built anew.
    pub restart: Arc<Notify>,
    /// Whoever holds it may speak at the door.
    pub door_token: SecretString,
    /// Set when this is the demo.
    pub demo: Option<DemoInfo>,
    /// Counters of the UDP port.
    pub port_counters: PortCounters,
    /// Our ways to the network.
    pub paths: PathsNow,
    /// Directive in, event out.
    pub router: Router,
    /// The road to the hub's own skill, for what is not ours; `None`: nothing goes on.
    pub forward: Option<Arc<Forward>>,
    /// What the hub's users may do.
    pub roles: roles::Roles,
    /// Who may speak at the door, and for whom.
    pub callers: Arc<caller::Callers>,
    /// How many directives a second the door takes.
    pub pace: Arc<door::Pace>,
    /// Where the pages' listener is bound.
    pub ui_address: Option<SocketAddr>,
    /// Where the door's listener is bound; `None` while the door is closed.
    pub door_address: Option<SocketAddr>,
    /// Where cameras may be.
    pub policy: AddressPolicy,
    /// Made anew at each start; the door shows it, to be known again from outside.
    pub instance: Uuid,
    /// The door's certificate; `None` without TLS there.
    pub certificate: Option<Arc<tls::Certificate>>,
    /// What the last calls' ends said to each other.
    pub exchanges: Exchanges,
    /// Holds FFmpeg; `None` where there are no feeds.
    pub worker: Option<WorkerProgram>,
}

impl House {
    /// Puts together what the handlers share. Everything of it is made once and cloned afterwards.
    #[must_use]
    pub fn new(
        registry: Seat<Registry>,
        bridge: Option<Seat<HubBridge>>,
        state: Arc<State>,
        config: Arc<Config>,
        door_token: SecretString,
        demo: Option<DemoInfo>,
        port_counters: PortCounters,
    ) -> Self {
        let router = Router::new(registry.clone(), bridge.clone()).with_state(state.clone());
        let roles = roles::Roles::of_hub(bridge.clone());
        let direct = config.hub.direct.clone();
        let identify = bridge.clone().map(|bridge| caller::hub_identify(bridge, direct));
        let door_token_suffices = identify.is_none() || demo.is_some();
        // The supervisor's token is good at its proxy only.
        let own = config.hub.token.clone().filter(|_| config.hub.direct.is_none());
        let (token, kept) = (door_token.clone(), state.clone());
        let callers = Arc::new(caller::Callers::new(token, door_token_suffices, kept, identify, own));
        let pace = Arc::new(door::pace());
        Self {
            registry,
            bridge,
            events: None,
            state,
            config,
            settings: None,
            restart: Arc::default(),
            door_token,
            demo,
            port_counters,
            paths: Arc::new(Paths::default),
            router,
            forward: None,
            roles,
            callers,
            pace,
            ui_address: None,
            door_address: None,
            policy: AddressPolicy::default(),
            instance: Uuid::new_v4(),
            certificate: None,
            exchanges: Exchanges::default(),
            worker: None,
        }
    }

    /// Says whose settings it runs with.
    #[must_use]
    pub fn with_settings(mut self, settings: Arc<Settings>) -> Self {
        self.settings = Some(settings);
        self
    }

    /// The settings as they are in use now.
    #[must_use]
    pub fn config_now(&self) -> Arc<Config> {
        self.settings
            .as_ref()
            .map_or_else(|| self.config.clone(), |settings| settings.used().borrow().clone())
    }

    /// Says where the listeners are bound.
    #[must_use]
    pub fn with_addresses(mut self, ui: SocketAddr, door: Option<SocketAddr>) -> Self {
        (self.ui_address, self.door_address) = (Some(ui), door);
        self
    }

    /// Says who sends events to Alexa.
    #[must_use]
    pub fn with_events(mut self, events: Option<Seat<EventGateway>>) -> Self {
        self.router = self.router.with_events(events.clone());
        self.events = events;
        self
    }

    /// Says how our ways to the network are found out.
    #[must_use]
    pub fn with_paths(mut self, paths: PathsNow) -> Self {
        self.paths = paths;
        self
    }

    /// Sends what is not ours on to the hub's own skill.
    #[must_use]
    pub fn with_forward(mut self, forward: Option<Forward>) -> Self {
        self.forward = forward.map(Arc::new);
        self
    }

    /// Says where cameras may be.
    #[must_use]
    pub fn with_policy(mut self, policy: AddressPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Says who opens cameras, and where the calls' exchanges are kept.
    #[must_use]
    pub fn with_media(mut self, worker: WorkerProgram, exchanges: Exchanges) -> Self {
        (self.worker, self.exchanges) = (Some(worker), exchanges);
        self
    }

    /// Says what the door shows of itself.
    #[must_use]
    pub fn with_certificate(mut self, certificate: Option<Arc<tls::Certificate>>) -> Self {
        self.certificate = certificate;
        self
    }
}

/// Serves `routes` on a socket that is already bound, with the limits that hold for every listener.
/// The server runs once its future is spawned, and ends by its handle.
///
/// # Errors
/// When the socket cannot be used.
pub fn serve(
    socket: TcpListener,
    house: &House,
    routes: fn(&mut ServiceConfig),
    tls: Option<rustls::ServerConfig>,
) -> std::io::Result<Server> {
    let shared = web::Data::new(house.clone());
    let app = move || {
        App::new().app_data(shared.clone()).wrap(headers()).wrap(from_fn(limits::limited)).configure(routes)
    };
    // The limit of connections is one per worker; the handlers only pass messages on, one suffices.
    let server = HttpServer::new(app)
        .workers(1)
        .max_connections(MAX_CONNECTIONS)
        .client_request_timeout(HEAD_TIMEOUT)
        .client_disconnect_timeout(Duration::from_secs(2))
        .keep_alive(Duration::from_secs(15))
        .shutdown_timeout(1)
        .disable_signals();
    let server = match tls {
        Some(tls) => server.listen_rustls_0_23(socket, tls)?,
        None => server.listen(socket)?,
    };
    Ok(server.run())
}

/// Headers that every reply carries.
#[must_use]
pub fn headers() -> DefaultHeaders {
    DefaultHeaders::new()
        .add(("X-Content-Type-Options", "nosniff"))
        .add(("Referrer-Policy", "no-referrer"))
        .add(("Cross-Origin-Resource-Policy", "same-origin"))
}

/// The one table from a kind of failure to an HTTP status.
#[must_use]
pub fn status(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Unreachable | ErrorKind::BridgeDown => StatusCode::BAD_GATEWAY,
        ErrorKind::Malformed => StatusCode::BAD_REQUEST,
        ErrorKind::InvalidValue => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorKind::Disabled => StatusCode::FORBIDDEN,
        ErrorKind::SwitchedOff => StatusCode::CONFLICT,
        ErrorKind::Unauthorized | ErrorKind::Expired => StatusCode::UNAUTHORIZED,
        ErrorKind::Busy => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Throttled => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::Timeout => StatusCode::GATEWAY_TIMEOUT,
        ErrorKind::Storage | ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// A failure as JSON: `{"error": text for people}` with the status of its kind.
#[must_use]
pub fn failure(kind: ErrorKind, message: &str) -> HttpResponse {
    refusal(status(kind), message)
}

/// A refusal that no [`ErrorKind`] stands for, in the same form as [`failure`].
#[must_use]
pub fn refusal(status: StatusCode, message: &str) -> HttpResponse {
    HttpResponse::build(status).json(serde_json::json!({ "error": message }))
}
