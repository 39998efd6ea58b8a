//! What Alexa may know of one camera: how it is described, and how it stands.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::format_description;

use super::discovery::Description;

/// One camera as Alexa may know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Who it is and what it can do.
    pub description: Description,
    /// How it stands.
    pub state: EndpointState,
}

/// How a camera stands. What is `None` is not declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointState {
    /// The camera can be asked for a picture.
    pub reachable: bool,
    /// Its motion sensor sees something.
    pub motion: Option<bool>,
    /// Its privacy switch lets it look.
    pub on: Option<bool>,
}

impl EndpointState {
    /// Every retrievable property, as it stands at `sampled`.
    #[must_use]
    pub fn properties(&self, sampled: OffsetDateTime) -> Vec<Value> {
        Property::ALL.into_iter().filter_map(|p| Some(p.sample(self.get(p)?, sampled))).collect()
    }

    /// The value of a property; `None` if it is not declared.
    #[must_use]
    pub fn get(&self, property: Property) -> Option<bool> {
        match property {
            Property::Connectivity => Some(self.reachable),
            Property::DetectionState => self.motion,
            Property::PowerState => self.on,
        }
    }
}

/// A property that Alexa may ask for and is told of when it changes. Each has two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Property {
    /// `Alexa.EndpointHealth`.
    Connectivity,
    /// `Alexa.MotionSensor`.
    DetectionState,
    /// `Alexa.PowerController`.
    PowerState,
}

impl Property {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 3] = [Self::Connectivity, Self::DetectionState, Self::PowerState];

    /// The property as Alexa takes it: one entry of `properties`.
    #[must_use]
    pub fn sample(self, value: bool, sampled: OffsetDateTime) -> Value {
        let (namespace, name, value) = match self {
            Self::Connectivity => (
                "Alexa.EndpointHealth",
                "connectivity",
                json!({ "value": if value { "OK" } else { "UNREACHABLE" } }),
            ),
            Self::DetectionState => (
                "Alexa.MotionSensor",
                "detectionState",
                json!(if value { "DETECTED" } else { "NOT_DETECTED" }),
            ),
            Self::PowerState => {
                ("Alexa.PowerController", "powerState", json!(if value { "ON" } else { "OFF" }))
            }
        };
        json!({
            "namespace": namespace,
            "name": name,
            "value": value,
            "timeOfSample": time_of_sample(sampled),
            "uncertaintyInMilliseconds": 0,
        })
    }
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

    use super::*;

    #[test]
    fn a_time_of_sample_is_utc_with_milliseconds_and_z() {
        assert_eq!(time_of_sample(datetime!(2026-11-22 12:00:00.123456 +2)), "2026-11-22T10:00:00.123Z");
    }

    #[test]
    fn a_property_that_is_not_declared_is_not_told() {
        let names = |state: &EndpointState| -> Vec<String> {
            let told = state.properties(datetime!(2026-11-22 12:00 UTC));
            told.iter().map(|p| p["name"].as_str().unwrap_or_default().to_owned()).collect()
        };
        let mut state = EndpointState { reachable: true, motion: None, on: None };
        assert_eq!(names(&state), ["connectivity"]);
        state.on = Some(true);
        assert_eq!(names(&state), ["connectivity", "powerState"]);
        state.motion = Some(false);
        assert_eq!(names(&state), ["connectivity", "detectionState", "powerState"]);
    }
}
