//! What goes wrong: cameras, workers, actors.

use std::time::{Duration, Instant};

use actix::Handler;
use doorstep::camera::registry::Registry;
use doorstep::camera::session::CameraSession;
use doorstep::camera::{EndpointId, Locate};
use serde_json::json;

use crate::fixture::house::{House, wait_for};
use crate::fixture::offers::offer;
use crate::fixture::workers::{signal, workers};
use crate::fixture::{AiortcPeer, Camera, CameraOptions, PeerOptions};

const DOORBELL: &str =
    "[[camera]]\nid = 'front_door'\nname = 'Front door'\nkind = 'doorbell'\nsource = 'test:'\n";
const GARDEN: &str = "[[camera]]\nid = 'garden'\nname = 'Garden'\nsource = 'test:'\n";

fn with_source(url: &str) -> String {
    format!("[[camera]]\nid = 'front_door'\nname = 'Front door'\nsource = '{url}'\n")
}

fn options(house: &House) -> PeerOptions {
    options_at(house, "front_door")
}

fn options_at(house: &House, endpoint: &str) -> PeerOptions {
    PeerOptions::new(&format!("http://{}", house.door), &house.token, endpoint)
}

/// Makes the actor that gets it panic.
#[derive(actix::Message)]
#[rtype(result = "()")]
struct Panic;

impl Handler<Panic> for Registry {
    type Result = ();
    fn handle(&mut self, _: Panic, _: &mut Self::Context) {
        panic!("a test asked for it");
    }
}

impl Handler<Panic> for CameraSession {
    type Result = ();
    fn handle(&mut self, _: Panic, _: &mut Self::Context) {
        panic!("a test asked for it");
    }
}

/// A call in which something is done after 3 s; the far end must see pictures before and after.
async fn survives(house: &House, seconds: f64, fault: impl AsyncFnOnce()) -> crate::fixture::Outcome {
    let peer = AiortcPeer::start(options(house).seconds(seconds).session("tough"));
    let fault = async {
        wait_for("the picture to flow", async || {
            let calls = house.api("calls").await;
            let calls = calls["calls"].as_array().unwrap();
            let call = calls.iter().find(|call| call["session_id"] == "tough")?;
            (call["counters"]["packets_sent"].as_u64()? > 100).then_some(())
        })
        .await;
        fault().await;
    };
    futures_util::future::join(peer.outcome(), fault).await.0
}

async fn worker() -> i32 {
    wait_for("a worker", async || workers().first().copied()).await
}

#[actix::test]
async fn m10_a_worker_that_crashes_or_hangs_is_replaced_and_its_camera_named_while_another_goes_on() {
    // Generous: a crash is seen at once, a hang within five seconds.
    for (name, fault, most) in [("SIGSEGV", libc::SIGSEGV, 4.0), ("SIGSTOP", libc::SIGSTOP, 9.0)] {
        let house = House::start(&format!("{DOORBELL}{GARDEN}"));
        let other = AiortcPeer::start(options_at(&house, "garden").seconds(19.0).session("other"));
        let garden = worker().await;
        let outcome = survives(&house, 16.0, async || {
            let next = async |old: &[i32]| {
                wait_for("a worker", async || workers().into_iter().find(|pid| !old.contains(pid))).await
            };
            let pid = next(&[garden]).await;
            let at = Instant::now();
            signal(pid, fault);
            next(&[garden, pid]).await;
            println!("{name}: another worker after {:?}", at.elapsed());
            assert!(at.elapsed().as_secs_f64() < most, "{name}: {:?}", at.elapsed());
        })
        .await;
        let summary = outcome.summary();
        assert!(summary.connected && summary.problems.is_empty(), "{name}: {summary:?}");
        let last_key = summary.idr_ms.last().unwrap();
        assert!(*last_key > 10_000.0, "{name}: no picture after the fault: {summary:?}");
        let record = house.call_record("tough", |call| call["ended"].is_string()).await;
        assert_eq!(record["camera"], "Front door", "{name}: {record}");
        assert!(!record["trouble"].as_array().unwrap().is_empty(), "{name}: {record}");

        assert!(workers().contains(&garden), "{name}: the other camera keeps its worker");
        let other = other.outcome().await;
        // A busy machine makes gaps, too, but none as long as a hang.
        let gap = other.summary().longest_gap_ms(0.0);
        println!("{name}: the other camera's longest gap is {gap} ms");
        assert!(gap < 3_000.0, "{name}: {:?}", other.summary());
        let record = house.call_record("other", |call| call["ended"].is_string()).await;
        assert_eq!(record["trouble"].as_array().unwrap().len(), 0, "{name}: {record}");
    }
    wait_for("no worker", async || workers().is_empty().then_some(())).await;
}

#[actix::test]
async fn a_camera_that_refuses_or_says_nothing_is_answered_at_once_and_shown_as_a_slate() {
    for fault in ["refuse", "mute", "closed"] {
        let camera = Camera::start(CameraOptions::default().fault(fault, 0.0)).await;
        let house = House::start(&with_source(camera.url()));
        // The silent one is given up after four seconds, the others at once.
        let outcome = AiortcPeer::run(options(&house).seconds(13.0).session(fault)).await;
        let summary = outcome.summary();
        assert!(summary.connected && summary.frames > 3, "{fault}: a slate is shown: {summary:?}");
        assert!(summary.answer_ms < 4_500.0, "{fault}: {summary:?}");
        assert_eq!((summary.width, summary.height), (Some(1280), Some(720)), "{fault}");
        let record = house.call_record(fault, |call| call["ended"].is_string()).await;
        assert!(!record["trouble"].as_array().unwrap().is_empty(), "{fault}: {record}");
    }
}

#[actix::test]
async fn a_wrong_password_is_named_as_such_and_never_shown() {
    let camera = Camera::start(CameraOptions::default().locked("admin", "rightpass", "digest")).await;
    let wrong = camera.url().replace("rightpass", "canary-secret");
    let house = House::start(&with_source(&wrong));
    AiortcPeer::run(options(&house).seconds(5.0).session("locked")).await;
    let record = house.call_record("locked", |call| call["ended"].is_string()).await;
    let troubles = record["trouble"].to_string();
    assert!(troubles.contains("password"), "{troubles}");
    for path in ["calls", "cameras", "status", "diagnostics"] {
        assert!(!house.api(path).await.to_string().contains("canary-secret"), "{path}");
    }
    // The next offer is told at once, in Alexa's words.
    let event = house.offer("front_door", "again", &offer("g3-2023")).await;
    assert_eq!(event["event"]["payload"]["type"], "ENDPOINT_UNREACHABLE", "{event}");
    let report = house.directive(report_state(&house)).await;
    assert_eq!(report["context"]["properties"][0]["value"]["value"], "UNREACHABLE", "{report}");
}

fn report_state(house: &House) -> serde_json::Value {
    json!({ "directive": {
        "header": {
            "namespace": "Alexa", "name": "ReportState", "payloadVersion": "3",
            "messageId": "report-1", "correlationToken": "token",
        },
        "endpoint": {
            "scope": { "type": "BearerToken", "token": house.token }, "endpointId": "front_door",
        },
        "payload": {},
    }})
}

#[actix::test]
async fn a_camera_that_dies_in_mid_call_and_comes_back_is_shown_again() {
    let mut camera = Camera::start(CameraOptions::default()).await;
    let port = camera.port();
    let house = House::start(&with_source(camera.url()));
    let mut again = None;
    let outcome = survives(&house, 24.0, async || {
        camera.kill();
        tokio::time::sleep(Duration::from_secs(4)).await;
        again = Some(Camera::start(CameraOptions::default().port(port)).await);
    })
    .await;
    let summary = outcome.summary();
    assert!(summary.connected, "{summary:?}");
    assert!(again.unwrap().clients().1 >= 1, "the camera is played again");
    let record = house.call_record("tough", |call| call["ended"].is_string()).await;
    assert_eq!(record["end_reason"], "hung up");
    assert!(!record["trouble"].as_array().unwrap().is_empty(), "{record}");
    assert_eq!((summary.width, summary.height), (Some(640), Some(360)), "its own picture is the last one");
}

#[actix::test]
async fn a_session_that_panics_ends_its_own_calls_only_and_the_next_call_finds_a_new_one() {
    let house = House::start(&format!("{DOORBELL}{GARDEN}"));
    let outcome = survives(&house, 8.0, async || {
        let sdp = offer("g3-2023");
        house.offer("garden", "doomed", &sdp).await;
        let endpoint = EndpointId::parse("garden").unwrap();
        let located =
            house.registry().ask(Locate { endpoint }, Duration::from_secs(2)).await.unwrap().unwrap();
        located.session.send(Panic).await.expect_err("it panicked");
        let doomed = house.call_record("doomed", |call| call["ended"].is_string()).await;
        assert!(doomed["end_reason"].as_str().unwrap().contains("internal"), "{doomed}");
        let event = house.offer("garden", "next", &sdp).await;
        assert_eq!(event["event"]["header"]["name"], "AnswerGeneratedForSession", "{event}");
        house.hang_up("garden", "next").await;
    })
    .await;
    let summary = outcome.summary();
    assert!(summary.frozen_ms < 1_500.0, "the other call goes on: {summary:?}");
}

#[actix::test]
async fn a_registry_that_panics_is_built_anew_and_calls_go_on() {
    let house = House::start(DOORBELL);
    let outcome = survives(&house, 8.0, async || {
        let registry = house.registry().addr().unwrap();
        registry.send(Panic).await.expect_err("it panicked");
        let died = Instant::now();
        wait_for("another Registry", async || house.registry().addr().filter(|addr| addr.connected())).await;
        assert!(died.elapsed() < Duration::from_secs(5));
        let event = house.rtc("SessionConnected", "front_door", json!({ "sessionId": "tough" })).await;
        assert_eq!(event["event"]["header"]["name"], "SessionConnected", "the call is still known: {event}");
    })
    .await;
    let summary = outcome.summary();
    assert!(summary.problems.is_empty() && summary.frozen_ms < 1_500.0, "{summary:?}");
    let record = house.call_record("tough", |call| call["ended"].is_string()).await;
    assert_eq!(record["end_reason"], "hung up");
}

#[actix::test]
async fn a_stopped_house_leaves_no_worker_and_keeps_the_record_of_its_calls() {
    let house = House::start(DOORBELL);
    house.offer("front_door", "cut", &offer("g3-2023")).await;
    worker().await;
    let began = Instant::now();
    let folder = house.stop();
    assert!(began.elapsed() < Duration::from_secs(8));
    assert!(workers().is_empty());
    let records = std::fs::read_to_string(folder.path().join("calls.jsonl")).unwrap();
    assert!(records.contains("\"cut\"") && records.contains("was stopped"), "{records}");
}
