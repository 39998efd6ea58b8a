//! What clients hear of a hub that is not well.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::*;

#[tokio::test]
async fn a_restarted_hub_refuses_then_is_empty_then_complete_and_keeps_the_old_ring() {
    let hub = hub().await;
    hub.press("front_door");
    let ring = hub.state("event.front_door_ring").unwrap();
    let mut before = Client::logged_in(&hub).await;
    let port = hub.url.port().unwrap();
    let down = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err(), "the port is closed");
    };
    tokio::join!(hub.restart(Duration::from_millis(500)), down);
    assert_eq!(before.hear().await, Heard::Closed(1000));

    let mut client = Client::coalescing(&hub).await;
    let config = client.ask(json!({"id": 2, "type": "get_config"})).await;
    assert_eq!(config["result"]["state"], "NOT_RUNNING");
    client
        .say(json!([
            {"id": 3, "type": "subscribe_entities"},
            {"id": 4, "type": "subscribe_events", "event_type": "homeassistant_started"},
        ]))
        .await;
    let heard = client.until(|m| m["event"]["event_type"] == "homeassistant_started").await;
    assert_eq!(heard[1], golden_with("empty_first", "/id", 3));
    same_shape("started", &golden("started"), heard.last().unwrap());
    let bell = heard.iter().find_map(|m| m.pointer("/event/a/event.front_door_ring")).unwrap();
    assert_eq!(bell["s"], ring.as_str());
    let config = client.ask(json!({"id": 5, "type": "get_config"})).await;
    assert_eq!(config["result"]["state"], "RUNNING");
}

#[tokio::test]
async fn a_revoked_token_closes_its_own_connections_and_is_refused_afterwards() {
    let hub = hub().await;
    let family = hub.issue("Family", Duration::from_secs(60)).unwrap();
    let mut owner = Client::logged_in(&hub).await;
    let mut member = Client::open(&hub).await;
    member.ask(json!({"type": "auth", "access_token": family})).await;
    let who = member.ask(json!({"id": 1, "type": "auth/current_user"})).await;
    assert_eq!((&who["result"]["name"], &who["result"]["is_admin"]), (&json!("Family"), &json!(false)));
    error(2, "unauthorized")(&member.ask(json!({"id": 2, "type": "subscribe_events"})).await);
    assert!(hub.revoke(&family));
    assert_eq!(member.hear().await, Heard::Closed(1000));
    assert_eq!(owner.ask(json!({"id": 1, "type": "ping"})).await, golden_with("pong", "/id", 1));
    let mut again = Client::open(&hub).await;
    assert_eq!(again.ask(json!({"type": "auth", "access_token": family})).await, golden("auth_invalid"));
    let expired = hub.issue("Owner", Duration::ZERO).unwrap();
    let mut late = Client::open(&hub).await;
    assert_eq!(late.ask(json!({"type": "auth", "access_token": expired})).await, golden("auth_invalid"));
}

#[tokio::test]
async fn a_cut_link_says_nothing_and_a_silent_hub_neither() {
    let hub = hub().await;
    let mut client = Client::logged_in(&hub).await;
    hub.drop_links();
    assert_eq!(client.hear().await, Heard::Cut);
    let mut client = Client::logged_in(&hub).await;
    hub.go_silent(true);
    client.say(json!({"id": 1, "type": "ping"})).await;
    let waited = tokio::time::timeout(Duration::from_millis(300), client.0.next()).await;
    assert!(waited.is_err(), "nothing is said");
    hub.go_silent(false);
    assert_eq!(client.frame().await, golden_with("pong", "/id", 1));
}

#[tokio::test]
async fn a_client_that_does_not_read_is_dropped() {
    let hub = hub().await;
    let mut client = Client::logged_in(&hub).await;
    client.ask(json!({"id": 1, "type": "subscribe_events", "event_type": "state_changed"})).await;
    for at in 0..40_000 {
        hub.set_state("camera.garden", &format!("busy {at}"));
        if at % 500 == 0 {
            tokio::task::yield_now().await;
        }
        if hub.clients() == 0 {
            break;
        }
    }
    for _ in 0..500 {
        if hub.clients() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the client is still there");
}

#[tokio::test]
async fn plain_http_knows_good_tokens_from_bad_ones_until_the_ban() {
    let options = SimHubOptions { ban_after: Some(2), ..SimHubOptions::default() };
    let hub = SimHub::start(options).await.unwrap();
    let good = Some(hub.token.as_str());
    let (status, kind, body) = get(&hub, "/api/", good).await;
    assert_eq!(
        (status, kind.as_str(), body.as_slice()),
        (200, "application/json", &br#"{"message":"API running."}"#[..])
    );
    assert_eq!(get(&hub, "/api/states/camera.none", good).await.0, 404);
    let state: Value = serde_json::from_slice(&get(&hub, "/api/states/camera.garden", good).await.2).unwrap();
    assert_eq!(state["state"], "idle");
    hub.refuse_tokens(true);
    assert_eq!(get(&hub, "/api/", good).await.0, 401);
    hub.refuse_tokens(false);
    assert_eq!(get(&hub, "/api/", Some("nobody's")).await.0, 401);
    assert_eq!(hub.failed_logins(), 2);
    assert_eq!(get(&hub, "/api/", good).await.0, 403);
    let url = format!("ws://127.0.0.1:{}/api/websocket", hub.url.port().unwrap());
    assert!(tokio_tungstenite::connect_async(url).await.is_err());
}

#[tokio::test]
async fn registry_ids_are_the_same_at_every_start() {
    let mut seen = Vec::new();
    for _ in 0..2 {
        let hub = hub().await;
        let mut client = Client::logged_in(&hub).await;
        let mut all = client.ask(json!({"id": 1, "type": "config/device_registry/list"})).await;
        seen.push(all["result"].as_array_mut().unwrap().iter().map(|d| d["id"].clone()).collect::<Vec<_>>());
        let port = hub.url.port().unwrap();
        hub.stop().await;
        assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err(), "stopped");
    }
    assert_eq!(seen[0], seen[1]);
}
