//! The hub's own skill: `POST /api/alexa/smart_home`, a directive in and an event out, as a real one answered.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::core::Core;
use super::entity::Entity;
use super::http::{Answer, Request};
use super::office::Office;
use super::rest::Caller;
use super::stamp::Stamp;
use super::state::State;

pub(super) const PATH: &str = "/api/alexa/smart_home";
/// Directives that are remembered.
const MOST_REMEMBERED: usize = 1000;

/// Answers a directive.
pub(super) async fn answer(core: &Arc<Core>, caller: &Caller, request: &Request) -> Answer {
    let faults = {
        let mut office = core.office();
        let directive = (request.bearer().unwrap_or_default().to_owned(), request.body.clone());
        if office.directives.len() < MOST_REMEMBERED {
            office.directives.push(directive);
        }
        office.faults.clone()
    };
    tokio::time::sleep(Duration::from_millis(faults.skill_delay_ms)).await;
    let Caller::Known(user) = caller else { return Answer::refusal(401) };
    if faults.no_skill {
        return Answer::refusal(404);
    }
    if request.method != "POST" {
        return Answer::refusal(405);
    }
    if let Some(text) = faults.skill_says {
        return Answer::ok("application/json", text);
    }
    let Ok(body) = serde_json::from_slice::<Value>(&request.body) else { return Answer::refusal(400) };
    Answer::json(200, &event(&mut core.office(), &user.id, &body["directive"]))
}

fn event(office: &mut Office, user: &str, directive: &Value) -> Value {
    let text = |at: &str| directive.pointer(at).and_then(Value::as_str).unwrap_or_default();
    let (namespace, name) = (text("/header/namespace"), text("/header/name"));
    match (namespace, name) {
        ("Alexa.Discovery", "Discover") => {
            let all: Vec<Value> = office.world.entities.values().filter_map(endpoint).collect();
            return told(directive, namespace, "Discover.Response", json!({"endpoints": all}));
        }
        ("Alexa.Authorization", "AcceptGrant") => {
            return told(directive, namespace, "AcceptGrant.Response", json!({}));
        }
        _ => {}
    }
    let id = text("/endpoint/endpointId");
    let entity_id = id.replace('#', ".");
    let known = office.world.entity(&entity_id).is_some_and(|entity| endpoint(entity).is_some());
    if !known {
        return failed(directive, "NO_SUCH_ENDPOINT", &format!("The endpoint {id} does not exist"));
    }
    let wanted = match (namespace, name) {
        ("Alexa", "ReportState") => None,
        ("Alexa.PowerController", "TurnOn") => Some("on"),
        ("Alexa.PowerController", "TurnOff") => Some("off"),
        ("Alexa.RTCSessionController", "InitiateSessionWithOffer") => {
            return failed(directive, "ENDPOINT_UNREACHABLE", "Failed to negotiate WebRTC session");
        }
        _ => return failed(directive, "INTERNAL_ERROR", ""),
    };
    if let Some(state) = wanted {
        let heard = office.world.set(&entity_id, state, Some(user));
        office.publish(heard);
    }
    let name = if wanted.is_some() { "Response" } else { "StateReport" };
    let mut event = told(directive, "Alexa", name, json!({}));
    let state = office.world.entity(&entity_id).and_then(|entity| entity.state.as_ref());
    event["context"] = json!({"properties": state.map(|state| properties(&entity_id, state))});
    event
}

/// An event with the directive's endpoint, token and all.
fn told(directive: &Value, namespace: &str, name: &str, payload: Value) -> Value {
    let mut header = json!({
        "namespace": namespace, "name": name, "messageId": uuid::Uuid::new_v4().to_string(), "payloadVersion": "3",
    });
    if let Some(token) = directive.pointer("/header/correlationToken") {
        header["correlationToken"] = token.clone();
    }
    let mut event = json!({"header": header, "payload": payload});
    if let Some(endpoint) = directive.get("endpoint") {
        event["endpoint"] = endpoint.clone();
    }
    json!({"event": event})
}

fn failed(directive: &Value, kind: &str, message: &str) -> Value {
    told(directive, "Alexa", "ErrorResponse", json!({"type": kind, "message": message}))
}

/// How an entity is told of; nothing if it is none that the skill knows.
fn endpoint(entity: &Entity) -> Option<Value> {
    let state = entity.state.as_ref()?;
    let class = state.attributes.get("device_class").and_then(Value::as_str);
    let (category, own) = match (entity.domain(), class) {
        ("camera", _) => {
            let relays = entity.camera().is_some_and(|camera| camera.offers("web_rtc"));
            let own = json!({"type": "AlexaInterface", "interface": "Alexa.RTCSessionController", "version": "3",
                "configuration": {"isFullDuplexAudioSupported": false}});
            ("CAMERA", relays.then_some(own))
        }
        ("light", _) => ("LIGHT", Some(retrievable("Alexa.PowerController", "powerState"))),
        ("switch", _) => ("SWITCH", Some(retrievable("Alexa.PowerController", "powerState"))),
        ("binary_sensor", Some("motion")) => {
            ("MOTION_SENSOR", Some(retrievable("Alexa.MotionSensor", "detectionState")))
        }
        ("event", Some("doorbell")) => {
            let own = json!({"type": "AlexaInterface", "interface": "Alexa.DoorbellEventSource", "version": "3",
                "proactivelyReported": true});
            ("DOORBELL", Some(own))
        }
        _ => return None,
    };
    let health = retrievable("Alexa.EndpointHealth", "connectivity");
    let general = json!({"type": "AlexaInterface", "interface": "Alexa", "version": "3"});
    let entity_id = &entity.entity_id;
    Some(json!({
        "displayCategories": [category], "cookie": {}, "endpointId": entity_id.replace('.', "#"),
        "friendlyName": state.attributes.get("friendly_name"),
        "description": format!("{entity_id} via Home Assistant"), "manufacturerName": "Home Assistant",
        "additionalAttributes": {
            "manufacturer": "Home Assistant", "model": entity.domain(), "softwareVersion": super::hub::VERSION,
            "customIdentifier": format!("-{entity_id}"),
        },
        "capabilities": own.into_iter().chain([health, general]).collect::<Vec<_>>(),
    }))
}

fn retrievable(interface: &str, property: &str) -> Value {
    json!({"type": "AlexaInterface", "interface": interface, "version": "3",
        "properties": {"supported": [{"name": property}], "proactivelyReported": true, "retrievable": true}})
}

fn properties(entity_id: &str, state: &State) -> Vec<Value> {
    let at = Stamp::now().whole();
    let property = |namespace: &str, name: &str, value: Value| json!({"name": name, "namespace": namespace, "value": value, "timeOfSample": at, "uncertaintyInMilliseconds": 0});
    let own = match entity_id.split('.').next() {
        Some("light" | "switch") => {
            let power = if state.value == "off" { "OFF" } else { "ON" };
            Some(property("Alexa.PowerController", "powerState", power.into()))
        }
        Some("binary_sensor") => {
            let seen = if state.value == "on" { "DETECTED" } else { "NOT_DETECTED" };
            Some(property("Alexa.MotionSensor", "detectionState", seen.into()))
        }
        _ => None,
    };
    let connected = if state.value == "unavailable" { "UNREACHABLE" } else { "OK" };
    let health = property("Alexa.EndpointHealth", "connectivity", json!({"value": connected}));
    own.into_iter().chain([health]).collect()
}
