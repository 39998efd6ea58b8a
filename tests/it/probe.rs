//! What a probe says of a camera, on the command line and through a running house.

use std::process::Stdio;
use std::time::Duration;

use doorstep::sim::hub::{SimCamera, SimHub, SimHubOptions, SimStill};
use serde_json::{Value, json};

use crate::fixture::house::{House, wait_for};
use crate::fixture::{AiortcPeer, Camera, CameraOptions, CameraPeer, PeerOptions};

/// The longest probe, and a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(100);

/// What the command line said.
struct Said {
    code: Option<i32>,
    finding: Value,
    progress: String,
}

impl Said {
    fn advises(&self, text: &str) -> bool {
        advises(&self.finding, text)
    }
}

fn advises(finding: &Value, text: &str) -> bool {
    finding["advice"].as_array().unwrap().iter().any(|advice| advice["text"].as_str().unwrap().contains(text))
}

async fn run(arguments: &[&str]) -> std::process::Output {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_doorstep"));
    command.arg("probe").args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    tokio::time::timeout(PATIENCE, command.output()).await.expect("a probe ends").unwrap()
}

async fn probe(arguments: &[&str]) -> Said {
    let output = run(&[arguments, &["--json"]].concat()).await;
    let progress = String::from_utf8(output.stderr).unwrap();
    let finding = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("no JSON: {progress}"));
    Said { code: output.status.code(), finding, progress }
}

/// A probe through the running house; the progress that it told, and the finding.
async fn through(house: &House, wish: Value) -> (Vec<String>, Value) {
    let client = reqwest::Client::builder().timeout(PATIENCE).build().unwrap();
    let request = client.post(format!("http://{}/api/v1/probe", house.ui)).json(&wish);
    let response = request.header("Accept", "application/x-ndjson").send().await.unwrap();
    assert_eq!(response.status(), 200);
    let text = response.text().await.unwrap();
    let mut lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let finding = lines.pop().unwrap()["finding"].take();
    let progress = lines.iter().map(|line| line["progress"].as_str().unwrap().to_owned()).collect();
    (progress, finding)
}

fn near(value: &Value, expected: f64) -> bool {
    value.as_f64().is_some_and(|value| (value - expected).abs() <= expected * 0.2)
}

#[actix::test]
async fn a_good_camera_is_fit_and_its_own_figures_are_told() {
    let camera = Camera::start(CameraOptions::default().gop(2.0)).await;
    let said = probe(&[camera.url()]).await;
    let finding = &said.finding;
    assert_eq!((said.code, &finding["fit"]), (Some(0), &json!(true)), "{finding}");
    assert_eq!((&finding["video"]["codec"], &finding["video"]["copied"]), (&json!("h264"), &json!(true)));
    assert_eq!(finding["video"]["width"], 640);
    assert!(
        near(&finding["pictures_per_second"], 25.0) && near(&finding["key_picture_seconds"], 2.0),
        "{finding}"
    );
    assert_eq!((&finding["sound"]["codec"], &finding["from"]), (&json!("aac"), &json!("its own address")));
    assert!(!advises(finding, "key frame distance"), "{finding}");
    for line in ["opening the camera", "it is open: h264, 640 x 360", "there is a picture, after"] {
        assert!(said.progress.contains(line), "{line}: {}", said.progress);
    }
}

#[actix::test]
async fn the_figures_of_a_picture_that_is_encoded_anew_are_the_cameras_and_not_the_encoders() {
    for (codec, text) in [("h265", "H.264 stream"), ("mjpeg", "H.264 stream")] {
        let camera = Camera::start(CameraOptions::default().codec(codec).gop(5.0)).await;
        let said = probe(&[camera.url()]).await;
        let finding = &said.finding;
        assert_eq!((said.code, &finding["video"]["copied"]), (Some(0), &json!(false)), "{finding}");
        assert!(said.advises(text) && near(&finding["pictures_per_second"], 25.0), "{finding}");
        let keys = if codec == "mjpeg" { 0.04 } else { 5.0 };
        assert!(near(&finding["key_picture_seconds"], keys), "{finding}");
        assert_eq!(said.advises("2 s or less"), codec == "h265", "{finding}");
    }
    let camera = Camera::start(CameraOptions::default().b_frames(2)).await;
    let said = probe(&[camera.url()]).await;
    assert!(said.advises("switch off B frames"), "{}", said.finding);
}

#[actix::test]
async fn key_pictures_that_are_further_apart_than_the_look_are_told_as_more_than_that() {
    let camera = Camera::start(CameraOptions::default().gop(20.0)).await;
    let said = probe(&[camera.url()]).await;
    let finding = &said.finding;
    assert_eq!((said.code, &finding["key_picture_seconds"]), (Some(0), &Value::Null), "{finding}");
    assert!(
        finding["key_picture_longer_than"].as_f64().unwrap() > 10.0 && said.advises("2 s or less"),
        "{finding}"
    );
    assert!(said.progress.contains("waiting for its first picture"), "{}", said.progress);
}

#[actix::test]
async fn a_wrong_password_is_told_without_the_right_one_or_itself() {
    let camera = Camera::start(CameraOptions::default().locked("viewer", "hunter2hunter2", "digest")).await;
    let wrong = camera.url().replace("hunter2hunter2", "wrong-canary");
    let said = probe(&[&wrong]).await;
    assert_eq!((said.code, &said.finding["fit"]), (Some(1), &json!(false)));
    assert!(said.advises("user name and password"), "{}", said.finding);
    let text = run(&[&wrong]).await;
    let told = format!("{}{}{:?}", said.finding, said.progress, text);
    assert!(!told.contains("canary") && !told.contains("hunter2"), "{told}");
    assert!(String::from_utf8(text.stdout).unwrap().contains("not fit for calls"));
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn stream() -> Vec<String> {
    words(
        "ffmpeg -v error -nostdin -re -f lavfi -i testsrc2=s=640x480:r=25 -c:v libx264 -preset ultrafast -tune zerolatency \
         -g 50 -profile:v baseline -pix_fmt yuv420p -f mp4 -movflags +frag_every_frame+empty_moov+default_base_moof -",
    )
}

fn still() -> SimStill {
    SimStill::Program(words(
        "ffmpeg -v error -nostdin -f lavfi -i testsrc2=s=1280x960 -frames:v 1 -c:v mjpeg -f image2pipe -",
    ))
}

/// A hub with three cameras: one whose relay is not there, one with a relay, one with stills.
async fn hub() -> SimHub {
    let broken = SimCamera {
        stream_types: vec!["hls".into(), "web_rtc".into()],
        hls: Some(stream()),
        ..SimCamera::front_door()
    };
    let relayed = CameraPeer::behind("porch", &["--talk", "sendrecv"]);
    let stills = SimCamera {
        key: "shed".into(),
        name: "Shed".into(),
        stream_types: Vec::new(),
        still: Some(still()),
        ..SimCamera::default()
    };
    let cameras = vec![broken, relayed, stills];
    SimHub::start(SimHubOptions { cameras, ..SimHubOptions::default() }).await.unwrap()
}

fn assert_by_next_way(finding: &Value) {
    assert_eq!((&finding["fit"], &finding["from"]), (&json!(true), &json!("the hub's stream")), "{finding}");
    assert_eq!(finding["tried"][0]["way"], "the hub's relay", "{finding}");
    assert!(!finding["tried"][0]["reason"].as_str().unwrap().is_empty(), "{finding}");
    assert!(advises(finding, "relay (WebRTC)") && near(&finding["key_picture_seconds"], 2.0), "{finding}");
}

#[actix::test]
async fn cameras_of_the_hub_are_probed_from_the_command_line_by_the_ways_of_a_call() {
    let hub = hub().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    let settings = format!(
        "[hub]\nurl = '{}'\ntoken = '{}'\n[webrtc]\nbind = ['127.0.0.1']\nallow_loopback = true\n",
        hub.url, hub.token
    );
    std::fs::write(&file, settings).unwrap();
    let config = ["--config", file.to_str().unwrap()];

    let said = probe(&[&["camera.front_door"][..], &config].concat()).await;
    assert_eq!(said.code, Some(0), "{}", said.finding);
    assert_by_next_way(&said.finding);
    assert!(said.progress.contains("the hub's relay shows nothing"), "{}", said.progress);

    let relayed = probe(&[&["camera.porch"][..], &config].concat()).await;
    assert_eq!(
        (relayed.code, &relayed.finding["from"]),
        (Some(0), &json!("the hub's relay")),
        "{}",
        relayed.finding
    );

    assert_eq!(relayed.finding["talk"], true, "{}", relayed.finding);

    let stills = probe(&[&["camera.shed"][..], &config].concat()).await;
    assert_eq!(
        (stills.code, &stills.finding["from"]),
        (Some(0), &json!("the hub's stills")),
        "{}",
        stills.finding
    );
    assert!(stills.advises("`source`"), "{}", stills.finding);

    let nobody = run(&[&["camera.nobody"][..], &config].concat()).await;
    let told = String::from_utf8(nobody.stderr).unwrap();
    assert!(nobody.status.code() == Some(1) && told.contains("camera.nobody"), "{told}");
    let all = format!("{told}{}{}{}", said.finding, relayed.finding, stills.progress);
    assert!(!all.contains(&hub.token) && !all.contains("/api/hls/"), "{all}");
}

#[actix::test]
async fn a_camera_that_a_house_has_switched_off_is_not_opened_from_the_command_line() {
    let house = House::start("[[camera]]\nid = 'shed'\nsource = 'test:'\n");
    house.ask(reqwest::Method::POST, "cameras/shed/power", json!({ "on": false })).await;
    let data = house.stop();
    let said = probe(&["shed", "--data", data.path().to_str().unwrap()]).await;
    assert_eq!((said.code, &said.finding["says"]["code"]), (Some(1), &json!("off")), "{}", said.finding);
}

#[actix::test]
async fn the_house_probes_cameras_of_the_hub_and_tells_its_progress() {
    let hub = hub().await;
    let house = House::start(&format!("[hub]\nurl = '{}'\ntoken = '{}'\n", hub.url, hub.token));
    wait_for("the hub's cameras", async || {
        let cameras = house.api("cameras").await;
        (cameras["cameras"].as_array()?.len() == 3).then_some(())
    })
    .await;
    let (progress, finding) = through(&house, json!({ "camera": "camera.front_door" })).await;
    assert_by_next_way(&finding);
    assert!(progress.iter().any(|line| line.contains("the hub's relay shows nothing")), "{progress:?}");

    let client = reqwest::Client::new();
    let nobody =
        client.post(format!("http://{}/api/v1/probe", house.ui)).json(&json!({ "camera": "nobody" }));
    assert_eq!(nobody.send().await.unwrap().status(), 404);
}

#[actix::test]
async fn a_camera_that_is_shown_is_not_opened_a_second_time() {
    let camera = Camera::start(CameraOptions::default()).await;
    let settings =
        format!("[[camera]]\nid = 'front_door'\nname = 'Front door'\nsource = '{}'\n", camera.url());
    let house = House::start(&settings);
    let peer = PeerOptions::new(&format!("http://{}", house.door), &house.token, "front_door");
    let call = AiortcPeer::run(peer.session("call").seconds(14.0));
    let look = async {
        wait_for("a picture", async || {
            (house.camera("front_door").await["live"]["picture"] == true).then_some(())
        })
        .await;
        through(&house, json!({ "camera": "Front door" })).await
    };
    let (outcome, (_, finding)) = futures_util::future::join(call, look).await;
    assert_eq!((&finding["fit"], &finding["running"]), (&json!(true), &json!(true)), "{finding}");
    assert!(near(&finding["pictures_per_second"], 25.0), "{finding}");
    assert_eq!(camera.clients().1, 1, "the camera was opened once");
    let summary = outcome.summary();
    assert!(summary.problems.is_empty() && summary.frames > 60, "{summary:?}");
}
