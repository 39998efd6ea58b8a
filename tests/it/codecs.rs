//! What cameras send and an Echo does not show: a peer that is not ours sees it all the same.

use serde_json::Value;

use crate::fixture::house::{House, wait_for};
use crate::fixture::{AiortcPeer, Camera, CameraOptions, Outcome, PeerOptions, Summary};

/// The worker opens the camera and waits for its next key picture.
const SECONDS: f64 = 8.0;

async fn call(options: CameraOptions, session: &str) -> (Outcome, Value) {
    let camera = Camera::start(options).await;
    let house = House::start(&format!(
        "[[camera]]\nid = 'front_door'\nname = 'Front door'\nsource = '{}'\n",
        camera.url()
    ));
    let door = format!("http://{}", house.door);
    let peer = PeerOptions::new(&door, &house.token, "front_door").session(session).seconds(SECONDS);
    let outcome = AiortcPeer::run(peer).await;
    let record = house.call_record(session, |call| call["ended"].is_string()).await;
    (outcome, record)
}

/// The picture came, whole, in a form that every Echo shows.
fn assert_shown(summary: &Summary, record: &Value, size: (u32, u32)) {
    assert!(summary.problems.is_empty() && summary.connected, "{summary:?}");
    assert_eq!(
        summary.sizes.last().map(|(width, height, _)| (*width, *height)),
        Some(size),
        "{summary:?} {record}"
    );
    assert!(summary.frames > 40, "{summary:?} {record}");
    assert!(summary.level_idc.is_some_and(|level| level <= 41), "{summary:?}");
    assert_eq!((summary.video_reordered, summary.video_repeated), (0, 0), "{summary:?}");
}

#[actix::test]
async fn h265_mjpeg_and_b_frames_are_made_anew_as_h264_of_the_same_shape() {
    for (name, options, why) in [
        ("h265", CameraOptions::default().codec("h265"), "H.265"),
        ("mjpeg", CameraOptions::default().codec("mjpeg"), "JPEG"),
        ("b_frames", CameraOptions::default().b_frames(2), "B frames"),
        ("four_to_three", CameraOptions::default().codec("h265").size(1600, 1200), "H.265"),
    ] {
        let size = if name == "four_to_three" { (960, 720) } else { (640, 360) };
        let (outcome, record) = call(options, name).await;
        assert_shown(outcome.summary(), &record, size);
        assert_eq!(record["video"]["mode"], "transcode", "{name}: {record}");
        assert!(record["video"]["why"].as_str().unwrap().contains(why), "{name}: {record}");
        let tone = outcome.summary().tone_hz.unwrap_or_else(|| panic!("{name}: silence"));
        assert!((tone - 440.0).abs() < 30.0, "{name}: {tone} Hz");
    }
}

#[actix::test]
async fn a_camera_that_gives_its_packets_over_udp_only_is_shown() {
    let (outcome, record) = call(CameraOptions::default().udp(), "udp").await;
    assert_shown(outcome.summary(), &record, (640, 360));
    assert_eq!(record["video"]["mode"], "copy", "{record}");
}

#[actix::test]
async fn all_viewers_of_an_h265_camera_share_one_encoder() {
    let camera = Camera::start(CameraOptions::default().codec("h265")).await;
    let house = House::start(&format!(
        "[[camera]]\nid = 'front_door'\nname = 'Front door'\nsource = '{}'\nwarm = true\n",
        camera.url()
    ));
    wait_for("a warm camera", async || {
        let live = house.camera("front_door").await["live"].clone();
        (live["picture"] == true).then_some(())
    })
    .await;
    let door = format!("http://{}", house.door);
    let peer = || PeerOptions::new(&door, &house.token, "front_door").seconds(5.0).calls(3, 3);
    let outcome = AiortcPeer::run(peer()).await;
    assert_eq!(outcome.summaries.len(), 3);
    for summary in &outcome.summaries {
        assert!(summary.problems.is_empty() && summary.frames > 40, "{summary:?}");
    }
    assert_eq!(crate::fixture::workers::workers().len(), 1, "one worker for all");
    let (_, playing, _) = camera.clients();
    assert_eq!(playing, 1, "the camera is opened once");
}
