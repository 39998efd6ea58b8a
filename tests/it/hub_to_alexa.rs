//! From what happens at the hub to what Alexa is told of it, through the whole house.

use std::time::Duration;

use doorstep::sim::alexa::{AlexaDouble, Arrival};
use doorstep::sim::hub::{SimCamera, SimHub, SimHubOptions};

use crate::events::{accept_grant, assert_accepted, house_at, house_with};
use crate::fixture::house::{House, wait_for};
use crate::fixture::{Camera, CameraOptions};

/// A list is told ten seconds after its last change.
const SOON: Duration = Duration::from_secs(40);

/// Waits until Alexa took an event of that name that is what is looked for.
async fn told(alexa: &AlexaDouble, name: &str, is_it: impl Fn(&Arrival) -> bool) {
    let fits = |event: &Arrival| event.name() == name && event.status == 202 && is_it(event);
    let found = alexa.wait_for(SOON, |events| events.iter().any(fits).then_some(())).await;
    found.unwrap_or_else(|| panic!("{name} in {:#?}", alexa.events()));
}

/// The endpoint id of a camera of the hub, once the house knows it; the settings have one of their own.
async fn endpoint(house: &House, camera: &str) -> String {
    wait_for(camera, async || {
        let cameras = house.api("cameras").await["cameras"].as_array().unwrap().clone();
        let mut named = cameras.iter().filter(|known| known["name"] == camera);
        named.find_map(|known| {
            known["endpoint_id"].as_str().filter(|id| id.starts_with("hub#")).map(str::to_owned)
        })
    })
    .await
}

/// The first of the properties that it says have changed: its name and value.
fn changed(event: &Arrival) -> (&str, &str) {
    let of = |key: &str| {
        let place = format!("/event/payload/change/properties/0/{key}");
        event.body.pointer(&place).and_then(|value| value.as_str()).unwrap_or_default()
    };
    (of("name"), of("value"))
}

fn lists(event: &Arrival, id: &str) -> bool {
    let endpoints = event.body["event"]["payload"]["endpoints"].as_array();
    endpoints.is_some_and(|all| all.iter().any(|endpoint| endpoint["endpointId"] == id))
}

#[actix::test]
async fn presses_motion_and_cameras_that_come_and_go_are_told_and_a_new_bell_rings_with_its_first_press() {
    let hub = SimHub::start(SimHubOptions::default()).await.unwrap();
    let alexa = AlexaDouble::start().await.unwrap();
    let (house, owner) = house_at(&hub, &alexa).await;
    assert_accepted(&house.directive(accept_grant(&owner, &alexa.make_code())).await);
    let front = endpoint(&house, "Front door").await;
    told(&alexa, "AddOrUpdateReport", |event| lists(event, &front)).await;

    hub.press("front_door");
    told(&alexa, "DoorbellPress", |event| event.endpoint() == front).await;
    for state in ["DETECTED", "NOT_DETECTED"] {
        told(&alexa, "ChangeReport", |event| {
            event.endpoint() == front && changed(event) == ("detectionState", state)
        })
        .await;
    }

    hub.add_camera(&SimCamera { key: "porch".into(), name: "Porch".into(), ..SimCamera::front_door() });
    hub.press("porch");
    let porch = endpoint(&house, "Porch").await;
    told(&alexa, "DoorbellPress", |event| event.endpoint() == porch).await;
    told(&alexa, "AddOrUpdateReport", |event| lists(event, &porch)).await;
    hub.remove_camera("porch");
    told(&alexa, "DeleteReport", |event| lists(event, &porch)).await;

    for event in alexa.events() {
        assert_eq!(event.faults, Vec::<String>::new(), "{}", event.body);
    }
}

/// It tells of this endpoint, and whether both can talk there at once.
fn tells_of_talk(event: &Arrival, id: &str, full_duplex: bool) -> bool {
    let endpoints = event.body["event"]["payload"]["endpoints"].as_array().into_iter().flatten();
    let capabilities = endpoints
        .filter(|endpoint| endpoint["endpointId"] == id)
        .flat_map(|endpoint| endpoint["capabilities"].as_array().into_iter().flatten());
    let mut rtc = capabilities.filter(|one| one["interface"] == "Alexa.RTCSessionController");
    rtc.any(|one| one["configuration"]["isFullDuplexAudioSupported"] == full_duplex)
}

#[actix::test]
async fn a_speaker_that_is_found_is_told() {
    let hub = SimHub::start(SimHubOptions::default()).await.unwrap();
    let alexa = AlexaDouble::start().await.unwrap();
    // Nobody is there yet.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let yard = format!("[[camera]]\nid = 'yard'\nname = 'Yard'\nsource = 'rtsp://127.0.0.1:{port}/live'\n");
    let (house, owner) = house_with(&hub, &alexa, &yard).await;
    assert_accepted(&house.directive(accept_grant(&owner, &alexa.make_code())).await);
    told(&alexa, "AddOrUpdateReport", |event| tells_of_talk(event, "yard", false)).await;

    let _camera = Camera::start(CameraOptions::default().speaker("pcmu").port(port)).await;
    let finding = house.probe("yard").await;
    assert_eq!(finding["talk"], true, "{finding}");
    told(&alexa, "AddOrUpdateReport", |event| tells_of_talk(event, "yard", true)).await;
}
