//! `Alexa.DoorbellEventSource`: a press at the door.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::format_description;

use super::envelope;

/// What led to a press.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Somebody pressed the bell.
    Physical,
    /// A rule of the home wants the camera to be shown.
    Rule,
}

impl Cause {
    fn name(self) -> &'static str {
        match self {
            Self::Physical => "PHYSICAL_INTERACTION",
            Self::Rule => "RULE_TRIGGER",
        }
    }
}

/// `DoorbellPress`: the bell of `endpoint_id` was pressed at `at`. `token` is of the customer, from
/// Login with Amazon.
#[must_use]
pub fn doorbell_press(endpoint_id: &str, at: OffsetDateTime, cause: Cause, token: &str) -> Value {
    json!({
        "event": {
            "header": envelope::header("Alexa.DoorbellEventSource", "DoorbellPress"),
            "endpoint": { "scope": envelope::scope(token), "endpointId": endpoint_id },
            "payload": { "cause": { "type": cause.name() }, "timestamp": timestamp(at) },
        },
        "context": {},
    })
}

/// UTC in whole seconds with `Z`: a fraction is refused here, though times of samples may have one.
fn timestamp(at: OffsetDateTime) -> String {
    let form = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    // Formatting into a text fails only for a year beyond four digits.
    at.to_offset(time::UtcOffset::UTC).format(&form).unwrap_or_else(|_| "1970-01-01T00:00:00Z".into())
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::timestamp;

    #[test]
    fn the_moment_of_a_press_is_utc_in_whole_seconds() {
        assert_eq!(timestamp(datetime!(2026-11-22 12:00:00.987 +2)), "2026-11-22T10:00:00Z");
    }
}
