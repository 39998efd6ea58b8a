//! Cameras that the hub alone can show: by stream, by stills, by the next way when one fails.

use std::time::Duration;

use doorstep::sim::hub::{SimCamera, SimHub, SimHubOptions, SimStill};
use serde_json::Value;

use crate::fixture::house::{House, wait_for};
use crate::fixture::{AiortcPeer, Outcome, PeerOptions};

const HOUR: Duration = Duration::from_secs(3600);
/// A call to a camera that the hub has to open first.
const COLD: f64 = 12.0;

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// A program that makes a stream as the hub does: a fragment for each picture.
pub fn stream(codec: &str) -> Vec<String> {
    words(&format!(
        "ffmpeg -v error -nostdin -re -f lavfi -i testsrc2=s=640x480:r=25 -re -f lavfi -i sine=700:sample_rate=16000 \
         -c:v {codec} -pix_fmt yuv420p -c:a aac -f mp4 -movflags +frag_every_frame+empty_moov+default_base_moof -"
    ))
}

pub fn h264() -> Vec<String> {
    stream("libx264 -preset ultrafast -tune zerolatency -crf 32 -g 50 -profile:v baseline")
}

pub fn still() -> SimStill {
    SimStill::Program(words(
        "ffmpeg -v error -nostdin -f lavfi -i testsrc2=s=1280x960 -frames:v 1 -c:v mjpeg -f image2pipe -",
    ))
}

/// A hub with one camera, a house that knows nothing else, and a user.
struct Home {
    hub: SimHub,
    house: House,
    endpoint: String,
    token: String,
}

impl Home {
    async fn new(camera: SimCamera) -> Self {
        let options = SimHubOptions { cameras: vec![camera], ..SimHubOptions::default() };
        let hub = SimHub::start(options).await.unwrap();
        let house = House::start(&format!("[hub]\nurl = '{}'\ntoken = '{}'\n", hub.url, hub.token));
        let endpoint = wait_for("the hub's camera", async || {
            let cameras = house.api("cameras").await;
            let camera = cameras["cameras"].as_array()?.first()?.clone();
            (camera["reachable"] == true).then(|| camera["endpoint_id"].as_str().map(str::to_owned))?
        })
        .await;
        let token = hub.issue("Owner", HOUR).unwrap();
        Self { hub, house, endpoint, token }
    }

    fn options(&self) -> PeerOptions {
        PeerOptions::new(&format!("http://{}", self.house.door), &self.token, &self.endpoint)
    }

    /// A call; what the far end saw, and its record.
    async fn call(&self, session: &str, seconds: f64) -> (Outcome, Value) {
        let outcome = AiortcPeer::run(self.options().session(session).seconds(seconds)).await;
        let record = self.house.call_record(session, |call| call["ended"].is_string()).await;
        (outcome, record)
    }
}

fn assert_seen(outcome: &Outcome, record: &Value, size: (u32, u32), most: u64) {
    let summary = outcome.summary();
    assert!(summary.problems.is_empty() && summary.connected, "{summary:?}");
    assert_eq!((summary.width, summary.height), (Some(size.0), Some(size.1)), "{record}");
    assert!((20..=most).contains(&summary.frames), "{summary:?} {record}");
}

#[actix::test]
async fn a_camera_with_a_stream_only_is_shown_as_it_is_with_its_sound() {
    let camera = SimCamera { hls: Some(h264()), ..SimCamera::front_door() };
    let home = Home::new(camera).await;
    let (outcome, record) = home.call("stream", COLD).await;
    assert_seen(&outcome, &record, (640, 480), 400);
    let summary = outcome.summary();
    let tone = summary.tone_hz.unwrap_or_else(|| panic!("silence: {summary:?}"));
    assert!((tone - 700.0).abs() < 30.0, "{tone} Hz");
    assert_eq!(
        (&record["video"]["from"], &record["video"]["mode"]),
        (&"the hub's stream".into(), &"copy".into())
    );
    println!("first picture after {:?} ms, {} freezes", summary.first_frame_ms, summary.freezes);

    // The stream breaks off in the middle of a call, and comes back.
    let (call, ended) = futures_util::future::join(home.call("broken", COLD), async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        home.hub.end_stream("camera.front_door")
    })
    .await;
    assert!(ended, "there was no stream");
    assert_eq!(call.1["end_reason"], "hung up", "{}", call.1);
    assert!(call.0.summary().frames > 60, "{:?}", call.0.summary());
}

#[actix::test]
async fn a_stream_in_h265_is_made_anew() {
    let h265 =
        stream("libx265 -preset ultrafast -tag:v hvc1 -x265-params log-level=error:keyint=50:bframes=0");
    let home = Home::new(SimCamera { hls: Some(h265), ..SimCamera::front_door() }).await;
    let (outcome, record) = home.call("h265", COLD).await;
    assert_seen(&outcome, &record, (640, 480), 400);
    assert_eq!(record["video"]["mode"], "transcode", "{record}");
    assert!(record["video"]["why"].as_str().unwrap().contains("H.265"), "{record}");
}

#[actix::test]
async fn a_camera_with_stills_only_is_shown_picture_by_picture() {
    let camera = SimCamera { stream_types: Vec::new(), still: Some(still()), ..SimCamera::front_door() };
    let home = Home::new(camera).await;
    let (outcome, record) = home.call("stills", COLD).await;
    assert_seen(&outcome, &record, (960, 720), 100);
    assert_eq!(record["video"]["from"], "the hub's stills", "{record}");
}

#[actix::test]
async fn the_next_way_is_taken_when_one_fails_and_the_record_says_so() {
    // It claims a relay whose far end is not there.
    let stream_types = vec!["hls".into(), "web_rtc".into()];
    let camera = SimCamera { stream_types, hls: Some(h264()), ..SimCamera::front_door() };
    let home = Home::new(camera).await;
    let (outcome, record) = home.call("next", COLD).await;
    assert_seen(&outcome, &record, (640, 480), 400);
    assert_eq!(record["video"]["from"], "the hub's stream", "{record}");
    let trouble = record["trouble"].to_string();
    assert!(trouble.contains("the hub's relay"), "{record}");

    // And nothing that is a secret of the hub's is told.
    let (calls, cameras) = (home.house.api("calls").await, home.house.api("cameras").await);
    let told = format!("{calls} {cameras}");
    assert!(!told.contains("/api/hls/") && !told.contains(&home.hub.token), "{told}");
}
