//! What the page is told of cameras, and what may be chosen for them.

use std::time::Duration;

use doorstep::sim::hub::{SimHub, SimHubOptions};
use serde_json::{Value, json};

use crate::fixture::Camera;
use crate::fixture::CameraOptions;
use crate::fixture::house::{House, wait_for};
use crate::fixture::offers::offer;

const PASSWORD: &str = "hunter2-of-the-shed";

#[actix::test]
async fn the_list_tells_of_each_camera_what_it_is_after_it_was_closed_too_and_no_password() {
    let camera = Camera::start(CameraOptions::default().gop(1.0)).await;
    let address = camera.url().replacen("rtsp://", &format!("rtsp://me:{PASSWORD}@"), 1);
    let settings =
        format!("[[camera]]\nid = 'shed'\nname = 'Shed'\nsource = '{address}'\nprefer = 'source'\n");
    let house = House::start(&settings);
    let before = house.camera("shed").await;
    assert_eq!((&before["picture"], &before["last_call"]), (&Value::Null, &Value::Null), "{before}");
    assert_eq!(before["details"]["table"], json!({ "id": "shed" }));
    assert_eq!(before["details"]["ways"], json!([{ "way": "source", "entity": null }]));
    assert_eq!(before["details"]["pinned"], "source");

    house.probe("shed").await;
    house.offer("shed", "s1", &offer("g3-2023")).await;
    house.hang_up("shed", "s1").await;
    let called = house.call_record("s1", |call| call["ended"].is_string()).await;
    let after = house.camera("shed").await;
    assert_eq!(after["picture"]["codec"], "h264", "{after}");
    assert_eq!((&after["picture"]["copied"], &after["picture"]["why"]), (&json!(true), &json!("copied")));
    assert_eq!(after["last_call"]["id"], called["id"], "{after}");
    assert_eq!(after["last_call"]["end_reason"], called["end_reason"]);
    assert_eq!(after["live"]["way"], "source", "{after}");

    // A house that begins anew has opened nothing yet.
    let again = House::start_in(house.stop(), &settings);
    let remembered = again.camera("shed").await;
    assert_eq!(remembered["live"]["video"], Value::Null, "{remembered}");
    assert_eq!(remembered["picture"], after["picture"], "{remembered}");
    assert_eq!(remembered["last_call"]["id"], called["id"]);
    let all = again.api("cameras").await.to_string();
    assert!(!all.contains(PASSWORD) && !all.contains(camera.url()), "{all}");
}

#[actix::test]
async fn whatever_the_hub_has_may_be_chosen_and_what_is_found_by_itself_is_told_so() {
    let hub = SimHub::start(SimHubOptions::default()).await.unwrap();
    hub.add_button("input_button.show_drive");
    hub.name("event.front_door_ring", Some("The <b>bell</b>"));
    let house = House::start(&format!(
        "[hub]\nurl = '{}'\ntoken = '{}'\n[[camera]]\nentity = 'camera.garden'\nbell = 'input_button.show_drive'\n",
        hub.url, hub.token
    ));
    let choices = wait_for("the hub's entities", async || {
        let choices = house.api("hub/entities").await;
        let has =
            |list: &str, id: &str| choices[list].as_array().unwrap().iter().any(|one| one["entity"] == id);
        (has("bells", "input_button.show_drive") && has("cameras", "camera.front_door")).then_some(choices)
    })
    .await;
    let bells = choices["bells"].as_array().unwrap();
    assert_eq!(bells[0]["entity"], "event.front_door_ring", "{choices}");
    assert_eq!(bells[0]["likely"], true);
    assert!(bells[0]["name"].as_str().unwrap().contains("The <b>bell</b>"), "{choices}");
    let motions = choices["motions"].as_array().unwrap();
    assert!(
        motions.iter().all(|one| one["entity"].as_str().unwrap().starts_with("binary_sensor.")),
        "{choices}"
    );
    assert!(!motions.is_empty(), "{choices}");

    let cameras = house.api("cameras").await;
    let tie = |name: &str| {
        let cameras = cameras["cameras"].as_array().unwrap();
        cameras.iter().find(|camera| camera["name"] == name).unwrap()["details"]["bell"].clone()
    };
    assert_eq!(tie("Front door")["by_hand"], false, "{cameras}");
    assert_eq!(tie("Front door")["entity"], "event.front_door_ring");
    assert_eq!((&tie("Garden")["by_hand"], &tie("Garden")["available"]), (&json!(true), &json!(true)));

    // While the hub is away, it is as it was last.
    hub.go_down().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(house.api("hub/entities").await["bells"], choices["bells"]);
}

#[actix::test]
async fn without_a_hub_there_is_nothing_to_choose() {
    let house = House::start("[[camera]]\nid = 'shed'\nsource = 'test:'\n");
    assert_eq!(house.api("hub/entities").await, json!({ "cameras": [], "bells": [], "motions": [] }));
}
