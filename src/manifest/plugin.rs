//! `plugin.toml`, the one source of what a hub must know before it runs us.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::ManifestError;
use super::permissions::Permissions;

const PLUGIN: &str = include_str!("../../plugin.toml");

/// The form of `plugin.toml` that is read.
const FORMAT: u32 = 1;

/// What a hub must know of us before it runs us. An unknown key is an error.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plugin {
    /// Form of the file.
    pub format: u32,
    /// Who it is.
    #[serde(rename = "plugin")]
    pub about: About,
    /// Which hub it needs.
    pub hub: Hub,
    /// How it is run.
    pub run: Run,
    /// Where it listens.
    #[serde(rename = "port")]
    pub ports: Vec<Port>,
    /// What people see of it in the hub.
    pub page: Page,
    /// How a watchdog sees that it is well.
    pub health: Health,
    /// What it may do.
    pub permissions: Permissions,
    /// What a backup holds.
    pub backup: Backup,
    /// What is set in the hub's own dialogue.
    pub options: BTreeMap<String, Choice>,
    /// What it is to Alexa.
    pub alexa: Alexa,
}

/// Who it is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// The hub's name for it, in addresses.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// One sentence.
    pub summary: String,
    /// `stable`, `experimental` or `deprecated`.
    pub stage: String,
    /// Of the page, and of what the hub shows.
    pub languages: Vec<String>,
}

/// Which hub it needs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hub {
    /// The only one so far: `home-assistant`.
    pub kind: String,
    /// Oldest version.
    pub min_version: String,
    /// Path of its WebSocket.
    pub websocket: String,
}

/// How it is run.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// The program.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Programs that it starts itself.
    pub helpers: Vec<String>,
    /// The data folder.
    pub data: String,
    /// After what the hub starts it.
    pub start: String,
    /// Whether the hub starts it by itself.
    pub boot: String,
    /// Seconds from the request to stop until nothing is left.
    pub stop_seconds: u32,
    /// Processors, by Docker's names.
    pub architectures: Vec<String>,
    /// It is process 1 of its container.
    pub own_init: Wish,
    /// `/tmp` is in memory.
    pub memory_tmp: Wish,
}

/// Something that is wanted or not, and why.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// It is.
    pub wanted: bool,
    /// Why, or why not.
    pub reason: String,
}

/// Where it listens.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Port {
    /// Inside the container.
    pub number: u16,
    /// `tcp` or `udp`.
    pub protocol: String,
    /// By which other parts of the file name it.
    pub name: String,
    /// What for, for people.
    pub purpose: String,
    /// The same number of the host leads to it unless the user says otherwise.
    pub published: bool,
}

/// What people see of it in the hub.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// Name of the port.
    pub port: String,
    /// Path.
    pub entry: String,
    /// In the hub's menu.
    pub title: String,
    /// In the hub's menu.
    pub icon: String,
    /// Only the hub's administrators have it in their menu.
    pub admin_only: Wish,
}

/// How a watchdog sees that it is well.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// Name of the port.
    pub port: String,
    /// Path that answers while the program works.
    pub alive: String,
    /// Path that answers while it can show the hub's cameras.
    pub ready: String,
}

/// What a backup holds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    /// `hot`: while it runs; `cold`: it is stopped for it.
    pub mode: String,
    /// Why.
    pub reason: String,
    /// Files of the data folder.
    pub keep: Vec<KeptFile>,
    /// Patterns of names that are no good in a backup.
    pub leave_out: Vec<String>,
}

/// A file of the data folder.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptFile {
    /// Its name.
    pub file: String,
    /// What is in it, for people.
    pub holds: String,
}

/// One word out of some.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// The only one so far: `choice`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The words.
    pub choices: Vec<String>,
    /// One of them.
    pub default: String,
    /// For people.
    pub label: String,
    /// For people.
    pub help: String,
}

/// What it is to Alexa.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alexa {
    /// What it speaks.
    #[serde(rename = "interface")]
    pub interfaces: Vec<Interface>,
}

/// One interface of Alexa's.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interface {
    /// Its namespace.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Discovery names it as a capability of an endpoint.
    pub declared: bool,
    /// Properties that are told.
    #[serde(default)]
    pub properties: Vec<String>,
    /// Names of what is taken.
    #[serde(default)]
    pub directives: Vec<String>,
    /// Names of what is sent.
    #[serde(default)]
    pub events: Vec<String>,
}

impl Plugin {
    /// The project's own.
    ///
    /// # Errors
    /// When `plugin.toml` lacks something.
    pub fn own() -> Result<Self, ManifestError> {
        Self::read(PLUGIN)
    }

    pub(super) fn read(text: &str) -> Result<Self, ManifestError> {
        let plugin: Self = toml::from_str(text)?;
        if plugin.format == FORMAT { Ok(plugin) } else { Err(ManifestError::Format(plugin.format)) }
    }

    /// The port of that name.
    ///
    /// # Errors
    /// When there is none.
    pub fn port(&self, name: &str) -> Result<&Port, ManifestError> {
        let port = self.ports.iter().find(|port| port.name == name);
        port.ok_or_else(|| ManifestError::Port(name.to_owned()))
    }
}
