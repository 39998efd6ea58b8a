//! Older, newer and supervised hubs.

use super::*;
use crate::sim::hub::Flavour;

async fn hub_of(flavour: Flavour) -> SimHub {
    let mut door = SimCamera::front_door();
    door.bell_on_child = true;
    door.stream_types = vec!["web_rtc".into(), "hls".into()];
    SimHub::start(SimHubOptions { flavour, cameras: vec![door], ..quick() }).await.unwrap()
}

async fn registries(client: &mut Client, id: u64) -> (Vec<Value>, Vec<Value>) {
    let mut list = async |id: u64, kind: &str| {
        client.say(json!({"id": id, "type": kind})).await;
        let reply = client.until(|m| m["id"] == id).await.pop().unwrap();
        reply["result"].as_array().unwrap().clone()
    };
    (list(id, "config/entity_registry/list").await, list(id + 1, "config/device_registry/list").await)
}

#[tokio::test]
async fn an_older_hub_does_not_know_newer_commands_and_says_in_an_attribute_how_a_camera_streams() {
    let hub = hub_of(Flavour::Older).await;
    let mut client = Client::logged_in(&hub).await;
    for kind in [
        "camera/capabilities",
        "camera/webrtc/offer",
        "camera/webrtc/get_client_config",
        "web_rtc/ice_servers",
    ] {
        let reply = client.ask(json!({"id": 1, "type": kind, "entity_id": "camera.front_door"})).await;
        error(1, "unknown_command")(&reply);
    }
    client.say(json!({"id": 1, "type": "subscribe_entities", "entity_ids": ["camera.front_door"]})).await;
    let first = client.until(|m| m["event"]["a"].is_object()).await.pop().unwrap();
    assert_eq!(first["event"]["a"]["camera.front_door"]["a"]["frontend_stream_type"], "web_rtc");
    let (entities, devices) = registries(&mut client, 2).await;
    assert!(entities.iter().all(|entity| entity.get("config_subentry_id").is_none()));
    assert!(devices.iter().all(|device| device.get("config_entries").is_some()));
    assert!(devices.iter().all(|device| device.get("parent_device_id").is_none()), "no children yet");
    let parent = devices.iter().find(|device| device["via_device_id"].is_null()).unwrap();
    assert!(devices.iter().any(|device| device["via_device_id"] == parent["id"]));
}

#[tokio::test]
async fn a_newer_hub_has_lost_what_was_announced_and_says_what_nobody_knows() {
    let hub = hub_of(Flavour::Newer).await;
    let mut client = Client::logged_in(&hub).await;
    let told =
        client.ask(json!({"id": 1, "type": "camera/capabilities", "entity_id": "camera.front_door"})).await;
    assert_eq!(told["result"]["frontend_stream_types"], json!(["web_rtc", "hls", "not_known_yet"]));
    let (entities, devices) = registries(&mut client, 2).await;
    assert!(entities.iter().all(|entity| entity["not_known_yet"].is_object()));
    assert!(devices.iter().all(|device| device.get("config_entries").is_none()));
    let child = devices.iter().find(|device| device["parent_device_id"].is_string()).unwrap();
    assert_eq!(child.as_object().unwrap().len(), 3, "a child has few keys: {child}");
}

struct Proxy {
    url: String,
    token: String,
}

impl Proxy {
    async fn of(hub: &SimHub) -> Self {
        let (url, token) = hub.supervisor().await.unwrap();
        Self { url: url.to_string(), token }
    }

    async fn get(&self, path: &str, token: &str) -> reqwest::Response {
        reqwest::Client::new().get(format!("{}{path}", self.url)).bearer_auth(token).send().await.unwrap()
    }

    async fn open(&self) -> Result<Client, String> {
        let url = format!("{}core/websocket", self.url.replace("http", "ws"));
        let (socket, _) = tokio_tungstenite::connect_async(url).await.map_err(|error| error.to_string())?;
        let mut client = Client(socket);
        assert_eq!(client.frame().await["type"], "auth_required");
        Ok(client)
    }
}

#[tokio::test]
async fn a_supervisor_takes_its_own_token_alone_and_refuses_what_is_meant_for_itself() {
    let hub = hub_of(Flavour::Supervised).await;
    let proxy = Proxy::of(&hub).await;
    let mut refused = proxy.open().await.unwrap();
    let told = refused.ask(json!({"type": "auth", "access_token": hub.token})).await;
    assert_eq!(told, json!({"type": "auth_invalid", "message": "Invalid access"}));
    assert_eq!(refused.hear().await, Heard::Closed(1000));

    let mut client = proxy.open().await.unwrap();
    assert_eq!(client.ask(json!({"type": "auth", "access_token": proxy.token})).await["type"], "auth_ok");
    let me = client.ask(json!({"id": 1, "type": "auth/current_user"})).await;
    assert_eq!((&me["result"]["name"], &me["result"]["is_admin"]), (&json!("Supervisor"), &json!(true)));
    error(2, "unauthorized")(&client.ask(json!({"id": 2, "type": "supervisor/api"})).await);
    error(2, "unauthorized")(&client.ask(json!({"id": 2, "type": "hassio/update/supervisor"})).await);
    assert_eq!(client.ask(json!({"id": 2, "type": "ping"})).await["type"], "pong");
    // At the hub itself the token is nobody's.
    assert_eq!(get(&hub, "/api/", Some(&proxy.token)).await.0, 401);

    let told = proxy.get("core/api/", &proxy.token).await;
    assert_eq!(told.status(), 200);
    let names: Vec<&str> = told.headers().keys().map(|name| name.as_str()).collect();
    assert_eq!(names, ["content-type", "content-length"], "no other field comes back");
    assert_eq!(told.text().await.unwrap(), r#"{"message":"API running."}"#);
    for (path, token, status) in [
        ("core/api/", hub.token.as_str(), 401),
        ("core/api/hassio/x", &proxy.token, 403),
        ("core/api/states/camera.none", &proxy.token, 404),
        ("elsewhere", &proxy.token, 404),
    ] {
        assert_eq!(proxy.get(path, token).await.status(), status, "{path}");
    }
    assert_eq!(hub.failed_logins(), 1, "what the Supervisor refuses never reaches the hub");
}

#[tokio::test]
async fn a_supervisor_stays_while_the_hub_is_down_and_is_never_banned() {
    let hub = hub_of(Flavour::Supervised).await;
    let proxy = Proxy::of(&hub).await;
    let mut client = proxy.open().await.unwrap();
    client.ask(json!({"type": "auth", "access_token": proxy.token})).await;
    hub.go_down().await;
    assert_eq!(client.hear().await, Heard::Closed(1000));
    assert_eq!(proxy.get("core/api/", &proxy.token).await.status(), 502);
    let refused = proxy.open().await.err().unwrap();
    assert!(refused.contains("502"), "{refused}");
    hub.come_up().await;
    hub.set_faults(crate::sim::hub::Faults { ban: true, ..Default::default() });
    assert_eq!(get(&hub, "/api/", Some(&hub.token)).await.0, 403);
    assert_eq!(proxy.get("core/api/", &proxy.token).await.status(), 200);
}
