//! Still pictures for the page: of what a camera shows, of the hub, and the last one that is kept.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use doorstep::media::feed::{Feed, WorkerProgram};
use doorstep::media::{FeedEvent, FeedSpec, Source, wire};
use doorstep::sim::hub::{SimCamera, SimHub, SimHubOptions, SimStill};
use reqwest::Method;
use secrecy::SecretString;
use serde_json::json;
use tokio::time::timeout;

use crate::fixture::house::{House, wait_for};
use crate::fixture::workers::workers;
use crate::fixture::{Camera, CameraOptions, CameraPeer, PATIENCE};

/// A still, or why there is none.
struct Taken {
    status: u16,
    kind: String,
    modified: Option<String>,
    body: Vec<u8>,
}

impl Taken {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

async fn take(house: &House, endpoint: &str, query: &str) -> Taken {
    let client = reqwest::Client::builder().pool_max_idle_per_host(0).timeout(PATIENCE).build().unwrap();
    let endpoint = endpoint.replace('#', "%23");
    let address = format!("http://{}/api/v1/cameras/{endpoint}/still{query}", house.ui);
    let reply = client.get(address).send().await.unwrap();
    let header = |name: &str| reply.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let (status, kind, modified) =
        (reply.status().as_u16(), header("content-type").unwrap_or_default(), header("last-modified"));
    if status == 200 {
        assert_eq!(header("cache-control").as_deref(), Some("no-store"));
        assert_eq!(header("x-content-type-options").as_deref(), Some("nosniff"));
    }
    Taken { status, kind, modified, body: reply.bytes().await.unwrap().to_vec() }
}

/// Codec and size, as a program finds them that is not ours.
fn looked_at(taken: &Taken) -> String {
    assert_eq!((taken.status, taken.kind.as_str()), (200, "image/jpeg"), "{}", taken.text());
    assert!(taken.modified.is_some());
    let mut probe = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-show_entries",
            "stream=codec_name,width,height",
            "-of",
            "csv=p=0",
            "-i",
            "pipe:",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    probe.stdin.take().unwrap().write_all(&taken.body).unwrap();
    let said = probe.wait_with_output().unwrap();
    assert!(said.status.success());
    String::from_utf8(said.stdout).unwrap().trim().to_owned()
}

fn house_of(source: &str) -> House {
    House::start(&format!("[[camera]]\nid = 'front_door'\nname = 'Front door'\nsource = '{source}'\n"))
}

#[actix::test]
async fn cameras_of_all_kinds_give_stills_while_they_are_open_and_are_opened_only_when_that_is_asked() {
    for (options, size) in [
        (CameraOptions::default().size(1280, 720).gop(8.0), "mjpeg,640,360"),
        (CameraOptions::default().codec("h265"), "mjpeg,640,360"),
        (CameraOptions::default().codec("mjpeg"), "mjpeg,640,360"),
        (CameraOptions::default().b_frames(2), "mjpeg,640,360"),
    ] {
        let camera = Camera::start(options).await;
        let house = house_of(camera.url());
        let none = take(&house, "front_door", "").await;
        assert_eq!(none.status, 204);
        assert_eq!(camera.clients().1, 0, "a look at the list opens nothing");

        let began = Instant::now();
        let first = take(&house, "front_door", "?fresh=1").await;
        assert_eq!(looked_at(&first), size);
        println!("first still after {:?}, {} bytes", began.elapsed(), first.body.len());
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        // The camera is open now, so whoever just looks sees it too.
        let began = Instant::now();
        let second = take(&house, "front_door", "").await;
        assert_eq!(looked_at(&second), size);
        println!("second still after {:?}", began.elapsed());
        assert_ne!(first.body, second.body, "the picture moves, whatever the camera's key pictures do");
        assert_eq!((camera.clients().1, workers().len()), (1, 1), "opened once, by one worker");
    }
}

#[actix::test]
async fn a_relay_that_needs_no_worker_gets_one_for_its_stills_alone_and_for_as_long_as_they_are_wanted() {
    let cameras = vec![CameraPeer::behind("door", &["--gop", "4"])];
    let hub = SimHub::start(SimHubOptions { cameras, ..SimHubOptions::default() }).await.unwrap();
    let settings = "[[camera]]\nentity = 'camera.door'\nprefer = 'relay'\n";
    let house = House::start(&format!("[hub]\nurl = '{}'\ntoken = '{}'\n{settings}", hub.url, hub.token));
    let endpoint = first_camera(&house).await;
    assert_eq!(looked_at(&take(&house, &endpoint, "?fresh=1").await), "mjpeg,640,360");
    assert_eq!(looked_at(&take(&house, &endpoint, "").await), "mjpeg,640,360");
    assert_eq!((workers().len(), hub.commands("camera/webrtc/offer")), (1, 1));
    wait_for("the worker's end", async || workers().is_empty().then_some(())).await;
    assert_eq!(house.camera(&endpoint).await["live"]["picture"], true, "the camera goes on");
}

async fn first_camera(house: &House) -> String {
    wait_for("the hub's camera", async || {
        let cameras = house.api("cameras").await;
        let camera = cameras["cameras"].as_array()?.first()?.clone();
        (camera["reachable"] == true).then(|| camera["endpoint_id"].as_str().map(str::to_owned))?
    })
    .await
}

#[actix::test]
async fn of_a_camera_that_is_closed_the_hubs_still_is_shown_and_the_hub_is_asked_rarely_however_many_look() {
    let folder = tempfile::tempdir().unwrap();
    let (picture, asked) = (folder.path().join("still.jpg"), folder.path().join("asked"));
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=s=800x600", "-frames:v", "1"])
        .arg(&picture)
        .status()
        .unwrap();
    assert!(made.success());
    let gives = format!("echo >> {}; sleep 0.5; cat {}", asked.display(), picture.display());
    let still = Some(SimStill::Program(vec!["sh".into(), "-c".into(), gives]));
    let camera = SimCamera { still, ..SimCamera::front_door() };
    let options = SimHubOptions { cameras: vec![camera], ..SimHubOptions::default() };
    let hub = SimHub::start(options).await.unwrap();
    let house = House::start(&format!("[hub]\nurl = '{}'\ntoken = '{}'\n", hub.url, hub.token));
    let endpoint = first_camera(&house).await;
    let times = || std::fs::read_to_string(&asked).unwrap_or_default().len();

    let looks = futures_util::future::join_all((0..20).map(|_| take(&house, &endpoint, ""))).await;
    for taken in &looks {
        assert_eq!(looked_at(taken), "mjpeg,800,600");
    }
    assert_eq!(times(), 1, "twenty pages, one request");
    assert_eq!(house.camera(&endpoint).await["live"]["live"], false, "and the camera stays closed");
    assert!(workers().is_empty());
    tokio::time::sleep(Duration::from_secs(10)).await;
    take(&house, &endpoint, "").await;
    assert_eq!(times(), 2);

    // The hub has none any more: the last one is shown, with its own time.
    let last = take(&house, &endpoint, "").await;
    std::fs::remove_file(&picture).unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    let kept = take(&house, &endpoint, "").await;
    assert_eq!((looked_at(&kept), kept.modified), ("mjpeg,800,600".into(), last.modified));

    assert!(hub.set_state("camera.front_door", "off"));
    let dark = async || (take(&house, &endpoint, "").await.status == 204).then_some(());
    wait_for("the hub's switch", dark).await;
}

#[actix::test]
async fn the_last_picture_stays_when_the_camera_closes_and_is_forgotten_when_it_is_switched_off() {
    // Alexa need not have a camera for the page to show it.
    let house = House::start("[[camera]]\nid = 'front_door'\nsource = 'test:'\nalexa = false\n");
    let fresh = take(&house, "front_door", "?fresh=1").await;
    assert_eq!(looked_at(&fresh), "mjpeg,640,360");
    let closed = async || {
        tokio::time::sleep(Duration::from_secs(1)).await;
        (house.camera("front_door").await["live"]["live"] == false).then_some(())
    };
    timeout(Duration::from_secs(50), async { while closed().await.is_none() {} })
        .await
        .expect("it closes by itself");
    let kept = take(&house, "front_door", "").await;
    assert_eq!(looked_at(&kept), "mjpeg,640,360");
    assert!(workers().is_empty());

    let power =
        async |on: bool| house.ask(Method::POST, "cameras/front_door/power", json!({ "on": on })).await;
    assert_eq!(power(false).await.0, 200);
    assert_eq!(take(&house, "front_door", "").await.status, 204);
    let off = take(&house, "front_door", "?fresh=1").await;
    assert_eq!(off.status, 404);
    assert!(off.text().contains("switched off"), "{}", off.text());
    assert_eq!(power(true).await.0, 200);
    assert_eq!(take(&house, "front_door", "").await.status, 204, "what was seen before is forgotten");
    assert_eq!(take(&house, "nobody", "").await.status, 404);
}

/// A worker gone bad: it shows a picture and answers the wish for a still with something else.
const HOSTILE: &str = r#"#!/usr/bin/env python3
import struct, sys, time
def say(kind, body):
    sys.stdout.buffer.write(struct.pack(">IB", len(body) + 1, kind) + body)
    sys.stdout.buffer.flush()
while True:
    length, kind = struct.unpack(">IB", sys.stdin.buffer.read(5))
    body = sys.stdin.buffer.read(length - 1)
    if b"Hello" in body:
        say(0, b'{"Hello":{"version":VERSION,"sealed":true}}')
    elif b"Open" in body:
        say(1, b"\x01" + struct.pack(">q", 0) + b"\0\0\0\1\x65\x88")
    elif kind == 6:
        say(6, b"STILL")
"#;

#[tokio::test]
async fn a_worker_that_gives_something_else_than_a_jpeg_is_replaced_and_nothing_of_it_is_shown() {
    for (answer, said) in
        [("<script>", "a still picture that is none"), ("\\xff\\xd8\\xff\" * 200000 + b\"", "bytes")]
    {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("worker");
        let script = HOSTILE.replace("VERSION", &wire::VERSION.to_string()).replace("STILL", answer);
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let (feed, mut samples, mut events) = open(&path);
        let still = feed.still();
        tokio::spawn(async move { while samples.recv().await.is_some() {} });
        let lost = async {
            loop {
                if let Some(FeedEvent::WorkerLost(why)) = events.recv().await {
                    return why;
                }
            }
        };
        let why = timeout(PATIENCE, lost).await.expect("the worker is found out");
        assert!(why.contains(said), "{why}");
        drop(feed);
        assert_eq!(timeout(PATIENCE, still).await.expect("an end"), None);
    }
}

type Open =
    (Feed, tokio::sync::mpsc::Receiver<doorstep::media::Sample>, tokio::sync::mpsc::Receiver<FeedEvent>);

fn open(worker: &Path) -> Open {
    let sources = vec![Source::parse(&SecretString::from("test:".to_owned())).unwrap()];
    let spec = FeedSpec { camera: "Front door".into(), sources, max_kbps: 2_500, speaker: None };
    Feed::open(spec, WorkerProgram::at(worker))
}
