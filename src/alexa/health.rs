//! The answer to ReportState.

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::endpoint::EndpointState;
use super::envelope::Envelope;

/// `Alexa.StateReport`, the answer to ReportState: every retrievable property. A camera that is
/// down gets a report that says so, not an error.
#[must_use]
pub fn state_report(directive: &Envelope, state: &EndpointState, sampled: OffsetDateTime) -> Value {
    let mut report = directive.event("Alexa", "StateReport", json!({}));
    report["context"] = json!({ "properties": state.properties(sampled) });
    report
}
