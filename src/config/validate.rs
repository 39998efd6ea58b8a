//! Judges settings as a whole. Reports everything at once.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use super::camera_address::CameraAddress;
use super::load::{Problem, read};
use super::{Camera, Config, Prefer};

/// Log levels.
pub const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

/// Shortest door token, in characters: it faces the internet.
const DOOR_TOKEN_MIN: usize = 16;
/// Shortest login token, in characters.
const UI_TOKEN_MIN: usize = 8;

/// Takes a text as an address to listen on: `address:port` or `localhost:port`.
#[must_use]
pub fn listen_address(text: &str) -> Option<SocketAddr> {
    match text.strip_prefix("localhost:") {
        Some(port) => Some(SocketAddr::from(([127, 0, 0, 1], port.parse().ok()?))),
        None => text.parse().ok(),
    }
}

/// Everything that is wrong with the settings; the cameras in `skip` are not looked at, because
/// their mistakes are known already.
pub(super) fn all(config: &Config, skip: &BTreeSet<usize>) -> Vec<Problem> {
    let mut report = Report(Vec::new());
    log_and_hub(config, &mut report);
    door_and_ui(config, &mut report);
    alexa(config, &mut report);
    webrtc(config, &mut report);
    limits(config, &mut report);
    let mut seen = BTreeMap::new();
    for (index, camera) in config.cameras.iter().enumerate().filter(|(index, _)| !skip.contains(index)) {
        let path = format!("camera[{index}]");
        one_camera(&path, camera, config, &mut report);
        for (key, name) in [("id", &camera.id), ("entity", &camera.entity)] {
            if let Some(name) = name
                && let Some(first) = seen.insert((key, name), index)
            {
                report.add(
                    format!("{path}.{key}"),
                    format!("{name:?} is the {key} of camera[{first}] already"),
                );
            }
        }
    }
    report.0
}

/// The cameras that problems are about.
pub(super) fn indexed(problems: &[Problem]) -> BTreeSet<usize> {
    let index = |p: &Problem| p.key.strip_prefix("camera[")?.split(']').next()?.parse().ok();
    problems.iter().filter_map(index).collect()
}

/// Fills in what lies in files of its own, and looks whether the other named files are there.
pub(super) fn read_files(config: &mut Config) -> Vec<Problem> {
    let mut report = Report(Vec::new());
    let (hub, door, ui, alexa) = (&mut config.hub, &mut config.door, &mut config.ui, &mut config.alexa);
    report.secret("hub.token_file", hub.token_file.as_ref(), &mut hub.token);
    report.secret("door.token_file", door.token_file.as_ref(), &mut door.token);
    report.secret("ui.token_file", ui.token_file.as_ref(), &mut ui.token);
    report.secret("alexa.client_secret_file", alexa.client_secret_file.as_ref(), &mut alexa.client_secret);
    if let Some(path) = &hub.ca_file
        && let Err(e) = std::fs::File::open(path)
    {
        report.unreadable("hub.ca_file", path, &e);
    }
    for (key, token, least) in
        [("door.token_file", &door.token, DOOR_TOKEN_MIN), ("ui.token_file", &ui.token, UI_TOKEN_MIN)]
    {
        // A token of the file itself was judged before.
        let from_file = if key.starts_with("door") { &door.token_file } else { &ui.token_file };
        if from_file.is_some() {
            report.token(key, token.as_ref(), least);
        }
    }
    report.0
}

struct Report(Vec<Problem>);

impl Report {
    fn add(&mut self, key: impl Into<String>, text: impl Into<String>) {
        self.0.push(Problem::new(key, text));
    }

    fn unreadable(&mut self, key: &str, path: &Path, e: &std::io::Error) {
        self.add(key, format!("{} cannot be read: {e}", path.display()));
    }

    fn secret(&mut self, key: &str, path: Option<&PathBuf>, into: &mut Option<SecretString>) {
        let Some(path) = path else { return };
        match read(path) {
            Ok(text) if text.trim().is_empty() => self.add(key, format!("{} is empty", path.display())),
            // One that is named twice was reported; the open one stays.
            Ok(text) => drop(into.get_or_insert_with(|| text.trim().to_owned().into())),
            Err(e) => self.unreadable(key, path, &e),
        }
    }

    fn either(&mut self, section: &str, key: &str, open: bool, file: bool) {
        if open && file {
            self.add(format!("{section}.{key}"), format!("give either {key} or {key}_file, not both"));
        }
    }

    fn token(&mut self, key: &str, token: Option<&SecretString>, least: usize) {
        let Some(token) = token.map(ExposeSecret::expose_secret) else { return };
        if token.len() < least || !token.bytes().all(|b| b.is_ascii_graphic()) {
            self.add(key, format!("must be at least {least} letters, digits or signs, without spaces"));
        }
    }

    fn web_address(&mut self, key: &str, url: Option<&Url>, schemes: &[&str]) {
        let Some(url) = url else { return };
        if !schemes.contains(&url.scheme()) {
            self.add(key, format!("scheme {:?} is not allowed, use {}", url.scheme(), schemes.join(" or ")));
        } else if url.host_str().is_none_or(str::is_empty) {
            self.add(key, "names no host");
        }
        if !url.username().is_empty() || url.password().is_some() {
            self.add(key, "must not hold a user name or password");
        }
        if url.query().is_some() || url.fragment().is_some() {
            self.add(key, "must end before any ? or #");
        }
    }

    /// An address that secrets are sent to: nobody on the way may read them.
    fn secret_address(&mut self, key: &str, url: Option<&Url>) {
        let is_loopback = |url: &Url| match url.host() {
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        let schemes: &[&str] = if url.is_some_and(is_loopback) { &["https", "http"] } else { &["https"] };
        self.web_address(key, url, schemes);
    }

    fn range(&mut self, key: &str, value: u64, from: u64, to: u64) {
        if !(from..=to).contains(&value) {
            self.add(key, format!("{value} is not between {from} and {to}"));
        }
    }
}

fn log_and_hub(config: &Config, report: &mut Report) {
    if !LEVELS.contains(&config.log.level.as_str()) {
        report.add("log.level", format!("{:?} is not one of {}", config.log.level, LEVELS.join(", ")));
    }
    let hub = &config.hub;
    report.web_address("hub.url", hub.direct.as_ref().or(hub.url.as_ref()), &["http", "https"]);
    report.either("hub", "token", hub.token.is_some(), hub.token_file.is_some());
    let token = hub.token.is_some() || hub.token_file.is_some();
    match &hub.url {
        Some(_) if !token => {
            report.add(
                "hub.token",
                "is missing: make a long-lived access token on your profile page at the hub",
            );
        }
        None if token => report.add("hub.url", "is missing, but there is a token for the hub"),
        _ => {}
    }
}

fn door_and_ui(config: &Config, report: &mut Report) {
    let (door, ui) = (&config.door, &config.ui);
    let no_address = "is not address:port, for instance \"127.0.0.1:8098\"";
    let door_at = listen_address(&door.listen);
    if door_at.is_none() && !door.listen.is_empty() {
        report.add("door.listen", format!("{:?} {no_address}; \"\" is off", door.listen));
    }
    match listen_address(&ui.listen) {
        None => report.add("ui.listen", format!("{:?} {no_address}", ui.listen)),
        // One port cannot serve both, and an unspecified address takes the port everywhere.
        Some(ui_at) => {
            if let Some(door_at) = door_at
                && door_at.port() == ui_at.port()
                && ui_at.port() != 0
                && (door_at.ip() == ui_at.ip()
                    || door_at.ip().is_unspecified()
                    || ui_at.ip().is_unspecified())
            {
                report.add("ui.listen", "is the door's address; they need different ports");
            }
        }
    }
    report.either("door", "token", door.token.is_some(), door.token_file.is_some());
    report.either("ui", "token", ui.token.is_some(), ui.token_file.is_some());
    report.token("door.token", door.token.as_ref(), DOOR_TOKEN_MIN);
    report.token("ui.token", ui.token.as_ref(), UI_TOKEN_MIN);
    report.web_address("door.public_url", door.public_url.as_ref(), &["https"]);
    match (&door.tls_cert, &door.tls_key) {
        (Some(_), None) => report
            .add("door.tls_key", "is missing, but there is a tls_cert; the door stays shut without both"),
        (None, Some(_)) => report
            .add("door.tls_cert", "is missing, but there is a tls_key; the door stays shut without both"),
        _ => {}
    }
    if door.forward_to_hub && config.hub.url.is_none() {
        report.add("door.forward_to_hub", "needs a hub");
    }
}

fn alexa(config: &Config, report: &mut Report) {
    let alexa = &config.alexa;
    report.either(
        "alexa",
        "client_secret",
        alexa.client_secret.is_some(),
        alexa.client_secret_file.is_some(),
    );
    let secret = alexa.client_secret.is_some() || alexa.client_secret_file.is_some();
    match &alexa.client_id {
        Some(_) if !secret => report.add("alexa.client_secret", "is missing, but there is a client_id"),
        None if secret => report.add("alexa.client_id", "is missing, but there is a client_secret"),
        _ => {}
    }
    report.secret_address("alexa.token_url", alexa.token_url.as_ref());
    report.secret_address("alexa.events_url", alexa.events_url.as_ref());
}

fn webrtc(config: &Config, report: &mut Report) {
    let webrtc = &config.webrtc;
    for (index, ip) in webrtc.bind.iter().enumerate() {
        if ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast() {
            report.add(format!("webrtc.bind[{index}]"), format!("{ip} is no address of this machine"));
        } else if ip.is_loopback() && !webrtc.allow_loopback {
            report.add(format!("webrtc.bind[{index}]"), format!("{ip} needs allow_loopback = true"));
        }
    }
    for (index, ip) in webrtc.advertise.iter().enumerate() {
        let local = ip.is_loopback() && !webrtc.allow_loopback;
        if ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast() || local {
            report.add(format!("webrtc.advertise[{index}]"), format!("{ip} cannot be reached from outside"));
        }
    }
    for (index, server) in webrtc.stun.iter().enumerate() {
        if !host_and_port(server) {
            report.add(format!("webrtc.stun[{index}]"), format!("{server:?} is not host:port"));
        }
    }
    for (index, turn) in webrtc.turn.iter().enumerate() {
        if !turn_server(&turn.url) {
            report.add(
                format!("webrtc.turn[{index}].url"),
                "is not turn:host:port, turn:host:port?transport=tcp or turns:host:port",
            );
        }
        if turn.username.is_empty() || turn.password.expose_secret().is_empty() {
            report.add(format!("webrtc.turn[{index}]"), "needs a user name and a password");
        }
    }
    report.range("webrtc.max_kbps", webrtc.max_kbps.into(), 100, 50_000);
}

fn limits(config: &Config, report: &mut Report) {
    let limits = &config.limits;
    report.range("limits.calls", limits.calls as u64, 1, 1_000);
    report.range("limits.calls_per_camera", limits.calls_per_camera as u64, 1, 1_000);
    report.range("limits.transcodes", limits.transcodes as u64, 0, 64);
    report.range("limits.call_minutes", limits.call_minutes, 1, 1_440);
}

fn one_camera(path: &str, camera: &Camera, config: &Config, report: &mut Report) {
    match (&camera.id, &camera.entity) {
        (Some(_), Some(_)) => report.add(
            format!("{path}.entity"),
            "give either id (a camera of your own) or entity (one that the hub knows), not both",
        ),
        (None, None) => {
            report.add(path, "needs an id (a camera of your own) or an entity (one that the hub knows)")
        }
        _ => {}
    }
    if let Some(id) = &camera.id {
        let fits = |c: char| c.is_ascii_alphanumeric() || "_-=#;:?@&".contains(c);
        if id.is_empty() || id.len() > 256 || !id.chars().all(fits) {
            report.add(
                format!("{path}.id"),
                "must be 1 to 256 of the characters A-Z a-z 0-9 _ - = # ; : ? @ &",
            );
        } else if id.starts_with("hub#") {
            report.add(format!("{path}.id"), "must not begin with hub#, the hub's cameras do");
        }
        if camera.source.is_none() && camera.entity.is_none() {
            report.add(format!("{path}.source"), "is missing: a camera that no hub knows needs an address");
        }
        if matches!(camera.prefer, Prefer::Relay | Prefer::Hls) && camera.entity.is_none() {
            report.add(format!("{path}.prefer"), "needs a camera that the hub knows");
        }
        if camera.stream && camera.entity.is_none() {
            report
                .add(format!("{path}.stream"), "needs a camera that the hub knows: the stream is the hub's");
        }
    }
    if let Some(name) = &camera.name
        && (name.trim().is_empty() || name.chars().count() > 128 || name.chars().any(char::is_control))
    {
        report.add(format!("{path}.name"), "must be 1 to 128 characters in one line");
    }
    for (key, entity, domains, wanted) in [
        ("entity", &camera.entity, &["camera"][..], "is not like camera.name"),
        (
            "bell",
            &camera.bell,
            &["event", "binary_sensor", "input_button"][..],
            "cannot ring; name an event, a binary_sensor or an input_button of the hub, for instance \
             \"input_button.show_front_door\"",
        ),
        (
            "motion",
            &camera.motion,
            &["binary_sensor"][..],
            "is no motion sensor; name a binary_sensor of the hub (an event does not say when motion ends)",
        ),
    ] {
        if let Some(entity) = entity
            && !entity_of(entity, domains)
        {
            report.add(format!("{path}.{key}"), format!("{entity:?} {wanted}"));
        }
    }
    if let Some(source) = camera.source.as_ref().map(ExposeSecret::expose_secret) {
        if let Err(why) = source_address(source) {
            report.add(format!("{path}.source"), why);
        } else if let Some(whose) = no_camera(source, config) {
            report.add(format!("{path}.source"), format!("is {whose}, which is no camera"));
        }
    }
}

/// Looks whether a camera's address is one that may be opened.
///
/// # Errors
/// Says what is wrong, without quoting more of the address than its scheme.
pub fn source_address(source: &str) -> Result<(), String> {
    if source.starts_with("test:") {
        return Ok(());
    }
    CameraAddress::parse(source).map(drop)
}

/// Looks whether a camera's address is the hub's or one of our own listeners', as far as it can be seen
/// without looking its host up; says whose it is.
fn no_camera(source: &str, config: &Config) -> Option<&'static str> {
    let address = CameraAddress::parse(source).ok()?;
    if config.hub.addresses().iter().any(|hub| hub.is_at(&address)) {
        return Some("the hub's own address (hub.url)");
    }
    let own = [
        (&config.ui.listen, "our own address (ui.listen)"),
        (&config.door.listen, "our own address (door.listen)"),
    ];
    let is_own = |listen: &str| {
        listen_address(listen).is_some_and(|at| {
            let is_here = address.is_loopback() || address.literal() == Some(at.ip());
            is_here && at.port() == address.port()
        })
    };
    own.into_iter().find(|(listen, _)| is_own(listen)).map(|(_, whose)| whose)
}

fn entity_of(entity: &str, domains: &[&str]) -> bool {
    let Some((domain, object)) = entity.split_once('.') else { return false };
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    domains.contains(&domain) && !object.is_empty() && object.len() <= 255 && object.bytes().all(fits)
}

fn turn_server(url: &str) -> bool {
    let (server, transport) = url.split_once("?transport=").map_or((url, None), |(url, by)| (url, Some(by)));
    match (server.split_once(':'), transport) {
        (Some(("turn", server)), None | Some("udp" | "tcp")) => host_and_port(server),
        (Some(("turns", server)), None | Some("tcp")) => host_and_port(server),
        _ => false,
    }
}

fn host_and_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    port.parse::<u16>().is_ok_and(|port| port != 0) && url::Host::parse(host).is_ok()
}
