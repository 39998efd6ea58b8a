//! What the supervisor takes of a `config.yaml`, and what it warns of.

use serde_json::Value;

use super::form::Form::{By, Flag, Number, Text, Texts, Word, Words};
use super::form::{
    Form, fits, is_entry, is_icon, is_image, is_ports, is_ports_description, is_said, is_schema, is_slug,
    is_url, is_version, is_watchdog, watched,
};
use super::keys;

const REQUIRED: [&str; 5] = ["name", "version", "slug", "description", "arch"];

/// Every key that is documented today. Those that are ignored or of old are not here on purpose.
const KEYS: &[(&str, Form)] = &[
    ("name", By(is_said)),
    ("version", By(is_version)),
    ("slug", By(is_slug)),
    ("description", By(is_said)),
    ("arch", Words(&["aarch64", "amd64"])),
    ("machine", Texts),
    ("url", By(is_url)),
    ("startup", Word(&["initialize", "system", "services", "application", "once"])),
    ("webui", Text),
    ("boot", Word(&["auto", "manual", "manual_only"])),
    ("ports", By(is_ports)),
    ("ports_description", By(is_ports_description)),
    ("host_network", Flag),
    ("host_ipc", Flag),
    ("host_dbus", Flag),
    ("host_pid", Flag),
    ("host_uts", Flag),
    ("devices", Texts),
    ("homeassistant", By(is_version)),
    ("hassio_role", Word(&["default", "homeassistant", "backup", "manager", "admin"])),
    ("hassio_api", Flag),
    ("homeassistant_api", Flag),
    ("docker_api", Flag),
    ("privileged", Texts),
    ("full_access", Flag),
    ("apparmor", Flag),
    ("map", By(Value::is_array)),
    ("environment", By(Value::is_object)),
    ("audio", Flag),
    ("video", Flag),
    ("gpio", Flag),
    ("usb", Flag),
    ("uart", Flag),
    ("udev", Flag),
    ("devicetree", Flag),
    ("kernel_modules", Flag),
    ("stdin", Flag),
    ("legacy", Flag),
    ("options", By(Value::is_object)),
    ("schema", By(is_schema)),
    ("image", By(is_image)),
    ("timeout", Number(10, 300)),
    ("tmpfs", Flag),
    ("discovery", Texts),
    ("services", Texts),
    ("auth_api", Flag),
    ("ingress", Flag),
    ("ingress_port", Number(0, 65_535)),
    ("ingress_entry", By(is_entry)),
    ("ingress_stream", Flag),
    ("panel_icon", By(is_icon)),
    ("panel_title", By(is_said)),
    ("panel_admin", Flag),
    ("backup", Word(&["hot", "cold"])),
    ("backup_pre", Text),
    ("backup_post", Text),
    ("backup_exclude", Texts),
    ("stage", Word(&["stable", "experimental", "deprecated"])),
    ("init", Flag),
    ("watchdog", By(is_watchdog)),
    ("realtime", Flag),
    ("journald", Flag),
    ("breaking_versions", Texts),
    ("ulimits", By(Value::is_object)),
];

/// Everything that is wrong with a manifest.
pub fn problems(config: &Value) -> Vec<String> {
    let Some(map) = config.as_object() else { return vec!["is no map".into()] };
    let missing =
        REQUIRED.iter().filter(|key| !map.contains_key(**key)).map(|key| format!("{key} is missing"));
    let mut all: Vec<String> = missing.collect();
    for (key, value) in map {
        match KEYS.iter().find(|(known, _)| known == key) {
            Some((_, form)) if form.takes(value) => {}
            Some(_) => all.push(format!("{key} cannot be {value}")),
            None => all.push(format!("{key} is no key")),
        }
    }
    all.extend(disagreements(config));
    all
}

/// Keys that do not fit each other.
fn disagreements(config: &Value) -> Vec<String> {
    let mut all = Vec::new();
    if !keys(&config["ports_description"]).is_subset(&keys(&config["ports"])) {
        all.push("ports_description tells of a port that is none".into());
    }
    let (options, schema) = (&config["options"], &config["schema"]);
    for name in keys(options) {
        match schema.get(name).and_then(Value::as_str) {
            None => all.push(format!("options.{name} has no schema")),
            Some(element) if element.ends_with('?') => {
                all.push(format!("options.{name} is optional and has a default"))
            }
            Some(element) if !fits(element, &options[name]) => {
                all.push(format!("options.{name} does not fit {element}"))
            }
            Some(_) => {}
        }
    }
    let optional = |name: &str| schema[name].as_str().is_some_and(|element| element.ends_with('?'));
    let missing = keys(schema).into_iter().filter(|name| options.get(name).is_none() && !optional(name));
    all.extend(missing.map(|name| format!("options.{name} has to be given before the first start")));
    let watched = config["watchdog"].as_str().and_then(watched);
    let ours = |port: u16| {
        let published = keys(&config["ports"]).contains(format!("{port}/tcp").as_str());
        config["ingress_port"] == port || published
    };
    if watched.is_some_and(|(port, _)| !ours(port)) {
        all.push("watchdog asks a port that is none".into());
    }
    all
}

#[test]
fn every_mistake_is_found() {
    let good = super::yaml(&super::add_on("config.yaml"));
    for (key, value) in [
        ("version", serde_json::json!(0.1)),
        ("slug", "door step".into()),
        ("arch", serde_json::json!(["armv7"])),
        ("stage", "beta".into()),
        ("startup", "late".into()),
        ("boot", "yes".into()),
        ("ports", serde_json::json!({"8555": 8555})),
        ("ports", serde_json::json!({"8555/udp": 70_000})),
        ("ports", serde_json::json!({})),
        ("watchdog", "http://localhost:8099/healthz".into()),
        ("watchdog", "http://[HOST]:[PORT:8098x]/healthz".into()),
        ("watchdog", "http://[HOST]:[PORT:9000]/healthz".into()),
        ("ingress_port", (-1).into()),
        ("ingress_entry", "/".into()),
        ("panel_icon", "door".into()),
        ("timeout", 3.into()),
        ("backup", "warm".into()),
        ("hassio_role", "root".into()),
        ("init", "no".into()),
        ("options", serde_json::json!({"log_level": "loud"})),
        ("options", serde_json::json!({"log_level": "info", "other": 1})),
        ("options", serde_json::json!({})),
        ("schema", serde_json::json!({"log_level": "list(error"})),
        ("schema", serde_json::json!({"log_level": "text"})),
        ("url", "doorstep".into()),
        ("image", "doorstep".into()),
        ("advanced", true.into()),
        ("codenotary", "a@example.com".into()),
        ("auto_uart", true.into()),
    ] {
        let mut other = good.clone();
        other[key] = value;
        assert_ne!(problems(&other), Vec::<String>::new(), "{key}: {}", other[key]);
    }
    for key in REQUIRED {
        let mut other = good.clone();
        other.as_object_mut().unwrap().remove(key);
        assert_eq!(problems(&other), [format!("{key} is missing")]);
    }
}
