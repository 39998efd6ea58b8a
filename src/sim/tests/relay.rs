//! WebRTC sessions by way of the hub.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;

/// Answers, tells two candidates, reports what it is told, and leaves a file while it lives.
const FAR_END: &str = r#"
read offer
printf '%s\n' '{"candidate": "candidate:1 1 udp 1 127.0.0.1 7 typ host"}'
printf '%s\n' '{"answer": "v=0\r\na=ice-ufrag:abcd\r\n"}'
printf '%s\n' '{"candidate": "candidate:2 1 tcp 1 127.0.0.1 7 typ host tcptype passive"}'
printf '{"pid": %s}\n' $$
while read line; do printf '{"heard": %s}\n' "$line"; done
"#;

fn camera(key: &str, types: &[&str], program: Option<&str>) -> SimCamera {
    SimCamera {
        key: key.into(),
        name: key.into(),
        stream_types: types.iter().map(|&kind| kind.to_owned()).collect(),
        two_way_audio: Some(false),
        relay: program.map(|program| vec!["sh".into(), "-c".into(), program.into()]),
        ..SimCamera::default()
    }
}

async fn hub_with(camera: SimCamera) -> (SimHub, Client) {
    let hub = SimHub::start(SimHubOptions { cameras: vec![camera], ..quick() }).await.unwrap();
    let client = Client::coalescing(&hub).await;
    (hub, client)
}

fn offer(id: u64, entity_id: &str) -> Value {
    json!({"id": id, "type": "camera/webrtc/offer", "entity_id": entity_id, "offer": "v=0\r\n"})
}

async fn reported(hub: &SimHub, entity_id: &str, key: &str) -> Value {
    for _ in 0..500 {
        let reports = hub.relay_reports(entity_id);
        if let Some(found) = reports.iter().find_map(|report| report.get(key)) {
            return found.clone();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no report of {key}");
}

/// False once nobody has this process id any more, not even as a zombie.
async fn is_gone(pid: &Value) -> bool {
    for _ in 0..500 {
        if !std::path::Path::new(&format!("/proc/{pid}")).exists() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

#[tokio::test]
async fn a_session_tells_session_answer_and_doubled_candidates_and_ends_when_it_is_unsubscribed() {
    let (hub, mut client) = hub_with(camera("door", &["web_rtc", "hls"], Some(FAR_END))).await;
    client.say(offer(2, "camera.door")).await;
    let last = "candidate:2 1 tcp 1 127.0.0.1 7 typ host tcptype passive ufrag abcd";
    let heard = client.until(|m| m.pointer("/event/candidate/candidate") == Some(&json!(last))).await;
    let told: Vec<&Value> = heard.iter().map(|m| m.pointer("/event/type").unwrap_or(&m["type"])).collect();
    assert_eq!(told, ["result", "session", "answer", "candidate", "candidate", "candidate", "candidate"]);
    assert!(heard.iter().all(|message| message["id"] == 2));
    assert_eq!(heard[0]["result"], Value::Null);
    let session = heard[1]["event"]["session_id"].as_str().unwrap();
    assert_eq!(session.len(), 26);
    assert_eq!(heard[2]["event"]["answer"], "v=0\r\na=ice-ufrag:abcd\r\n");
    assert_eq!(
        heard[3]["event"]["candidate"],
        json!({"candidate": "candidate:1 1 udp 1 127.0.0.1 7 typ host", "sdpMLineIndex": 0})
    );

    let candidate = |id: u64, session: &str, inner: Value| json!({"id": id, "type": "camera/webrtc/candidate", "entity_id": "camera.door", "session_id": session, "candidate": inner});
    let ours =
        json!({"candidate": "candidate:9 1 udp 1 127.0.0.1 9 typ host", "sdpMid": "0", "sdpMLineIndex": 0});
    let taken = client.ask(candidate(3, session, ours.clone())).await;
    assert_eq!((&taken["success"], &taken["result"]), (&json!(true), &Value::Null));
    let taken = client.ask(candidate(4, "none", ours.clone())).await;
    assert_eq!(taken["success"], true, "an unknown session is accepted");
    error(5, "invalid_format")(&client.ask(candidate(5, session, json!({"sdpMid": "0"}))).await);
    let heard = reported(&hub, "camera.door", "heard").await;
    assert_eq!(heard, json!({"candidate": ours["candidate"]}));

    let pid = reported(&hub, "camera.door", "pid").await;
    let end = json!({"id": 6, "type": "unsubscribe_events", "subscription": 2});
    assert_eq!(client.ask(end).await["success"], true);
    assert!(is_gone(&pid).await, "its program is gone");
}

#[tokio::test]
async fn a_program_ends_with_the_connection_and_with_the_hub() {
    let (hub, mut client) = hub_with(camera("door", &["web_rtc", "hls"], Some(FAR_END))).await;
    client.say(offer(2, "camera.door")).await;
    let pid = reported(&hub, "camera.door", "pid").await;
    drop(client);
    assert!(is_gone(&pid).await);

    let (hub, mut client) = hub_with(camera("door", &["web_rtc", "hls"], Some(FAR_END))).await;
    client.say(offer(2, "camera.door")).await;
    let pid = reported(&hub, "camera.door", "pid").await;
    hub.stop().await;
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists(), "none is left when it has stopped");
}

#[tokio::test]
async fn failures_are_told_by_events_before_and_after_the_answer() {
    let dead = "read offer; exit 1";
    for (types, program, code) in [
        (&["web_rtc", "hls"], None, "go2rtc_webrtc_offer_failed"),
        (&["web_rtc", "hls"], Some(dead), "go2rtc_webrtc_offer_failed"),
    ] {
        let (_hub, mut client) = hub_with(camera("shed", types, program)).await;
        client.say(offer(2, "camera.shed")).await;
        let heard = client.until(|m| m["event"]["type"] == "error").await;
        assert_eq!(heard[0]["success"], true);
        assert_eq!(heard[1]["event"]["type"], "session");
        assert_eq!(heard[2]["event"]["code"], code, "{heard:?}");
    }

    let (hub, mut client) = hub_with(camera("door", &["web_rtc", "hls"], Some(FAR_END))).await;
    let mut bad = offer(2, "camera.door");
    bad["offer"] = "not an sdp".into();
    client.say(bad).await;
    let heard = client.until(|m| m["event"]["type"] == "error").await;
    assert_eq!(heard[2]["event"]["code"], "go2rtc_webrtc_offer_failed");
    client.say(offer(3, "camera.door")).await;
    client.until(|m| m["event"]["type"] == "answer").await;
    let pid = reported(&hub, "camera.door", "pid").await;
    assert!(hub.fail_relays("camera.door", "webrtc_failed", "the camera went away"));
    let heard = client.until(|m| m["event"]["type"] == "error").await;
    assert_eq!(heard.last().unwrap()["id"], 3);
    assert!(is_gone(&pid).await);
    let end = json!({"id": 4, "type": "unsubscribe_events", "subscription": 3});
    assert_eq!(client.ask(end).await["success"], true);
}

#[tokio::test]
async fn candidates_may_come_before_the_answer_and_a_native_camera_tells_each_once() {
    let (hub, mut client) = hub_with(camera("porch", &["web_rtc"], Some(FAR_END))).await;
    hub.candidates_first(true);
    client.say(offer(2, "camera.porch")).await;
    reported(&hub, "camera.porch", "pid").await;
    let heard = client.until(|m| m.to_string().contains("passive")).await;
    let told: Vec<&Value> = heard.iter().skip(1).map(|message| &message["event"]["type"]).collect();
    assert_eq!(told, ["session", "candidate", "answer", "candidate"]);
    assert_eq!(heard[2]["event"]["candidate"]["sdpMid"], "0");
}

#[tokio::test]
async fn a_session_needs_a_camera_that_offers_it() {
    let mut wanting = camera("door", &["web_rtc", "hls"], None);
    wanting.data_channel = Some("dataSendChannel".into());
    let (hub, mut client) = hub_with(wanting).await;
    hub.add_camera(&camera("shed", &["hls"], None));
    let config = |id: u64, entity: &str| json!({"id": id, "type": "camera/webrtc/get_client_config", "entity_id": entity});
    let told = client.ask(config(2, "camera.door")).await;
    assert_eq!(told["result"]["dataChannel"], "dataSendChannel");
    assert!(told["result"]["configuration"]["iceServers"][0]["urls"].is_array());
    error(3, "webrtc_get_client_config_failed")(&client.ask(config(3, "camera.shed")).await);
    error(4, "home_assistant_error")(&client.ask(offer(4, "camera.none")).await);
    error(5, "webrtc_offer_failed")(&client.ask(offer(5, "camera.shed")).await);
}
