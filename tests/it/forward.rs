//! One skill for the whole house: what is not ours goes on to the hub's own skill, and its answer comes back.

use std::time::{Duration, Instant};

use doorstep::sim::alexa::AlexaDouble;
use doorstep::sim::hub::{Faults, SimHub, SimHubOptions};
use serde_json::{Value, json};

use crate::fixture::house::{House, rtc, wait_for};
use crate::fixture::offers::offer;
use crate::fixture::program::Program;

const HOUR: Duration = Duration::from_secs(3600);
const LIGHT: &str = "light#thing_00001";

/// A hub with a light and a switch beside its cameras.
async fn hub() -> SimHub {
    let hub = SimHub::start(SimHubOptions::default()).await.unwrap();
    hub.add_strangers(10).await;
    hub
}

/// Settings with a camera of the hub that is shared, one that is not, and one of our own.
fn settings(hub: &SimHub) -> String {
    format!(
        "door.forward_to_hub = true\nhub = {{ url = '{}', token = '{}' }}\n
         [[camera]]\nentity = 'camera.front_door'\nsource = 'test:'\n
         [[camera]]\nentity = 'camera.garden'\nalexa = false\n
         [[camera]]\nid = 'shed'\nsource = 'test:'\n",
        hub.url, hub.token
    )
}

async fn house_at(hub: &SimHub, more: &str) -> House {
    let house = House::start(&format!("{more}\n{}", settings(hub)));
    wait_for("the hub's cameras", async || {
        (house.api("cameras").await["cameras"].as_array()?.len() == 3).then_some(())
    })
    .await;
    house
}

fn header(namespace: &str, name: &str) -> Value {
    json!({"namespace": namespace, "name": name, "payloadVersion": "3",
        "messageId": uuid::Uuid::new_v4().to_string(), "correlationToken": "dFMb0z+Pgpg=="})
}

fn to(endpoint: &str, namespace: &str, name: &str, token: &str) -> Value {
    json!({"directive": {"header": header(namespace, name), "payload": {},
        "endpoint": {"endpointId": endpoint, "cookie": {}, "scope": {"type": "BearerToken", "token": token}}}})
}

fn discover(token: &str) -> Value {
    json!({"directive": {"header": header("Alexa.Discovery", "Discover"),
        "payload": {"scope": {"type": "BearerToken", "token": token}}}})
}

/// Says a directive as the user whose token it is; gives the event.
async fn say(house: &House, token: &str, directive: &Value) -> Value {
    let response = house.post(token, directive.to_string()).await;
    assert_eq!(response.status(), 200);
    response.json().await.unwrap()
}

async fn turn(house: &House, token: &str, name: &str) -> Value {
    say(house, token, &to(LIGHT, "Alexa.PowerController", name, token)).await
}

async fn found(house: &House, token: &str) -> Vec<String> {
    let event = say(house, token, &discover(token)).await;
    assert_eq!(event["event"]["header"]["name"], "Discover.Response", "{event}");
    let endpoints = event["event"]["payload"]["endpoints"].as_array().unwrap();
    endpoints.iter().map(|endpoint| endpoint["endpointId"].as_str().unwrap().to_owned()).collect()
}

fn error(event: &Value) -> (&str, &str) {
    let text =
        |key: &str| event["event"]["payload"][key].as_str().unwrap_or_else(|| panic!("no error: {event}"));
    (text("type"), text("message"))
}

fn forwarded(hub: &SimHub) -> usize {
    hub.directives().len()
}

#[actix::test]
async fn alexa_finds_one_house_in_which_our_cameras_take_the_place_of_the_hubs() {
    let hub = hub().await;
    let house = house_at(&hub, "").await;
    let token = hub.issue("Owner", HOUR).unwrap();
    let all = found(&house, &token).await;
    let (ours, theirs) = all.split_at(2);
    assert!(ours[0].starts_with("hub#") && ours[1] == "shed", "{all:?}");
    // We tell Alexa of no press and no motion here, so the hub goes on to; the garden is not shared by us.
    let expected = [
        "binary_sensor#front_door_motion",
        "camera#garden",
        "event#front_door_ring",
        LIGHT,
        "switch#thing_00001_outlet",
    ];
    assert_eq!(theirs, expected);
    assert_eq!(house.api("status").await["problems"], json!([]));
}

#[actix::test]
async fn a_light_is_switched_through_us_by_the_same_words_and_with_the_same_token() {
    let hub = hub().await;
    let house = house_at(&hub, "").await;
    let token = hub.issue("Owner", HOUR).unwrap();
    let directive = to(LIGHT, "Alexa.PowerController", "TurnOn", &token);
    let event = say(&house, &token, &directive).await;
    assert_eq!(hub.state("light.thing_00001").as_deref(), Some("on"));
    assert_eq!(hub.directives(), [(token.clone(), directive.to_string().into_bytes())]);
    assert_eq!(event["event"]["header"]["name"], "Response");
    assert_eq!(
        event["event"]["header"]["correlationToken"],
        directive["directive"]["header"]["correlationToken"]
    );
    assert_eq!(event["event"]["endpoint"], directive["directive"]["endpoint"], "as the hub gave it");
    assert_eq!(event["context"]["properties"][0]["value"], "ON");

    let report = say(&house, &token, &to(LIGHT, "Alexa", "ReportState", &token)).await;
    assert_eq!(report["event"]["header"]["name"], "StateReport");
    assert_eq!(report["context"]["properties"][0]["value"], "ON");
    // Also by the door token in the header; the directive's own goes on.
    house.directive(to(LIGHT, "Alexa.PowerController", "TurnOff", &token)).await;
    assert_eq!(hub.state("light.thing_00001").as_deref(), Some("off"));
    assert!(hub.directives().iter().all(|(bearer, _)| *bearer == token));
}

#[actix::test]
async fn what_we_do_not_understand_is_the_hubs_to_judge_but_a_broken_envelope_goes_nowhere() {
    let hub = hub().await;
    let house = house_at(&hub, "").await;
    let token = hub.issue("Owner", HOUR).unwrap();
    let unknown =
        say(&house, &token, &to(LIGHT, "Alexa.ThermostatController", "SetTargetTemperature", &token)).await;
    assert_eq!(error(&unknown), ("INTERNAL_ERROR", ""), "the hub's own words");
    let nowhere = say(&house, &token, &to("switch#nobody", "Alexa.PowerController", "TurnOn", &token)).await;
    assert_eq!(error(&nowhere), ("NO_SUCH_ENDPOINT", "The endpoint switch#nobody does not exist"));
    // An offer that we would not take, for a camera that is not ours to show.
    let odd = rtc(&token, "InitiateSessionWithOffer", "camera#garden", json!({"sessionId": "s"}));
    assert_eq!(error(&say(&house, &token, &odd).await).0, "ENDPOINT_UNREACHABLE");
    let mut without = to("", "Alexa.Whatever", "Do", &token);
    without["directive"]["payload"] = json!({"scope": without["directive"]["endpoint"]["scope"]});
    without["directive"].as_object_mut().unwrap().remove("endpoint");
    say(&house, &token, &without).await;
    assert_eq!(forwarded(&hub), 4);

    let mut broken = to(LIGHT, "Alexa.PowerController", "TurnOn", &token);
    broken["directive"]["header"]["payloadVersion"] = json!("2");
    assert_eq!(error(&say(&house, &token, &broken).await).0, "INVALID_DIRECTIVE");
    assert_eq!(forwarded(&hub), 4);
}

#[actix::test]
async fn what_is_ours_never_reaches_the_hubs_skill_and_nobody_is_heard_there_who_is_not_heard_here() {
    let hub = hub().await;
    let house = house_at(
        &hub,
        "alexa = { client_id = 'id', client_secret = 'secret', token_url = 'http://127.0.0.1:1' }",
    )
    .await;
    let token = hub.issue("Owner", HOUR).unwrap();
    let sdp = json!({"format": "SDP", "value": offer("g3-2023")});
    let call = rtc(&token, "InitiateSessionWithOffer", "shed", json!({"sessionId": "s", "offer": sdp}));
    assert_eq!(say(&house, &token, &call).await["event"]["header"]["name"], "AnswerGeneratedForSession");
    let hang_up = rtc(&token, "SessionDisconnected", "shed", json!({"sessionId": "s"}));
    assert_eq!(say(&house, &token, &hang_up).await["event"]["header"]["name"], "SessionDisconnected");
    let report = say(&house, &token, &to("shed", "Alexa", "ReportState", &token)).await;
    assert_eq!(report["event"]["header"]["name"], "StateReport");
    let unknown = say(&house, &token, &to("hub#nobody", "Alexa", "ReportState", &token)).await;
    assert_eq!(error(&unknown).0, "NO_SUCH_ENDPOINT");
    let odd = say(&house, &token, &to("shed", "Alexa.ThermostatController", "Set", &token)).await;
    assert_eq!(error(&odd).0, "INVALID_DIRECTIVE");
    // We send the events, so the grant is ours.
    say(&house, &token, &grant(&token)).await;

    let stranger = hub.issue("Family", HOUR).unwrap();
    assert_eq!(error(&turn(&house, &stranger, "TurnOn").await).0, "INVALID_AUTHORIZATION_CREDENTIAL");
    assert_eq!(error(&turn(&house, &house.token, "TurnOn").await).0, "INVALID_AUTHORIZATION_CREDENTIAL");
    let other = house.post("somebody-else", to(LIGHT, "Alexa", "ReportState", &token).to_string()).await;
    assert_eq!(other.status(), 401);
    assert_eq!(hub.directives(), []);
}

fn grant(token: &str) -> Value {
    json!({"directive": {"header": header("Alexa.Authorization", "AcceptGrant"), "payload": {
        "grant": {"type": "OAuth2.AuthorizationCode", "code": "once"},
        "grantee": {"type": "BearerToken", "token": token}}}})
}

#[actix::test]
async fn a_grant_is_ours_where_we_can_use_it() {
    let (hub, alexa) = (hub().await, AlexaDouble::start().await.unwrap());
    let skill = format!(
        "alexa = {{ client_id = '{}', client_secret = '{}', token_url = '{}', events_url = '{}' }}",
        alexa.client_id(),
        alexa.client_secret(),
        alexa.token_url(),
        alexa.events_url()
    );
    let house = house_at(&hub, &skill).await;
    let token = hub.issue("Owner", HOUR).unwrap();
    let mut granted = grant(&token);
    granted["directive"]["payload"]["grant"]["code"] = json!(alexa.make_code());
    let event = say(&house, &token, &granted).await;
    assert_eq!(event["event"]["header"]["name"], "AcceptGrant.Response", "{event}");
    assert!(house.api("status").await["events"]["linked"].is_object());
    assert_eq!(hub.directives(), []);
}

#[actix::test]
async fn a_grant_is_the_hubs_where_we_cannot_use_it() {
    let hub = hub().await;
    let house = house_at(&hub, "").await;
    let token = hub.issue("Owner", HOUR).unwrap();
    let event = say(&house, &token, &grant(&token)).await;
    assert_eq!(event["event"]["header"]["name"], "AcceptGrant.Response", "{event}");
    hub.set_faults(Faults { no_skill: true, ..Faults::default() });
    let event = say(&house, &token, &grant(&token)).await;
    assert_eq!(event["event"]["header"]["namespace"], "Alexa.Authorization", "{event}");
    assert_eq!(error(&event).0, "ACCEPT_GRANT_FAILED");
    assert_eq!(forwarded(&hub), 2);
}

#[actix::test]
async fn a_hub_that_gives_no_event_costs_no_camera_and_is_named_until_it_does() {
    let hub = hub().await;
    let house = house_at(&hub, "").await;
    let token = hub.issue("Owner", HOUR).unwrap();
    let says = |text: String| Faults { skill_says: Some(text), ..Faults::default() };
    let deep = format!("{{\"event\": {}{}}}", "[".repeat(200), "]".repeat(200));
    let large = json!({"event": {"x": "x".repeat(5 << 20)}}).to_string();
    for (faults, kind, words) in [
        (Faults { no_skill: true, ..Faults::default() }, "BRIDGE_UNREACHABLE", "configuration.yaml"),
        (Faults { ban: true, ..Faults::default() }, "BRIDGE_UNREACHABLE", "403"),
        (says("<html>".into()), "INTERNAL_ERROR", "no event"),
        (says("[]".into()), "INTERNAL_ERROR", "no event"),
        (says("{\"event\": 7}".into()), "INTERNAL_ERROR", "no event"),
        (says(deep), "INTERNAL_ERROR", "no event"),
        (says(large), "INTERNAL_ERROR", "4 MiB"),
        (Faults { skill_delay_ms: 10_000, ..Faults::default() }, "BRIDGE_UNREACHABLE", "in time"),
    ] {
        // Good once, so that the token is known whatever happens to the hub.
        hub.set_faults(Faults::default());
        assert_eq!(found(&house, &token).await.len(), 7);
        assert_eq!(house.api("status").await["problems"], json!([]));
        hub.set_faults(faults);
        let began = Instant::now();
        let event = turn(&house, &token, "TurnOn").await;
        let (told, message) = error(&event);
        assert!(told == kind && message.contains(words), "{told}: {message}, not {kind}: {words}");
        assert!(began.elapsed() < Duration::from_millis(4_500), "{words}: {:?}", began.elapsed());
        let began = Instant::now();
        let all = found(&house, &token).await;
        assert!(all.len() == 2 && all[1] == "shed", "{words}: {all:?}");
        assert!(began.elapsed() < Duration::from_millis(4_500), "{words}: {:?}", began.elapsed());
        let problems = house.api("status").await["problems"].to_string();
        assert!(problems.contains(words) && problems.contains("discover devices again"), "{problems}");
    }
    assert_eq!(hub.state("light.thing_00001").as_deref(), Some("off"));
    hub.set_faults(Faults::default());
    found(&house, &token).await;
    hub.go_down().await;
    let event = turn(&house, &token, "TurnOn").await;
    assert_eq!(error(&event).0, "BRIDGE_UNREACHABLE");
    assert!(found(&house, &token).await.contains(&"shed".to_owned()));
}

#[actix::test]
async fn a_token_that_was_taken_back_meanwhile_is_shown_to_the_hub_once_and_never_again() {
    let hub = hub().await;
    let house = house_at(&hub, "").await;
    let token = hub.issue("Owner", HOUR).unwrap();
    assert_eq!(turn(&house, &token, "TurnOn").await["event"]["header"]["name"], "Response");
    hub.revoke(&token);
    for _ in 0..5 {
        assert_eq!(error(&turn(&house, &token, "TurnOff").await).0, "INVALID_AUTHORIZATION_CREDENTIAL");
    }
    assert_eq!((hub.failed_logins(), forwarded(&hub)), (1, 2));
    assert_eq!(hub.state("light.thing_00001").as_deref(), Some("on"));
}

#[actix::test]
async fn no_token_is_written_into_the_log_whatever_the_hub_does() {
    let hub = hub().await;
    let program = Program::start(&format!("log.level = 'trace'\n{}", settings(&hub))).await;
    wait_for("the hub", async || (program.api("status").await["hub"]["state"] == "running").then_some(()))
        .await;
    let token = hub.issue("Owner", HOUR).unwrap();
    let client = reqwest::Client::new();
    let echo = json!({"error": token}).to_string();
    for faults in [
        Faults::default(),
        Faults { skill_says: Some(echo), ..Faults::default() },
        Faults { no_skill: true, ..Faults::default() },
    ] {
        hub.set_faults(faults);
        for directive in [discover(&token), to(LIGHT, "Alexa.PowerController", "TurnOn", &token)] {
            let request = client.post(format!("{}/api/alexa/smart_home", program.door)).bearer_auth(&token);
            assert_eq!(request.body(directive.to_string()).send().await.unwrap().status(), 200);
        }
    }
    assert_eq!(forwarded(&hub), 6);
    let log = program.log();
    assert!(log.contains("the hub gave no event"), "{log}");
    let seal = token.rsplit('.').next().unwrap();
    assert!(!log.contains(seal), "{}", log.lines().find(|line| line.contains(seal)).unwrap());
}
