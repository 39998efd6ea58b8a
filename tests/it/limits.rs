//! Pictures that take too much: of a viewer's line, of this machine.

use serde_json::Value;

use crate::fixture::house::{House, wait_for};
use crate::fixture::{AiortcPeer, Camera, CameraOptions, PeerOptions};

fn camera(id: &str, camera: &Camera) -> String {
    format!("[[camera]]\nid = '{id}'\nname = '{id}'\nsource = '{}'\n", camera.url())
}

fn peer(house: &House, id: &str) -> PeerOptions {
    PeerOptions::new(&format!("http://{}", house.door), &house.token, id)
}

async fn record(house: &House, session: &str) -> Value {
    house.call_record(session, |call| call["ended"].is_string()).await
}

#[actix::test]
async fn a_picture_above_what_the_offer_allows_is_encoded_anew_and_copied_again_for_the_next_call() {
    let source = CameraOptions::default().size(1280, 720).with("--kbps", 6_000).with("--pattern", "noise");
    let source = Camera::start(source).await;
    let house = House::start(&(camera("busy", &source) + "warm = true\n"));
    let outcome = AiortcPeer::run(peer(&house, "busy").seconds(22.0).session("busy")).await;
    let summary = outcome.summary();
    assert!(outcome.answer().offer.contains("b=AS:2500"), "{}", outcome.answer().offer);
    assert!(summary.problems.is_empty() && summary.frames > 100, "{summary:?}");
    assert!(summary.level_idc.is_some_and(|level| level <= 41), "{summary:?}");
    let record = record(&house, "busy").await;
    assert_eq!(record["video"]["mode"], "transcode", "{record}");
    assert!(record["video"]["why"].as_str().unwrap().contains("lines"), "{record}");

    wait_for("the camera's own picture", async || {
        let video = house.camera("busy").await["live"]["video"].clone();
        (video["copied"] == true).then_some(())
    })
    .await;
}

#[actix::test]
async fn more_cameras_than_may_be_encoded_at_once_say_so_instead_of_taking_the_others_time() {
    let options = || CameraOptions::default().codec("h265");
    let (first, second) = (Camera::start(options()).await, Camera::start(options()).await);
    let settings = format!(
        "limits.transcodes = 1\n{}warm = true\n{}",
        camera("first", &first),
        camera("second", &second)
    );
    let house = House::start(&settings);
    wait_for("the first camera", async || {
        let live = house.camera("first").await["live"].clone();
        (live["picture"] == true).then_some(())
    })
    .await;
    let outcome = AiortcPeer::run(peer(&house, "second").seconds(8.0).session("second")).await;
    assert!(outcome.summary().connected && outcome.summary().frames > 0, "{:?}", outcome.summary());
    assert_eq!(outcome.summary().width, Some(1280), "the slate: {:?}", outcome.summary());
    let record = record(&house, "second").await;
    assert!(record["trouble"].to_string().contains("limits.transcodes"), "{record}");
    assert_eq!(record["outcome"], "encoder_full", "{record}");
    assert_eq!(house.camera("first").await["live"]["picture"], true);
}

#[actix::test]
async fn what_is_encoded_takes_no_more_than_a_viewer_says_that_its_line_carries() {
    let source = CameraOptions::default().codec("h265").with("--kbps", 3_000).with("--pattern", "noise");
    let source = Camera::start(source).await;
    let house = House::start(&(camera("noisy", &source) + "warm = true\n"));
    let mut kbps = Vec::new();
    for (session, remb) in [("wide", 5_000), ("narrow", 500)] {
        let options = peer(&house, "noisy").seconds(12.0).session(session).with("--remb", remb);
        let outcome = AiortcPeer::run(options).await;
        assert!(outcome.summary().frames > 50, "{:?}", outcome.summary());
        kbps.push(outcome.summary().video_kbps);
    }
    // The second says so only once it is connected.
    assert!(kbps[0] > 2 * kbps[1], "{kbps:?}");
}
