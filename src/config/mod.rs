//! Typed settings. Layers: defaults < file < the hub's `/data/options.json` (log level only) <
//! environment. Unknown keys are errors; validation reports all problems at once, with key paths.
//!
//! [`place::Place`] finds the files, [`load`] reads them, [`validate`] judges them, [`save`]
//! changes single keys and keeps the user's comments. [`formats`] tells older and newer files from today's. [`key`]
//! and [`camera_key`] list what there is to be set; [`settings::Settings`] owns all that while a house runs, and takes
//! a user's changes. [`camera_address`] says what a camera's address may be.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use camera_address::CameraAddress;

pub mod camera_address;
pub mod camera_key;
pub mod change;
mod draft;
pub mod formats;
pub mod key;
pub mod load;
mod masked_address;
mod migrate;
pub mod place;
pub mod save;
pub mod settings;
pub mod validate;

/// All settings. Every key is optional; `docs/settings.md` says what each means.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Logging.
    pub log: Log,
    /// The hub.
    pub hub: Hub,
    /// The door: where Alexa's directives come in.
    pub door: Door,
    /// The pages.
    pub ui: Ui,
    /// Proactive events to Alexa.
    pub alexa: Alexa,
    /// Peers and their addresses.
    pub webrtc: WebRtc,
    /// Limits.
    pub limits: Limits,
    /// Cameras: own ones, and settings for those the hub knows.
    #[serde(rename = "camera")]
    pub cameras: Vec<Camera>,
    /// The hub's supervisor started us: its defaults hold, and only its ingress is served.
    #[serde(skip)]
    pub supervised: bool,
    /// Its whole name there, `local_doorstep`, by which the hub's ingress is opened from outside.
    #[serde(skip)]
    pub add_on: Option<String>,
}

impl Config {
    /// All that must never be shown: tokens, and the passwords inside camera addresses.
    #[must_use]
    pub fn secrets(&self) -> Vec<SecretString> {
        let tokens = [&self.hub.token, &self.door.token, &self.ui.token, &self.alexa.client_secret]
            .into_iter()
            .flatten();
        let turn = self.webrtc.turn.iter().map(|turn| &turn.password);
        let mut all: Vec<SecretString> = tokens.chain(turn).cloned().collect();
        all.extend(self.cameras.iter().filter_map(|camera| camera.source.as_ref()).flat_map(secrets_in));
        all
    }
}

/// What is secret inside an address: its password, and values of its query that are named like one.
#[must_use]
pub fn secrets_in(address: &SecretString) -> Vec<SecretString> {
    masked_address::secrets_in(address.expose_secret())
}

/// `[log]`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".into() }
    }
}

/// `[hub]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hub {
    /// Base address, `http(s)://host:port`; the WebSocket address is derived from it.
    pub url: Option<url::Url>,
    /// Token; or `token_file`, or the environment.
    pub token: Option<SecretString>,
    /// File that holds the token.
    pub token_file: Option<PathBuf>,
    /// Extra certificate authority, PEM.
    pub ca_file: Option<PathBuf>,
    /// The hub's own base address, where `url` is the supervisor's proxy: what the proxy does not pass
    /// on goes there. Its user's `url` if there is one.
    #[serde(skip)]
    pub direct: Option<url::Url>,
}

impl Hub {
    /// Where the hub itself listens, by its names; no camera is there.
    #[must_use]
    pub fn addresses(&self) -> Vec<CameraAddress> {
        let address = |url: &url::Url| {
            let (host, port) = (url.host_str()?, url.port_or_known_default()?);
            CameraAddress::parse(&format!("http://{host}:{port}/")).ok()
        };
        [&self.url, &self.direct].into_iter().flatten().filter_map(address).collect()
    }
}

/// `[door]`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Door {
    /// `host:port`; empty = off.
    pub listen: String,
    /// Door token; made at first start when absent.
    pub token: Option<SecretString>,
    /// File that holds the token.
    pub token_file: Option<PathBuf>,
    /// The door as seen from outside: told on, and tried by the page's set-up.
    pub public_url: Option<url::Url>,
    /// Certificate chain, PEM; with `tls_key`: TLS here instead of at a proxy.
    pub tls_cert: Option<PathBuf>,
    /// Private key, PEM.
    pub tls_key: Option<PathBuf>,
    /// Directives that are not ours go on to the hub's own skill.
    pub forward_to_hub: bool,
}

impl Default for Door {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8098".into(),
            token: None,
            token_file: None,
            public_url: None,
            tls_cert: None,
            tls_key: None,
            forward_to_hub: false,
        }
    }
}

/// `[ui]`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ui {
    /// `host:port`.
    pub listen: String,
    /// Login when not behind the hub's ingress.
    pub token: Option<SecretString>,
    /// File that holds the token.
    pub token_file: Option<PathBuf>,
}

impl Default for Ui {
    fn default() -> Self {
        Self { listen: "127.0.0.1:8099".into(), token: None, token_file: None }
    }
}

/// `[alexa]`: events are sent with `client_id` and its secret only
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Alexa {
    /// Of the skill's permissions page.
    pub client_id: Option<String>,
    /// Of the skill's permissions page.
    pub client_secret: Option<SecretString>,
    /// File that holds the secret.
    pub client_secret_file: Option<PathBuf>,
    /// Where events go.
    pub region: Region,
    /// Address of the token server, to point at a double in tests.
    pub token_url: Option<url::Url>,
    /// Base address of the event gateway, to point at a double in tests; the region is asked for there, too.
    pub events_url: Option<url::Url>,
}

/// Alexa's event gateway regions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Region {
    /// Found by itself.
    #[default]
    Auto,
    /// North America.
    Na,
    /// Europe and India.
    Eu,
    /// Far East and Australia.
    Fe,
}

/// `[webrtc]`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebRtc {
    /// One socket per bound address for all calls; 0 = any free port.
    pub udp_port: u16,
    /// IPv4 addresses; empty: all but loopback, link-local and container bridges.
    pub bind: Vec<Ipv4Addr>,
    /// Public or host IPv4 addresses in front of a 1:1 NAT or a published port.
    pub advertise: Vec<Ipv4Addr>,
    /// STUN servers, `host:port`.
    pub stun: Vec<String>,
    /// TURN servers.
    pub turn: Vec<Turn>,
    /// Offers and answers loopback candidates; for demo and tests.
    pub allow_loopback: bool,
    /// Most that a picture that is encoded anew may take, kbit/s.
    pub max_kbps: u32,
}

impl Default for WebRtc {
    fn default() -> Self {
        Self {
            udp_port: 8555,
            bind: Vec::new(),
            advertise: Vec::new(),
            stun: Vec::new(),
            turn: Vec::new(),
            allow_loopback: false,
            max_kbps: 2500,
        }
    }
}

/// One entry of `webrtc.turn`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Turn {
    /// `turn:host:port`, with `?transport=tcp` if not UDP, or `turns:host:port`.
    pub url: String,
    /// User name.
    pub username: String,
    /// Password.
    pub password: SecretString,
}

/// `[limits]`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Calls at once.
    pub calls: usize,
    /// Calls at once at one camera.
    pub calls_per_camera: usize,
    /// Cameras whose picture is encoded anew at once; 0 = half the cores, at least 1.
    pub transcodes: usize,
    /// Longest call, minutes.
    pub call_minutes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { calls: 16, calls_per_camera: 4, transcodes: 0, call_minutes: 120 }
    }
}

/// One `[[camera]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Camera {
    /// Endpoint id of a camera that no hub knows.
    #[serde(default)]
    pub id: Option<String>,
    /// Name that people use; for a camera of the hub it replaces the hub's.
    #[serde(default)]
    pub name: Option<String>,
    /// Camera or doorbell.
    #[serde(default)]
    pub kind: Option<Kind>,
    /// Entity of the hub that these settings are for.
    #[serde(default)]
    pub entity: Option<String>,
    /// Bell tied by hand: an event, a binary sensor or an input button of the hub.
    #[serde(default)]
    pub bell: Option<String>,
    /// Motion sensor tied by hand: a binary sensor of the hub.
    #[serde(default)]
    pub motion: Option<String>,
    /// Own address, replaces the hub's stream: `rtsp`, `rtsps`, `http(s)`, or `test:`.
    #[serde(default)]
    pub source: Option<SecretString>,
    /// The only way that is tried, if not `auto`.
    #[serde(default)]
    pub prefer: Prefer,
    /// The way to its speaker.
    #[serde(default)]
    pub talk: Talk,
    /// Whether its speaker's echo is taken out of its sound.
    #[serde(default)]
    pub echo_cancel: Toggle,
    /// Keep the feed open so that the first picture is instant.
    #[serde(default)]
    pub warm: bool,
    /// The hub's HTTPS stream is for screens that know no WebRTC.
    #[serde(default)]
    pub stream: bool,
    /// Shared with Alexa.
    #[serde(default = "yes")]
    pub alexa: bool,
}

fn yes() -> bool {
    true
}

/// `camera.kind`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A plain camera.
    #[default]
    Camera,
    /// A camera with a bell.
    Doorbell,
}

/// `camera.prefer`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Prefer {
    /// The best that works.
    #[default]
    Auto,
    /// The camera's own address.
    Source,
    /// The hub's WebRTC relay.
    Relay,
    /// The hub's LL-HLS.
    Hls,
    /// Stills.
    Still,
}

/// `camera.talk`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Talk {
    /// Whatever works.
    #[default]
    Auto,
    /// Nobody may talk.
    None,
    /// The camera's RTSP back channel.
    Rtsp,
    /// The hub's WebRTC relay.
    Relay,
}

/// `camera.echo_cancel`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Toggle {
    /// Decided by what is measured.
    #[default]
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}
