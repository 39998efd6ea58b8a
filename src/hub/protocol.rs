//! Frames of the hub's WebSocket, in and out. Pure.
//!
//! The hub speaks first (`auth_required`), then every command carries an id that must grow, and
//! every result and event names the id it belongs to. Once it was told that we can
//! (`coalesce_messages`), the hub packs several messages into one array.

use serde_json::{Map, Value, json};
use url::Url;

use super::HubError;

/// One message of the hub.
#[derive(Debug, Clone, PartialEq)]
pub enum Incoming {
    /// The hub wants the token.
    AuthRequired,
    /// The token is good; the hub's version.
    AuthOk(String),
    /// The token is refused.
    AuthInvalid,
    /// The answer to a command.
    Result {
        /// Id of the command.
        id: u64,
        /// What came of it.
        outcome: Result<Value, Refusal>,
    },
    /// The answer to a `ping`.
    Pong(u64),
    /// News of a subscription.
    Event {
        /// Id of the command that subscribed.
        id: u64,
        /// The news.
        event: Value,
    },
}

/// The hub's "no" to a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The hub's code, at most 100 characters.
    pub code: String,
    /// The hub's text, at most 300 characters.
    pub message: String,
}

impl From<Refusal> for HubError {
    fn from(refusal: Refusal) -> Self {
        Self::Command { code: refusal.code, message: refusal.message }
    }
}

/// The messages of one frame. One that makes no sense does not spoil the others.
#[derive(Debug, Default)]
pub struct Frame {
    /// What was understood, in order.
    pub messages: Vec<Incoming>,
    /// What was not, without its content: that may hold secrets.
    pub faults: Vec<HubError>,
}

/// Takes a frame apart: one message, or an array of them.
#[must_use]
pub fn parse(text: &str) -> Frame {
    let mut frame = Frame::default();
    let messages = match serde_json::from_str(text) {
        Ok(Value::Array(messages)) => messages,
        Ok(message) => vec![message],
        Err(error) => {
            let fault = format!("no JSON at line {} column {}", error.line(), error.column());
            frame.faults.push(HubError::Protocol(fault));
            return frame;
        }
    };
    for message in messages {
        match message_of(message) {
            Ok(message) => frame.messages.push(message),
            Err(fault) => frame.faults.push(HubError::Protocol(fault.into())),
        }
    }
    frame
}

fn message_of(message: Value) -> Result<Incoming, &'static str> {
    let Value::Object(mut message) = message else { return Err("a message that is no object") };
    let id = message.get("id").and_then(Value::as_u64);
    match message.get("type").and_then(Value::as_str) {
        Some("auth_required") => Ok(Incoming::AuthRequired),
        Some("auth_ok") => Ok(Incoming::AuthOk(text(&message, "ha_version", 40))),
        Some("auth_invalid") => Ok(Incoming::AuthInvalid),
        Some("pong") => Ok(Incoming::Pong(id.ok_or("a pong without id")?)),
        Some("event") => {
            let id = id.ok_or("an event without id")?;
            Ok(Incoming::Event { id, event: message.remove("event").unwrap_or_default() })
        }
        Some("result") => {
            let id = id.ok_or("a result without id")?;
            let outcome = match message.get("success").and_then(Value::as_bool) {
                Some(true) => Ok(message.remove("result").unwrap_or_default()),
                Some(false) => Err(refusal(message.get("error"))),
                None => return Err("a result that does not say whether it succeeded"),
            };
            Ok(Incoming::Result { id, outcome })
        }
        Some(_) => Err("a message of unknown type"),
        None => Err("a message without type"),
    }
}

fn refusal(error: Option<&Value>) -> Refusal {
    let empty = Map::new();
    let error = error.and_then(Value::as_object).unwrap_or(&empty);
    Refusal { code: text(error, "code", 100), message: for_people(error) }
}

/// An error's message, without the secrets of addresses that the hub may name in it.
pub(super) fn for_people(error: &Map<String, Value>) -> String {
    crate::telemetry::redact::redact(&text(error, "message", 300))
}

/// A text out of an object, cut to `limit` characters; empty if it is missing or no text.
pub(super) fn text(object: &Map<String, Value>, key: &str, limit: usize) -> String {
    object.get(key).and_then(Value::as_str).unwrap_or_default().chars().take(limit).collect()
}

/// As [`text`], but nothing for what is missing, no text, or empty.
pub(super) fn some_text(object: &Map<String, Value>, key: &str, limit: usize) -> Option<String> {
    Some(text(object, key, limit)).filter(|text| !text.is_empty())
}

/// The frame that shows the token. Any further key would be an error.
#[must_use]
pub fn auth(token: &str) -> String {
    json!({ "type": "auth", "access_token": token }).to_string()
}

/// A command frame.
#[must_use]
pub fn command(id: u64, kind: &str, fields: Map<String, Value>) -> String {
    let mut message = Map::new();
    message.insert("id".into(), id.into());
    message.insert("type".into(), kind.into());
    message.extend(fields);
    Value::Object(message).to_string()
}

/// Takes a token out of a text before anything else sees that text.
#[must_use]
pub fn redact(text: &str, token: &str) -> Option<String> {
    // A very short "token" would match everywhere, and is none that a hub gives.
    (token.len() >= 8 && text.contains(token)).then(|| text.replace(token, "***"))
}

/// The hub's WebSocket address, from its base address or from the WebSocket address itself.
///
/// # Errors
/// When the scheme is neither `http(s)` nor `ws(s)`.
pub fn websocket_address(base: &Url) -> Result<Url, HubError> {
    let secure = match base.scheme() {
        "http" | "ws" => false,
        "https" | "wss" => true,
        _ => return Err(HubError::Protocol("an address that is neither http(s) nor ws(s)".into())),
    };
    let host = base.host_str().ok_or_else(|| HubError::Protocol("an address without host".into()))?;
    let port = base.port().map(|port| format!(":{port}")).unwrap_or_default();
    let path = base.path().trim_end_matches('/');
    let path = if path.ends_with("/websocket") { path.to_owned() } else { format!("{path}/api/websocket") };
    // Built anew, so that no user, password or query of the base address travels on.
    let scheme = if secure { "wss" } else { "ws" };
    Url::parse(&format!("{scheme}://{host}{port}{path}"))
        .map_err(|_| HubError::Protocol("an address that cannot be read".into()))
}

/// The address of a path of the hub's HTTP interface (`/api/…`), from its base address or from the
/// WebSocket address.
///
/// # Errors
/// When the base is no address of a hub, or the path is none: it may not lead to another host.
pub fn http_address(base: &Url, path: &str) -> Result<Url, HubError> {
    let bad = || HubError::Protocol("an address that cannot be used".into());
    let scheme = match base.scheme() {
        "http" | "ws" => "http",
        "https" | "wss" => "https",
        _ => return Err(bad()),
    };
    let host = base.host_str().ok_or_else(bad)?;
    let port = base.port().map(|port| format!(":{port}")).unwrap_or_default();
    let prefix = base.path().trim_end_matches('/');
    let prefix = prefix.strip_suffix("/websocket").unwrap_or(prefix);
    let prefix = prefix.strip_suffix("/api").unwrap_or(prefix);
    if !path.starts_with("/api/") || path.len() > 4096 || path.split('/').any(|step| step == "..") {
        return Err(bad());
    }
    Url::parse(&format!("{scheme}://{host}{port}{prefix}{path}")).map_err(|_| bad())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn an_array_is_read_message_by_message_and_a_bad_one_spoils_no_other() {
        let frame = parse(
            r#"[{"type":"event","event":{"a":{}},"id":2}, 7, {"id":null,"type":"result","success":false},
                {"id":3,"type":"result","success":true,"result":{"x":1}}, {"type":"weather"}, {"id":4,"type":"pong"}]"#,
        );
        assert_eq!(frame.faults.len(), 3);
        assert_eq!(
            frame.messages,
            [
                Incoming::Event { id: 2, event: json!({"a": {}}) },
                Incoming::Result { id: 3, outcome: Ok(json!({"x": 1})) },
                Incoming::Pong(4),
            ]
        );
    }

    #[test]
    fn a_fault_never_repeats_what_the_hub_sent() {
        for bad in ["secret", r#"{"type":"secret"}"#, r#"["secret"]"#, r#"{"id":"secret","type":"pong"}"#] {
            let frame = parse(bad);
            assert_eq!(frame.faults.len(), 1, "{bad}");
            assert!(!frame.faults[0].to_string().contains("secret"), "{bad}");
        }
    }

    #[test]
    fn too_deep_json_is_a_fault_not_a_crash() {
        assert_eq!(parse(&"[".repeat(1_000_000)).faults.len(), 1);
    }

    #[test]
    fn refusals_keep_code_and_text_within_bounds() {
        let long = "x".repeat(5000);
        let frame = parse(
            &json!({"id":1,"type":"result","success":false,"error":{"code":"not_found","message":long}})
                .to_string(),
        );
        let Incoming::Result { outcome: Err(refusal), .. } = &frame.messages[0] else { panic!("{frame:?}") };
        assert_eq!((refusal.code.as_str(), refusal.message.len()), ("not_found", 300));
    }

    #[test]
    fn the_websocket_address_follows_from_the_base_address() {
        for (base, expected) in [
            ("http://homeassistant.local:8123", "ws://homeassistant.local:8123/api/websocket"),
            ("https://hub.example/", "wss://hub.example/api/websocket"),
            ("https://hub.example/ha/", "wss://hub.example/ha/api/websocket"),
            ("ws://supervisor/core/websocket", "ws://supervisor/core/websocket"),
            ("ws://127.0.0.1:4/api/websocket", "ws://127.0.0.1:4/api/websocket"),
            ("http://user:pass@[::1]:8123/?token=x#y", "ws://[::1]:8123/api/websocket"),
        ] {
            assert_eq!(websocket_address(&Url::parse(base).unwrap()).unwrap().as_str(), expected);
        }
        assert!(websocket_address(&Url::parse("file:///etc/passwd").unwrap()).is_err());
    }

    #[test]
    fn paths_of_the_hub_stay_at_the_hub() {
        let address = |base: &str, path: &str| http_address(&Url::parse(base).unwrap(), path);
        for (base, expected) in [
            ("http://homeassistant.local:8123", "http://homeassistant.local:8123/api/hls/x/master.m3u8"),
            ("ws://supervisor/core/websocket", "http://supervisor/core/api/hls/x/master.m3u8"),
            ("http://supervisor/core", "http://supervisor/core/api/hls/x/master.m3u8"),
            ("wss://hub.example/ha/api/websocket", "https://hub.example/ha/api/hls/x/master.m3u8"),
            ("https://user:pass@hub.example/?x", "https://hub.example/api/hls/x/master.m3u8"),
        ] {
            assert_eq!(address(base, "/api/hls/x/master.m3u8").unwrap().as_str(), expected);
        }
        for path in ["", "//evil/api/", "http://evil/api/", "/api/../auth", "@evil/api/", "/auth/token"] {
            assert!(address("http://hub:8123", path).is_err(), "{path}");
        }
    }

    #[test]
    fn a_token_that_the_hub_repeats_is_taken_out() {
        assert_eq!(redact("bad token abcdefgh!", "abcdefgh").as_deref(), Some("bad token ***!"));
        assert_eq!(redact("nothing here", "abcdefgh"), None);
    }
}
