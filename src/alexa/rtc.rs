//! `Alexa.RTCSessionController`: the payloads of its directives and its events.

use serde_json::{Map, Value, json};

use super::envelope::Envelope;
use super::message::{Fault, Request};

/// The interface's name.
pub const NAMESPACE: &str = "Alexa.RTCSessionController";

/// Longest offer, bytes.
pub const MAX_OFFER: usize = 32 * 1024;

/// Reads the payload of one of the interface's directives.
pub(super) fn request(name: &str, payload: &Map<String, Value>) -> Result<Request, Fault> {
    match name {
        "InitiateSessionWithOffer" => {
            Ok(Request::Offer { session_id: session_id(payload)?, sdp: offer(payload)? })
        }
        "SessionConnected" => Ok(Request::Connected { session_id: session_id(payload)? }),
        "SessionDisconnected" => Ok(Request::Disconnected { session_id: session_id(payload)? }),
        _ => Err(Fault::unknown(NAMESPACE, name)),
    }
}

fn session_id(payload: &Map<String, Value>) -> Result<String, Fault> {
    match payload.get("sessionId").and_then(Value::as_str) {
        Some(id) if !id.is_empty() => Ok(id.to_owned()),
        _ => Err(Fault::value("payload.sessionId is not a text")),
    }
}

fn offer(payload: &Map<String, Value>) -> Result<String, Fault> {
    let Some(offer) = payload.get("offer").and_then(Value::as_object) else {
        return Err(Fault::value("payload.offer is not an object"));
    };
    if offer.get("format").and_then(Value::as_str) != Some("SDP") {
        return Err(Fault::value("payload.offer.format is not \"SDP\""));
    }
    match offer.get("value").and_then(Value::as_str) {
        None | Some("") => Err(Fault::value("payload.offer.value is not a text")),
        Some(sdp) if sdp.len() > MAX_OFFER => Err(Fault::value("payload.offer.value is larger than 32 KiB")),
        Some(sdp) => Ok(sdp.to_owned()),
    }
}

/// The answer to an offer. Its payload holds `answer` and nothing else: Alexa refuses more.
#[must_use]
pub fn answer_generated(directive: &Envelope, sdp: &str) -> Value {
    let payload = json!({ "answer": { "format": "SDP", "value": sdp } });
    directive.event(NAMESPACE, "AnswerGeneratedForSession", payload)
}

/// The answer to SessionConnected.
#[must_use]
pub fn session_connected(directive: &Envelope, session_id: &str) -> Value {
    directive.event(NAMESPACE, "SessionConnected", json!({ "sessionId": session_id }))
}

/// The answer to SessionDisconnected.
#[must_use]
pub fn session_disconnected(directive: &Envelope, session_id: &str) -> Value {
    directive.event(NAMESPACE, "SessionDisconnected", json!({ "sessionId": session_id }))
}
