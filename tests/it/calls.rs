//! Whole calls with peers and cameras that are not ours: what the far end decoded, and what is left.

use std::time::Duration;

use crate::fixture::house::{House, wait_for};
use crate::fixture::{AiortcPeer, Camera, CameraOptions, Outcome, Peer, PeerOptions, Summary, WebrtcbinPeer};

const DOORBELL: &str =
    "[[camera]]\nid = 'front_door'\nname = 'Front door'\nkind = 'doorbell'\nsource = 'test:'\n";
/// Tone of the test picture, Hz.
const TONE: f64 = 440.0;
/// A feed without calls stays open this long.
const LINGER: Duration = Duration::from_secs(31);

fn with_source(url: &str) -> String {
    format!("[[camera]]\nid = 'front_door'\nname = 'Front door'\nsource = '{url}'\n")
}

fn options(house: &House) -> PeerOptions {
    PeerOptions::new(&format!("http://{}", house.door), &house.token, "front_door")
}

/// What every good call has in common.
fn assert_good(summary: &Summary) {
    assert!(summary.problems.is_empty(), "{:?}", summary.problems);
    assert!(summary.connected && summary.frames > 20, "{summary:?}");
    assert_eq!(summary.video_ssrcs.len(), 1, "{summary:?}");
    assert_eq!(summary.audio_ssrcs.len(), 1, "{summary:?}");
    assert_eq!((summary.video_reordered, summary.video_repeated), (0, 0), "wire order: {summary:?}");
    assert!(summary.level_idc.is_some_and(|level| level <= 41), "{summary:?}");
    assert!([66, 77, 100].contains(&summary.profile_idc.unwrap()), "{summary:?}");
    assert!(summary.audio_packets > 50, "{summary:?}");
}

fn assert_tone(summary: &Summary, hz: f64) {
    let heard = summary.tone_hz.unwrap_or_else(|| panic!("silence: {summary:?}"));
    assert!((heard - hz).abs() < 30.0, "{heard} Hz instead of {hz}");
}

/// Nothing of the calls is left but the feed, which lingers.
async fn assert_quiet(house: &House) {
    wait_for("an empty port", async || {
        let port = (house.shared.port_counters)();
        (port["live_ufrags"] == 0 && port["live_addresses"] == 0).then_some(())
    })
    .await;
    assert_eq!(house.camera("front_door").await["calls"], 0);
}

async fn talk_and_listen(run: impl AsyncFnOnce(PeerOptions) -> Outcome) {
    let house = House::start(DOORBELL);
    let peer = run(options(&house).talk(1000).seconds(6.0).session("talk"));
    let speaker = wait_for("the visitor to be spoken to", async || {
        let live = house.camera("front_door").await["live"].clone();
        live["speaker_dbfs"].as_f64().filter(|dbfs| *dbfs > -40.0)
    });
    let (outcome, _speaker_dbfs) = futures_util::future::join(peer, speaker).await;
    let summary = outcome.summary();
    assert_good(summary);
    assert_tone(summary, TONE);
    assert_eq!((summary.width, summary.height), (Some(1280), Some(720)));
    assert!(summary.talk_sent > 100, "{summary:?}");

    let audio = &outcome.answer().sections[0];
    assert_eq!(
        (audio.direction.as_deref(), audio.formats.as_slice()),
        (Some("sendrecv"), &["96".to_owned()][..])
    );
    let record = house.call_record("talk", |call| call["ended"].is_string()).await;
    assert_eq!(record["end_reason"], "hung up");
    let stages = &record["stages"];
    for (before, after) in [("answer_sent", "dtls_connected"), ("dtls_connected", "first_video_sent")] {
        assert!(stages[before].as_u64().unwrap() <= stages[after].as_u64().unwrap(), "{stages}");
    }
    assert!(record["counters"]["talk_packets"].as_u64().unwrap() > 100, "{record}");
    assert_quiet(&house).await;
}

#[actix::test]
async fn aiortc_sees_hears_and_is_heard() {
    talk_and_listen(AiortcPeer::run).await;
}

#[actix::test]
async fn webrtcbin_of_the_real_gateways_family_sees_hears_and_is_heard() {
    talk_and_listen(WebrtcbinPeer::run).await;
}

#[actix::test]
async fn webrtcbin_connects_with_every_generation_of_offer() {
    let house = House::start(&format!("limits.calls = 20\n{DOORBELL}"));
    for generation in ["g1", "g2", "g4", "g5", "g6"] {
        let peer = options(&house).generation(generation).seconds(3.0);
        let peer = if generation == "g2" { peer.line_feeds() } else { peer };
        let outcome = WebrtcbinPeer::run(peer).await;
        assert_good(outcome.summary());
    }
    let outcome = WebrtcbinPeer::run(options(&house).generation("g7").seconds(3.0)).await;
    let summary = outcome.summary();
    assert!(summary.problems.is_empty() && summary.audio_packets > 50 && summary.frames == 0, "{summary:?}");
    assert_tone(summary, TONE);
    assert_quiet(&house).await;
}

#[actix::test]
async fn a_cameras_h264_is_passed_on_as_it_is_with_its_sound_as_opus() {
    for (audio, tone) in [("aac", 700), ("pcmu", 900), ("pcma", 1100), ("opus", 500)] {
        let camera = Camera::start(CameraOptions::default().audio(audio).tone(tone)).await;
        let house = House::start(&with_source(camera.url()));
        let outcome = AiortcPeer::run(options(&house).seconds(5.0).session(audio)).await;
        let summary = outcome.summary();
        assert_good(summary);
        assert_tone(summary, f64::from(tone));
        assert_eq!((summary.width, summary.height), (Some(640), Some(360)));
        let audio_section = &outcome.answer().sections[0];
        assert_eq!(audio_section.direction.as_deref(), Some("sendonly"), "no speaker is promised");
        let record = house.call_record(audio, |call| call["ended"].is_string()).await;
        assert_eq!((&record["video"]["mode"], &record["video"]["codec"]), (&"copy".into(), &"h264".into()));
    }
}

#[actix::test]
async fn a_camera_without_sound_gets_steady_silence() {
    let camera = Camera::start(CameraOptions::default().audio("none")).await;
    let house = House::start(&with_source(camera.url()));
    let outcome = WebrtcbinPeer::run(options(&house).seconds(5.0)).await;
    let summary = outcome.summary();
    assert_good(summary);
    assert!(summary.audio_packets > 150, "{summary:?}");
    assert!(summary.audio_dbfs < -80.0, "{summary:?}");
}

#[actix::test]
async fn a_camera_with_ten_seconds_between_key_pictures_shows_its_picture_at_once_when_warm() {
    let camera = Camera::start(CameraOptions::default().gop(10.0)).await;
    let house = House::start(&(with_source(camera.url()) + "warm = true\n"));
    // Its first key picture may be one that went by before anybody listened.
    wait_for("a warm camera", async || {
        let live = house.camera("front_door").await["live"].clone();
        (live["picture"] == true).then_some(())
    })
    .await;
    // Between two key pictures: only the ring can show something now.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let outcome = AiortcPeer::run(options(&house).seconds(3.0)).await;
    let summary = outcome.summary();
    assert!(summary.problems.is_empty() && summary.frames > 20, "{summary:?}");
    assert!(summary.first_frame_ms.unwrap() < 4_000.0, "{summary:?}");
}

#[actix::test]
async fn lost_packets_come_again_on_the_same_ssrc_when_they_are_asked_for() {
    let house = House::start(DOORBELL);
    let outcome = AiortcPeer::run(options(&house).drop_percent(5.0).seconds(8.0).session("lossy")).await;
    let summary = outcome.summary();
    assert!(summary.nacked_packets_sent > 5, "{summary:?}");
    assert!(summary.recovered * 10 >= summary.dropped * 8, "{summary:?}");
    assert_eq!(summary.video_ssrcs.len(), 1);
    assert!(summary.frames > 100, "{summary:?}");
    let record = house.call_record("lossy", |call| call["ended"].is_string()).await;
    assert!(record["counters"]["nack"].as_u64().unwrap() > 0, "{record}");
    assert!(record["counters"]["retransmitted"].as_u64().unwrap() >= summary.recovered, "{record}");
}

#[actix::test]
async fn repairs_have_a_stream_of_their_own_where_it_is_offered_and_wishes_still_arrive() {
    let house = House::start(DOORBELL);
    let peer = options(&house).drop_percent(5.0).seconds(8.0).session("rtx").flag("--rtx");
    let outcome = AiortcPeer::run(peer.with("--pli", 2).with("--remb", 3000)).await;
    let summary = outcome.summary();
    assert!(summary.problems.is_empty(), "{summary:?}");
    assert!(summary.dropped > 5 && summary.recovered * 10 >= summary.dropped * 8, "{summary:?}");
    assert_eq!((summary.video_ssrcs.len(), &summary.video_payload_types[..]), (1, &[99][..]));
    assert!(summary.frames > 100, "{summary:?}");
    let record = house.call_record("rtx", |call| call["ended"].is_string()).await;
    let counted = |counter: &str| record["counters"][counter].as_u64().unwrap();
    // Aiortc may end before the last repairs arrive; all of them had their own stream.
    assert!(summary.rtx_packets >= summary.recovered && summary.rtx_packets <= counted("retransmitted"));
    assert!(counted("nack") > 0 && counted("pli") >= 3, "{record}");
    assert_eq!(counted("remb_kbps"), 3000, "{record}");
}

#[actix::test]
async fn two_echos_share_one_feed_and_one_stays_when_the_other_leaves() {
    let mut camera = Camera::start(CameraOptions::default()).await;
    let house = House::start(&with_source(camera.url()));
    let first: Peer = AiortcPeer::start(options(&house).seconds(10.0));
    camera.wait_for("playing", Duration::from_secs(30)).await;
    let second = AiortcPeer::run(options(&house).seconds(3.0)).await;
    assert_good(second.summary());
    let first = first.outcome().await;
    assert_good(first.summary());
    assert!(first.summary().frozen_ms < 1_500.0, "{:?}", first.summary());
    let (_, playing, _) = camera.clients();
    assert_eq!(playing, 1, "one worker opens the camera, once");
}

#[actix::test]
async fn n2_a_peer_that_vanishes_in_mid_call_is_noticed_within_30_s_and_its_camera_is_let_go() {
    let mut camera = Camera::start(CameraOptions::default()).await;
    let house = House::start(&with_source(camera.url()));
    let outcome = AiortcPeer::run(options(&house).seconds(2.0).vanishes().session("gone")).await;
    assert_eq!(outcome.summary().ended, "vanished");
    // Beside the 30 s, what looking for it takes on a busy machine.
    let ended = tokio::time::timeout(Duration::from_secs(35), async {
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            if house.camera("front_door").await["calls"] == 0 {
                break;
            }
        }
    });
    ended.await.expect("the call ends");
    let record = house.call_record("gone", |call| call["ended"].is_string()).await;
    assert!(record["end_reason"].as_str().unwrap().contains("vanished"), "{record}");
    assert_eq!(record["outcome"], "path_lost", "{record}");
    assert_quiet(&house).await;
    camera.wait_for("closed", LINGER + Duration::from_secs(10)).await;
}
