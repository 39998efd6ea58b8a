//! `Alexa.Discovery`: how a camera is described.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::envelope::Envelope;
use super::{power, rtc, stream};

/// Endpoints that one customer may have.
pub const MAX_ENDPOINTS: usize = 300;
/// Longest name, description and maker, characters.
const MAX_TEXT: usize = 128;
/// Longest additional attribute, characters.
const MAX_ATTRIBUTE: usize = 256;

/// What Alexa is told of one camera.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Description {
    /// 1 to 256 characters out of `A-Z a-z 0-9 _ - = # ; : ? @ &`.
    pub endpoint_id: String,
    /// The name people use; what Alexa does not take is left out.
    pub name: String,
    /// Has a bell.
    pub doorbell: bool,
    /// Has a motion sensor.
    pub motion: bool,
    /// Maker, or empty.
    pub manufacturer: String,
    /// Model, or empty.
    pub model: String,
    /// Software version, or empty.
    pub version: String,
    /// Both sides may talk at once.
    pub full_duplex: bool,
    /// A stream for screens that know no WebRTC.
    pub stream: Option<stream::Description>,
    /// Presses and motion are really sent; an interface that stays silent is not declared.
    pub sends_events: bool,
}

/// The answer to Discover: at most [`MAX_ENDPOINTS`], each id once.
#[must_use]
pub fn discover_response(directive: &Envelope, cameras: &[Description]) -> Value {
    let mut seen = HashSet::new();
    let endpoints: Vec<Value> = cameras
        .iter()
        .filter(|camera| seen.insert(camera.endpoint_id.as_str()))
        .take(MAX_ENDPOINTS)
        .map(endpoint)
        .collect();
    let mut event =
        directive.event("Alexa.Discovery", "Discover.Response", json!({ "endpoints": endpoints }));
    // A Discover speaks of no endpoint, whatever came with it.
    if let Some(event) = event.get_mut("event").and_then(Value::as_object_mut) {
        event.remove("endpoint");
    }
    event
}

/// One endpoint as Alexa takes it.
#[must_use]
pub fn endpoint(camera: &Description) -> Value {
    let kind = if camera.doorbell { "Video doorbell" } else { "Camera" };
    let manufacturer = plain(&camera.manufacturer, MAX_TEXT);
    let mut attributes = serde_json::Map::new();
    for (name, value) in [
        ("manufacturer", &camera.manufacturer),
        ("model", &camera.model),
        ("softwareVersion", &camera.version),
    ] {
        let value = plain(value, MAX_ATTRIBUTE);
        if !value.is_empty() {
            attributes.insert(name.to_owned(), json!(value));
        }
    }
    json!({
        "endpointId": camera.endpoint_id,
        "manufacturerName": if manufacturer.is_empty() { "Doorstep".to_owned() } else { manufacturer },
        "friendlyName": friendly_name(&camera.name, kind),
        "description": format!("{kind}, connected through Doorstep"),
        "displayCategories": if camera.doorbell { vec!["CAMERA", "DOORBELL"] } else { vec!["CAMERA"] },
        "additionalAttributes": attributes,
        "capabilities": capabilities(camera),
    })
}

fn capabilities(camera: &Description) -> Vec<Value> {
    let mut all = vec![
        json!({ "type": "AlexaInterface", "interface": "Alexa", "version": "3" }),
        json!({
            "type": "AlexaInterface",
            "interface": rtc::NAMESPACE,
            "version": "3",
            "configuration": { "isFullDuplexAudioSupported": camera.full_duplex },
        }),
        json!({
            "type": "AlexaInterface",
            "interface": "Alexa.EndpointHealth",
            "version": "3.1",
            "properties": {
                "supported": [{ "name": "connectivity" }],
                "proactivelyReported": camera.sends_events,
                "retrievable": true,
            },
        }),
        power::capability(camera.sends_events),
    ];
    all.extend(camera.stream.as_ref().map(stream::capability));
    if camera.sends_events && camera.doorbell {
        all.push(json!({
            "type": "AlexaInterface",
            "interface": "Alexa.DoorbellEventSource",
            "version": "3",
            "proactivelyReported": true,
        }));
    }
    if camera.sends_events && camera.motion {
        all.push(json!({
            "type": "AlexaInterface",
            "interface": "Alexa.MotionSensor",
            "version": "3",
            "properties": {
                "supported": [{ "name": "detectionState" }],
                "proactivelyReported": true,
                "retrievable": true,
            },
        }));
    }
    all
}

/// A name that can be spoken: letters and digits of any script and single spaces, never empty.
fn friendly_name(name: &str, fallback: &str) -> String {
    let mut clean = String::new();
    for c in name.chars() {
        if c.is_alphanumeric() || is_mark(c) {
            clean.push(c);
        } else if !matches!(
            c,
            '\'' | '\u{2019}' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{fe0e}' | '\u{fe0f}'
        ) {
            clean.push(' ');
        }
    }
    let words: Vec<&str> = clean.split_whitespace().collect();
    let short: String = words.join(" ").chars().take(MAX_TEXT).collect();
    let short = short.trim_end();
    // Marks alone cannot be spoken.
    if short.contains(char::is_alphanumeric) { short.to_owned() } else { fallback.to_owned() }
}

/// Signs that belong to the letter before them though they are none themselves; without them
/// names in Hindi, Tamil or decomposed Latin would be other words.
fn is_mark(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36f}' | '\u{64b}'..='\u{65f}' | '\u{900}'..='\u{963}' | '\u{971}'..='\u{dff}')
}

/// A text without control characters, trimmed and cut.
fn plain(text: &str, longest: usize) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    clean.trim().chars().take(longest).collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_keeps_letters_of_any_script_and_loses_what_cannot_be_spoken() {
        for (given, told) in [
            ("Front door", "Front door"),
            ("  Mum's  front-door! 🔔 ", "Mums front door"),
            ("Haustür (Straße)", "Haustür Straße"),
            ("Cafe\u{301} camera", "Cafe\u{301} camera"),
            ("मुख्य द्वार।", "मुख्य द्वार"),
            ("玄関カメラ", "玄関カメラ"),
            ("🔔🔔", "Camera"),
            ("\u{301}", "Camera"),
            ("", "Camera"),
        ] {
            assert_eq!(friendly_name(given, "Camera"), told);
        }
    }

    #[test]
    fn an_interface_whose_events_are_never_sent_is_not_declared() {
        let interfaces = |camera: &Description| -> Vec<String> {
            capabilities(camera)
                .iter()
                .map(|c| c["interface"].as_str().unwrap_or_default().to_owned())
                .collect()
        };
        let mut bell = Description { doorbell: true, motion: true, ..Description::default() };
        let silent = ["Alexa", "Alexa.RTCSessionController", "Alexa.EndpointHealth", "Alexa.PowerController"];
        assert_eq!(interfaces(&bell), silent);
        bell.sends_events = true;
        assert_eq!(interfaces(&bell)[4..], ["Alexa.DoorbellEventSource", "Alexa.MotionSensor"]);
    }

    #[test]
    fn no_more_than_300_endpoints_are_told_and_none_twice() {
        let mut cameras: Vec<Description> = (0..400)
            .map(|i| Description { endpoint_id: format!("cam{i}"), ..Description::default() })
            .collect();
        cameras.insert(1, cameras[0].clone());
        let told = discover_response(&Envelope::default(), &cameras);
        let ids: Vec<&str> = told["event"]["payload"]["endpoints"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|e| e["endpointId"].as_str())
            .collect();
        assert_eq!(ids.len(), MAX_ENDPOINTS);
        assert_eq!(ids[..3], ["cam0", "cam1", "cam2"]);
    }

    proptest! {
        #[test]
        fn every_name_becomes_one_that_alexa_takes(name in "\\PC{0,300}") {
            let told = friendly_name(&name, "Camera");
            prop_assert!((1..=MAX_TEXT).contains(&told.chars().count()));
            prop_assert!(!told.starts_with(' ') && !told.ends_with(' ') && !told.contains("  "));
            prop_assert!(told.chars().all(|c| c == ' ' || c.is_alphanumeric() || is_mark(c)));
        }
    }
}
