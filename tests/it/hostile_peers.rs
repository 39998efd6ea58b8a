//! What strangers and ill-meaning far ends do to calls. The rows are those of the fault matrix, "ICE, DTLS, SRTP".

use std::time::Duration;

use serde_json::{Value, json};

use crate::fixture::house::House;
use crate::fixture::program::{Program, TOKEN};
use crate::fixture::workers::processor_time;
use crate::fixture::{AiortcPeer, CallLine, Camera, CameraOptions, PeerOptions, WebrtcbinPeer};

const TEST_PICTURE: &str = "[[camera]]\nid = 'front_door'\nname = 'Front door'\nsource = 'test:'\n";
/// A machine that is busy shows a picture so much later, ms.
const BUSY: f64 = 500.0;
/// What something costs is taken over so many seconds.
const SPAN: f64 = 5.0;

fn options(house: &House, session: &str) -> PeerOptions {
    PeerOptions::new(&format!("http://{}", house.door), &house.token, "front_door").session(session)
}

fn front_door(camera: &Camera) -> String {
    format!("[[camera]]\nid = 'front_door'\nname = 'Front door'\nwarm = true\nsource = '{}'\n", camera.url())
}

async fn seconds(seconds: f64) {
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
}

/// Share of a core that the program takes over some seconds, its workers left out.
async fn load_over(program: &Program, span: f64) -> f64 {
    let before = processor_time(program.pid());
    seconds(span).await;
    (processor_time(program.pid()) - before).as_secs_f64() / span
}

#[actix::test]
async fn n4_strangers_with_dtls_stun_and_rtp_keep_no_call_from_connecting() {
    let house = House::start(TEST_PICTURE);
    let mut line = CallLine::to(&format!("http://{}", house.door), 4).await;
    line.set(json!({ "strangers": 1_000 })).await;
    let options = PeerOptions::new(&line.door, &house.token, "front_door");
    let outcome = WebrtcbinPeer::run(options.calls(10, 1).seconds(0.5)).await;
    let told = line.told().await;
    println!("{} strangers; {}", told["strangers"], (house.shared.port_counters)());
    assert!(told["strangers"].as_u64().unwrap() > 3_000, "{told}");
    assert_eq!(outcome.summaries.len(), 10);
    for summary in &outcome.summaries {
        assert!(summary.connected && summary.problems.is_empty() && summary.video_packets > 0, "{summary:?}");
    }
}

#[actix::test]
async fn n5_a_peer_with_another_certificate_than_its_offer_names_gets_no_media_and_a_reason_is_kept() {
    let house = House::start(TEST_PICTURE);
    let peer = options(&house, "stranger").flag("--wrong-fingerprint").with("--connect-seconds", 12);
    let outcome = AiortcPeer::run(peer.seconds(3.0)).await;
    let summary = outcome.summary();
    let record = house.call_record("stranger", |call| call["ended"].is_string()).await;
    println!("{}: {}", summary.ended, record["end_reason"]);
    assert_eq!((summary.video_packets, summary.audio_packets), (0, 0), "{summary:?}");
    assert_eq!(record["counters"]["packets_sent"].as_u64(), Some(0), "{record}");
    let reason = record["end_reason"].as_str().unwrap();
    assert!(reason.contains("certificate") || reason.contains("DTLS"), "{reason}");
    assert_eq!(record["outcome"], "encryption_failed", "{record}");
}

/// Key pictures of the fullest second.
fn most_in_a_second(key_ms: &[f64]) -> usize {
    let of = |from: &f64| key_ms.iter().filter(|at| (*from..from + 1_000.0).contains(*at)).count();
    key_ms.iter().map(of).max().unwrap_or(0)
}

#[actix::test]
async fn n10_a_hundred_wishes_for_a_key_picture_a_second_get_two_at_most() {
    let camera = Camera::start(CameraOptions::default().gop(10.0)).await;
    let house = House::start(&(TEST_PICTURE.replace("front_door", "encoded") + front_door(&camera).as_str()));
    for (id, kind) in [("encoded", "--pli"), ("encoded", "--fir"), ("front_door", "--pli")] {
        let door = format!("http://{}", house.door);
        let peer = PeerOptions::new(&door, &house.token, id).with(kind, 0.01).seconds(6.0);
        let outcome = AiortcPeer::run(peer).await;
        let summary = outcome.summary();
        let (asked, most) = (summary.pli_sent + summary.fir_sent, most_in_a_second(&summary.idr_ms));
        println!("{id} {kind}: {asked} wishes, {} key pictures, {most} in a second", summary.idr_ms.len());
        assert!(asked > 300, "{summary:?}");
        // Two, and one that came late by what the machine was busy.
        assert!(most <= 3 && summary.idr_ms.len() <= 2 * 7, "{:?}", summary.idr_ms);
        assert!(summary.frames > 75 && summary.longest_gap_ms(0.0) < 1_000.0 + BUSY, "{summary:?}");
    }
}

/// What the program takes of a core, and what comes by the line, kbit/s, while a peer of these options looks on.
async fn cost(program: &Program, line: &mut CallLine, peer: PeerOptions) -> (f64, f64) {
    let mut peer = AiortcPeer::start(peer);
    peer.wait_for("first_frame").await;
    let bytes = |told: Value| told["to_peer"]["bytes"].as_f64().unwrap();
    let before = bytes(line.told().await);
    let load = load_over(program, SPAN).await;
    let kbps = (bytes(line.told().await) - before) * 8.0 / 1_000.0 / SPAN;
    let outcome = peer.outcome().await;
    let summary = outcome.summary();
    println!("{} NACKs for {} packets", summary.nack_sent, summary.nacked_packets_sent);
    println!("{load} of a core, {kbps} kbit/s, longest gap {} ms", summary.longest_gap_ms(0.0));
    assert!(summary.frames > 150 && summary.longest_gap_ms(0.0) < 1_000.0 + BUSY, "{summary:?}");
    (load, kbps)
}

#[actix::test]
async fn n11_a_storm_of_nacks_for_what_came_and_what_never_was_costs_little_and_the_picture_goes_on() {
    let camera = Camera::start(CameraOptions::default().with("--pattern", "noise")).await;
    let program = Program::start(&front_door(&camera)).await;
    let mut line = CallLine::to(&program.door, 11).await;
    let options = PeerOptions::new(&line.door, TOKEN, "front_door").seconds(SPAN + 3.0);
    let (usual, usual_kbps) = cost(&program, &mut line, options.clone()).await;
    let (load, kbps) = cost(&program, &mut line, options.with("--nack", 0.01)).await;
    assert!(load - usual < 0.10, "{load} of a core, {usual} before");
    // What is sent again takes its share of the far end's line.
    assert!(kbps < 3.0 * usual_kbps, "{kbps} kbit/s, {usual_kbps} before");
    assert!(!program.log().contains("panicked"), "{}", program.log());
}

#[actix::test]
async fn n12_whatever_a_peer_says_that_it_can_receive_its_picture_stays_between_floor_and_ceiling() {
    let camera = CameraOptions::default().codec("h265").with("--kbps", 3_000).with("--pattern", "noise");
    let camera = Camera::start(camera).await;
    let house = House::start(&front_door(&camera));
    for (name, remb) in [("nothing", Some(0)), ("most", Some(2_147_483)), ("silence", None::<u32>)] {
        let peer = options(&house, name).seconds(8.0);
        let peer = if let Some(remb) = remb { peer.with("--remb", remb) } else { peer };
        let outcome = AiortcPeer::run(peer).await;
        let summary = outcome.summary();
        let rates = &summary.video_kbps_by_second;
        println!("{name}: {rates:?} kbit/s, longest gap {} ms", summary.longest_gap_ms(0.0));
        let later = &rates[4..rates.len() - 1];
        let mean = later.iter().sum::<u64>() / later.len() as u64;
        // The offer's 2500, and what an encoder is off by over some seconds.
        assert!((60..3_000).contains(&mean), "{name}: {rates:?}");
        assert!(summary.longest_gap_ms(0.0) < 1_500.0 + BUSY, "{name}: {summary:?}");
        assert!(summary.remb_sent > 4 || remb.is_none(), "{name}: {summary:?}");
    }
}

#[actix::test]
async fn n13_ten_thousand_checks_a_second_with_a_guessed_signature_cost_little_and_the_picture_goes_on() {
    let camera = Camera::start(CameraOptions::default()).await;
    let program = Program::start(&front_door(&camera)).await;
    let mut line = CallLine::to(&program.door, 13).await;
    let mut peer = WebrtcbinPeer::start(PeerOptions::new(&line.door, TOKEN, "front_door").seconds(12.0));
    peer.wait_for("first_frame").await;
    let usual = load_over(&program, 3.0).await;
    let before = line.set(json!({ "strangers": 10_000, "kinds": ["stun"] })).await;
    let load = load_over(&program, SPAN).await - usual;
    let told = line.set(json!({ "strangers": 0 })).await;
    let count = |told: &Value| told["strangers"].as_u64().unwrap();
    let sent = count(&told) - count(&before);
    let outcome = peer.outcome().await;
    let summary = outcome.summary();
    println!(
        "{sent} checks in {SPAN} s: {load:.3} of a core; longest gap {} ms",
        summary.longest_gap_ms(0.0)
    );
    assert!(sent > 20_000, "{told}");
    // By check, whatever this machine could send.
    assert!(load / (sent as f64 / 50_000.0) < 0.25, "{load} of a core for {sent}");
    assert!(summary.frames > 200 && summary.longest_gap_ms(0.0) < 500.0 + BUSY, "{summary:?}");
}
