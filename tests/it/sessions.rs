//! The life of a call, seen from the door.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::fixture::house::{House, wait_for};
use crate::fixture::offers::{self, offer};

/// A doorbell that needs no hub.
const DOORBELL: &str =
    "[[camera]]\nid = 'front_door'\nname = 'Front door'\nkind = 'doorbell'\nsource = 'test:'\n";

fn answer(event: &serde_json::Value) -> &str {
    event["event"]["payload"]["answer"]["value"].as_str().unwrap_or_else(|| panic!("no answer: {event}"))
}

fn error_type(event: &serde_json::Value) -> &str {
    event["event"]["payload"]["type"].as_str().unwrap_or_else(|| panic!("no error: {event}"))
}

#[actix::test]
async fn every_generation_of_offer_gets_an_answer_well_within_the_budget() {
    let house = House::start(DOORBELL);
    for (name, sdp) in offers::all() {
        for text in [sdp.replace("\r\n", "\n"), sdp.replace("\r\n", "\n").replace('\n', "\r\n")] {
            let began = Instant::now();
            let event = house.offer("front_door", name, &text).await;
            assert!(began.elapsed() < Duration::from_secs(2), "{name}");
            let answer = answer(&event);
            assert!(answer.contains("a=candidate:") && answer.ends_with("\r\n"), "{name}: {answer}");
            house.hang_up("front_door", name).await;
        }
    }
}

#[actix::test]
async fn a_retry_of_the_same_offer_gets_the_same_answer_and_a_new_offer_replaces_the_peer() {
    let house = House::start(DOORBELL);
    let first = house.offer("front_door", "s1", &offer("g3-2023")).await;
    let retry = house.offer("front_door", "s1", &offer("g3-2023")).await;
    assert_eq!(answer(&first), answer(&retry));
    let other = house.offer("front_door", "s1", &offer("g2-2019")).await;
    assert_ne!(answer(&first), answer(&other));
    let replaced = house
        .call_record("s1", |call| call["end_reason"].as_str().is_some_and(|end| end.contains("replaced")))
        .await;
    assert_eq!(replaced["endpoint_id"], "front_door");
    assert_eq!(house.camera("front_door").await["calls"], 1);
}

#[actix::test]
async fn a_call_that_lasts_longer_than_an_idle_feed_keeps_its_feed() {
    let house = House::start(DOORBELL);
    house.offer("front_door", "long", &offer("g3-2023")).await;
    tokio::time::sleep(Duration::from_secs(32)).await;
    let camera = house.camera("front_door").await;
    assert_eq!((&camera["calls"], &camera["live"]["live"]), (&json!(1), &json!(true)), "{camera}");
    house.hang_up("front_door", "long").await;
}

#[actix::test]
async fn sixteen_copies_of_one_offer_at_once_make_one_call() {
    let house = House::start(DOORBELL);
    let sdp = offer("g3-2023");
    let copies = (0..16).map(|_| house.offer("front_door", "same", &sdp));
    let events = futures_util::future::join_all(copies).await;
    let first = answer(&events[0]).to_owned();
    assert!(events.iter().all(|event| answer(event) == first));
    assert_eq!(house.camera("front_door").await["calls"], 1);
}

#[actix::test]
async fn hanging_up_is_the_same_for_a_call_that_never_was_that_goes_on_or_that_is_over() {
    let house = House::start(DOORBELL);
    house.offer("front_door", "on", &offer("g3-2023")).await;
    for session in ["never", "on", "on"] {
        let event = house.hang_up("front_door", session).await;
        assert_eq!(event["event"]["header"]["name"], "SessionDisconnected", "{event}");
        assert_eq!(event["event"]["payload"], json!({ "sessionId": session }));
    }
}

#[actix::test]
async fn a_call_that_hangs_up_before_its_answer_leaves_nothing_behind() {
    let house = House::start(DOORBELL);
    let sdp = offer("g3-2023");
    for round in 0..10 {
        let session = format!("early-{round}");
        let (offered, hung_up) =
            futures_util::future::join(house.offer("front_door", &session, &sdp), async {
                tokio::time::sleep(Duration::from_micros(600 * round)).await;
                house.hang_up("front_door", &session).await
            })
            .await;
        assert_eq!(hung_up["event"]["header"]["name"], "SessionDisconnected");
        let name = &offered["event"]["header"]["name"];
        assert!(name == "AnswerGeneratedForSession" || name == "ErrorResponse", "{offered}");
        // The directives may have passed each other on the way; Alexa's next one is the last word.
        house.hang_up("front_door", &session).await;
    }
    wait_for("an empty port", async || {
        let counters = (house.shared.port_counters)();
        (counters["live_ufrags"] == 0 && counters["live_addresses"] == 0).then_some(())
    })
    .await;
    assert_eq!(house.camera("front_door").await["calls"], 0);
}

#[actix::test]
async fn an_offer_that_its_own_hang_up_has_overtaken_is_not_answered() {
    let house = House::start(DOORBELL);
    house.hang_up("front_door", "quick").await;
    let event = house.offer("front_door", "quick", &offer("g3-2023")).await;
    assert_eq!(error_type(&event), "INVALID_VALUE", "{event}");
    answer(&house.offer("front_door", "other", &offer("g3-2023")).await);
    assert_eq!(house.camera("front_door").await["calls"], 1);
}

#[actix::test]
async fn an_offer_that_cannot_be_used_does_not_end_the_call_that_has_its_id() {
    let house = House::start(DOORBELL);
    answer(&house.offer("front_door", "s1", &offer("g3-2023")).await);
    let event = house.offer("front_door", "s1", "v=0\r\nnonsense").await;
    assert_eq!(error_type(&event), "INVALID_VALUE", "{event}");
    let known = house.rtc("SessionConnected", "front_door", json!({ "sessionId": "s1" })).await;
    assert_eq!(known["event"]["header"]["name"], "SessionConnected");
}

#[actix::test]
async fn connected_is_confirmed_for_a_known_call_and_refused_for_an_unknown_one() {
    let house = House::start(DOORBELL);
    house.offer("front_door", "s1", &offer("g3-2023")).await;
    let known = house.rtc("SessionConnected", "front_door", json!({ "sessionId": "s1" })).await;
    assert_eq!(known["event"]["header"]["name"], "SessionConnected");
    assert_eq!(known["event"]["payload"], json!({ "sessionId": "s1" }));
    let unknown = house.rtc("SessionConnected", "front_door", json!({ "sessionId": "s2" })).await;
    assert_eq!(error_type(&unknown), "INVALID_VALUE");
}

#[actix::test]
async fn a_call_too_many_is_told_that_the_camera_is_busy_and_the_others_go_on() {
    let house = House::start(&format!(
        "limits.calls_per_camera = 2\nlimits.calls = 3\n{DOORBELL}\n[[camera]]\nid = 'garden'\nsource = 'test:'\n"
    ));
    let sdp = offer("g3-2023");
    for session in ["a", "b"] {
        answer(&house.offer("front_door", session, &sdp).await);
    }
    assert_eq!(error_type(&house.offer("front_door", "c", &sdp).await), "ENDPOINT_BUSY");
    answer(&house.offer("garden", "d", &sdp).await);
    assert_eq!(error_type(&house.offer("garden", "e", &sdp).await), "ENDPOINT_BUSY");
    house.hang_up("front_door", "a").await;
    answer(&house.offer("garden", "f", &sdp).await);
    assert_eq!(house.camera("front_door").await["calls"], 1);
}

#[actix::test]
async fn an_offer_that_cannot_be_used_is_refused_with_its_first_reason() {
    let house = House::start(DOORBELL);
    let good = offer("g3-2023");
    let without = |prefix: &str| {
        good.lines()
            .filter(|line| !line.starts_with(prefix))
            .map(|line| format!("{line}\r\n"))
            .collect::<String>()
    };
    let section = good[good.find("m=video").unwrap()..].to_owned();
    let cases = [
        ("nonsense", "no SDP at all".to_owned()),
        ("no section", good[..good.find("m=audio").unwrap()].to_owned()),
        ("no fingerprint", without("a=fingerprint")),
        ("no ufrag", without("a=ice-ufrag")),
        ("no H.264", good.replace("H264", "H265").replace("opus", "speex")),
        ("1000 sections", format!("{good}{}", "m=video 9 UDP/TLS/RTP/SAVPF 99\r\n".repeat(1000))),
        ("too large", format!("{good}{}", section.repeat(40))),
    ];
    for (name, sdp) in cases {
        let event = house.offer("front_door", "bad", &sdp).await;
        assert_eq!(error_type(&event), "INVALID_VALUE", "{name}: {event}");
        assert!(event["event"]["payload"]["message"].as_str().unwrap().len() > 10, "{name}");
        assert_eq!(event["event"]["header"]["namespace"], "Alexa");
    }
    assert_eq!(house.camera("front_door").await["calls"], 0);
}

#[actix::test]
async fn a_camera_that_is_not_shared_or_not_known_says_so() {
    let house = House::start("[[camera]]\nid = 'private'\nsource = 'test:'\nalexa = false\n");
    let sdp = offer("g3-2023");
    assert_eq!(error_type(&house.offer("private", "s", &sdp).await), "CLOUD_CONTROL_DISABLED");
    assert_eq!(error_type(&house.offer("cellar", "s", &sdp).await), "NO_SUCH_ENDPOINT");
}
