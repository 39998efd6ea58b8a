//! The privacy switch: by directive, by the page, at the hub.

use std::time::{Duration, Instant};

use doorstep::sim::hub::{Faults, SimCamera, SimHub, SimHubOptions};
use reqwest::Method;
use serde_json::{Value, json};

use crate::fixture::house::{House, directive_to, rtc, wait_for};
use crate::fixture::offers::offer;
use crate::fixture::{AiortcPeer, Camera, CameraOptions, PeerOptions};

const HOUR: Duration = Duration::from_secs(3600);
/// Alexa hears within this long, whatever happens.
const BUDGET: Duration = Duration::from_millis(4_500);

/// Somebody who speaks to one camera.
struct Remote<'a> {
    house: &'a House,
    token: &'a str,
    endpoint: &'a str,
}

impl Remote<'_> {
    async fn say(&self, namespace: &str, name: &str) -> Value {
        let directive = directive_to(namespace, self.token, name, self.endpoint, json!({}));
        self.house.directive(directive).await
    }

    async fn power(&self, name: &str) -> Value {
        self.say("Alexa.PowerController", name).await
    }

    /// What the switch and the health of the camera are, as ReportState tells.
    async fn stands(&self) -> (String, String) {
        properties(&self.say("Alexa", "ReportState").await)
    }

    async fn offer(&self, session: &str) -> Value {
        let offer = json!({ "format": "SDP", "value": offer("g3-2023") });
        let payload = json!({ "sessionId": session, "offer": offer });
        self.house.directive(rtc(self.token, "InitiateSessionWithOffer", self.endpoint, payload)).await
    }

    async fn end_reason(&self, session: &str) -> String {
        let record = self.house.call_record(session, |call| call["ended"].is_string()).await;
        assert_eq!(record["trouble"], json!([]), "{record}");
        record["end_reason"].as_str().unwrap().to_owned()
    }
}

fn properties(event: &Value) -> (String, String) {
    let properties = event["context"]["properties"].as_array().unwrap_or_else(|| panic!("{event}"));
    let value = |name: &str| properties.iter().find(|one| one["name"] == name).unwrap()["value"].clone();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&value("powerState")), text(&value("connectivity")["value"]))
}

fn is(power: &str, health: &str) -> (String, String) {
    (power.to_owned(), health.to_owned())
}

fn error_type(event: &Value) -> &str {
    event["event"]["payload"]["type"].as_str().unwrap_or_else(|| panic!("no error: {event}"))
}

fn name(event: &Value) -> &str {
    event["event"]["header"]["name"].as_str().unwrap()
}

const OFF: &str = "NOT_SUPPORTED_IN_CURRENT_MODE";
const SWITCHED_OFF: &str = "the camera was switched off";

#[actix::test]
async fn a_camera_that_is_switched_off_lets_its_viewer_and_the_camera_go_and_stays_off_over_a_restart() {
    let mut camera = Camera::start(CameraOptions::default()).await;
    let settings = format!("[[camera]]\nid = 'yard'\nsource = '{}'\n", camera.url());
    let house = House::start(&settings);
    let yard = Remote { house: &house, token: &house.token, endpoint: "yard" };
    assert_eq!(yard.stands().await, is("ON", "OK"));
    let call = |house: &House, session: &str, seconds| {
        let door = format!("http://{}", house.door);
        PeerOptions::new(&door, &house.token, "yard").session(session).seconds(seconds)
    };
    let mut peer = AiortcPeer::start(call(&house, "looked-at", 120.0));
    peer.wait_for("first_frame").await;

    for _ in 0..2 {
        let event = yard.power("TurnOff").await;
        assert_eq!((name(&event), properties(&event)), ("Response", is("OFF", "OK")), "{event}");
    }
    camera.wait_for("closed", Duration::from_secs(10)).await;
    let outcome = peer.outcome().await;
    assert_eq!(outcome.summary().ended, "peer closed", "{:?}", outcome.summary());
    assert_eq!(yard.end_reason("looked-at").await, SWITCHED_OFF);
    let refused = yard.offer("refused").await;
    assert_eq!(error_type(&refused), OFF);
    assert_eq!(refused["event"]["payload"]["currentDeviceMode"], "OTHER");
    assert_eq!(name(&house.hang_up("yard", "looked-at").await), "SessionDisconnected");
    let told = house.camera("yard").await;
    assert_eq!(
        (&told["on"], &told["reachable"], &told["reason"]),
        (&json!(false), &json!(true), &Value::Null)
    );
    let probed = house.probe("yard").await;
    assert!(probed["says"]["text"].as_str().unwrap().contains("switched off"), "{probed}");
    assert_eq!(yard.stands().await, is("OFF", "OK"));

    let house = House::start_in(house.stop(), &settings);
    let yard = Remote { house: &house, token: &house.token, endpoint: "yard" };
    assert_eq!(yard.stands().await, is("OFF", "OK"));
    assert_eq!(error_type(&yard.offer("after").await), OFF);
    assert_eq!(camera.clients().1, 1, "nothing of it was opened");
    for _ in 0..2 {
        assert_eq!(properties(&yard.power("TurnOn").await), is("ON", "OK"));
    }
    let outcome = AiortcPeer::run(call(&house, "again", 4.0)).await;
    let summary = outcome.summary();
    assert!(summary.problems.is_empty() && summary.frames > 30, "{summary:?}");
}

#[actix::test]
async fn the_page_switches_a_warm_camera_whose_feed_closes_and_comes_back_by_itself() {
    let mut camera = Camera::start(CameraOptions::default()).await;
    let settings = format!("[[camera]]\nid = 'shed;1#?'\nwarm = true\nsource = '{}'\n", camera.url());
    let house = House::start(&settings);
    camera.wait_for("playing", Duration::from_secs(20)).await;
    let power = async |id: &str, on: Value| {
        house.ask(Method::POST, &format!("cameras/{id}/power"), json!({ "on": on })).await
    };
    let (status, told) = power("shed%3B1%23%3F", json!(false)).await;
    assert_eq!((status, &told["on"]), (200, &json!(false)), "{told}");
    camera.wait_for("closed", Duration::from_secs(10)).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(camera.clients().1, 1, "it stays closed");

    let (status, told) = power("shed%3B1%23%3F", json!(true)).await;
    assert_eq!((status, &told["on"]), (200, &json!(true)), "{told}");
    wait_for("the feed", async || (camera.clients().1 == 2).then_some(())).await;

    assert_eq!(power("nobody", json!(true)).await.0, 404);
    assert_eq!(power("shed%3B1%23%3F", json!("off")).await.0, 400);
}

/// A hub that can switch its garden camera but not its doorbell, and its owner's token.
async fn hub() -> (SimHub, String, House) {
    let garden = SimCamera { can_be_off: true, ..SimCamera::garden() };
    let cameras = vec![SimCamera::front_door(), garden];
    let hub = SimHub::start(SimHubOptions { cameras, ..SimHubOptions::default() }).await.unwrap();
    let house = House::start(&format!(
        "[hub]\nurl = '{}'\ntoken = '{}'\n
         [[camera]]\nentity = 'camera.front_door'\nsource = 'test:'\n
         [[camera]]\nentity = 'camera.garden'\nsource = 'test:'\n",
        hub.url, hub.token
    ));
    let owner = hub.issue("Owner", HOUR).unwrap();
    (hub, owner, house)
}

async fn endpoint(house: &House, name: &str) -> String {
    wait_for(&format!("the hub's {name}"), async || {
        let cameras = house.api("cameras").await;
        let camera = cameras["cameras"].as_array()?.iter().find(|camera| camera["name"] == name)?.clone();
        camera["endpoint_id"].as_str().map(str::to_owned)
    })
    .await
}

#[actix::test]
async fn a_camera_that_the_hub_can_switch_is_switched_there_and_is_off_here_when_it_is_off_there() {
    let (hub, owner, house) = hub().await;
    let id = endpoint(&house, "Garden").await;
    let garden = Remote { house: &house, token: &owner, endpoint: &id };
    assert_eq!(name(&garden.offer("s1").await), "AnswerGeneratedForSession");

    assert_eq!(properties(&garden.power("TurnOff").await), is("OFF", "OK"));
    assert_eq!(hub.state("camera.garden").as_deref(), Some("off"));
    assert_eq!(hub.services(), [("camera.turn_off".to_owned(), vec!["camera.garden".to_owned()])]);
    assert_eq!(error_type(&garden.offer("s2").await), OFF);
    assert_eq!(garden.end_reason("s1").await, SWITCHED_OFF);

    assert_eq!(properties(&garden.power("TurnOn").await), is("ON", "OK"));
    assert_eq!(hub.state("camera.garden").as_deref(), Some("idle"));
    assert_eq!(name(&garden.offer("s3").await), "AnswerGeneratedForSession");

    assert!(hub.set_state("camera.garden", "off"));
    wait_for("Alexa to hear of it", async || (garden.stands().await == is("OFF", "OK")).then_some(())).await;
    assert_eq!(garden.end_reason("s3").await, SWITCHED_OFF);
    hub.rename("camera.garden", "camera.backyard");
    // The hub's lists are read at most every 2 s.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(error_type(&garden.offer("s4").await), OFF);
    assert_eq!(properties(&garden.power("TurnOn").await), is("ON", "OK"));
    assert_eq!(hub.services().pop().unwrap().1, ["camera.backyard"]);

    // It was on again for less time than an order is believed in.
    assert!(hub.set_state("camera.backyard", "off"));
    wait_for("the switch at the hub", async || (garden.stands().await.0 == "OFF").then_some(())).await;
}

#[actix::test]
async fn what_the_hub_does_not_switch_is_told_in_time_and_changes_nothing() {
    let (hub, owner, house) = hub().await;
    let id = endpoint(&house, "Garden").await;
    let garden = Remote { house: &house, token: &owner, endpoint: &id };
    assert_eq!(garden.stands().await, is("ON", "OK"));

    hub.set_faults(Faults { cameras_cannot_switch: true, ..Faults::default() });
    assert_eq!(error_type(&garden.power("TurnOff").await), "ENDPOINT_UNREACHABLE");
    assert_eq!(garden.stands().await, is("ON", "OK"));
    hub.set_faults(Faults { answer_delay_ms: 20_000, ..Faults::default() });
    let asked = Instant::now();
    assert_eq!(error_type(&garden.power("TurnOff").await), "ENDPOINT_UNREACHABLE");
    assert!(asked.elapsed() < BUDGET + Duration::from_secs(1), "{:?}", asked.elapsed());
    hub.set_faults(Faults::default());

    assert!(hub.set_state("camera.garden", "unavailable"));
    wait_for("the camera to be away", async || (garden.stands().await.1 == "UNREACHABLE").then_some(()))
        .await;
    assert_eq!(error_type(&garden.power("TurnOff").await), "ENDPOINT_UNREACHABLE");
    assert!(hub.set_state("camera.garden", "idle"));
    wait_for("the camera to be back", async || (garden.stands().await.1 == "OK").then_some(())).await;

    hub.go_down().await;
    wait_for("the hub to be down", async || {
        (house.api("status").await["hub"]["state"] == "down").then_some(())
    })
    .await;
    assert_eq!(error_type(&garden.power("TurnOff").await), "BRIDGE_UNREACHABLE");
    assert_eq!(house.camera(&id).await["on"], true);
}

#[actix::test]
async fn a_camera_that_the_hub_cannot_switch_has_a_switch_here_that_works_without_the_hub() {
    let (hub, owner, house) = hub().await;
    let id = endpoint(&house, "Front door").await;
    let door = Remote { house: &house, token: &owner, endpoint: &id };
    assert_eq!(properties(&door.power("TurnOff").await), is("OFF", "OK"));
    hub.rename("camera.front_door", "camera.entrance");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(error_type(&door.offer("renamed").await), OFF);
    hub.go_down().await;
    assert_eq!(properties(&door.power("TurnOn").await).0, "ON");
    assert_eq!(hub.services(), [], "the hub was not asked");
    assert_eq!(name(&door.offer("on").await), "AnswerGeneratedForSession");
}
