//! The one table from a kind of failure to an Alexa error type, and the events that carry it.

use serde_json::{Value, json};

use super::envelope::Envelope;
use crate::error::ErrorKind;

/// Alexa's name for a kind of failure.
#[must_use]
pub fn error_type(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound => "NO_SUCH_ENDPOINT",
        ErrorKind::Unreachable | ErrorKind::Timeout => "ENDPOINT_UNREACHABLE",
        ErrorKind::BridgeDown => "BRIDGE_UNREACHABLE",
        ErrorKind::Malformed => "INVALID_DIRECTIVE",
        ErrorKind::InvalidValue => "INVALID_VALUE",
        ErrorKind::Disabled => "CLOUD_CONTROL_DISABLED",
        ErrorKind::SwitchedOff => "NOT_SUPPORTED_IN_CURRENT_MODE",
        ErrorKind::Unauthorized => "INVALID_AUTHORIZATION_CREDENTIAL",
        ErrorKind::Expired => "EXPIRED_AUTHORIZATION_CREDENTIAL",
        ErrorKind::Busy => "ENDPOINT_BUSY",
        ErrorKind::Throttled => "RATE_LIMIT_EXCEEDED",
        ErrorKind::Storage | ErrorKind::Internal => "INTERNAL_ERROR",
    }
}

/// `Alexa.ErrorResponse`: what every directive gets that failed, but Discover and AcceptGrant.
#[must_use]
pub fn error_response(directive: &Envelope, kind: ErrorKind, message: &str) -> Value {
    let mut payload = json!({ "type": error_type(kind), "message": message });
    if kind == ErrorKind::SwitchedOff {
        payload["currentDeviceMode"] = json!("OTHER");
    }
    directive.event("Alexa", "ErrorResponse", payload)
}
