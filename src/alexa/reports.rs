//! `Alexa.Discovery` without being asked: which endpoints came, changed or went.

use serde_json::{Value, json};

use super::envelope;

/// Largest report that Alexa takes, bytes; what is larger gets 413.
pub const MAX_REPORT: usize = 256 * 1024;

/// `AddOrUpdateReport` of `endpoints`, each made by [`endpoint`](super::discovery::endpoint). Says
/// nothing of other endpoints.
#[must_use]
pub fn add_or_update_report(endpoints: &[Value], token: &str) -> Value {
    report("AddOrUpdateReport", json!(endpoints), token)
}

/// `DeleteReport` of the endpoints with these ids.
#[must_use]
pub fn delete_report(ids: &[String], token: &str) -> Value {
    let endpoints: Vec<Value> = ids.iter().map(|id| json!({ "endpointId": id })).collect();
    report("DeleteReport", json!(endpoints), token)
}

fn report(name: &str, endpoints: Value, token: &str) -> Value {
    json!({
        "event": {
            "header": envelope::header("Alexa.Discovery", name),
            "payload": { "endpoints": endpoints, "scope": envelope::scope(token) },
        },
    })
}
