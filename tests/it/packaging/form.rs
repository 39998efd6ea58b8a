//! What the value of a key in a `config.yaml` may be.

use serde_json::Value;

/// What a key's value has to be.
pub enum Form {
    Text,
    Flag,
    Word(&'static [&'static str]),
    Words(&'static [&'static str]),
    Texts,
    Number(i64, i64),
    By(fn(&Value) -> bool),
}

use Form::{By, Flag, Number, Text, Texts, Word, Words};

impl Form {
    pub fn takes(&self, value: &Value) -> bool {
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

pub fn is_said(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.trim().is_empty())
}

/// `major.minor.patch`; a number would lose its last zero.
pub fn is_version(value: &Value) -> bool {
    let parts = value
        .as_str()
        .map(|text| text.split('.').map(|part| part.parse::<u32>().is_ok()).collect::<Vec<_>>());
    parts.is_some_and(|parts| parts.len() == 3 && parts.into_iter().all(|is_number| is_number))
}

pub fn is_slug(value: &Value) -> bool {
    value.as_str().is_some_and(|slug| is_made_of(slug, "-_."))
}

pub fn is_url(value: &Value) -> bool {
    value.as_str().is_some_and(|url| url::Url::parse(url).is_ok_and(|url| url.has_host()))
}

pub fn is_image(value: &Value) -> bool {
    value.as_str().is_some_and(|image| image.contains('/') && is_made_of(image, "/-_.{}"))
}

/// Put behind the ingress' own slash.
pub fn is_entry(value: &Value) -> bool {
    value.as_str().is_some_and(|entry| !entry.starts_with('/'))
}

pub fn is_icon(value: &Value) -> bool {
    let name = value.as_str().and_then(|icon| icon.strip_prefix("mdi:"));
    name.is_some_and(|name| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    })
}

fn is_port_name(name: &str) -> bool {
    let Some((number, protocol)) = name.split_once('/') else { return false };
    number.parse::<u16>().is_ok_and(|number| number > 0) && ["tcp", "udp"].contains(&protocol)
}

pub fn is_ports(value: &Value) -> bool {
    let is_host =
        |port: &Value| port.is_null() || port.as_u64().is_some_and(|port| (1..=65_535).contains(&port));
    value
        .as_object()
        .is_some_and(|ports| ports.iter().all(|(name, host)| is_port_name(name) && is_host(host)))
}

pub fn is_ports_description(value: &Value) -> bool {
    value
        .as_object()
        .is_some_and(|ports| ports.iter().all(|(name, said)| is_port_name(name) && is_said(said)))
}

/// Port and path of `http://[HOST]:[PORT:8099]/path`, or of the same with the number alone.
pub fn watched(url: &str) -> Option<(u16, &str)> {
    let (_, rest) = url.split_once("://[HOST]:")?;
    let (port, path) = match rest.strip_prefix("[PORT:") {
        Some(rest) => rest.split_once(']')?,
        None => rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())),
    };
    Some((port.parse().ok()?, path))
}

/// http, https, tcp, or a scheme by an option.
pub fn is_watchdog(value: &Value) -> bool {
    let Some(url) = value.as_str() else { return false };
    let scheme = url.split("://").next().unwrap_or_default();
    let by_option = scheme.strip_prefix("[PROTO:").and_then(|rest| rest.strip_suffix(']'));
    let scheme_is_good =
        ["http", "https", "tcp"].contains(&scheme) || by_option.is_some_and(|name| is_made_of(name, "_"));
    scheme_is_good && watched(url).is_some_and(|(_, path)| path.is_empty() || path.starts_with('/'))
}

/// Elements alone: what is nested is not needed here.
pub fn is_schema(value: &Value) -> bool {
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
pub fn fits(element: &str, value: &Value) -> bool {
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
