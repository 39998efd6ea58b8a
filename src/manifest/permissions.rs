//! What an add-on may do, and why: a part of `plugin.toml`.

use serde::Deserialize;

/// What it may do, and why.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Permissions {
    /// Which network it is in.
    pub network: Network,
    /// What it may do at the hub.
    pub hub: HubAccess,
    /// Whom it asks in the internet.
    pub internet: Vec<Host>,
    /// What it may do at the machine.
    pub system: System,
}

/// Which network it is in.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// `ports`: its own, with ports that are published; `host`: the machine's.
    pub mode: String,
    /// Why.
    pub reason: String,
}

/// What it may do at the hub.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HubAccess {
    /// It talks to the hub.
    pub api: bool,
    /// What it may do at the hub's supervisor.
    pub role: String,
    /// What it reads.
    pub reads: String,
    /// Services that it calls.
    pub services: Vec<String>,
    /// Why.
    pub reason: String,
}

/// Whom it asks in the internet.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// Its name; `*` where that is not fixed.
    pub host: String,
    /// How.
    #[serde(default = "https")]
    pub protocol: String,
    /// Why.
    pub reason: String,
}

fn https() -> String {
    "https".into()
}

/// What it may do at the machine.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct System {
    /// File with the AppArmor profile.
    pub profile: String,
    /// Capabilities beyond a container's own.
    pub capabilities: Vec<String>,
    /// Devices.
    pub devices: Vec<String>,
    /// Folders of the hub.
    pub folders: Vec<String>,
    /// Why.
    pub reason: String,
}
