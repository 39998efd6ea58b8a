//! The hub's relay as a source: how it begins, and how it ends, whatever happens at the hub or behind it.

use std::net::Ipv4Addr;
use std::time::Duration;

use doorstep::camera::entity::Entity;
use doorstep::camera::relay::Relay;
use doorstep::hub::bridge::Snapshot;
use doorstep::media::fetch::{Fetch, FetchEnd, Form, PictureCodec, Piece, SoundCodec};
use doorstep::media::talk::SpeakerFormat;
use doorstep::peer::PortConfig;
use doorstep::peer::connection::Peers;
use doorstep::sim::hub::{SimCamera, SimHub, SimHubOptions};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::fixture::CameraPeer;
use crate::fixture::house::{House, wait_for};

const PATIENCE: Duration = Duration::from_secs(40);

/// A hub, a house that is linked to it, and a port for calls of our own.
struct Home {
    hub: SimHub,
    house: House,
    peers: Peers,
}

impl Home {
    async fn with(cameras: Vec<SimCamera>) -> Self {
        let hub = SimHub::start(SimHubOptions { cameras, ..SimHubOptions::default() }).await.unwrap();
        let house = House::start(&format!("[hub]\nurl = '{}'\ntoken = '{}'\n", hub.url, hub.token));
        let config =
            PortConfig { bind: vec![Ipv4Addr::LOCALHOST], allow_loopback: true, ..PortConfig::default() };
        Self { hub, house, peers: Peers::open(&config).unwrap() }
    }

    async fn relay(&self, key: &str) -> Relay {
        let bridge = self.house.shared.bridge.clone().unwrap();
        let entity_id = format!("camera.{key}");
        let registry_id = wait_for("the hub's camera", async || {
            let snapshot = bridge.ask(Snapshot, Duration::from_secs(2)).await.ok()?;
            let mut entities = snapshot.cameras.iter().flat_map(|camera| &camera.entities);
            Some(entities.find(|entity| entity.entity_id == entity_id)?.registry_id.clone())
        })
        .await;
        let entity = Entity { registry_id, entity_id };
        Relay { entity, camera: key.to_owned(), talk: true, bridge, peers: self.peers.clone() }
    }

    async fn fetch(&self, key: &str) -> Fetching {
        let relay = self.relay(key).await;
        let (to, pieces) = mpsc::channel(64);
        Fetching { pieces, end: tokio::spawn(async move { relay.fetch(to).await }) }
    }

    /// Nothing is left: no call at the port, no session at the hub.
    async fn assert_quiet(&self, key: &str) {
        wait_for("an empty port", async || {
            let port = self.peers.port_counters();
            (port.live_ufrags == 0 && port.live_addresses == 0).then_some(())
        })
        .await;
        let reports = self.hub.relay_reports(&format!("camera.{key}"));
        for pid in reports.iter().filter_map(|report| report["pid"].as_u64()) {
            wait_for("the session at the hub to end", async || {
                (!std::path::Path::new(&format!("/proc/{pid}")).exists()).then_some(())
            })
            .await;
        }
    }
}

struct Fetching {
    pieces: mpsc::Receiver<Piece>,
    end: JoinHandle<FetchEnd>,
}

impl Fetching {
    async fn next(&mut self) -> Option<Piece> {
        timeout(PATIENCE, self.pieces.recv()).await.expect("a piece or the end")
    }

    async fn pictures(&mut self, count: usize) {
        let mut seen = 0;
        while seen < count {
            let piece = self.next().await.expect("it goes on");
            seen += usize::from(matches!(piece, Piece::Picture { .. }));
        }
    }

    async fn end(mut self) -> FetchEnd {
        while self.next().await.is_some() {}
        self.end.await.unwrap()
    }
}

#[actix::test]
async fn it_begins_with_what_was_agreed_on_and_ends_at_the_hub_when_nobody_takes_it() {
    let camera = CameraPeer::behind("door", &["--sound", "pcmu", "--talk", "sendrecv"]);
    let home = Home::with(vec![camera]).await;
    let mut fetching = home.fetch("door").await;
    let Some(Piece::Begin(begin)) = fetching.next().await else { panic!("it begins") };
    let form = Form::Packets { picture: PictureCodec::H264, sound: Some(SoundCodec::Pcmu) };
    assert_eq!(begin.form, form);
    assert_eq!(begin.speaker.map(|speaker| speaker.format), Some(SpeakerFormat::Pcmu));
    assert!(begin.key_frames.is_some());
    fetching.pictures(5).await;
    drop(fetching.pieces);
    timeout(PATIENCE, fetching.end).await.expect("it ends by itself").unwrap();
    home.assert_quiet("door").await;

    let mut fetching = home.fetch("door").await;
    fetching.pictures(5).await;
    fetching.end.abort();
    home.assert_quiet("door").await;
}

/// Processor time that this thread has used.
fn used() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

#[actix::test]
async fn between_two_pictures_nothing_is_done() {
    let home = Home::with(vec![CameraPeer::behind("door", &["--size", "320x180"])]).await;
    let mut fetching = home.fetch("door").await;
    fetching.pictures(5).await;
    let before = used();
    fetching.pictures(75).await;
    // About 50 ms; a loop that never rests takes all that it can get of three seconds.
    let used = used() - before;
    assert!(used < Duration::from_millis(300), "{used:?}");
}

#[actix::test]
async fn whatever_goes_wrong_ends_it_with_a_reason_and_leaves_nothing_behind() {
    let faults = [
        ("reject", "codecs not matched"),
        ("no-answer", "did not answer in time"),
        ("silent", "sends no picture"),
        ("error-after-answer", "the camera is gone"),
        ("leave", "sends no picture"),
    ];
    let camera = |(fault, _): &(&str, &str)| {
        let size = ["--size", "320x180", "--after", "0.5"];
        CameraPeer::behind(&fault.replace('-', "_"), &[&["--fault", *fault], &size[..]].concat())
    };
    let home = Home::with(faults.iter().map(camera).collect()).await;
    for (fault, why) in faults {
        let key = fault.replace('-', "_");
        let end = home.fetch(&key).await.end().await;
        assert!(end.reason.contains(why), "{fault}: {end:?}");
        assert!(!end.lasting && !end.kind.is_login(), "{fault}: {end:?}");
        home.assert_quiet(&key).await;
    }
}

#[actix::test]
async fn an_error_of_the_hub_after_its_yes_and_a_camera_that_it_does_not_know_are_told() {
    let home = Home::with(vec![CameraPeer::behind("door", &[])]).await;
    let mut fetching = home.fetch("door").await;
    fetching.pictures(5).await;
    assert!(home.hub.fail_relays("camera.door", "go2rtc_webrtc_offer_failed", "the stream has ended"));
    let end = fetching.end().await;
    assert_eq!(end.reason, "the stream has ended");
    home.assert_quiet("door").await;

    let fetching = home.fetch("door").await;
    home.hub.remove_camera("door");
    let end = fetching.end().await;
    assert!(!end.reason.is_empty());
}

#[actix::test]
async fn with_the_link_to_the_hub_the_picture_goes_and_it_comes_again_with_it() {
    let home = Home::with(vec![CameraPeer::behind("door", &[])]).await;
    let mut fetching = home.fetch("door").await;
    fetching.pictures(5).await;
    home.hub.drop_links();
    let end = fetching.end().await;
    assert_eq!(end.reason, "the link to the hub was lost");
    home.assert_quiet("door").await;
    home.fetch("door").await.pictures(5).await;
}

#[actix::test]
async fn candidates_before_the_answer_and_cameras_that_speak_webrtc_themselves_are_as_good() {
    let native = SimCamera {
        stream_types: vec!["web_rtc".into()],
        data_channel: Some("dataSendChannel".into()),
        ..CameraPeer::behind("native", &["--talk", "sendrecv"])
    };
    let home = Home::with(vec![native, CameraPeer::behind("door", &[])]).await;
    home.hub.candidates_first(true);
    home.fetch("door").await.pictures(5).await;
    home.hub.candidates_first(false);
    home.fetch("native").await.pictures(5).await;
}
