//! What a call leaves that did not go well: a code that says why, also when it never came to a call.

use std::time::Duration;

use doorstep::sim::hub::{SimHub, SimHubOptions};
use serde_json::{Value, json};

use crate::fixture::house::{House, rtc, wait_for};
use crate::fixture::offers::offer;
use crate::fixture::{AiortcPeer, Camera, CameraOptions, PeerOptions};

const TEST_PICTURE: &str = "[[camera]]\nid = 'front_door'\nname = 'Front door'\nsource = 'test:'\n";
const HOUR: Duration = Duration::from_secs(3_600);

fn camera(id: &str, source: &str) -> String {
    format!("[[camera]]\nid = '{id}'\nname = '{id}'\nsource = '{source}'\n")
}

async fn ended(house: &House, session: &str) -> Value {
    house.call_record(session, |call| call["ended"].is_string()).await
}

async fn offer_to(house: &House, endpoint: &str, session: &str) {
    house.offer(endpoint, session, &offer("g3-2023")).await;
}

async fn trouble(house: &House, endpoint: &str) {
    wait_for("the camera's trouble", async || {
        house.camera(endpoint).await["live"]["trouble"].as_str().map(drop)
    })
    .await;
}

#[actix::test]
async fn each_way_in_which_a_camera_fails_has_its_code_when_the_next_offer_is_refused() {
    let locked = Camera::start(CameraOptions::default().locked("admin", "rightpass", "digest")).await;
    let refusing = Camera::start(CameraOptions::default().fault("refuse", 0.0)).await;
    let closed = Camera::start(CameraOptions::default().fault("closed", 0.0)).await;
    let cases = [
        ("wrong", locked.url().replace("rightpass", "canary-secret"), "login_refused"),
        ("lost", locked.url().replace("/live", "/nowhere"), "path_unknown"),
        ("busy", refusing.url().to_owned(), "camera_refuses"),
        ("off", closed.url().to_owned(), "camera_unreachable"),
        ("nameless", "rtsp://no-such-camera.invalid/live".to_owned(), "name_unknown"),
    ];
    let settings: Vec<String> = cases.iter().map(|(id, url, _)| camera(id, url)).collect();
    let house = House::start(&settings.concat());
    for (id, _, code) in &cases {
        offer_to(&house, id, "first").await;
        trouble(&house, id).await;
        offer_to(&house, id, id).await;
        let refused = ended(&house, id).await;
        assert_eq!(refused["outcome"], *code, "{refused}");
        assert_eq!((&refused["camera"], &refused["endpoint_id"]), (&json!(id), &json!(id)), "{refused}");
        assert!(refused["stages"]["answer_sent"].is_null(), "{refused}");
    }
    assert!(!house.api("calls").await.to_string().contains("canary-secret"));
}

#[actix::test]
async fn viewers_of_cameras_that_fail_leave_their_codes_and_what_was_shown_instead() {
    let locked = Camera::start(CameraOptions::default().locked("admin", "rightpass", "digest")).await;
    let closed = Camera::start(CameraOptions::default().fault("closed", 0.0)).await;
    let wrong = locked.url().replace("rightpass", "wrong");
    let house = House::start(&[camera("locked", &wrong), camera("closed", closed.url())].concat());
    let watch = |id: &str| {
        let options = PeerOptions::new(&format!("http://{}", house.door), &house.token, id);
        AiortcPeer::run(options.seconds(8.0).session(id))
    };
    futures_util::future::join(watch("locked"), watch("closed")).await;
    for (id, code) in [("locked", "login_refused"), ("closed", "camera_unreachable")] {
        let record = ended(&house, id).await;
        assert_eq!(record["outcome"], code, "{record}");
        assert!(record["stages"]["first_video_sent"].is_u64(), "a notice was shown: {record}");
        assert!(record["stages"]["camera_shown"].is_null(), "{record}");
    }
}

#[actix::test]
async fn a_far_end_that_never_connects_leaves_what_stood_in_its_way() {
    let named = "webrtc.advertise = ['192.0.2.10']\n";
    for (settings, code) in [(named, "nothing_came"), ("", "hidden_addresses")] {
        let house = House::start(&format!("{settings}{TEST_PICTURE}"));
        offer_to(&house, "front_door", "waits").await;
        tokio::time::sleep(Duration::from_secs(6)).await;
        house.hang_up("front_door", "waits").await;
        let record = ended(&house, "waits").await;
        assert_eq!(record["outcome"], code, "{record}");
        assert!(record["outcome_values"]["port"].as_u64().unwrap() > 0, "{record}");

        offer_to(&house, "front_door", "soon").await;
        house.hang_up("front_door", "soon").await;
        let record = ended(&house, "soon").await;
        assert_eq!(record["outcome"], "hung_up_early", "{record}");
        assert!(record["outcome_values"]["seconds"].as_u64().unwrap() < 5, "{record}");
    }
}

#[actix::test]
async fn offers_that_are_refused_leave_a_record_with_the_reason_but_not_one_for_each_of_a_flood() {
    let settings = format!(
        "limits.calls = 2\nlimits.calls_per_camera = 1\n{TEST_PICTURE}{}{}{}alexa = false\n",
        camera("garden", "test:"),
        camera("shed", "test:"),
        camera("secret", "test:"),
    );
    let house = House::start(&settings);
    for (endpoint, session) in
        [("front_door", "one"), ("garden", "two"), ("front_door", "three"), ("shed", "four")]
    {
        offer_to(&house, endpoint, session).await;
    }
    offer_to(&house, "secret", "five").await;
    house.offer("front_door", "six", "v=0\r\nnonsense").await;
    house.ask(reqwest::Method::POST, "cameras/shed/power", json!({ "on": false })).await;
    offer_to(&house, "shed", "seven").await;
    offer_to(&house, "nobody", "eight").await;
    for (session, code, values) in [
        ("three", "camera_full", json!({ "limit": 1 })),
        ("four", "house_full", json!({ "limit": 2 })),
        ("five", "not_shared", json!({})),
        ("six", "offer_unusable", json!({})),
        ("seven", "switched_off", json!({})),
    ] {
        let record = ended(&house, session).await;
        assert_eq!((&record["outcome"], &record["outcome_values"]), (&json!(code), &values), "{record}");
    }
    let of = async |endpoint: &str| {
        let calls = house.api("calls?limit=100").await;
        let calls = calls["calls"].as_array().unwrap();
        calls.iter().filter(|call| call["endpoint_id"] == endpoint).count()
    };
    assert_eq!(of("nobody").await, 0, "a stranger's endpoint leaves a line in the log only");
    for n in 0..8 {
        offer_to(&house, "secret", &format!("flood-{n}")).await;
    }
    assert_eq!(of("secret").await, 3);
}

#[actix::test]
async fn a_camera_of_a_hub_that_is_away_says_so_and_what_the_house_heard_is_told() {
    let hub = SimHub::start(SimHubOptions::default()).await.unwrap();
    let house = House::start(&format!("[hub]\nurl = '{}'\ntoken = '{}'\n", hub.url, hub.token));
    let door = wait_for("the hub's camera", async || {
        let cameras = house.api("cameras").await["cameras"].as_array().unwrap().clone();
        let door = cameras.into_iter().find(|camera| camera["name"] == "Front door")?;
        Some(door["endpoint_id"].as_str().unwrap().to_owned())
    })
    .await;
    let owner = hub.issue("Owner", HOUR).unwrap();
    let tell = async |name: &str, payload: Value| house.directive(rtc(&owner, name, &door, payload)).await;
    let offer = async |session: &str| {
        let offer = json!({ "format": "SDP", "value": offer("g3-2023") });
        tell("InitiateSessionWithOffer", json!({ "sessionId": session, "offer": offer })).await
    };
    let heard = async |what: &str| {
        wait_for(what, async || {
            let activity = house.api("activity").await["activity"].as_array().unwrap().clone();
            activity.into_iter().find(|one| one["what"] == what)
        })
        .await
    };
    // A token that was judged good stays good without the hub.
    tell("SessionDisconnected", json!({ "sessionId": "never" })).await;
    hub.go_down().await;
    heard("hub_away").await;
    offer("hubless").await;
    let record = ended(&house, "hubless").await;
    assert_eq!(
        (&record["outcome"], &record["camera"]),
        (&json!("hub_away"), &json!("Front door")),
        "{record}"
    );
    hub.come_up().await;
    heard("hub_back").await;

    assert!(hub.set_state("camera.front_door", "unavailable"));
    assert_eq!(heard("camera_away").await["endpoint_id"], door.as_str());
    offer("away").await;
    assert_eq!(ended(&house, "away").await["outcome"], "hub_shows_nothing");
    assert!(hub.set_state("camera.front_door", "idle"));
    heard("camera_back").await;
    hub.press("front_door");
    assert_eq!(heard("rang").await["camera"], "Front door");
    heard("started").await;
}

#[actix::test]
async fn a_good_call_is_found_after_a_restart_with_its_outcome_and_how_its_line_was() {
    let house = House::start(TEST_PICTURE);
    let options = PeerOptions::new(&format!("http://{}", house.door), &house.token, "front_door");
    let peer = AiortcPeer::start(options.seconds(9.0).session("good"));
    let live = wait_for("figures of the call while it goes on", async || {
        let calls = house.api("calls").await["calls"].as_array().unwrap().clone();
        let call = calls.into_iter().find(|call| call["session_id"] == "good")?;
        (call["ended"].is_null() && !call["plot"]["kbps"].as_array()?.is_empty()).then_some(call)
    })
    .await;
    assert!(live["outcome"].is_null(), "{live}");
    peer.outcome().await;
    let record = ended(&house, "good").await;
    assert!(record["plot"].is_null(), "lists hold no plot of a call that has ended: {record}");
    let id = record["id"].as_str().unwrap().to_owned();

    let house = House::start_in(house.stop(), TEST_PICTURE);
    let kept = house.api(&format!("calls/{id}")).await;
    println!("{} bytes: {kept}", kept.to_string().len());
    // Packets of a busy machine take long there and back.
    assert!(kept["outcome"] == "well" || kept["outcome"] == "poor_line", "{kept}");
    assert_eq!(kept["session_id"], "good", "{kept}");
    let kbps: Vec<u64> = kept["plot"]["kbps"].as_array().unwrap().iter().filter_map(Value::as_u64).collect();
    assert!(kbps.len() >= 3 && kbps.iter().any(|kbps| *kbps > 50), "{kept}");
    assert_eq!(kept["plot"]["loss_percent"].as_array().unwrap().len(), kbps.len(), "{kept}");
    assert!(kept["stages"]["camera_shown"].is_u64(), "{kept}");
    assert!(kept.to_string().len() < 4_096, "a record is small");
}
