//! `Alexa.Authorization`: a user lets us send events.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use super::envelope::Envelope;
use super::message::Fault;

/// The interface's name.
pub const NAMESPACE: &str = "Alexa.Authorization";

/// Longest code, bytes.
const MAX_CODE: usize = 4096;

/// The code of a grant: good once, and secret.
#[derive(Debug, Clone)]
pub struct GrantCode(pub SecretString);

impl PartialEq for GrantCode {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

impl Eq for GrantCode {}

/// Reads the grant in the payload of an AcceptGrant.
pub(super) fn code(payload: &Map<String, Value>) -> Result<GrantCode, Fault> {
    let Some(grant) = payload.get("grant").and_then(Value::as_object) else {
        return Err(Fault::value("payload.grant is not an object"));
    };
    if grant.get("type").and_then(Value::as_str) != Some("OAuth2.AuthorizationCode") {
        return Err(Fault::value("payload.grant.type is not \"OAuth2.AuthorizationCode\""));
    }
    match grant.get("code").and_then(Value::as_str) {
        Some(code) if (1..=MAX_CODE).contains(&code.len()) => Ok(GrantCode(code.to_owned().into())),
        _ => Err(Fault::value("payload.grant.code is not a text of 1 to 4096 bytes")),
    }
}

/// The answer to an AcceptGrant whose code was exchanged.
#[must_use]
pub fn grant_accepted(directive: &Envelope) -> Value {
    directive.event(NAMESPACE, "AcceptGrant.Response", json!({}))
}

/// What AcceptGrant gets that failed: it has a namespace and a type of its own.
#[must_use]
pub fn grant_failed(directive: &Envelope, message: &str) -> Value {
    let payload = json!({ "type": "ACCEPT_GRANT_FAILED", "message": message });
    directive.event(NAMESPACE, "ErrorResponse", payload)
}
