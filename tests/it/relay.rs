//! Cameras of the hub that are shown by its relay, from the hub's far end to an Echo that is not ours.

use std::time::Duration;

use doorstep::sim::hub::{SimCamera, SimHub, SimHubOptions};
use serde_json::Value;

use crate::fixture::house::{House, wait_for};
use crate::fixture::workers::{signal, workers};
use crate::fixture::{AiortcPeer, Camera, CameraOptions, CameraPeer, PeerOptions, Summary, WebrtcbinPeer};

const HOUR: Duration = Duration::from_secs(3600);
const ENTITY: &str = "camera.door";

/// A house whose only camera is the hub's, shown by its relay.
struct Home {
    hub: SimHub,
    house: House,
    owner: String,
    endpoint: String,
}

impl Home {
    async fn with(camera: SimCamera) -> Self {
        let options = SimHubOptions { cameras: vec![camera], ..SimHubOptions::default() };
        let hub = SimHub::start(options).await.unwrap();
        let house = House::start(&format!(
            "[hub]\nurl = '{}'\ntoken = '{}'\n[[camera]]\nentity = '{ENTITY}'\nprefer = 'relay'\n",
            hub.url, hub.token
        ));
        let endpoint = wait_for("the hub's camera", async || {
            let cameras = house.api("cameras").await;
            Some(cameras["cameras"].as_array()?.first()?["endpoint_id"].as_str()?.to_owned())
        })
        .await;
        let owner = hub.issue("Owner", HOUR).unwrap();
        Self { hub, house, owner, endpoint }
    }

    fn options(&self) -> PeerOptions {
        PeerOptions::new(&format!("http://{}", self.house.door), &self.owner, &self.endpoint)
    }

    /// Sessions that the hub was asked for.
    fn sessions(&self) -> u64 {
        self.hub.commands("camera/webrtc/offer")
    }

    /// What stands under a key in the far ends' reports.
    fn reported(&self, key: &str) -> Vec<Value> {
        self.hub.relay_reports(ENTITY).iter().filter_map(|report| report.get(key)).cloned().collect()
    }

    async fn is_shown(&self, session: &str) {
        self.house.call_record(session, |call| call["counters"]["packets_sent"].as_u64() > Some(100)).await;
    }

    async fn ended(&self, session: &str) -> Value {
        self.house.call_record(session, |call| call["ended"].is_string()).await
    }
}

fn assert_good(summary: &Summary) {
    assert!(summary.problems.is_empty(), "{:?}", summary.problems);
    assert!(summary.connected && summary.frames > 40, "{summary:?}");
    assert_eq!((summary.width, summary.height), (Some(640), Some(360)));
    assert_eq!((summary.video_reordered, summary.video_repeated), (0, 0), "{summary:?}");
    let tone = summary.tone_hz.unwrap_or_else(|| panic!("silence: {summary:?}"));
    assert!((tone - 440.0).abs() < 30.0, "{tone} Hz");
}

#[actix::test]
async fn two_echos_see_and_hear_a_camera_by_one_session_and_without_a_worker() {
    let home = Home::with(CameraPeer::behind("door", &["--gop", "4"])).await;
    let first = AiortcPeer::start(home.options().seconds(9.0).session("first"));
    home.is_shown("first").await;
    assert_eq!(workers(), Vec::<i32>::new(), "H.264 and Opus need none");
    let second = WebrtcbinPeer::run(home.options().seconds(4.0).session("second")).await;
    assert_eq!(workers(), Vec::<i32>::new());
    let first = first.outcome().await;
    assert_good(second.summary());
    assert_good(first.summary());
    assert!(first.summary().frozen_ms < 1_000.0, "{:?}", first.summary());
    // From the ring: nobody waits for the next key picture.
    assert!(second.summary().first_frame_ms.unwrap() < 3_000.0, "{:?}", second.summary());
    assert_eq!(home.sessions(), 1);
    let record = home.ended("second").await;
    assert_eq!((&record["video"]["mode"], &record["video"]["codec"]), (&"copy".into(), &"h264".into()));
}

#[actix::test]
async fn an_rtsp_camera_behind_the_hub_is_shown_and_a_wish_for_a_key_picture_that_it_does_not_hear_is_met() {
    let camera = Camera::start(CameraOptions::default().audio("none").gop(10.0)).await;
    let home = Home::with(CameraPeer::behind("door", &["--source", camera.url(), "--sound", "none"])).await;
    let options = home.options().seconds(22.0).with("--pli", 3.0).session("wishes");
    let summary = WebrtcbinPeer::run(options).await.summary().clone();
    assert!(summary.problems.is_empty() && summary.frames > 200, "{summary:?}");
    assert_eq!(home.sessions(), 1);
    // The camera's own come every ten seconds.
    let gaps = summary.idr_ms.windows(2).map(|two| two[1] - two[0]);
    assert!(gaps.clone().filter(|gap| *gap < 6_000.0).count() >= 3, "{:?}", summary.idr_ms);
}

async fn is_spoken_to(options: &[&str]) {
    let home = Home::with(CameraPeer::behind("door", options)).await;
    // That there is a speaker is learned from the first session.
    AiortcPeer::run(home.options().seconds(2.0).session("first")).await;
    wait_for("the speaker to be known", async || {
        (home.house.camera(&home.endpoint).await["full_duplex"] == true).then_some(())
    })
    .await;
    let peer = AiortcPeer::run(home.options().seconds(7.0).talk(1000).session("talk")).await;
    let summary = peer.summary();
    assert_good(summary);
    assert_eq!(peer.answer().sections[0].direction.as_deref(), Some("sendrecv"));
    let heard = home.reported("talk");
    let is_heard = |talk: &Value| {
        let tone = talk["tone_hz"].as_f64().is_some_and(|tone| (tone - 1000.0).abs() < 20.0);
        tone && talk["dbfs"].as_f64() > Some(-30.0)
    };
    assert!(heard.iter().any(is_heard), "{heard:?}");
    assert_eq!(home.sessions(), 2, "after the first one, the session of the picture carries the talk");
}

#[actix::test]
async fn an_echo_is_heard_at_a_speaker_that_takes_opus() {
    is_spoken_to(&["--talk", "sendrecv"]).await;
}

#[actix::test]
async fn an_echo_is_heard_at_a_speaker_that_takes_pcmu_alone() {
    is_spoken_to(&["--sound", "pcmu", "--talk", "sendrecv"]).await;
}

#[actix::test]
async fn h265_is_made_anew_for_the_echo() {
    let home = Home::with(CameraPeer::behind("door", &["--pattern", "h265", "--kbps", "400"])).await;
    let peer = AiortcPeer::run(home.options().seconds(8.0).session("h265")).await;
    assert_good(peer.summary());
    let record = home.ended("h265").await;
    assert_eq!((&record["video"]["mode"], &record["video"]["codec"]), (&"transcode".into(), &"hevc".into()));
}

/// A call during which something is done to the relay; there must be key pictures after it.
async fn is_rebuilt(home: &Home, seconds: f64, fault: impl AsyncFnOnce()) {
    let before = home.sessions();
    let peer = AiortcPeer::start(home.options().seconds(seconds).session("tough"));
    home.is_shown("tough").await;
    fault().await;
    let others = home.reported("connected").len();
    wait_for("another session", async || (home.sessions() > before + 1).then_some(())).await;
    wait_for("its far end", async || (home.reported("connected").len() > others).then_some(())).await;
    let outcome = peer.outcome().await;
    let summary = outcome.summary();
    assert!(summary.connected && summary.problems.is_empty(), "{summary:?}");
    let own = summary.sizes.iter().filter(|(width, height, _)| (*width, *height) == (640, 360));
    assert!(own.count() >= 1, "{summary:?}");
    assert_eq!((summary.width, summary.height), (Some(640), Some(360)), "{summary:?}");
    assert!(summary.frames > 150, "{summary:?}");
    assert_eq!(home.ended("tough").await["end_reason"], "hung up");
}

#[actix::test]
async fn a_relay_whose_far_end_dies_is_built_anew_while_the_call_goes_on() {
    let home = Home::with(CameraPeer::behind("door", &["--gop", "1"])).await;
    is_rebuilt(&home, 22.0, async || {
        let pid = home.reported("pid").last().unwrap().as_i64().unwrap();
        signal(i32::try_from(pid).unwrap(), libc::SIGKILL);
    })
    .await;
}

#[actix::test]
async fn a_relay_is_built_anew_when_the_hub_comes_back() {
    let home = Home::with(CameraPeer::behind("door", &["--gop", "1"])).await;
    is_rebuilt(&home, 30.0, async || home.hub.restart(Duration::from_secs(4)).await).await;
}
