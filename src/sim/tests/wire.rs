//! What clients hear of a hub that is well.

use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::*;

#[tokio::test]
async fn a_refused_a_malformed_and_a_missing_login_all_end_in_close_1000() {
    let hub = hub().await;
    let mut wrong = Client::open(&hub).await;
    let reply = wrong.ask(json!({"type": "auth", "access_token": "nobody's"})).await;
    assert_eq!(reply, golden("auth_invalid"));
    assert_eq!(wrong.hear().await, Heard::Closed(1000));

    let mut malformed = Client::open(&hub).await;
    let reply = malformed.ask(json!({"type": "auth", "access_token": hub.token, "id": 1})).await;
    same_shape("auth_invalid", &golden("auth_invalid"), &reply);
    assert_eq!(malformed.hear().await, Heard::Closed(1000));

    let mut no_json = Client::open(&hub).await;
    no_json.0.send(Message::text("{")).await.unwrap();
    assert_eq!(no_json.hear().await, Heard::Closed(1000));

    let mut mute = Client::open(&hub).await;
    let before = Instant::now();
    assert_eq!(mute.hear().await, Heard::Closed(1000));
    assert!(before.elapsed() >= Duration::from_millis(250));
    assert_eq!((hub.failed_logins(), hub.clients()), (1, 0));
}

#[tokio::test]
async fn ids_must_grow_and_an_unknown_command_uses_none() {
    let hub = hub().await;
    let mut client = Client::logged_in(&hub).await;
    let reply = client.ask(json!({"id": 1, "type": "no_such_command"})).await;
    assert_eq!(reply, golden("unknown_command"));
    assert_eq!(client.ask(json!({"id": 1, "type": "ping"})).await, golden_with("pong", "/id", 1));
    assert_eq!(client.ask(json!({"id": 0, "type": "ping"})).await, golden("id_zero"));
    assert_eq!(client.ask(json!({"type": "ping"})).await, golden("id_missing"));
    error("text", "invalid_format")(&client.ask(json!({"id": "text", "type": "ping"})).await);
    assert_eq!(client.ask(json!({"id": 10, "type": "ping"})).await, golden_with("pong", "/id", 10));
    assert_eq!(client.ask(json!({"id": 9, "type": "ping"})).await, golden("id_reuse"));
    assert_eq!(
        client.ask(json!({"id": 11, "type": "camera/capabilities"})).await,
        golden_with("missing_key", "/id", 11)
    );
    error(11, "id_reuse")(&client.ask(json!({"id": 11, "type": "ping"})).await);
    error(12, "invalid_format")(&client.ask(json!({"id": 12, "type": "ping", "extra": 1})).await);
    client.say(json!([{"id": 13, "type": "ping"}, {"id": 14, "type": "ping"}])).await;
    assert_eq!(client.frame().await, golden_with("pong", "/id", 13));
    assert_eq!(client.frame().await, golden_with("pong", "/id", 14));
    client.0.send(Message::text("not json")).await.unwrap();
    assert_eq!(client.hear().await, Heard::Closed(1000));
}

#[tokio::test]
async fn every_answer_has_the_shape_of_the_real_hubs() {
    let hub = hub().await;
    hub.press("front_door");
    let mut client = Client::logged_in(&hub).await;
    let cases = [
        ("config", json!({"type": "get_config"})),
        ("user", json!({"type": "auth/current_user"})),
        ("entities", json!({"type": "config/entity_registry/list"})),
        ("devices", json!({"type": "config/device_registry/list"})),
        ("areas", json!({"type": "config/area_registry/list"})),
        ("entity", json!({"type": "config/entity_registry/get", "entity_id": "camera.front_door"})),
        ("capabilities", json!({"type": "camera/capabilities", "entity_id": "camera.front_door"})),
        ("capabilities_unknown", json!({"type": "camera/capabilities", "entity_id": "camera.nope"})),
        ("stream_unknown", json!({"type": "camera/stream", "entity_id": "camera.nope"})),
        (
            "offer_unsupported",
            json!({"type": "camera/webrtc/offer", "entity_id": "camera.garden", "offer": "v=0"}),
        ),
        ("unsubscribe_unknown", json!({"type": "unsubscribe_events", "subscription": 999})),
        (
            "service_called",
            json!({"type": "call_service", "domain": "button", "service": "press", "target": {"entity_id": "button.front_door_press"}}),
        ),
    ];
    for (at, (name, mut command)) in cases.into_iter().enumerate() {
        command["id"] = json!(at + 1);
        let reply = client.ask(command).await;
        let real = golden(name);
        same_shape(name, &real, &reply);
        assert_eq!(reply.pointer("/error/code"), real.pointer("/error/code"), "{name}");
    }
    let reply = client.ask(json!({"id": 50, "type": "config/entity_registry/list_for_display"})).await;
    let shown = |reply: &Value, entity_id: &str| {
        let all = reply["result"]["entities"].as_array().unwrap();
        all.iter().find(|entity| entity["ei"] == entity_id).cloned()
    };
    same_shape(
        "camera",
        &shown(&golden("entities_for_display"), "camera.front_door").unwrap(),
        &shown(&reply, "camera.front_door").unwrap(),
    );
    let bell = shown(&reply, "event.front_door_ring").unwrap();
    assert_eq!((&bell["en"], &bell["pl"]), (&json!("Ring"), &json!("simulated")));
    let states = client.ask(json!({"id": 51, "type": "get_states"})).await;
    let bell =
        states["result"].as_array().unwrap().iter().find(|s| s["entity_id"] == "event.front_door_ring");
    same_shape("state", &golden("states")["result"][0], bell.unwrap());
}

#[tokio::test]
async fn a_subscription_begins_with_result_and_states_in_one_frame_and_goes_on_with_differences() {
    let hub = hub().await;
    hub.press("front_door");
    let mut client = Client::coalescing(&hub).await;
    let ids = [
        "camera.front_door",
        "event.front_door_ring",
        "binary_sensor.front_door_motion",
        "button.front_door_press",
    ];
    tokio::time::sleep(Duration::from_millis(400)).await;
    let first = client.ask(json!({"id": 2, "type": "subscribe_entities", "entity_ids": ids})).await;
    let real = golden("entities_first");
    assert_eq!(first[0], real[0]);
    for id in ids {
        let mut real = real[1]["event"]["a"][id].clone();
        if id.starts_with("button") {
            // Pressed from code, so no person stands in the context.
            real["c"] = json!("");
        }
        same_shape(id, &real, &first[1]["event"]["a"][id]);
    }

    let press = json!({"id": 3, "type": "call_service", "domain": "button", "service": "press", "target": {"entity_id": "button.front_door_press"}});
    let heard = client.ask(press).await;
    let heard = heard.as_array().unwrap();
    let real = golden("entities_press");
    assert_eq!(heard.last().unwrap()["id"], 3, "the result comes after what it caused");
    for (at, id) in [(1, ids[1]), (2, ids[2])] {
        let pick = |messages: &Value| messages[at]["event"]["c"][id].clone();
        same_shape(id, &pick(&real), &pick(&heard.to_vec().into()));
    }
    let ring = &heard[1]["event"]["c"][ids[1]]["+"];
    assert!(ring.get("a").is_none(), "a second press changes no attribute: {ring}");
    let calm = client
        .until(|m| m.pointer("/event/c/binary_sensor.front_door_motion/+/s") == Some(&json!("off")))
        .await;
    assert_eq!(calm.len(), 1);
}

#[tokio::test]
async fn an_event_has_its_id_last_and_a_write_without_change_makes_none() {
    let hub = hub().await;
    let mut client = Client::logged_in(&hub).await;
    client.ask(json!({"id": 1, "type": "subscribe_events", "event_type": "state_changed"})).await;
    hub.set_state("camera.garden", "idle");
    hub.set_state("camera.garden", "streaming");
    let Some(Ok(Message::Text(text))) = client.0.next().await else { panic!("no event") };
    assert!(text.starts_with(r#"{"type":"event""#) && text.ends_with(r#""id":1}"#), "{text}");
    let event: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(event["event"]["data"]["new_state"]["state"], "streaming");
    hub.press("front_door");
    let heard =
        client.until(|m| m["event"]["data"]["entity_id"] == "event.front_door_ring").await.pop().unwrap();
    same_shape("state_changed", &golden("state_changed"), &heard);
}

#[tokio::test]
async fn a_filter_keeps_out_what_was_not_asked_for() {
    let hub = hub().await;
    let mut client = Client::logged_in(&hub).await;
    let mut ask = async |id: u64, filter: Value| {
        let mut command = filter;
        command["id"] = json!(id);
        command["type"] = json!("subscribe_entities");
        client.ask(command).await;
        let present = client.frame().await;
        present["event"]["a"].as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(
        ask(1, json!({"include": {"domains": ["camera"]}})).await,
        ["camera.front_door", "camera.garden"]
    );
    assert_eq!(ask(2, json!({"include": {"entity_globs": ["*.front_*r"]}})).await, ["camera.front_door"]);
    assert_eq!(
        ask(3, json!({"include": {"domains": ["camera"]}, "exclude": {"entities": ["camera.garden"]}})).await,
        ["camera.front_door"]
    );
    assert!(ask(4, json!({"entity_ids": ["camera.none"]})).await.is_empty());
}

#[tokio::test]
async fn rename_disable_and_enable_come_in_the_hubs_order() {
    let hub = hub().await;
    let mut client = Client::logged_in(&hub).await;
    client.ask(json!({"id": 1, "type": "subscribe_events", "event_type": "entity_registry_updated"})).await;
    client.ask(json!({"id": 2, "type": "subscribe_entities", "include": {"domains": ["camera"]}})).await;
    client.frame().await;
    let listed = client
        .ask(json!({"id": 3, "type": "config/entity_registry/get", "entity_id": "camera.garden"}))
        .await;

    hub.rename("camera.garden", "camera.yard");
    let registry = client.frame().await;
    same_shape("renamed", &golden("entity_renamed"), &registry);
    assert_eq!(client.frame().await["event"]["r"], json!(["camera.garden"]));
    assert_eq!(client.frame().await["event"]["a"]["camera.yard"]["s"], "idle");
    let renamed =
        client.ask(json!({"id": 4, "type": "config/entity_registry/get", "entity_id": "camera.yard"})).await;
    assert_eq!(listed["result"]["id"], renamed["result"]["id"], "the registry id stays");

    hub.disable("camera.yard", true);
    same_shape("disabled", &golden("entity_disabled"), &client.frame().await);
    assert_eq!(client.frame().await["event"]["r"], json!(["camera.yard"]));
    let shown = client.ask(json!({"id": 5, "type": "config/entity_registry/list_for_display"})).await;
    assert!(!shown.to_string().contains("camera.yard"), "disabled ones are left out");
    hub.disable("camera.yard", false);
    client.frame().await;
    let restored = client.frame().await;
    let restored = &restored["event"]["a"]["camera.yard"];
    assert_eq!((&restored["s"], &restored["a"]["restored"]), (&json!("unavailable"), &json!(true)));
    let real = client.frame().await;
    let real = &real["event"]["c"]["camera.yard"];
    assert_eq!((&real["+"]["s"], &real["-"]["a"]), (&json!("idle"), &json!(["restored"])));
}

#[tokio::test]
async fn cameras_get_new_tokens_by_themselves() {
    let options = SimHubOptions { token_rotation: Duration::from_millis(100), ..SimHubOptions::default() };
    let hub = SimHub::start(options).await.unwrap();
    let mut client = Client::logged_in(&hub).await;
    client.ask(json!({"id": 1, "type": "subscribe_entities", "entity_ids": ["camera.garden"]})).await;
    let before = client.frame().await["event"]["a"]["camera.garden"]["a"]["access_token"].clone();
    let changed = client.frame().await["event"]["c"]["camera.garden"]["+"].clone();
    let keys: Vec<&String> = changed["a"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["access_token", "entity_picture"]);
    assert!(changed.get("lu").is_some() && changed.get("lc").is_none() && changed.get("s").is_none());
    assert_ne!(changed["a"]["access_token"], before);
}
