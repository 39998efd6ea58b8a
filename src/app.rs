//! The only wiring: what is built, in which order, and in which order it stops.
//!
//! 1. files: what survived the last run
//! 2. the media runtime, one thread of its own, with the one UDP port
//! 3. the actors: `Keeper`, which owns Registry, HubBridge and EventGateway
//! 4. the door and the pages
//!
//! It stops the other way round: no new requests, calls ended, actors gone, records on disk.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use actix::{Actor, Addr};
use actix_web::dev::ServerHandle;
use secrecy::SecretString;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{error, info, warn};

use crate::alexa::gateway;
use crate::camera::call::EndReason;
use crate::camera::exchanges::Exchanges;
use crate::camera::places::Places;
use crate::camera::registry::Sessions;
use crate::camera::resources::Resources;
use crate::camera::session::{CameraSession, Leave};
use crate::camera::still_store::StillStore;
use crate::config::settings::Settings;
use crate::config::{self, Config, Limits};
use crate::http::tls::Certificate;
use crate::http::{DemoInfo, House};
use crate::hub::bridge::{BridgeConfig, HubBridge};
use crate::hub::skill::Skill;
use crate::hub::ties::{HandTie, TiedCamera};
use crate::hub::trust;
use crate::media::feed::WorkerProgram;
use crate::media::{AddressPolicy, MediaError};
use crate::peer::connection::Peers;
use crate::peer::ice_server::IceServer;
use crate::peer::{PeerError, PortConfig};
use crate::router::Router;
use crate::router::forward::{Forward, Forwarding};
use crate::runtime::MediaRuntime;
use crate::seat::{Seat, ask};
use crate::state::State;
use crate::telemetry::redact::hide;
use crate::telemetry::set_level;

mod keeper;
pub mod probe;
pub mod ready;
pub mod run;

use keeper::{Keeper, Stop};

/// Time that calls get to end when the house stops.
const LEAVE: Duration = Duration::from_secs(1);

/// Why the house could not be started.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// A listener's address cannot be used.
    #[error("cannot listen on {address} ({setting}): {reason}; is another program using it?")]
    Listen {
        /// Key path of the setting.
        setting: &'static str,
        /// Its value.
        address: String,
        /// What the system says.
        reason: std::io::Error,
    },
    /// The UDP port cannot be used.
    #[error("cannot open the UDP port {port} for calls (webrtc.udp_port, webrtc.bind): {reason}")]
    Port {
        /// Its number.
        port: u16,
        /// Why.
        reason: PeerError,
    },
    /// The worker program is not there.
    #[error(transparent)]
    Worker(#[from] MediaError),
    /// A thread could not be started.
    #[error("cannot start the media thread: {0}")]
    Thread(std::io::Error),
    /// Nothing can be asked over HTTP.
    #[error("cannot make requests: {0}")]
    Http(String),
    /// Too many actors died.
    #[error("it broke down and has to be started anew; its log says why")]
    Broken,
    /// There is no TLS at all.
    #[error("there is no TLS for the door: {0}")]
    Tls(rustls::Error),
}

/// The settings' limits, with what they leave to the machine filled in.
fn limits(config: &Config) -> Limits {
    let mut limits = config.limits.clone();
    if limits.transcodes == 0 {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        limits.transcodes = (cores / 2).max(1);
    }
    limits
}

/// The running house.
pub struct App {
    ui: SocketAddr,
    door: Option<SocketAddr>,
    house: House,
    peers: Peers,
    servers: Vec<ServerHandle>,
    keeper: Addr<Keeper>,
    sessions: Sessions,
    broken: watch::Receiver<bool>,
    media: MediaRuntime,
    /// Looks at the door's certificate.
    certificate: Option<JoinHandle<()>>,
}

impl App {
    /// Builds everything and listens. To be called inside an actix system; `config` is what was loaded of the
    /// `settings`.
    ///
    /// # Errors
    /// When a socket, a thread or the worker program cannot be had; nothing is left running then.
    pub async fn start(
        config: Config,
        settings: Arc<Settings>,
        demo: Option<DemoInfo>,
    ) -> Result<Self, AppError> {
        let config = Arc::new(config);
        config.secrets().iter().for_each(hide);
        set_level(&config.log.level);
        settings.begin(config.clone());
        let (ui_socket, ui) = listen("ui.listen", &config.ui.listen)?;
        let door_socket = match config.door.listen.as_str() {
            "" => None,
            address => Some(listen("door.listen", address)?),
        };
        let own = door_socket.iter().map(|(_, address)| *address).chain([ui]);
        let policy = AddressPolicy::default().with_own(own).with_hub(&config.hub);
        let worker = WorkerProgram::find()?.with_policy(policy.clone());
        let certificate = Certificate::of(&config.door).map(Arc::new);
        if let Some(certificate) = &certificate {
            certificate.look();
        }
        let door_tls =
            certificate.clone().map(Certificate::server_config).transpose().map_err(AppError::Tls)?;

        let (state, problems) = State::open(settings.data());
        state.note(problems);
        let door_token = config.door.token.clone().unwrap_or_else(|| state.door_token());
        hide(&door_token);

        let media = MediaRuntime::start().map_err(AppError::Thread)?;
        let tls = tls_client(None).await;
        let to_alexa = alexa_client(tls.clone())?;
        let peers = open_port(&media, &config, tls).await?;
        let (servers, unusable) = ice_servers(&config);
        peers.use_servers(servers);
        state.note(unusable);

        let sessions = Sessions::default();
        let registry = Seat::default();
        let bridge = bridge_config(&config).map(|_| Seat::default());
        let events = sends_events(&config).then(Seat::default);
        let http = http_client(config.hub.ca_file.clone()).await?;
        let resources = Resources {
            media: media.handle(),
            peers: peers.clone(),
            worker: worker.clone(),
            max_kbps: config.webrtc.max_kbps,
            bridge: bridge.clone(),
            events: events.clone(),
            http: http.clone(),
            allow_loopback: config.webrtc.allow_loopback,
            limits: limits(&config),
            state: state.clone(),
            places: Places::default(),
            transcodes: Places::default(),
            looks: Places::default(),
            exchanges: Exchanges::default(),
            stills: StillStore::default(),
        };
        let exchanges = resources.exchanges.clone();
        let (broken_tx, broken) = watch::channel(false);
        let keeper = Keeper {
            config: config.clone(),
            used: Some(settings.used()),
            registry: registry.clone(),
            bridge: bridge.clone(),
            to_alexa,
            sessions: sessions.clone(),
            resources,
            hub_changed: watch::Sender::default(),
            presses: None,
            deaths: Vec::new(),
            wakes_again: false,
            broken: broken_tx,
        }
        .start();

        let (counters, paths) = (peers.clone(), peers.clone());
        let counters = Arc::new(move || serde_json::to_value(counters.port_counters()).unwrap_or_default());
        let door = door_socket.as_ref().map(|(_, address)| *address);
        let house = House::new(registry, bridge.clone(), state, config.clone(), door_token, demo, counters)
            .with_events(events);
        let forward = forward(&config, &settings, &house.router, bridge, http);
        let house = house
            .with_settings(settings)
            .with_forward(forward)
            .with_addresses(ui, door)
            .with_paths(Arc::new(move || paths.paths()))
            .with_policy(policy)
            .with_media(worker, exchanges)
            .with_certificate(certificate.clone());

        let certificate = certificate.map(|certificate| actix::spawn(certificate.follow()));
        let servers = Vec::new();
        let mut app = Self { ui, door, house, peers, servers, keeper, sessions, broken, media, certificate };
        if let Err(error) = app.open(door_socket, door_tls, ui_socket) {
            // Its actors live already, and hold the port that the next house needs.
            app.stop().await;
            return Err(error);
        }
        let hub = config.hub.url.as_ref().map(url::Url::as_str);
        info!(%ui, ?door, calls = ?app.peers.addresses(), ?hub, "listening");
        Ok(app)
    }

    /// Serves at the door, if there is one, and the pages.
    fn open(
        &mut self,
        door: Option<(TcpListener, SocketAddr)>,
        door_tls: Option<rustls::ServerConfig>,
        ui: TcpListener,
    ) -> Result<(), AppError> {
        let failed = |setting, address: SocketAddr| {
            move |reason| AppError::Listen { setting, address: address.to_string(), reason }
        };
        if let Some((socket, address)) = door {
            let server = crate::http::serve(socket, &self.house, crate::http::door::configure, door_tls)
                .map_err(failed("door.listen", address))?;
            self.servers.push(server.handle());
            actix::spawn(server);
        }
        let server = crate::http::serve(ui, &self.house, crate::http::ui::configure, None)
            .map_err(failed("ui.listen", self.ui))?;
        self.servers.push(server.handle());
        actix::spawn(server);
        Ok(())
    }

    /// Address of the pages.
    #[must_use]
    pub fn ui_addr(&self) -> SocketAddr {
        self.ui
    }

    /// Address of the door, if it is open.
    #[must_use]
    pub fn door_addr(&self) -> Option<SocketAddr> {
        self.door
    }

    /// Whoever holds it may speak at the door.
    #[must_use]
    pub fn door_token(&self) -> &SecretString {
        &self.house.door_token
    }

    /// What the handlers share.
    #[must_use]
    pub fn house(&self) -> &House {
        &self.house
    }

    /// The peers' shared port.
    #[must_use]
    pub fn peers(&self) -> &Peers {
        &self.peers
    }

    /// Comes back when so many actors died that only a new process can help.
    pub async fn broken(&self) {
        let mut broken = self.broken.clone();
        if broken.wait_for(|broken| *broken).await.is_err() {
            // The keeper itself is gone.
        }
    }

    /// Comes back when somebody wants the house to be built anew.
    pub async fn restart_wanted(&self) {
        self.house.restart.notified().await;
    }

    /// Ends calls, saves, frees every socket, thread and child. Takes less than a second where all answer; what
    /// does not costs a second each, and a slow disk 2 s.
    pub async fn stop(self) {
        for server in &self.servers {
            server.stop(false).await;
        }
        if let Some(certificate) = &self.certificate {
            certificate.abort();
        }
        // From here on nobody builds an actor anew.
        let stopped = ask(&self.keeper, Stop, LEAVE).await;
        if let Err(error) = stopped {
            warn!(%error, "the keeper was gone already");
        }
        // Nobody is asked for a session any more.
        self.house.registry.retire(LEAVE).await;
        if let Some(events) = &self.house.events {
            events.retire(LEAVE).await;
        }
        let sessions: Vec<Addr<CameraSession>> = {
            let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            sessions.values().cloned().collect()
        };
        // A session that does not leave in time is torn down with the media runtime.
        let leave = |session| async move { ask(&session, Leave(EndReason::HouseStops), LEAVE).await };
        futures_util::future::join_all(sessions.into_iter().map(leave)).await;
        // Peers close on the media thread; what is not closed by then is dropped with it.
        let closed = async {
            while self.peers.port_counters().live_ufrags > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let _late = tokio::time::timeout(LEAVE, closed).await;
        if let Some(bridge) = &self.house.bridge {
            bridge.retire(LEAVE).await;
        }
        // No call is left that a TURN server relays.
        self.peers.use_servers(Vec::new());
        let state = self.house.state.clone();
        self.media.stop().await;
        if actix_web::web::block(move || state.close()).await.is_err() {
            error!("the last records could not be saved");
        }
        info!("stopped");
    }
}

fn listen(setting: &'static str, address: &str) -> Result<(TcpListener, SocketAddr), AppError> {
    let failed = |reason| AppError::Listen { setting, address: address.to_owned(), reason };
    let socket = TcpListener::bind(address).map_err(failed)?;
    let bound = socket.local_addr().map_err(failed)?;
    Ok((socket, bound))
}

/// The hub's address and our token there; `None` unless both are known.
fn bridge_config(config: &Config) -> Option<BridgeConfig> {
    let hub = config.hub.clone();
    Some(BridgeConfig { url: hub.url?, token: hub.token?, ca_file: hub.ca_file, direct: hub.direct })
}

/// The settings name the skill's client and its secret.
fn sends_events(config: &Config) -> bool {
    config.alexa.client_id.is_some() && config.alexa.client_secret.is_some()
}

/// Bells and motion of the hub that the settings tie to a camera.
fn hand_ties(config: &Config) -> Vec<HandTie> {
    let tied = |camera: &config::Camera| {
        let of_hub = camera.entity.clone().map(TiedCamera::OfHub);
        let tied = of_hub.or_else(|| camera.id.clone().map(TiedCamera::Own))?;
        Some(HandTie { camera: tied, bell: camera.bell.clone(), motion: camera.motion.clone() })
    };
    config.cameras.iter().filter_map(tied).filter(|tie| tie.bell.is_some() || tie.motion.is_some()).collect()
}

/// The road to the hub's own skill, if the settings want one.
fn forward(
    config: &Config,
    settings: &Settings,
    router: &Router,
    bridge: Option<Seat<HubBridge>>,
    http: reqwest::Client,
) -> Option<Forward> {
    let bridge = bridge.filter(|_| config.door.forward_to_hub)?;
    let hub = config.hub.direct.as_ref().or(config.hub.url.as_ref())?;
    let skill =
        Skill::new(http, hub).inspect_err(|error| warn!(%error, "nothing goes on to the hub")).ok()?;
    let grants = sends_events(config);
    let used = settings.used();
    let ties = Box::new(move || hand_ties(&used.borrow()));
    Some(Forward::new(Forwarding { router: router.clone(), skill, bridge, ties, grants }))
}

/// TLS that trusts the system's authorities and those in `ca_file`; `None` without any.
async fn tls_client(ca_file: Option<PathBuf>) -> Option<Arc<rustls::ClientConfig>> {
    actix_web::web::block(move || trust::client_config(ca_file.as_deref())).await.ok()?.ok()
}

/// The STUN and TURN servers of the settings, and what is wrong with the others.
fn ice_servers(config: &Config) -> (Vec<IceServer>, Vec<String>) {
    let stun = config.webrtc.stun.iter().enumerate();
    let stun = stun.map(|(index, server)| (format!("webrtc.stun[{index}]"), IceServer::stun(server)));
    let turn = config.webrtc.turn.iter().enumerate().map(|(index, turn)| {
        let server = IceServer::parse(&turn.url, Some(&turn.username), Some(&turn.password));
        (format!("webrtc.turn[{index}]"), server)
    });
    let (mut servers, mut unusable) = (Vec::new(), Vec::new());
    for (key, server) in stun.chain(turn) {
        match server {
            Ok(server) => servers.push(server),
            Err(why) => unusable.push(format!("{key}: {why}")),
        }
    }
    (servers, unusable)
}

/// Fetches the hub's streams and stills. Follows nobody elsewhere.
async fn http_client(ca_file: Option<PathBuf>) -> Result<reqwest::Client, AppError> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(5))
        .read_timeout(Duration::from_secs(15));
    let client = match tls_client(ca_file).await {
        Some(tls) => client.tls_backend_preconfigured((*tls).clone()),
        // The bridge says why: it cannot connect either.
        None => client,
    };
    client.build().map_err(|error| AppError::Http(error.to_string()))
}

/// Asks and tells Alexa.
fn alexa_client(tls: Option<Arc<rustls::ClientConfig>>) -> Result<reqwest::Client, AppError> {
    gateway::client(tls.map(|tls| (*tls).clone())).map_err(|error| AppError::Http(error.to_string()))
}

async fn open_port(
    media: &MediaRuntime,
    config: &Config,
    tls: Option<Arc<rustls::ClientConfig>>,
) -> Result<Peers, AppError> {
    let port = PortConfig {
        udp_port: config.webrtc.udp_port,
        bind: config.webrtc.bind.clone(),
        advertise: config.webrtc.advertise.clone(),
        allow_loopback: config.webrtc.allow_loopback,
        tls,
    };
    let number = port.udp_port;
    let failed = |reason| AppError::Port { port: number, reason };
    match media.handle().spawn(async move { Peers::open(&port) }).await {
        Ok(peers) => peers.map_err(failed),
        Err(error) => Err(failed(PeerError::Stack(error.to_string()))),
    }
}
