//! `Alexa.PowerController`: the privacy switch of a camera.

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::endpoint::EndpointState;
use super::envelope::Envelope;
use super::message::{Fault, Request};

/// The namespace.
pub const NAMESPACE: &str = "Alexa.PowerController";

/// How it is declared. `sends_events`: changes are told without being asked for.
#[must_use]
pub fn capability(sends_events: bool) -> Value {
    json!({
        "type": "AlexaInterface",
        "interface": NAMESPACE,
        "version": "3",
        "properties": {
            "supported": [{ "name": "powerState" }],
            "proactivelyReported": sends_events,
            "retrievable": true,
        },
    })
}

/// What a directive of this namespace asks for.
pub(super) fn request(name: &str) -> Result<Request, Fault> {
    match name {
        "TurnOn" => Ok(Request::Power { on: true }),
        "TurnOff" => Ok(Request::Power { on: false }),
        other => Err(Fault::unknown(NAMESPACE, other)),
    }
}

/// `Alexa.Response`: it is done, and so the camera stands now.
#[must_use]
pub fn response(directive: &Envelope, state: &EndpointState, sampled: OffsetDateTime) -> Value {
    let mut response = directive.event("Alexa", "Response", json!({}));
    response["context"] = json!({ "properties": state.properties(sampled) });
    response
}
