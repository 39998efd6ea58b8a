//! What the supervisor takes of a `config.yaml`, and what it warns of.

use serde_json::Value;

use super::keys;

/// What a key's value has to be.
enum Form {
    Text,
    Flag,
    Word(&'static [&'static str]),
    Words(&'static [&'static str]),
    Texts,
    Number(i64, i64),
    By(fn(&Value) -> bool),
}

use Form::{By, Flag, Number, Text, Texts, Word, Words};

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
    let watched = config["watchdog"]
        .as_str()
        .and_then(|url| url.split("[PORT:").nth(1)?.split(']').next()?.parse().ok());
    let ours = |port: u64| {
        let published = keys(&config["ports"]).contains(format!("{port}/tcp").as_str());
        config["ingress_port"] == port || published
    };
    if watched.is_some_and(|port| !ours(port)) {
        all.push("watchdog asks a port that is none".into());
    }
    all
}

impl Form {
    fn takes(&self, value: &Value) -> bool {
        let text = value.as_str();
        let texts = || value.as_array().map(|all| all.iter().map(Value::as_str).collect::<Vec<_>>());
        match self {
            Text => text.is_some(),
            Flag => value.is_boolean(),
            Word(words) => text.is_some_and(|word| words.contains(&word)),
            Words(words) => texts().is_some_and(|all| {
                !all.is_empty() && all.iter().all(|one| one.is_some_and(|one| words.contains(&one)))
            }),
            Texts => texts().is_some_and(|all| all.iter().all(Option::is_some)),
            Number(least, most) => value.as_i64().is_some_and(|number| (*least..=*most).contains(&number)),
            By(takes) => takes(value),
        }
    }
}

fn is_made_of(text: &str, signs: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || signs.contains(c))
}

fn is_said(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.trim().is_empty())
}

/// `major.minor.patch`; a number would lose its last zero.
fn is_version(value: &Value) -> bool {
    let parts = value
        .as_str()
        .map(|text| text.split('.').map(|part| part.parse::<u32>().is_ok()).collect::<Vec<_>>());
    parts.is_some_and(|parts| parts.len() == 3 && parts.into_iter().all(|is_number| is_number))
}

fn is_slug(value: &Value) -> bool {
    value.as_str().is_some_and(|slug| is_made_of(slug, "-_."))
}

fn is_url(value: &Value) -> bool {
    value.as_str().is_some_and(|url| url::Url::parse(url).is_ok_and(|url| url.has_host()))
}

fn is_image(value: &Value) -> bool {
    value.as_str().is_some_and(|image| image.contains('/') && is_made_of(image, "/-_.{}"))
}

/// Put behind the ingress' own slash.
fn is_entry(value: &Value) -> bool {
    value.as_str().is_some_and(|entry| !entry.starts_with('/'))
}

fn is_icon(value: &Value) -> bool {
    let name = value.as_str().and_then(|icon| icon.strip_prefix("mdi:"));
    name.is_some_and(|name| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    })
}

fn is_port_name(name: &str) -> bool {
    let Some((number, protocol)) = name.split_once('/') else { return false };
    number.parse::<u16>().is_ok_and(|number| number > 0) && ["tcp", "udp"].contains(&protocol)
}

fn is_ports(value: &Value) -> bool {
    let is_host =
        |port: &Value| port.is_null() || port.as_u64().is_some_and(|port| (1..=65_535).contains(&port));
    value
        .as_object()
        .is_some_and(|ports| ports.iter().all(|(name, host)| is_port_name(name) && is_host(host)))
}

fn is_ports_description(value: &Value) -> bool {
    value
        .as_object()
        .is_some_and(|ports| ports.iter().all(|(name, said)| is_port_name(name) && is_said(said)))
}

/// `http://[HOST]:[PORT:8099]/path`, https, tcp, or a scheme by an option.
fn is_watchdog(value: &Value) -> bool {
    let Some((scheme, rest)) = value.as_str().and_then(|url| url.split_once("://[HOST]:")) else {
        return false;
    };
    let by_option = scheme.strip_prefix("[PROTO:").and_then(|rest| rest.strip_suffix(']'));
    let scheme_is_good =
        ["http", "https", "tcp"].contains(&scheme) || by_option.is_some_and(|name| is_made_of(name, "_"));
    let port = rest.strip_prefix("[PORT:").and_then(|rest| rest.split_once(']'));
    scheme_is_good
        && port.is_some_and(|(port, path)| {
            port.parse::<u16>().is_ok() && (path.is_empty() || path.starts_with('/'))
        })
}

/// Elements alone: what is nested is not needed here.
fn is_schema(value: &Value) -> bool {
    value.as_object().is_some_and(|all| all.values().all(|element| element.as_str().is_some_and(is_element)))
}

/// `str`, `int(1,5)`, `list(a|b)`, each with `?` behind it if it may be left out.
fn is_element(element: &str) -> bool {
    let element = element.strip_suffix('?').unwrap_or(element);
    let (kind, argument) = match element.split_once('(') {
        Some((kind, rest)) => match rest.strip_suffix(')') {
            Some(argument) => (kind, Some(argument)),
            None => return false,
        },
        None => (element, None),
    };
    let is_bound = |bound: &str| bound.is_empty() || bound.parse::<f64>().is_ok();
    match (kind, argument) {
        ("bool" | "email" | "url" | "port" | "device" | "str" | "password" | "int" | "float", None) => true,
        ("str" | "password" | "int" | "float", Some(range)) => {
            range.split(',').count() == 2 && range.split(',').all(is_bound)
        }
        ("device", Some(filter)) => filter.starts_with("subsystem="),
        ("list" | "match", Some(argument)) => !argument.is_empty(),
        _ => false,
    }
}

/// A default is one that the user could have given.
fn fits(element: &str, value: &Value) -> bool {
    match element.split_once('(').unwrap_or((element, "")) {
        ("bool", _) => value.is_boolean(),
        ("int" | "port", _) => value.is_i64(),
        ("float", _) => value.is_number(),
        ("list", rest) => {
            value.as_str().is_some_and(|word| rest.trim_end_matches(')').split('|').any(|one| one == word))
        }
        _ => value.is_string(),
    }
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
        ("watchdog", "http://[HOST]:8099/healthz".into()),
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
