//! What `plugin.toml` says of Alexa's interfaces is what is declared, taken and sent.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::alexa::authorization::{grant_accepted, grant_failed};
use crate::alexa::discovery::{Description, endpoint};
use crate::alexa::envelope::Envelope;
use crate::alexa::message::{Directive, Request};
use crate::alexa::stream;

type Declared = (String, String, Vec<String>);

fn interfaces() -> Vec<Interface> {
    Plugin::own().unwrap().alexa.interfaces
}

/// What Discovery says of a camera: interface, version, properties.
fn declared(camera: &Description) -> Vec<Declared> {
    let told = endpoint(camera);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let properties = |capability: &Value| -> Vec<String> {
        let supported = capability.pointer("/properties/supported").and_then(Value::as_array);
        supported.into_iter().flatten().map(|property| text(&property["name"])).collect()
    };
    let capabilities = told["capabilities"].as_array().unwrap().iter();
    capabilities.map(|one| (text(&one["interface"]), text(&one["version"]), properties(one))).collect()
}

#[test]
fn the_interfaces_are_those_that_discovery_declares_for_cameras_of_every_kind() {
    let mut all = BTreeSet::new();
    for kind in 0..32 {
        let has = |bit: u32| kind & (1 << bit) != 0;
        all.extend(declared(&Description {
            doorbell: has(0),
            motion: has(1),
            full_duplex: has(2),
            sends_events: has(3),
            stream: has(4).then_some(stream::Description { width: 640, height: 360, sound: true }),
            ..Description::default()
        }));
    }
    let told = interfaces().into_iter().filter(|one| one.declared);
    let told: BTreeSet<Declared> = told.map(|one| (one.name, one.version, one.properties)).collect();
    assert_eq!(told, all);
}

/// A directive of that name with all that any directive needs.
fn directive(namespace: &str, name: &str) -> Directive {
    let scope = json!({"type": "BearerToken", "token": "t"});
    let body = json!({"directive": {
        "header": {"namespace": namespace, "name": name, "payloadVersion": "3", "messageId": "m"},
        "endpoint": {"scope": scope, "endpointId": "front_door"},
        "payload": {
            "scope": scope,
            "grantee": scope,
            "grant": {"type": "OAuth2.AuthorizationCode", "code": "c"},
            "sessionId": "s",
            "offer": {"format": "SDP", "value": "v=0"},
            "cameraStreams": [{"protocol": "HLS"}],
        },
    }});
    Directive::parse(body.to_string().as_bytes()).unwrap()
}

/// By which name a request comes. No default: a new request has to be named here, and then told.
fn names(request: &Request) -> (&'static str, &'static str) {
    match request {
        Request::Discover => ("Alexa.Discovery", "Discover"),
        Request::AcceptGrant(_) => ("Alexa.Authorization", "AcceptGrant"),
        Request::ReportState => ("Alexa", "ReportState"),
        Request::Power { on: true } => ("Alexa.PowerController", "TurnOn"),
        Request::Power { on: false } => ("Alexa.PowerController", "TurnOff"),
        Request::Stream => ("Alexa.CameraStreamController", "InitializeCameraStreams"),
        Request::Offer { .. } => ("Alexa.RTCSessionController", "InitiateSessionWithOffer"),
        Request::Connected { .. } => ("Alexa.RTCSessionController", "SessionConnected"),
        Request::Disconnected { .. } => ("Alexa.RTCSessionController", "SessionDisconnected"),
    }
}

/// Requests that [`names`] knows.
const REQUESTS: usize = 9;

#[test]
fn the_directives_are_those_that_are_taken() {
    let interfaces = interfaces();
    let words: BTreeSet<&String> = interfaces.iter().flat_map(|one| &one.directives).collect();
    let mut taken = 0;
    for interface in &interfaces {
        for word in &words {
            let request = directive(&interface.name, word).request;
            let told = interface.directives.contains(word);
            assert_eq!(request.is_ok(), told, "{} {word}: {request:?}", interface.name);
            if let Ok(request) = request {
                assert_eq!(names(&request), (interface.name.as_str(), word.as_str()));
                taken += 1;
            }
        }
    }
    assert_eq!(taken, REQUESTS);
}

/// The golden events are what other tests see go out, word for word.
#[test]
fn the_events_are_those_that_are_sent() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let golden = files.filter(|path| path.to_str().unwrap().ends_with(".event.json"));
    let mut events: Vec<Value> =
        golden.map(|path| serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()).collect();
    // What the gateway says of a grant goes by no golden file.
    events.extend([grant_accepted(&Envelope::default()), grant_failed(&Envelope::default(), "no")]);
    let word = |event: &Value, key: &str| event["event"]["header"][key].as_str().unwrap().to_owned();
    let sent: BTreeSet<(String, String)> =
        events.iter().map(|event| (word(event, "namespace"), word(event, "name"))).collect();
    let told = interfaces().into_iter().flat_map(|one| {
        let name = one.name;
        one.events.into_iter().map(move |event| (name.clone(), event))
    });
    assert_eq!(told.collect::<BTreeSet<_>>(), sent);
}
