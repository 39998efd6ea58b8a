//! `Alexa.ChangeReport`: properties that changed.

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::endpoint::Property;
use super::envelope;

/// `ChangeReport` of `endpoint_id`: what changed, and in the context what did not, all as it stood at
/// `sampled`. `token` is of the customer, from Login with Amazon.
#[must_use]
pub fn change_report(
    endpoint_id: &str,
    changed: &[(Property, bool)],
    unchanged: &[(Property, bool)],
    sampled: OffsetDateTime,
    token: &str,
) -> Value {
    let samples = |of: &[(Property, bool)]| -> Vec<Value> {
        of.iter().map(|(property, value)| property.sample(*value, sampled)).collect()
    };
    json!({
        "event": {
            "header": envelope::header("Alexa", "ChangeReport"),
            "endpoint": { "scope": envelope::scope(token), "endpointId": endpoint_id },
            "payload": {
                "change": { "cause": { "type": cause(changed) }, "properties": samples(changed) },
            },
        },
        "context": { "properties": samples(unchanged) },
    })
}

/// One cause for all: that of the property for which people care most.
fn cause(changed: &[(Property, bool)]) -> &'static str {
    let has = |property| changed.iter().any(|(other, _)| *other == property);
    if has(Property::DetectionState) {
        "PHYSICAL_INTERACTION"
    } else if has(Property::PowerState) {
        "APP_INTERACTION"
    } else {
        "PERIODIC_POLL"
    }
}
