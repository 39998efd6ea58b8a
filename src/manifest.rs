//! The hub add-on's `config.yaml`, made from `plugin.toml`, which is the one source of what a hub
//! must know before it runs us.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Deserialize;

const PLUGIN: &str = include_str!("../plugin.toml");

/// Why there is no manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// A key is missing or of another type.
    #[error("plugin.toml: {0}")]
    Plugin(#[from] toml::de::Error),
    /// A port is named that is not there.
    #[error("plugin.toml: no port is called {0}")]
    Port(String),
    /// Only in memory, so it cannot happen.
    #[error("the manifest cannot be written")]
    Write(#[from] std::fmt::Error),
}

#[derive(Deserialize)]
struct Plugin {
    plugin: About,
    hub: Hub,
    run: Run,
    #[serde(rename = "port")]
    ports: Vec<Port>,
    ui: Ui,
    health: Health,
    backup: Backup,
    options: BTreeMap<String, Choice>,
}

#[derive(Deserialize)]
struct About {
    id: String,
    name: String,
    version: String,
    summary: String,
    stage: String,
}

#[derive(Deserialize)]
struct Hub {
    min_version: String,
    api: bool,
}

#[derive(Deserialize)]
struct Run {
    start: String,
    stop_seconds: u32,
    architectures: Vec<String>,
}

#[derive(Deserialize)]
struct Port {
    number: u16,
    protocol: String,
    name: String,
    purpose: String,
    published: bool,
}

#[derive(Deserialize)]
struct Ui {
    port: String,
    title: String,
    icon: String,
    admin_only: bool,
    stream: bool,
}

#[derive(Deserialize)]
struct Health {
    alive: String,
    port: String,
}

#[derive(Deserialize)]
struct Backup {
    mode: String,
    leave_out: Vec<String>,
}

#[derive(Deserialize)]
struct Choice {
    choices: Vec<String>,
    default: String,
}

/// The hub add-on's `config.yaml`.
///
/// # Errors
/// When `plugin.toml` lacks something.
pub fn config_yaml() -> Result<String, ManifestError> {
    yaml(PLUGIN)
}

fn yaml(plugin: &str) -> Result<String, ManifestError> {
    let Plugin { plugin, hub, run, ports, ui, health, backup, options } = toml::from_str(plugin)?;
    let number = |name: &str| {
        let port = ports.iter().find(|port| port.name == name);
        port.map(|port| port.number).ok_or_else(|| ManifestError::Port(name.to_owned()))
    };
    let ingress = number(&ui.port)?;
    let mut out = String::from("# Made by `doorstep manifest` from plugin.toml; change that one.\n");
    for (key, text) in [
        ("name", &plugin.name),
        ("version", &plugin.version),
        ("slug", &plugin.id),
        ("description", &plugin.summary),
        ("stage", &plugin.stage),
        ("startup", &run.start),
        ("homeassistant", &hub.min_version),
        ("panel_title", &ui.title),
        ("panel_icon", &ui.icon),
        ("backup", &backup.mode),
    ] {
        writeln!(out, "{key}: {}", quoted(text))?;
    }
    list(&mut out, "arch", &run.architectures)?;
    writeln!(out, "boot: auto\ninit: false\nhost_network: false\nhomeassistant_api: {}", hub.api)?;
    writeln!(out, "ingress: true\ningress_port: {ingress}\ningress_stream: {}", ui.stream)?;
    writeln!(out, "panel_admin: {}", ui.admin_only)?;
    let watchdog = format!("http://[HOST]:[PORT:{}]{}", number(&health.port)?, health.alive);
    writeln!(out, "watchdog: {}\ntimeout: {}", quoted(&watchdog), run.stop_seconds + 7)?;
    list(&mut out, "backup_exclude", &backup.leave_out)?;
    // The pages' port is the ingress' own and is not to be published.
    let offered: Vec<&Port> = ports.iter().filter(|port| port.number != ingress).collect();
    writeln!(out, "ports:")?;
    for port in &offered {
        let host = if port.published { port.number.to_string() } else { "null".into() };
        writeln!(out, "  {}/{}: {host}", port.number, port.protocol)?;
    }
    writeln!(out, "ports_description:")?;
    for port in &offered {
        writeln!(out, "  {}/{}: {}", port.number, port.protocol, quoted(&port.purpose))?;
    }
    writeln!(out, "options:")?;
    for (name, option) in &options {
        writeln!(out, "  {name}: {}", quoted(&option.default))?;
    }
    writeln!(out, "schema:")?;
    for (name, option) in &options {
        writeln!(out, "  {name}: {}", quoted(&format!("list({})", option.choices.join("|"))))?;
    }
    Ok(out)
}

/// A text as YAML takes it: JSON is YAML.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn list(out: &mut String, key: &str, items: &[String]) -> std::fmt::Result {
    writeln!(out, "{key}:")?;
    items.iter().try_for_each(|item| writeln!(out, "  - {}", quoted(item)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::config::Config;

    #[test]
    fn the_manifest_says_what_the_hub_must_know() {
        let yaml = config_yaml().unwrap();
        for line in [
            "name: \"Doorstep\"",
            "slug: \"doorstep\"",
            "  - \"amd64\"",
            "ingress: true",
            "ingress_port: 8099",
            "homeassistant_api: true",
            "host_network: false",
            "  8555/udp: 8555",
            "  8098/tcp: null",
            "watchdog: \"http://[HOST]:[PORT:8099]/healthz\"",
            "  log_level: \"list(error|warn|info|debug|trace)\"",
        ] {
            assert!(yaml.lines().any(|other| other == line), "{line} in\n{yaml}");
        }
        assert!(!yaml.contains("8099/tcp"));
    }

    #[test]
    fn plugin_and_program_say_the_same() {
        let Plugin { plugin, ports, options, .. } = toml::from_str(PLUGIN).unwrap();
        assert_eq!(
            (plugin.id.as_str(), plugin.version.as_str()),
            (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))
        );
        let config = Config::default();
        let number = |name: &str| ports.iter().find(|port| port.name == name).unwrap().number;
        assert_eq!(number("calls"), config.webrtc.udp_port);
        assert!(config.ui.listen.ends_with(&format!(":{}", number("ui"))));
        assert!(config.door.listen.ends_with(&format!(":{}", number("door"))));
        assert_eq!(options["log_level"].default, config.log.level);
        assert_eq!(options["log_level"].choices, crate::config::validate::LEVELS);
    }

    #[test]
    fn a_port_that_is_missing_is_named() {
        let text = PLUGIN.replace("name = \"ui\"", "name = \"page\"");
        assert_eq!(yaml(&text).unwrap_err().to_string(), "plugin.toml: no port is called ui");
    }
}
