//! `doorstep demo`: the house with a simulated hub, two cameras, doubles of Alexa's token server and event
//! gateway, and a page that plays the Echo. On a second page somebody can play the visitor, at a side door that
//! comes into the home with them.
//!
//! Nothing of it is kept: the data folder is a temporary one, and so are hub, tokens and links.
//!
//! With [`CONTROL_VARIABLE`] set, other programs can drive its hub ([`super::control`]).

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::{Value, json};
use url::Url;

use crate::app::run::{self, Signals};
use crate::app::{App, AppError};
use crate::config::place::Place;
use crate::config::save::replace;
use crate::config::settings::Settings;
use crate::http::{DemoBell, DemoInfo};

use super::alexa::AlexaDouble;
use super::hub::{SimHub, SimHubOptions};

/// Environment variable: `host:port` of this machine where the demo's hub can be driven from; port 0 = any free
/// port. A fourth line says where: `control http://...`.
pub const CONTROL_VARIABLE: &str = "DOORSTEP_SIM_CONTROL";

/// Longest wait for the house to take Alexa's grant.
const PATIENCE: Duration = Duration::from_secs(5);
/// The hub's key of the camera with the bell.
const DOORBELL: &str = "front_door";
/// The demo's settings: the simulated hub's cameras are shown by the worker's own test picture.
const CAMERAS: &str = r#"# The settings of the demo. They go when it ends.

[[camera]]
entity = "camera.front_door"
kind = "doorbell"
source = "test:"

[[camera]]
entity = "camera.garden"
kind = "camera"
source = "test:"
# This one has no speaker.
talk = "none"
"#;

/// Where the demo listens.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// `host:port` of the pages; port 0 = any free port.
    pub ui: String,
    /// `host:port` of the door; port 0 = any free port.
    pub door: String,
}

impl Default for Addresses {
    fn default() -> Self {
        Self { ui: "127.0.0.1:8099".into(), door: "127.0.0.1:8098".into() }
    }
}

/// Why there is no demo.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// Another program listens there.
    #[error(
        "{address} is taken: {what} cannot listen there. End the program that uses it, or choose another \
         address: `doorstep demo {option} 127.0.0.1:{other}` (with make: `make run {variable}=127.0.0.1:{other}`)"
    )]
    Taken {
        /// The address.
        address: String,
        /// What was to listen there.
        what: &'static str,
        /// The option that moves it.
        option: &'static str,
        /// The same for make.
        variable: &'static str,
        /// A port that may be free.
        other: u16,
    },
    /// Not an address that can be listened at.
    #[error("{address} ({option}) cannot be listened at: {reason}")]
    Address {
        /// The address.
        address: String,
        /// The option that it came from.
        option: &'static str,
        /// What the system says.
        reason: std::io::Error,
    },
    /// Temporary folder, simulated hub or signals.
    #[error("the demo cannot be prepared: {0}")]
    Prepare(std::io::Error),
    /// The house itself.
    #[error(transparent)]
    App(#[from] AppError),
}

/// A demo that runs.
pub struct Demo {
    /// The house.
    pub app: App,
    /// The simulated hub.
    pub hub: SimHub,
    /// Takes the house's events.
    pub alexa: AlexaDouble,
    settings: Arc<Settings>,
    info: DemoInfo,
    data: tempfile::TempDir,
}

impl Demo {
    /// Starts hub and house. To be called inside an actix system.
    ///
    /// # Errors
    /// When an address is taken or anything else that the house needs cannot be had.
    pub async fn start(addresses: &Addresses) -> Result<Self, DemoError> {
        let ui = free(&addresses.ui, "the page", "--ui", "UI")?;
        let door = free(&addresses.door, "the door", "--door", "DOOR")?;
        let data = tempfile::Builder::new().prefix("doorstep-demo-").tempdir().map_err(DemoError::Prepare)?;
        let hub = SimHub::start(SimHubOptions::default()).await.map_err(DemoError::Prepare)?;
        // The demo stays on this machine.
        hub.set_ice_servers(json!([]));
        let alexa = AlexaDouble::start().await.map_err(DemoError::Prepare)?;
        let settings = Settings::new(place(data.path())?, Box::new(|_| None), |_| None);
        let settings = Arc::new(settings.with_demo(forced(ui, door, &hub, &alexa)));
        let config = run::load(&settings).config;
        let rung = hub.handle();
        let bell = DemoBell(Arc::new(move || rung.press(DOORBELL)));
        let visitor = hub.visitor(page(ui)?).await.map_err(DemoError::Prepare)?;
        let info = DemoInfo {
            door: format!("http://{door}"),
            hub: hub.url.to_string(),
            visitor: visitor.to_string(),
            bell,
        };
        let app = App::start(config, settings.clone(), Some(info.clone())).await?;
        let demo = Self { app, hub, alexa, settings, info, data };
        demo.grant().await;
        Ok(demo)
    }

    /// Does what Alexa does when a user links the skill: through the door, it lets the house send events.
    async fn grant(&self) {
        let Some(door) = self.app.door_addr() else { return };
        let token = self.app.door_token().expose_secret();
        let directive = json!({ "directive": {
            "header": {
                "namespace": "Alexa.Authorization",
                "name": "AcceptGrant",
                "payloadVersion": "3",
                "messageId": uuid::Uuid::new_v4().to_string(),
            },
            "payload": {
                "grant": { "type": "OAuth2.AuthorizationCode", "code": self.alexa.make_code() },
                "grantee": { "type": "BearerToken", "token": token },
            },
        } });
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build();
        let sent = match client {
            Ok(client) => {
                let door = format!("http://{door}/api/alexa/smart_home");
                client.post(door).bearer_auth(token).json(&directive).send().await
            }
            Err(error) => Err(error),
        };
        let event: Option<Value> = match sent {
            Ok(reply) => reply.json().await.ok(),
            Err(_) => None,
        };
        let name = event.as_ref().and_then(|event| event.pointer("/event/header/name")?.as_str());
        if name != Some("AcceptGrant.Response") {
            tracing::warn!(?event, "the demo's Alexa could not let the house send events");
        }
    }

    /// The three lines that say where everything is.
    #[must_use]
    pub fn announcement(&self) -> String {
        let door = self.app.door_addr().map(|door| format!("http://{door}")).unwrap_or_default();
        let token = self.app.door_token().expose_secret();
        format!("ui http://{}\ndoor {door}\ntoken {token}\n", self.app.ui_addr())
    }

    /// Lets other programs drive the hub; says where.
    async fn control(&self, address: String) -> Result<SocketAddr, DemoError> {
        let option = CONTROL_VARIABLE;
        let parsed = address.parse().map_err(std::io::Error::other);
        let bound = match parsed {
            Ok(parsed) => self.hub.control(parsed).await,
            Err(error) => Err(error),
        };
        bound.map_err(|reason| DemoError::Address { address, option, reason })
    }

    /// Ends calls, frees every socket and child, removes the data folder.
    pub async fn stop(self) {
        self.app.stop().await;
        self.hub.stop().await;
    }
}

/// Runs the demo until SIGINT or SIGTERM. To be called inside an actix system.
///
/// # Errors
/// When it cannot be started, or broke down.
pub async fn run(addresses: &Addresses) -> Result<(), DemoError> {
    let mut signals = Signals::listen().map_err(DemoError::Prepare)?;
    let demo = Demo::start(addresses).await?;
    let mut announcement = demo.announcement();
    if let Ok(address) = std::env::var(CONTROL_VARIABLE) {
        announcement += &format!("control http://{}\n", demo.control(address).await?);
    }
    let mut out = std::io::stdout().lock();
    let told = out.write_all(announcement.as_bytes()).and_then(|()| out.flush());
    drop(out);
    if let Err(error) = told {
        tracing::warn!(%error, "nobody reads where the demo is");
    }
    tracing::info!("open http://{} in a browser on this machine; Ctrl-C ends the demo", demo.app.ui_addr());
    let Demo { app, hub, settings, info, data, .. } = demo;
    let kept = run::keep(app, &settings, Some(&info), &mut signals).await;
    hub.stop().await;
    drop(data);
    Ok(kept?)
}

fn url(text: String) -> Result<Url, DemoError> {
    Url::parse(&text).map_err(|error| DemoError::Prepare(std::io::Error::other(error)))
}

/// Where this machine finds the page, wherever it is served.
fn page(mut ui: SocketAddr) -> Result<Url, DemoError> {
    if ui.ip().is_unspecified() {
        ui.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    url(format!("http://{ui}"))
}

/// What a demo cannot do without: its own hub and Alexa, and where it was told to listen.
fn forced(ui: SocketAddr, door: SocketAddr, hub: &SimHub, alexa: &AlexaDouble) -> toml::Table {
    toml::toml! {
        [hub]
        url = (hub.url.as_str())
        token = (hub.token.as_str())
        [alexa]
        client_id = (alexa.client_id())
        client_secret = (alexa.client_secret())
        token_url = (alexa.token_url())
        events_url = (alexa.events_url())
        [door]
        listen = (door.to_string())
        [ui]
        listen = (ui.to_string())
        // Browser and house are on one machine, which may have no network but itself.
        [webrtc]
        udp_port = 0
        allow_loopback = true
    }
}

/// Where the demo's settings lie: in its temporary folder, as a user would have written them.
fn place(data: &Path) -> Result<Place, DemoError> {
    let place = Place { config: data.join("config.toml"), named: true, data: data.to_owned() };
    replace(&place.config, CAMERAS.as_bytes()).map_err(DemoError::Prepare)?;
    Ok(place)
}

/// Looks whether an address can be listened at, and chooses the port when it is 0: the house wants to
/// know its door's address before it opens it.
fn free(
    address: &str,
    what: &'static str,
    option: &'static str,
    variable: &'static str,
) -> Result<SocketAddr, DemoError> {
    match TcpListener::bind(address).and_then(|socket| socket.local_addr()) {
        Ok(bound) => Ok(bound),
        Err(reason) if reason.kind() == std::io::ErrorKind::AddrInUse => {
            let port = address.rsplit(':').next().and_then(|port| port.parse::<u16>().ok());
            let other = port.and_then(|port| port.checked_add(100)).unwrap_or(8199);
            Err(DemoError::Taken { address: address.to_owned(), what, option, variable, other })
        }
        Err(reason) => Err(DemoError::Address { address: address.to_owned(), option, reason }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn a_taken_port_is_named_with_what_to_do() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap().to_string();
        let text = free(&address, "the page", "--ui", "UI").unwrap_err().to_string();
        for part in
            [&format!("{address} is taken"), "the page", "doorstep demo --ui 127.0.0.1:", "make run UI="]
        {
            assert!(text.contains(part), "{part} in: {text}");
        }
    }

    #[test]
    fn an_address_that_is_none_names_its_option() {
        let text = free("nowhere", "the door", "--door", "DOOR").unwrap_err().to_string();
        assert!(text.starts_with("nowhere (--door) cannot be listened at"), "{text}");
    }

    #[tokio::test]
    async fn the_demos_settings_name_cameras_that_its_hub_has() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let hub = SimHub::start(SimHubOptions::default()).await.unwrap();
        let alexa = AlexaDouble::start().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::new(place(folder.path()).unwrap(), Box::new(|_| None), |_| None);
        let settings = settings.with_demo(forced(any, any, &hub, &alexa));
        let loaded = settings.load();
        assert_eq!(loaded.problems, []);
        let config = loaded.config;
        let known: Vec<String> =
            SimHubOptions::default().cameras.iter().map(|c| format!("camera.{}", c.key)).collect();
        let named: Vec<String> = config.cameras.iter().filter_map(|c| c.entity.clone()).collect();
        assert_eq!(known, named);
        assert_eq!(config.hub.token.as_ref().map(ExposeSecret::expose_secret), Some(hub.token.as_str()));
        let shown = format!("{config:?}");
        assert!(!shown.contains(&hub.token) && !shown.contains(alexa.client_secret()), "no secret is shown");
    }
}
