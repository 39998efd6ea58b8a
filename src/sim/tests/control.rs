//! A hub that is driven from outside, by a program that knows nothing but HTTP.

use std::time::Instant;

use super::*;

struct Driver(String);

impl Driver {
    async fn of(hub: &SimHub) -> Self {
        let addr = hub.control("127.0.0.1:0".parse().unwrap()).await.unwrap();
        Self(format!("http://{addr}/"))
    }

    async fn send(&self, deed: Value) -> (u16, Value) {
        let answer = reqwest::Client::new().post(&self.0).body(deed.to_string()).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn act(&self, deed: Value) -> Value {
        let (status, told) = self.send(deed.clone()).await;
        assert_eq!(status, 200, "{deed}: {told}");
        told
    }

    async fn status(&self) -> Value {
        reqwest::get(&self.0).await.unwrap().json().await.unwrap()
    }
}

#[tokio::test]
async fn a_page_in_a_browser_learns_and_does_nothing() {
    let hub = hub().await;
    let driver = Driver::of(&hub).await;
    let client = reqwest::Client::new();
    for (name, value) in [("Origin", "http://example.org"), ("Host", "rebound.example.org")] {
        for request in [client.get(&driver.0), client.post(&driver.0).body(r#"{"do": "go_down"}"#)] {
            let answer = request.header(name, value).send().await.unwrap();
            assert_eq!(answer.status(), 400);
            assert!(!answer.text().await.unwrap().contains(&hub.token));
        }
    }
    assert_eq!(driver.status().await["state"], "RUNNING");
}

#[tokio::test]
async fn another_program_presses_renames_and_breaks_what_it_likes() {
    let hub = hub().await;
    let driver = Driver::of(&hub).await;
    let mut client = Client::coalescing(&hub).await;
    client.say(json!({"id": 2, "type": "subscribe_entities"})).await;
    client.until(|m| m["event"]["a"].is_object()).await;

    driver.act(json!({"do": "press", "camera": "front_door"})).await;
    client.until(|m| m.pointer("/event/c/event.front_door_ring/+/s").is_some()).await;
    driver
        .act(json!({"do": "add_camera", "camera": {"key": "shed", "name": "Shed", "stream_types": ["hls"]}}))
        .await;
    client.until(|m| m.pointer("/event/a/camera.shed/s") == Some(&json!("idle"))).await;
    driver.act(json!({"do": "state", "entity_id": "camera.shed", "state": "unavailable"})).await;
    client.until(|m| m.pointer("/event/c/camera.shed/+/s") == Some(&json!("unavailable"))).await;
    driver.act(json!({"do": "rename", "entity_id": "camera.shed", "to": "camera.barn"})).await;
    client.until(|m| m.pointer("/event/a/camera.barn").is_some()).await;

    let no_relay =
        json!({"do": "faults", "unknown_commands": ["camera/webrtc/offer"], "tokens_in_errors": true});
    driver.act(no_relay).await;
    let reply = client
        .ask(json!({"id": 3, "type": "camera/webrtc/offer", "entity_id": "camera.barn", "offer": ""}))
        .await;
    error(3, "unknown_command")(&reply);
    assert!(reply["error"]["message"].as_str().unwrap().contains(&hub.token));
    driver.act(json!({"do": "faults", "doubled_results": true, "answer_delay_ms": 300})).await;
    let began = Instant::now();
    client.say(json!({"id": 4, "type": "ping"})).await;
    let heard = client.until(|m| m["type"] == "pong").await;
    assert_eq!(heard.iter().filter(|m| m["type"] == "pong").count(), 2, "{heard:?}");
    assert!(began.elapsed() >= Duration::from_millis(300));

    let status = driver.status().await;
    assert_eq!((&status["clients"], &status["state"]), (&json!(1), &json!("RUNNING")));
    assert_eq!((&status["commands"]["ping"], &status["token"]), (&json!(1), &json!(hub.token)));
    for (deed, why) in [
        (json!({"do": "dance"}), "unknown variant"),
        (json!({"do": "faults", "no_such": true}), "unknown field"),
        (json!({"do": "revoke", "token": "nobody's"}), "no such token"),
    ] {
        let (status, told) = driver.send(deed).await;
        assert!(status == 400 && told["error"].as_str().unwrap().contains(why), "{told}");
    }
    assert!(hub.control("0.0.0.0:0".parse().unwrap()).await.is_err(), "only this machine may");
}

#[tokio::test]
async fn connections_are_refused_unheard_closed_late_or_banned_on_demand() {
    let hub = hub().await;
    let driver = Driver::of(&hub).await;
    let api = |status: u16| {
        let hub = &hub;
        async move { assert_eq!(get(hub, "/api/", Some(&hub.token)).await.0, status) }
    };
    driver.act(json!({"do": "faults", "ban": true})).await;
    api(403).await;
    driver.act(json!({"do": "faults", "refuse_tokens": true})).await;
    api(401).await;
    driver.act(json!({"do": "faults", "close_at_once": true})).await;
    let refused = reqwest::Client::new().get(hub.url.clone()).send().await;
    assert!(refused.is_err(), "closed without a word");
    driver.act(json!({"do": "faults", "deaf": true})).await;
    let unheard =
        reqwest::Client::new().get(hub.url.clone()).timeout(Duration::from_millis(500)).send().await;
    assert!(unheard.unwrap_err().is_timeout());
    driver.act(json!({"do": "faults", "auth_delay_ms": 400})).await;
    let began = Instant::now();
    let mut client = Client::logged_in(&hub).await;
    assert!(began.elapsed() >= Duration::from_millis(400));

    driver.act(json!({"do": "start_takes", "entities_ms": 60_000, "running_ms": 0})).await;
    driver.act(json!({"do": "restart", "down_ms": 100, "flavour": "older"})).await;
    assert_eq!(client.hear().await, Heard::Closed(1000));
    let status = driver.status().await;
    assert_eq!((&status["flavour"], &status["state"]), (&json!("older"), &json!("NOT_RUNNING")));
    driver.act(json!({"do": "faults"})).await;
    let issued = driver.act(json!({"do": "issue", "user": "Family", "lifetime_s": 60})).await;
    let token = issued["token"].as_str().unwrap();
    assert_eq!(get(&hub, "/api/", Some(token)).await.0, 200);
    driver.act(json!({"do": "revoke", "token": token})).await;
    assert_eq!(get(&hub, "/api/", Some(token)).await.0, 401);
}

#[tokio::test]
async fn a_large_home_is_flooded_with_changes_at_the_rate_that_was_asked_for() {
    let hub = hub().await;
    let driver = Driver::of(&hub).await;
    driver.act(json!({"do": "strangers", "entities": 500})).await;
    let mut client = Client::coalescing(&hub).await;
    client.say(json!({"id": 2, "type": "subscribe_entities"})).await;
    let first = client.until(|m| m["event"]["a"].is_object()).await.pop().unwrap();
    assert!(first["event"]["a"].as_object().unwrap().len() >= 500);
    let list = client.ask(json!({"id": 3, "type": "config/entity_registry/list"})).await;
    assert!(list["result"].as_array().unwrap().len() >= 500);

    driver
        .act(json!({"do": "flood", "globs": ["sensor.thing_*", "camera.*"], "per_second": 500, "seconds": 2}))
        .await;
    let began = Instant::now();
    let mut changes = 0;
    while changes < 990 {
        let heard = client.until(|_| true).await;
        changes += heard.iter().filter(|m| m["event"]["c"].is_object()).count();
    }
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(1500), "{changes} changes in {took:?}");
    let garden = hub.state("camera.garden").unwrap();
    assert_eq!(garden, "idle", "a camera keeps its state");
}
