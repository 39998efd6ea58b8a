//! The first picture of a camera whose key pictures are far apart.

use std::time::Duration;

use serde_json::{Value, json};

use crate::fixture::house::{House, wait_for};
use crate::fixture::{AiortcPeer, Camera, CameraOptions, PeerOptions};

const SETTINGS: &str = "[[camera]]\nid = 'far_apart'\nname = 'Far apart'\nwarm = true\n";
/// Of an offer whose line takes seconds for a group of pictures.
const NARROW_KBPS: u32 = 600;
/// Seconds between two key pictures, the first of which may be gone before anybody listens.
const LONG: f64 = 16.0;
/// The camera's own pictures are of profile Main, those encoded anew of Baseline.
const BASELINE: u8 = 66;

/// A camera that has just shown its key picture, and its house.
async fn warm(settings: &str, seconds_between_keys: f64) -> (Camera, House) {
    let options = CameraOptions::default().gop(seconds_between_keys).with("--profile", "main");
    let camera = Camera::start(options.with("--kbps", 550).with("--pattern", "noise")).await;
    let house = House::start(&format!("{settings}source = '{}'\n", camera.url()));
    wait_for("a warm camera", async || {
        let live = house.camera("far_apart").await["live"].clone();
        (live["picture"] == true).then_some(())
    })
    .await;
    (camera, house)
}

/// The same in the middle of a long group.
async fn in_mid_group(settings: &str, seconds_between_keys: f64) -> (Camera, House) {
    let warm = warm(settings, seconds_between_keys).await;
    tokio::time::sleep(Duration::from_secs(7)).await;
    warm
}

fn narrow(house: &House) -> PeerOptions {
    let door = format!("http://{}", house.door);
    PeerOptions::new(&door, &house.token, "far_apart").with("--kbps", NARROW_KBPS)
}

async fn video(house: &House) -> Value {
    house.camera("far_apart").await["live"]["video"].clone()
}

#[actix::test]
async fn who_joins_in_a_long_group_gets_a_picture_of_now_that_is_made_for_it_and_then_the_cameras_own() {
    let (_camera, house) = in_mid_group(SETTINGS, 14.0).await;
    assert_eq!(video(&house).await["copied"], true);
    let call = AiortcPeer::start(narrow(&house).seconds(16.0).session("joins"));
    let fresh = wait_for("a picture made anew", async || {
        let video = video(&house).await;
        (video["copied"] == false).then_some(video)
    })
    .await;
    assert!(fresh["why"].as_str().unwrap().contains("next key picture"), "{fresh}");
    wait_for("the camera's own picture", async || (video(&house).await["copied"] == true).then_some(()))
        .await;
    let outcome = call.outcome().await;
    let summary = outcome.summary();
    assert!(summary.problems.is_empty() && summary.frames > 200, "{summary:?}");
    assert!(summary.first_frame_ms.unwrap() < 4_000.0 && summary.frozen_ms < 3_000.0, "{summary:?}");
    let record = house.call_record("joins", |call| call["ended"].is_string()).await;
    assert_eq!(record["video"]["mode"], "copy", "{record}");
    assert_eq!(record["trouble"], json!([]), "{record}");
}

#[actix::test]
async fn a_viewer_that_loses_its_picture_in_a_long_group_gets_one_of_now() {
    let (_camera, house) = warm(SETTINGS, LONG).await;
    // The call ends before the camera's next key picture.
    let call = AiortcPeer::start(narrow(&house).with("--pli", 7).seconds(9.5).session("loses"));
    let outcome = call.outcome().await;
    let summary = outcome.summary();
    assert!(summary.problems.is_empty() && summary.frames > 150, "{summary:?}");
    assert_eq!(summary.profile_idc, Some(BASELINE), "{summary:?}");
    let made = summary.idr_ms.iter().filter(|ms| **ms > 7_000.0).count();
    assert!(made >= 1 && summary.idr_ms[0] < 4_000.0, "{summary:?}");
    let record = house.call_record("loses", |call| call["ended"].is_string()).await;
    assert!(record["video"]["why"].as_str().unwrap().contains("next key picture"), "{record}");
}

#[actix::test]
async fn without_a_place_for_encoding_who_joins_gets_all_since_the_key_picture() {
    let hevc = Camera::start(CameraOptions::default().codec("h265")).await;
    let busy = format!(
        "limits.transcodes = 1\n[[camera]]\nid = 'busy'\nname = 'Busy'\nwarm = true\nsource = '{}'\n{SETTINGS}",
        hevc.url()
    );
    let (_camera, house) = in_mid_group(&busy, LONG).await;
    let outcome = AiortcPeer::run(narrow(&house).seconds(6.0).session("joins")).await;
    let summary = outcome.summary();
    assert!(summary.frames > 150 && summary.first_frame_ms.unwrap() < 4_000.0, "{summary:?}");
    assert_ne!(summary.profile_idc, Some(BASELINE), "{summary:?}");
    assert_eq!(video(&house).await["copied"], true);
    assert_eq!(house.camera("busy").await["live"]["picture"], true);
}
