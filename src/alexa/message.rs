//! What Alexa says: a directive, told apart from what is none.

use serde_json::{Map, Value};

use super::authorization::{self, GrantCode};
use super::envelope::Envelope;
use super::{power, rtc, stream};
use crate::error::ErrorKind;

/// Deepest nesting that is read.
pub const MAX_DEPTH: usize = 64;

/// A directive: its envelope as far as it is readable, and what it asks for, or what is wrong with it.
#[derive(Debug, Clone)]
pub struct Directive {
    /// Names, ids and token.
    pub envelope: Envelope,
    /// What it asks for.
    pub request: Result<Request, Fault>,
}

/// What a directive asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// `Alexa.Discovery/Discover`: which endpoints there are.
    Discover,
    /// `Alexa.Authorization/AcceptGrant`: a code for proactive events.
    AcceptGrant(GrantCode),
    /// `Alexa/ReportState`: how an endpoint stands.
    ReportState,
    /// `Alexa.PowerController/TurnOn` and `TurnOff`: the privacy switch.
    Power {
        /// The camera may look.
        on: bool,
    },
    /// `Alexa.CameraStreamController/InitializeCameraStreams`: where the HTTPS stream is.
    Stream,
    /// `Alexa.RTCSessionController/InitiateSessionWithOffer`: answer a call.
    Offer {
        /// Alexa's id of the call.
        session_id: String,
        /// The offer, up to 32 KiB.
        sdp: String,
    },
    /// `Alexa.RTCSessionController/SessionConnected`: the call is connected.
    Connected {
        /// Alexa's id of the call.
        session_id: String,
    },
    /// `Alexa.RTCSessionController/SessionDisconnected`: the call is over.
    Disconnected {
        /// Alexa's id of the call.
        session_id: String,
    },
}

/// What is wrong with a directive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    kind: ErrorKind,
    message: String,
    /// Not even its envelope is right.
    envelope: bool,
}

impl Fault {
    /// The envelope is at fault.
    pub(super) fn envelope(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Malformed, message: message.into(), envelope: true }
    }

    /// A value in the payload is at fault.
    pub(super) fn value(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::InvalidValue, message: message.into(), envelope: false }
    }

    /// No directive of that name is understood.
    pub(super) fn unknown(namespace: &str, name: &str) -> Self {
        let message = format!("the directive {namespace}/{name} is not understood");
        Self { kind: ErrorKind::Malformed, message, envelope: false }
    }

    /// The kind that the edges see.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// False for what another one may understand that we do not.
    #[must_use]
    pub fn spoils_envelope(&self) -> bool {
        self.envelope
    }
}

/// Why a body is no directive at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Not UTF-8.
    #[error("the body is not UTF-8")]
    Encoding,
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("the body is nested deeper than {MAX_DEPTH}")]
    Depth,
    /// Not JSON.
    #[error("the body is not JSON: {0}")]
    Json(String),
    /// JSON without an object `directive`.
    #[error("the body has no object named directive")]
    NoDirective,
}

impl Malformed {
    /// The kind that the edges see.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Malformed
    }
}

impl Directive {
    /// Reads a directive.
    ///
    /// # Errors
    /// When the body is no directive. A directive with something wrong in it is no error here:
    /// it has a [`Fault`] in place of its request, and can be answered.
    pub fn parse(body: &[u8]) -> Result<Self, Malformed> {
        let text = std::str::from_utf8(body).map_err(|_| Malformed::Encoding)?;
        if depth(text) > MAX_DEPTH {
            return Err(Malformed::Depth);
        }
        let root: Value = serde_json::from_str(text).map_err(|e| Malformed::Json(e.to_string()))?;
        let directive = root.get("directive").and_then(Value::as_object).ok_or(Malformed::NoDirective)?;
        let envelope = Envelope::read(directive);
        let request = request(directive, &envelope);
        Ok(Self { envelope, request })
    }
}

/// Deepest nesting of a JSON text. Looked at before the parser runs, which recurses.
fn depth(text: &str) -> usize {
    let (mut now, mut deepest, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => {
                now += 1;
                deepest = deepest.max(now);
            }
            b'}' | b']' if !quoted => now = now.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

fn request(directive: &Map<String, Value>, envelope: &Envelope) -> Result<Request, Fault> {
    let header = object(directive, "header", "header")?;
    for field in ["namespace", "name", "messageId"] {
        text(header, field, "header")?;
    }
    if !matches!(header.get("correlationToken"), None | Some(Value::Null | Value::String(_))) {
        return Err(Fault::envelope("header.correlationToken is not a text"));
    }
    if text(header, "payloadVersion", "header")? != "3" {
        return Err(Fault::envelope("header.payloadVersion is not \"3\""));
    }
    let payload = object(directive, "payload", "payload")?;
    match (envelope.namespace.as_str(), envelope.name.as_str()) {
        ("Alexa.Discovery", "Discover") => bearer(payload, "scope", "payload").map(|()| Request::Discover),
        ("Alexa.Authorization", "AcceptGrant") => {
            bearer(payload, "grantee", "payload")?;
            authorization::code(payload).map(Request::AcceptGrant)
        }
        ("Alexa", "ReportState") => endpoint(directive).map(|()| Request::ReportState),
        (rtc::NAMESPACE, name) => of_endpoint(directive, rtc::request(name, payload)),
        (power::NAMESPACE, name) => of_endpoint(directive, power::request(name)),
        (stream::NAMESPACE, name) => of_endpoint(directive, stream::request(name, payload)),
        (namespace, name) => Err(Fault::unknown(namespace, name)),
    }
}

/// A name that is not understood is said before anything about its endpoint.
fn of_endpoint(directive: &Map<String, Value>, request: Result<Request, Fault>) -> Result<Request, Fault> {
    match request {
        Err(fault) if fault.kind() == ErrorKind::Malformed => Err(fault),
        request => endpoint(directive).and(request),
    }
}

fn endpoint(directive: &Map<String, Value>) -> Result<(), Fault> {
    let endpoint = object(directive, "endpoint", "endpoint")?;
    text(endpoint, "endpointId", "endpoint")?;
    bearer(endpoint, "scope", "endpoint")
}

fn bearer(holder: &Map<String, Value>, field: &str, path: &str) -> Result<(), Fault> {
    let scope = object(holder, field, &format!("{path}.{field}"))?;
    let path = format!("{path}.{field}");
    if text(scope, "type", &path)? != "BearerToken" {
        return Err(Fault::envelope(format!("{path}.type is not \"BearerToken\"")));
    }
    text(scope, "token", &path).map(|_| ())
}

fn object<'a>(
    holder: &'a Map<String, Value>,
    field: &str,
    path: &str,
) -> Result<&'a Map<String, Value>, Fault> {
    holder
        .get(field)
        .and_then(Value::as_object)
        .ok_or_else(|| Fault::envelope(format!("{path} is not an object")))
}

fn text<'a>(holder: &'a Map<String, Value>, field: &str, path: &str) -> Result<&'a str, Fault> {
    holder
        .get(field)
        .and_then(Value::as_str)
        .filter(|t| !t.is_empty())
        .ok_or_else(|| Fault::envelope(format!("{path}.{field} is not a text")))
}

#[cfg(test)]
mod tests;
