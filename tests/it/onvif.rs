//! Key pictures that are asked of the camera itself. The camera's ONVIF side holds every message to ONVIF's own
//! schemas and checks the logins itself.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use doorstep::media::feed::{Feed, WorkerProgram};
use doorstep::media::{FeedSpec, Sample, Source};
use secrecy::SecretString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout_at;

use crate::fixture::house::House;
use crate::fixture::{
    AiortcPeer, Camera, CameraOptions, ONVIF_PORT, PeerOptions, Process, Summary, own_address,
};

const OWN: (u32, u32) = (640, 360);
/// Seconds between the key pictures of a camera that is not asked for any.
const GOP: f64 = 60.0;
/// Longer than looking for the camera takes on a busy machine, much shorter than `GOP`.
const SOON: Duration = Duration::from_secs(15);
const PASSWORD: &str = "pa:ss&<w>d+%";

fn front_door(url: &str) -> String {
    format!("[[camera]]\nid = 'front_door'\nname = 'Front door'\nsource = '{url}'\n")
}

fn peer(house: &House) -> PeerOptions {
    PeerOptions::new(&format!("http://{}", house.door), &house.token, "front_door")
}

/// When the camera's own picture was first seen, ms of the call.
fn shown_at(summary: &Summary) -> Option<f64> {
    summary.sizes.iter().find(|(width, height, _)| (*width, *height) == OWN).map(|size| size.2)
}

fn assert_no_complaint(camera: &Camera) {
    assert_eq!(camera.events("complaint"), [] as [serde_json::Value; 0]);
}

/// A feed of one camera.
struct Open {
    feed: Feed,
    samples: mpsc::Receiver<Sample>,
}

impl Open {
    fn to(camera: &Camera) -> Self {
        let source = Source::parse(&SecretString::from(camera.url().to_owned())).unwrap();
        let spec =
            FeedSpec { camera: "Front door".into(), sources: vec![source], max_kbps: 2_500, speaker: None };
        let program = WorkerProgram::at(Path::new(env!("CARGO_BIN_EXE_doorstep-media")));
        let (feed, samples, _events) = Feed::open(spec, program);
        Self { feed, samples }
    }

    /// True if the camera's own key picture comes by then.
    async fn key_picture(&mut self, within: Duration) -> bool {
        let until = tokio::time::Instant::now() + within;
        loop {
            match timeout_at(until, self.samples.recv()).await {
                Ok(Some(Sample::Picture(picture))) if picture.key && !picture.slate => return true,
                Ok(sample) => drop(sample.expect("the feed goes on")),
                Err(_) => return false,
            }
        }
    }

    /// Asks for a key picture every 300 ms for so long.
    async fn ask_for(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.feed.request_key_frame();
            self.key_picture(Duration::from_millis(300)).await;
        }
    }
}

#[tokio::test]
async fn the_camera_of_these_tests_and_a_client_that_is_not_ours_understand_each_other() {
    let camera = Camera::start(CameraOptions::default().onvif().locked("viewer", PASSWORD, "digest")).await;
    let host = url::Url::parse(camera.url()).unwrap().host_str().unwrap().to_owned();
    let arguments = [host.as_str(), &ONVIF_PORT.to_string(), "viewer", PASSWORD];
    let python = Process::venv_python();
    let mut client = Process::start("the client", &python, "tests/peers/onvif_client.py", arguments);
    assert_eq!(client.ended(SOON * 2).await, Some(0), "{:?}", camera.events("complaint"));
    let streams = client.events_of("asked").into_iter().map(|event| event["stream"].clone());
    assert_eq!(streams.collect::<Vec<_>>(), ["rtsp://192.0.2.77:554/live?transport=unicast"; 2]);
    assert_eq!(camera.events("synchronized").len(), 2);
    assert_no_complaint(&camera);
}

#[actix::test]
async fn a_peer_that_joins_a_cold_camera_between_two_key_pictures_sees_it_because_the_camera_was_asked() {
    let options = CameraOptions::default().gop(GOP).onvif().with("--onvif-skew", 10_800);
    let camera = Camera::start(options.locked("view@er", PASSWORD, "digest")).await;
    let house = House::start(&front_door(camera.url()));
    let outcome = AiortcPeer::run(peer(&house).seconds(14.0).with("--pli", 1.0)).await;
    let summary = outcome.summary();
    let shown = shown_at(summary).unwrap_or_else(|| panic!("never: {summary:?}"));
    println!("own picture after {shown} ms");
    assert!(shown < SOON.as_secs_f64() * 1_000.0, "{summary:?}");
    assert!(summary.problems.is_empty() && summary.pli_sent > 5, "{summary:?}");
    assert_no_complaint(&camera);
    assert_eq!(camera.events("unauthorized"), [] as [serde_json::Value; 0]);

    let synchronized = camera.events("synchronized");
    assert!(synchronized.len() > 3, "each key picture that the peer wants is asked for: {synchronized:?}");
    assert!(synchronized.len() < 30, "and not more: {synchronized:?}");
    assert!(synchronized.iter().all(|event| event["stream"].as_str().unwrap().starts_with("/live")));
}

#[tokio::test]
async fn a_camera_with_http_digest_and_the_older_media_service_is_asked_as_well() {
    for hash in ["MD5", "SHA-256"] {
        let options = CameraOptions::default().gop(GOP).onvif().locked("viewer", PASSWORD, "basic");
        let options = options.with("--onvif-login", "digest").with("--onvif-hash", hash);
        let camera = Camera::start(options.with("--onvif-media", "1")).await;
        let mut open = Open::to(&camera);
        assert!(open.key_picture(SOON).await, "{hash}: none at the beginning");
        tokio::time::sleep(Duration::from_millis(600)).await;
        open.feed.request_key_frame();
        assert!(open.key_picture(SOON).await, "{hash}: none when it is wanted");
        assert_no_complaint(&camera);
    }
}

#[tokio::test]
async fn a_camera_that_takes_wishes_and_makes_no_key_picture_is_asked_twice_and_never_again() {
    let camera = Camera::start(CameraOptions::default().gop(GOP).onvif().with("--onvif-deaf", 1)).await;
    let mut open = Open::to(&camera);
    open.ask_for(Duration::from_secs(12)).await;
    assert_eq!(camera.events("synchronized").len(), 2);
    assert_no_complaint(&camera);
}

#[tokio::test]
async fn a_password_that_is_another_one_for_onvif_is_tried_once_so_that_no_user_is_locked_out() {
    for login in ["token", "digest"] {
        let options = CameraOptions::default().gop(GOP).onvif().locked("viewer", PASSWORD, "digest");
        let options = options.with("--onvif-login", login).with("--onvif-password", "another");
        let camera = Camera::start(options).await;
        let mut open = Open::to(&camera);
        open.ask_for(Duration::from_secs(6)).await;
        let refused = camera.events("unauthorized");
        let wrong: Vec<_> =
            refused.iter().filter(|event| event["why"] == "a wrong user or password").collect();
        assert_eq!(wrong.len(), 1, "{login}: {refused:?}");
    }
}

#[actix::test]
async fn a_camera_without_onvif_is_tried_once_and_shows_its_picture_when_it_makes_one() {
    let host = own_address();
    let camera = Camera::start(CameraOptions::default().gop(5.0).at(host)).await;
    let tries = web_page(TcpListener::bind((host, ONVIF_PORT)).await.unwrap());
    let house = House::start(&front_door(camera.url()));
    let outcome = AiortcPeer::run(peer(&house).seconds(12.0).with("--pli", 1.0)).await;
    let summary = outcome.summary();
    assert!(summary.problems.is_empty() && shown_at(summary).is_some(), "{summary:?}");
    assert!(summary.pli_sent > 5, "{summary:?}");
    assert_eq!(tries.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_camera_whose_key_pictures_come_soon_is_left_alone() {
    let camera = Camera::start(CameraOptions::default().gop(0.2).onvif()).await;
    let mut open = Open::to(&camera);
    for _ in 0..10 {
        assert!(open.key_picture(SOON).await);
    }
    assert_eq!(camera.events("asked"), [] as [serde_json::Value; 0]);
}

/// Answers every request with a page that is no ONVIF, and counts.
fn web_page(listener: TcpListener) -> Arc<AtomicUsize> {
    let tries = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&tries);
    tokio::spawn(async move {
        while let Ok((mut line, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            let mut request = [0; 4_096];
            assert!(line.read(&mut request).await.is_ok_and(|read| read > 0));
            let page = "HTTP/1.1 404 Not Found\r\nContent-Length: 19\r\nConnection: close\r\n\r\n<html>Nothing</html>";
            line.write_all(page.as_bytes()).await.ok();
        }
    });
    tries
}
