//! The house with a hub: what Alexa discovers, who may speak, and what happens when the hub goes.

use std::time::Duration;

use doorstep::hub::bridge::HubBridge;
use doorstep::sim::hub::{SimHub, SimHubOptions};
use serde_json::{Value, json};

use crate::fixture::house::{House, rtc, wait_for};
use crate::fixture::offers::offer;

const HOUR: Duration = Duration::from_secs(3600);

async fn house_at(hub: &SimHub) -> House {
    let settings = format!(
        "[hub]\nurl = '{}'\ntoken = '{}'\n
         [[camera]]\nentity = 'camera.front_door'\nsource = 'test:'\n
         [[camera]]\nid = 'shed'\nsource = 'test:'\n",
        hub.url, hub.token
    );
    let house = House::start(&settings);
    wait_for("the hub's cameras", async || {
        let cameras = house.api("cameras").await;
        cameras["cameras"]
            .as_array()
            .unwrap()
            .iter()
            .any(|camera| camera["name"] == "Front door")
            .then_some(())
    })
    .await;
    house
}

async fn link_is(house: &House, state: &str) {
    wait_for(&format!("the hub to be {state}"), async || {
        (house.api("status").await["hub"]["state"] == state).then_some(())
    })
    .await;
}

/// Discovers with the door token in the header and `token` in the directive.
async fn discover(house: &House, token: &str) -> Vec<Value> {
    let directive = json!({ "directive": {
        "header": {
            "namespace": "Alexa.Discovery", "name": "Discover", "payloadVersion": "3",
            "messageId": uuid::Uuid::new_v4().to_string(),
        },
        "payload": { "scope": { "type": "BearerToken", "token": token } },
    }});
    let event = house.directive(directive).await;
    assert_eq!(event["event"]["header"]["name"], "Discover.Response", "{event}");
    event["event"]["payload"]["endpoints"].as_array().unwrap().clone()
}

fn endpoint<'a>(endpoints: &'a [Value], name: &str) -> &'a Value {
    let found = endpoints.iter().find(|endpoint| endpoint["friendlyName"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {endpoints:?}"))
}

/// Offers with a user's token and gives the event.
async fn offer_as(house: &House, token: &str, endpoint: &str, session: &str) -> Value {
    let offer = json!({ "format": "SDP", "value": offer("g3-2023") });
    let payload = json!({ "sessionId": session, "offer": offer });
    house.directive(rtc(token, "InitiateSessionWithOffer", endpoint, payload)).await
}

fn name(event: &Value) -> &str {
    event["event"]["header"]["name"].as_str().unwrap()
}

fn error_type(event: &Value) -> &str {
    event["event"]["payload"]["type"].as_str().unwrap_or_else(|| panic!("no error: {event}"))
}

#[actix::test]
async fn one_device_is_one_endpoint_and_a_doorbell_is_camera_and_doorbell_at_once() {
    let hub = SimHub::start(SimHubOptions::default()).await.unwrap();
    let house = house_at(&hub).await;
    let owner = hub.issue("Owner", HOUR).unwrap();
    let endpoints = discover(&house, &owner).await;
    assert_eq!(endpoints.len(), 3, "the garden needs no settings: {endpoints:?}");
    let door = endpoint(&endpoints, "Front door");
    assert_eq!(door["displayCategories"], json!(["CAMERA", "DOORBELL"]));
    assert!(door["endpointId"].as_str().unwrap().starts_with("hub#"));
    let rtc = door["capabilities"].as_array().unwrap();
    let rtc = rtc.iter().find(|one| one["interface"] == "Alexa.RTCSessionController").unwrap();
    assert_eq!(
        (&rtc["version"], &rtc["configuration"]["isFullDuplexAudioSupported"]),
        (&json!("3"), &json!(true))
    );
    // What the hub shows alone promises no talk before a call has shown that it can be had.
    let garden = endpoint(&endpoints, "Garden");
    assert_eq!(garden["displayCategories"], json!(["CAMERA"]));
    let rtc = garden["capabilities"].as_array().unwrap();
    let rtc = rtc.iter().find(|one| one["interface"] == "Alexa.RTCSessionController").unwrap();
    assert_eq!(rtc["configuration"]["isFullDuplexAudioSupported"], json!(false));
}

#[actix::test]
async fn the_first_user_is_linked_and_then_the_door_is_shut_until_an_admin_opens_it() {
    let hub = SimHub::start(SimHubOptions::default()).await.unwrap();
    let house = house_at(&hub).await;
    let (owner, family) = (hub.issue("Owner", HOUR).unwrap(), hub.issue("Family", HOUR).unwrap());
    let endpoints = discover(&house, &owner).await;
    let door = endpoint(&endpoints, "Front door")["endpointId"].as_str().unwrap().to_owned();

    assert_eq!(discover(&house, &family).await, Vec::<Value>::new());
    let refused = offer_as(&house, &family, &door, "f").await;
    assert_eq!(error_type(&refused), "INVALID_AUTHORIZATION_CREDENTIAL");
    // The token of the door is no hub user's.
    let refused = offer_as(&house, &house.token, &door, "d").await;
    assert_eq!(error_type(&refused), "INVALID_AUTHORIZATION_CREDENTIAL");

    assert_eq!(name(&offer_as(&house, &owner, &door, "o").await), "AnswerGeneratedForSession");
    house.shared.state.open_linking();
    assert_eq!(discover(&house, &family).await.len(), 3);
    // A call belongs to the user who opened it.
    let hang_up = rtc(&family, "SessionDisconnected", &door, json!({ "sessionId": "o" }));
    assert_eq!(error_type(&house.directive(hang_up).await), "NO_SUCH_ENDPOINT");
    assert_eq!(house.camera(&door).await["calls"], 1);
}

#[actix::test]
async fn no_token_or_a_strangers_token_gets_no_further_than_the_door() {
    let hub = SimHub::start(SimHubOptions::default()).await.unwrap();
    let house = house_at(&hub).await;
    let owner = hub.issue("Owner", HOUR).unwrap();
    let directive = rtc(&owner, "SessionConnected", "shed", json!({ "sessionId": "s" })).to_string();
    assert_eq!(house.post("wrong", directive.clone()).await.status(), 401);
    // The directive's own token speaks for itself in the header.
    let known = house.post(&owner, directive).await;
    assert_eq!(known.status(), 200);
    let before = hub.failed_logins();
    for stranger in ["x.y.z", "not a token", ""] {
        let refused = rtc(stranger, "SessionConnected", "shed", json!({ "sessionId": "s" }));
        let response = house.post(&house.token, refused.to_string()).await;
        let event: Value = response.json().await.unwrap();
        assert_eq!(name(&event), "ErrorResponse", "{event}");
    }
    assert_eq!(hub.failed_logins(), before, "malformed tokens never reach the hub");
}

#[actix::test]
async fn without_its_hub_the_house_goes_on_with_what_it_knows_and_comes_back_with_it() {
    let hub = SimHub::start(SimHubOptions::default()).await.unwrap();
    let house = house_at(&hub).await;
    let owner = hub.issue("Owner", HOUR).unwrap();
    let endpoints = discover(&house, &owner).await;
    let door = endpoint(&endpoints, "Front door")["endpointId"].as_str().unwrap().to_owned();
    assert_eq!(name(&offer_as(&house, &owner, &door, "on").await), "AnswerGeneratedForSession");

    hub.go_down().await;
    link_is(&house, "down").await;
    assert_eq!(house.camera(&door).await["calls"], 1, "the call goes on");
    // A token judged good stays good; an unknown one cannot be judged.
    assert_eq!(name(&offer_as(&house, &owner, &door, "more").await), "AnswerGeneratedForSession");
    let stranger = hub.issue("Family", HOUR).unwrap();
    assert_eq!(error_type(&offer_as(&house, &stranger, &door, "new").await), "BRIDGE_UNREACHABLE");
    assert_eq!(discover(&house, &owner).await.len(), 3);

    hub.come_up().await;
    link_is(&house, "running").await;
    assert_eq!(discover(&house, &owner).await.len(), 3);
    assert_eq!(house.camera(&door).await["calls"], 2);
}

/// Makes the bridge panic.
#[derive(actix::Message)]
#[rtype(result = "()")]
struct Panic;

impl actix::Handler<Panic> for HubBridge {
    type Result = ();
    fn handle(&mut self, _: Panic, _: &mut Self::Context) {
        panic!("a test asked for it");
    }
}

#[actix::test]
async fn a_bridge_that_panics_is_built_anew_and_its_cameras_calls_go_on() {
    let hub = SimHub::start(SimHubOptions::default()).await.unwrap();
    let house = house_at(&hub).await;
    let owner = hub.issue("Owner", HOUR).unwrap();
    let endpoints = discover(&house, &owner).await;
    let door = endpoint(&endpoints, "Front door")["endpointId"].as_str().unwrap().to_owned();
    assert_eq!(name(&offer_as(&house, &owner, &door, "on").await), "AnswerGeneratedForSession");

    let bridge = house.shared.bridge.clone().unwrap();
    bridge.addr().unwrap().send(Panic).await.expect_err("it panicked");
    wait_for("another bridge", async || bridge.addr().filter(|addr| addr.connected())).await;
    for _ in 0..20 {
        assert_eq!(house.camera(&door).await["calls"], 1, "the call goes on");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    link_is(&house, "running").await;
    assert_eq!(discover(&house, &owner).await.len(), 3);
    assert_eq!(house.camera(&door).await["calls"], 1);
}

#[actix::test]
async fn a_hub_that_refuses_the_token_is_named_and_cameras_of_the_settings_work() {
    let hub = SimHub::start(SimHubOptions::default()).await.unwrap();
    let house = House::start(&format!(
        "[hub]\nurl = '{}'\ntoken = 'eyJ0eXAiOiJKV1QifQ.e30.canary-secret'\n[[camera]]\nid = 'shed'\nsource = 'test:'\n",
        hub.url
    ));
    link_is(&house, "refused").await;
    assert!(!house.api("status").await.to_string().contains("canary-secret"));
    assert_eq!(house.camera("shed").await["reachable"], true);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(hub.failed_logins(), 1, "no tries in a loop");
}

#[actix::test]
async fn a_camera_that_the_hub_calls_unavailable_is_unreachable_and_one_that_is_renamed_stays_the_same() {
    let hub = SimHub::start(SimHubOptions::default()).await.unwrap();
    let house = house_at(&hub).await;
    let owner = hub.issue("Owner", HOUR).unwrap();
    let endpoints = discover(&house, &owner).await;
    let door = endpoint(&endpoints, "Front door")["endpointId"].as_str().unwrap().to_owned();

    assert!(hub.set_state("camera.front_door", "unavailable"));
    wait_for("the camera to be unreachable", async || {
        (house.camera(&door).await["reachable"] == false).then_some(())
    })
    .await;
    assert_eq!(error_type(&offer_as(&house, &owner, &door, "s").await), "ENDPOINT_UNREACHABLE");
    assert!(hub.set_state("camera.front_door", "idle"));
    wait_for("the camera to be back", async || {
        (house.camera(&door).await["reachable"] == true).then_some(())
    })
    .await;

    hub.rename("camera.garden", "camera.backyard");
    let garden = endpoint_of(&house, "Garden").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(endpoint_of(&house, "Garden").await, garden);
}

async fn endpoint_of(house: &House, name: &str) -> Value {
    let cameras = house.api("cameras").await;
    let cameras = cameras["cameras"].as_array().unwrap();
    cameras.iter().find(|camera| camera["name"] == name).unwrap()["endpoint_id"].clone()
}

#[actix::test]
async fn the_settings_of_a_camera_stay_with_it_when_it_is_renamed_also_over_a_restart_of_ours() {
    let hub = SimHub::start(SimHubOptions::default()).await.unwrap();
    let settings = format!(
        "[hub]\nurl = '{}'\ntoken = '{}'\n
         [[camera]]\nentity = 'camera.garden'\nname = 'Pond'\nalexa = false\n
         [[camera]]\nentity = 'camera.nowhere'\nsource = 'test:'\n",
        hub.url, hub.token
    );
    let shows = async |house: &House| {
        wait_for("the cameras", async || {
            let cameras = house.api("cameras").await;
            let cameras = cameras["cameras"].as_array().unwrap();
            let pond = cameras.iter().find(|camera| camera["name"] == "Pond")?;
            assert_eq!(pond["alexa"], false, "kept away from Alexa: {pond}");
            // The hub is complete once it can be said what it does not have.
            let nowhere = cameras.iter().find(|camera| camera["name"] == "camera.nowhere")?;
            assert!(nowhere["reason"].as_str().unwrap().contains("the hub has no camera.nowhere"));
            Some(pond["endpoint_id"].clone())
        })
        .await
        .as_str()
        .unwrap()
        .to_owned()
    };
    let house = House::start(&settings);
    let before = shows(&house).await;
    hub.rename("camera.garden", "camera.backyard");
    for _ in 0..20 {
        assert_eq!(shows(&house).await, before);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let house = House::start_in(house.stop(), &settings);
    assert_eq!(shows(&house).await, before);
    let owner = hub.issue("Owner", HOUR).unwrap();
    let told = discover(&house, &owner).await;
    assert!(told.iter().all(|endpoint| endpoint["friendlyName"] == "Front door"), "{told:?}");
}
