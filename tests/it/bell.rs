//! A press at the door opens the camera ahead of the call.

use std::time::{Duration, Instant};

use doorstep::sim::hub::{SimHub, SimHubOptions};

use crate::fixture::house::{House, wait_for};
use crate::fixture::{AiortcPeer, Camera, CameraOptions, PeerOptions};

const HOUR: Duration = Duration::from_secs(3600);
/// A feed without calls stays open this long.
const LINGER: Duration = Duration::from_secs(30);

/// The camera's own picture is there.
async fn is_shown(house: &House, endpoint: &str) {
    wait_for("the camera's picture", async || {
        (house.camera(endpoint).await["live"]["picture"] == true).then_some(())
    })
    .await;
}

async fn endpoint(house: &House, name: &str) -> Option<String> {
    let cameras = house.api("cameras").await;
    let camera = cameras["cameras"].as_array()?.iter().find(|camera| camera["name"] == name)?.clone();
    camera["endpoint_id"].as_str().map(str::to_owned)
}

#[actix::test]
async fn a_press_opens_every_camera_of_its_bell_once_and_those_that_nobody_calls_close_again() {
    // Whoever comes in the middle of its group of pictures waits long for the next one.
    let long = CameraOptions::default().gop(5.0);
    let mut of_hub = Camera::start(long.clone()).await;
    let own = Camera::start(long).await;
    let private = Camera::start(CameraOptions::default()).await;
    let gone = Camera::start(CameraOptions::default()).await;
    let hub = SimHub::start(SimHubOptions::default()).await.unwrap();
    assert!(hub.set_state("camera.garden", "unavailable"));
    let bell = "bell = 'event.front_door_ring'";
    let house = House::start(&format!(
        "[hub]\nurl = '{}'\ntoken = '{}'\n
         [[camera]]\nentity = 'camera.front_door'\nsource = '{}'\ntalk = 'none'\n
         [[camera]]\nid = 'yard'\nsource = '{}'\ntalk = 'none'\n{bell}\n
         [[camera]]\nid = 'private'\nalexa = false\nsource = '{}'\ntalk = 'none'\n{bell}\n
         [[camera]]\nentity = 'camera.garden'\nsource = '{}'\ntalk = 'none'\n{bell}\n",
        hub.url,
        hub.token,
        of_hub.url(),
        own.url(),
        private.url(),
        gone.url()
    ));
    let door = wait_for("the hub's cameras", async || endpoint(&house, "Front door").await).await;
    wait_for("the garden to be unreachable", async || {
        let garden = endpoint(&house, "Garden").await?;
        (house.camera(&garden).await["reachable"] == false).then_some(())
    })
    .await;
    assert_eq!(house.camera("yard").await["doorbell"], true);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((of_hub.clients().0, own.clients().0), (0, 0), "nobody has rung");

    for _ in 0..20 {
        hub.press("front_door");
    }
    let pressed = Instant::now();
    is_shown(&house, &door).await;
    is_shown(&house, "yard").await;
    let token = hub.issue("Owner", HOUR).unwrap();
    let options = PeerOptions::new(&format!("http://{}", house.door), &token, "yard").session("answered");
    let outcome = AiortcPeer::run(options.seconds(4.0)).await;
    let summary = outcome.summary();
    println!("first picture of the call after {:?} ms", summary.first_frame_ms);
    assert!(summary.problems.is_empty() && summary.frames > 40, "{summary:?}");
    assert!(summary.first_frame_ms.unwrap() < 2_000.0, "{summary:?}");

    of_hub.wait_for("closed", LINGER + Duration::from_secs(10)).await;
    println!("closed {:?} after the press", pressed.elapsed());
    assert!(pressed.elapsed() >= LINGER - Duration::from_secs(1), "{:?}", pressed.elapsed());
    assert!(house.camera(&door).await["live"]["picture"] != true);
    assert_eq!((of_hub.clients().1, own.clients().1), (1, 1), "each is opened once");
    assert_eq!((private.clients().0, gone.clients().0), (0, 0), "what no call could open");
}

#[actix::test]
async fn a_rule_of_the_home_rings_for_a_camera_that_has_no_bell() {
    let hub = SimHub::start(SimHubOptions::default()).await.unwrap();
    hub.add_button("input_button.show_yard");
    let house = House::start(&format!(
        "[hub]\nurl = '{}'\ntoken = '{}'\n
         [[camera]]\nid = 'yard'\nsource = 'test:'\nbell = 'input_button.show_yard'\n",
        hub.url, hub.token
    ));
    wait_for("the hub's cameras", async || endpoint(&house, "Front door").await).await;
    assert_eq!(house.camera("yard").await["live"]["picture"], serde_json::Value::Null);
    let press = reqwest::Client::new().post(hub.url.join("/api/services/input_button/press").unwrap());
    let target = serde_json::json!({ "entity_id": "input_button.show_yard" });
    assert_eq!(press.bearer_auth(&hub.token).json(&target).send().await.unwrap().status(), 200);
    is_shown(&house, "yard").await;
}
