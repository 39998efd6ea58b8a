//! `Alexa.EndpointHealth`, and the report in which it travels.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::format_description;

use super::envelope::Envelope;

/// The answer to ReportState. A camera that is down gets a report that says so, not an error.
#[must_use]
pub fn state_report(directive: &Envelope, reachable: bool, sampled: OffsetDateTime) -> Value {
    let mut report = directive.event("Alexa", "StateReport", json!({}));
    report["context"] = json!({ "properties": [connectivity(reachable, sampled)] });
    report
}

fn connectivity(reachable: bool, sampled: OffsetDateTime) -> Value {
    json!({
        "namespace": "Alexa.EndpointHealth",
        "name": "connectivity",
        "value": { "value": if reachable { "OK" } else { "UNREACHABLE" } },
        "timeOfSample": time_of_sample(sampled),
        "uncertaintyInMilliseconds": 0,
    })
}

/// UTC with ms and `Z`: Alexa refuses `+00:00` and more than three digits.
fn time_of_sample(at: OffsetDateTime) -> String {
    let form = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    // Formatting into a text fails only for a year beyond four digits.
    at.to_offset(time::UtcOffset::UTC).format(&form).unwrap_or_else(|_| "1970-01-01T00:00:00.000Z".into())
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::time_of_sample;

    #[test]
    fn a_time_of_sample_is_utc_with_milliseconds_and_z() {
        assert_eq!(time_of_sample(datetime!(2026-11-22 12:00:00.123456 +2)), "2026-11-22T10:00:00.123Z");
    }
}
