//! A hub that is tried before anything of it is kept.

use std::time::Duration;

use futures_util::{FutureExt, SinkExt, StreamExt};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use super::BridgeConfig;
use super::clock::Clock;
use super::dialer::{Connect, Dialer, Lost, Socket, Wire};
use super::link::next_text;
use crate::hub::protocol::{self, Incoming};
use crate::hub::trust;
use crate::road::{self, Blocked, Step};

/// From the connection to an open WebSocket.
const OPEN_WITHIN: Duration = Duration::from_secs(8);
/// From there to the last answer.
const CONVERSE_WITHIN: Duration = Duration::from_secs(12);
/// What is asked for is short, but for the states of many cameras, bytes.
const LONGEST_MESSAGE: usize = 8 << 20;
/// Ids of the two questions.
const CONFIG: u64 = 1;
const CAMERAS: u64 = 2;

/// What a hub said of itself; its texts are data.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct TriedHub {
    /// What its owner calls the home, or empty.
    pub name: String,
    /// Its version, or empty.
    pub version: String,
    /// Entities that are cameras; `None` if it did not say.
    pub cameras: Option<usize>,
}

/// Why a hub could not be used. Says nothing of what a stranger answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrialError {
    /// The road to it ends too early.
    #[error(transparent)]
    Road(#[from] Blocked),
    /// The extra certificate authority cannot be used.
    #[error("{0}")]
    Authority(String),
    /// Something answers there, and it is no hub.
    #[error("what answers there is no hub")]
    NoHub,
    /// It turns our address away, whatever the token.
    #[error("the hub turns this machine away, whatever the token")]
    Banned,
    /// It refuses the token.
    #[error("the hub refuses the token")]
    Token,
    /// It fell silent.
    #[error("no answer in time")]
    Silent,
}

impl TrialError {
    /// Its stable name, for the pages.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Road(blocked) => blocked.code(),
            Self::Authority(_) => "authority",
            Self::NoHub => "no_hub",
            Self::Banned => "banned",
            Self::Token => "token",
            Self::Silent => "silent",
        }
    }

    /// What its name does not say, for people.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        match self {
            Self::Road(blocked) => blocked.detail(),
            Self::Authority(text) => Some(text),
            _ => None,
        }
    }
}

/// Walks to a hub, shows it the token and asks who it is. Nothing is kept. Takes less than a minute;
/// `tell` is given each step before it is taken.
///
/// # Errors
/// When the hub is not reached, is none, or takes not the token.
pub async fn try_hub(hub: BridgeConfig, mut tell: impl FnMut(Step)) -> Result<TriedHub, TrialError> {
    let port = hub.url.port_or_known_default().unwrap_or(80);
    let host = hub.url.host_str().unwrap_or_default().to_owned();
    let tls = match hub.url.scheme() {
        "https" | "wss" => {
            let file = hub.ca_file.clone();
            let load = tokio::task::spawn_blocking(move || trust::client_config(file.as_deref()));
            let loaded = load.await.map_err(|_| TrialError::Authority("it cannot be read".into()))?;
            Some(loaded.map_err(|error| TrialError::Authority(error.to_string()))?)
        }
        _ => None,
    };
    let address = road::walk(&host, port, tls, &mut tell).await?;
    tell(Step::Asking);
    // Where the road led; the name might lead elsewhere by now.
    let connect: Connect = Box::new(move |_, _| {
        async move { Ok(Box::new(TcpStream::connect(address).await?) as Box<dyn Wire>) }.boxed()
    });
    let dialer = Dialer::new(hub, connect, Clock::System);
    let opened = timeout(OPEN_WITHIN, dialer.dial(&dialer.config.url, LONGEST_MESSAGE)).await;
    let socket = opened.map_err(|_late| TrialError::Silent)?.map_err(no_hub)?;
    match timeout(CONVERSE_WITHIN, converse(&dialer, socket)).await {
        Ok(answer) => answer,
        Err(_late) => Err(TrialError::Silent),
    }
}

fn no_hub(lost: Lost) -> TrialError {
    if lost.forbidden { TrialError::Banned } else { TrialError::NoHub }
}

async fn converse(dialer: &Dialer, socket: Socket) -> Result<TriedHub, TrialError> {
    let token = &dialer.config.token;
    let (mut sink, mut stream) = socket.split();
    let (mut tried, mut is_in) = (TriedHub::default(), false);
    let (mut named, mut counted) = (false, false);
    while !(named && counted) {
        let Some(text) = next_text(&mut stream, token).await.map_err(no_hub)? else { continue };
        for message in protocol::parse(&text).messages {
            let replies = match message {
                Incoming::AuthRequired if !is_in => vec![protocol::auth(token.expose_secret())],
                Incoming::AuthInvalid => return Err(TrialError::Token),
                Incoming::AuthOk(version) => {
                    (tried.version, is_in) = (version, true);
                    questions()
                }
                Incoming::Result { id: CONFIG, outcome } => {
                    tried.name = outcome.ok().as_ref().map(name).unwrap_or_default();
                    named = true;
                    continue;
                }
                // Its first news is the answer. An older hub has none of this.
                Incoming::Result { id: CAMERAS, outcome: Err(_) } => {
                    counted = true;
                    continue;
                }
                Incoming::Event { id: CAMERAS, event } => {
                    tried.cameras = event.get("a").and_then(Value::as_object).map(Map::len);
                    counted = true;
                    continue;
                }
                _ => continue,
            };
            for reply in replies {
                sink.send(Message::text(reply)).await.map_err(|error| no_hub(error.into()))?;
            }
        }
    }
    // The hub forgets a socket that is closed; nothing depends on its goodbye.
    drop(sink.close().await);
    Ok(tried)
}

fn questions() -> Vec<String> {
    let mut only_cameras = Map::new();
    only_cameras.insert("include".into(), json!({ "domains": ["camera"] }));
    vec![
        protocol::command(CONFIG, "get_config", Map::new()),
        protocol::command(CAMERAS, "subscribe_entities", only_cameras),
    ]
}

fn name(config: &Value) -> String {
    config.as_object().map(|config| protocol::text(config, "location_name", 100)).unwrap_or_default()
}
