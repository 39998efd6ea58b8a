//! Every key that a user may set, but for those of cameras: what kind it is, and what it is set to.

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::{Value, json};

use super::validate::LEVELS;
use super::{Config, Region};

/// What a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// A line of text.
    Text,
    /// A line of text that is never shown.
    Secret,
    /// A whole number.
    Number,
    /// One of [`Key::choices`].
    Choice,
    /// Yes or no.
    Toggle,
    /// Lines of text; of `webrtc.turn` objects.
    List,
}

/// A key of the settings.
pub struct Key {
    /// `section.key`.
    pub name: &'static str,
    /// What it takes.
    pub kind: KeyKind,
    /// What it may be; empty unless it is a choice.
    pub choices: &'static [&'static str],
    /// A change holds at once; the others wait for a restart.
    pub is_live: bool,
    /// Secrets and all.
    read: fn(&Config) -> Value,
}

/// All of them, in the order in which they are shown.
pub const KEYS: &[Key] = &[
    Key { is_live: true, ..choice("log.level", &LEVELS, |c| json!(c.log.level)) },
    text("hub.url", |c| address(c.hub.direct.as_ref().or(c.hub.url.as_ref()))),
    secret("hub.token", |c| exposed(c.hub.token.as_ref())),
    text("hub.token_file", |c| json!(c.hub.token_file)),
    text("hub.ca_file", |c| json!(c.hub.ca_file)),
    text("door.listen", |c| json!(c.door.listen)),
    text("door.public_url", |c| address(c.door.public_url.as_ref())),
    secret("door.token", |c| exposed(c.door.token.as_ref())),
    text("door.token_file", |c| json!(c.door.token_file)),
    text("door.tls_cert", |c| json!(c.door.tls_cert)),
    text("door.tls_key", |c| json!(c.door.tls_key)),
    toggle("door.forward_to_hub", |c| json!(c.door.forward_to_hub)),
    text("ui.listen", |c| json!(c.ui.listen)),
    secret("ui.token", |c| exposed(c.ui.token.as_ref())),
    text("ui.token_file", |c| json!(c.ui.token_file)),
    text("alexa.client_id", |c| json!(c.alexa.client_id)),
    secret("alexa.client_secret", |c| exposed(c.alexa.client_secret.as_ref())),
    text("alexa.client_secret_file", |c| json!(c.alexa.client_secret_file)),
    choice("alexa.region", &["auto", "na", "eu", "fe"], |c| json!(region(c.alexa.region))),
    text("alexa.token_url", |c| address(c.alexa.token_url.as_ref())),
    text("alexa.events_url", |c| address(c.alexa.events_url.as_ref())),
    number("webrtc.udp_port", |c| json!(c.webrtc.udp_port)),
    list("webrtc.bind", |c| json!(c.webrtc.bind)),
    list("webrtc.advertise", |c| json!(c.webrtc.advertise)),
    list("webrtc.stun", |c| json!(c.webrtc.stun)),
    list(TURN, turn),
    toggle("webrtc.allow_loopback", |c| json!(c.webrtc.allow_loopback)),
    number("webrtc.max_kbps", |c| json!(c.webrtc.max_kbps)),
    number("limits.calls", |c| json!(c.limits.calls)),
    number("limits.calls_per_camera", |c| json!(c.limits.calls_per_camera)),
    number("limits.transcodes", |c| json!(c.limits.transcodes)),
    number("limits.call_minutes", |c| json!(c.limits.call_minutes)),
];

/// The list whose entries hold passwords.
pub const TURN: &str = "webrtc.turn";

impl Key {
    /// The key of a name.
    #[must_use]
    pub fn of(name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.name == name)
    }

    /// What it is set to; `Null` for a secret, and TURN servers without their passwords.
    #[must_use]
    pub fn shown(&self, config: &Config) -> Value {
        let mut value = (self.read)(config);
        match self.kind {
            KeyKind::Secret => return Value::Null,
            KeyKind::List => {
                let servers = value.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut);
                servers.for_each(|server| drop(server.remove("password")));
            }
            _ => {}
        }
        value
    }

    /// True if it is set to something else here than there.
    #[must_use]
    pub fn differs(&self, here: &Config, there: &Config) -> bool {
        (self.read)(here) != (self.read)(there)
    }
}

const fn key(name: &'static str, kind: KeyKind, read: fn(&Config) -> Value) -> Key {
    Key { name, kind, choices: &[], is_live: false, read }
}

const fn text(name: &'static str, read: fn(&Config) -> Value) -> Key {
    key(name, KeyKind::Text, read)
}

const fn secret(name: &'static str, read: fn(&Config) -> Value) -> Key {
    key(name, KeyKind::Secret, read)
}

const fn number(name: &'static str, read: fn(&Config) -> Value) -> Key {
    key(name, KeyKind::Number, read)
}

const fn toggle(name: &'static str, read: fn(&Config) -> Value) -> Key {
    key(name, KeyKind::Toggle, read)
}

const fn list(name: &'static str, read: fn(&Config) -> Value) -> Key {
    key(name, KeyKind::List, read)
}

const fn choice(name: &'static str, choices: &'static [&'static str], read: fn(&Config) -> Value) -> Key {
    Key { choices, ..key(name, KeyKind::Choice, read) }
}

fn exposed(secret: Option<&SecretString>) -> Value {
    json!(secret.map(ExposeSecret::expose_secret))
}

/// As people write it: without the slash that stands for no path.
fn address(url: Option<&url::Url>) -> Value {
    let written = |url: &url::Url| match url.path() {
        "/" => url.as_str().trim_end_matches('/').to_owned(),
        _ => url.as_str().to_owned(),
    };
    json!(url.map(written))
}

fn region(region: Region) -> &'static str {
    match region {
        Region::Auto => "auto",
        Region::Na => "na",
        Region::Eu => "eu",
        Region::Fe => "fe",
    }
}

fn turn(config: &Config) -> Value {
    let servers = config.webrtc.turn.iter().map(|server| {
        json!({ "url": server.url, "username": server.username, "password": server.password.expose_secret() })
    });
    servers.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::camera_key::CAMERA_KEYS;

    /// What the settings themselves say that there is, in answer to a key that there is not.
    fn known(text: &str) -> BTreeSet<String> {
        let error = toml::from_str::<Config>(text).unwrap_err();
        let (_, expected) = error.message().split_once("expected ").unwrap();
        expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    #[test]
    fn no_key_of_the_settings_is_missing_in_the_table() {
        let mut all = BTreeSet::new();
        for section in known("no_such_key = 1").into_iter().filter(|section| section != "camera") {
            let keys = known(&format!("[{section}]\nno_such_key = 1"));
            all.extend(keys.into_iter().map(|key| format!("{section}.{key}")));
        }
        assert_eq!(all, KEYS.iter().map(|key| key.name.to_owned()).collect());
        let of_camera = known("[[camera]]\nno_such_key = 1");
        let listed = CAMERA_KEYS.iter().chain(&["id", "entity"]).map(|key| (*key).to_owned());
        assert_eq!(of_camera, listed.collect());
    }

    #[test]
    fn each_key_shows_what_it_is_set_to_unless_it_is_secret() {
        for key in KEYS {
            let values: Vec<Value> = match key.kind {
                KeyKind::Choice => key.choices.iter().map(|choice| json!(choice)).collect(),
                KeyKind::Number => vec![json!(7)],
                KeyKind::Toggle => vec![json!(true), json!(false)],
                KeyKind::List if key.name == TURN => {
                    vec![json!([{ "url": "turn:a:1", "username": "u", "password": "canary" }])]
                }
                KeyKind::List => vec![json!(["10.0.0.1", "10.0.0.2"])],
                KeyKind::Text | KeyKind::Secret => vec![json!("https://a.example/canary")],
            };
            let (section, name) = key.name.split_once('.').unwrap();
            for value in values {
                let config: Config = serde_json::from_value(json!({ section: { name: value } })).unwrap();
                let shown = key.shown(&config);
                match key.kind {
                    KeyKind::Secret => assert_eq!(shown, Value::Null, "{}", key.name),
                    _ if key.name == TURN => {
                        assert_eq!(shown, json!([{ "url": "turn:a:1", "username": "u" }]))
                    }
                    _ => assert_eq!(shown, value, "{}", key.name),
                }
                let is_default = key.shown(&Config::default()) == shown && key.kind != KeyKind::Secret;
                assert_eq!(key.differs(&config, &Config::default()), !is_default, "{}", key.name);
            }
        }
    }
}
