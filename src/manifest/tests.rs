#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
//! Plugin and program say the same.

use std::collections::BTreeSet;

use super::*;
use crate::config::Config;

mod alexa;
mod data;

/// The file as it stands in the project.
const PLUGIN: &str = include_str!("../../plugin.toml");

#[test]
fn who_it_is_stands_in_cargo_too() {
    let Plugin { about, run, .. } = Plugin::own().unwrap();
    assert_eq!(about.id, env!("CARGO_PKG_NAME"));
    assert_eq!(about.summary, env!("CARGO_PKG_DESCRIPTION"));
    let cargo: toml::Table = include_str!("../../Cargo.toml").parse().unwrap();
    let programs: Vec<&str> =
        cargo["bin"].as_array().unwrap().iter().map(|program| program["name"].as_str().unwrap()).collect();
    assert_eq!(programs, [vec![run.program], run.helpers].concat());
}

#[test]
fn ports_and_options_are_those_of_the_settings() {
    let plugin = Plugin::own().unwrap();
    let config = Config::default();
    let number = |name: &str| plugin.port(name).unwrap().number;
    assert_eq!(number("calls"), config.webrtc.udp_port);
    assert!(config.ui.listen.ends_with(&format!(":{}", number("ui"))));
    assert!(config.door.listen.ends_with(&format!(":{}", number("door"))));
    assert_eq!(plugin.options.keys().collect::<Vec<_>>(), ["log_level"], "others are not read");
    let level = &plugin.options["log_level"];
    assert_eq!((level.kind.as_str(), level.default.as_str()), ("choice", config.log.level.as_str()));
    assert_eq!(level.choices, crate::config::validate::LEVELS);
}

#[test]
fn the_hub_is_asked_where_the_program_asks_it() {
    let hub = Plugin::own().unwrap().hub;
    let base = url::Url::parse("http://homeassistant:8123").unwrap();
    assert_eq!(crate::hub::protocol::websocket_address(&base).unwrap().path(), hub.websocket);
}

#[test]
fn what_is_wrong_with_the_file_is_named() {
    let wrong = |from: &str, to: &str| {
        let text = PLUGIN.replacen(from, to, 1);
        assert_ne!(text, PLUGIN, "{from}");
        Plugin::read(&text).and_then(|plugin| config_yaml::of(&plugin)).unwrap_err().to_string()
    };
    assert_eq!(wrong("name = \"ui\"", "name = \"page\""), "plugin.toml: no port is called ui");
    assert_eq!(wrong("format = 1", "format = 2"), "plugin.toml: format 2 is not known");
    assert!(wrong("stage = ", "stages = ").contains("unknown field `stages`"));
}

#[test]
fn the_manifest_gives_the_programs_own_version() {
    let yaml = config_yaml().unwrap();
    let version = format!("version: \"{}\"", env!("CARGO_PKG_VERSION"));
    assert_eq!(yaml.lines().filter(|line| line.starts_with("version")).collect::<Vec<_>>(), [version]);
}

/// Hosts of the internet that the program knows by name; all others come from the hub, the settings or Alexa.
#[test]
fn every_host_that_the_program_names_is_told() {
    let sources =
        [include_str!("../alexa/gateway/event_gateway.rs"), include_str!("../alexa/gateway/region.rs")];
    let named = sources
        .iter()
        .flat_map(|source| source.split("const ").skip(1))
        .filter_map(|rest| rest.split_once("\"https://")?.1.split(['/', '"']).next())
        .map(str::to_owned)
        .collect::<BTreeSet<_>>();
    let plugin = Plugin::own().unwrap();
    let told = plugin.permissions.internet.iter().map(|host| host.host.clone()).filter(|host| host != "*");
    assert_eq!(told.collect::<BTreeSet<_>>(), named);
}
