//! Recorded conversations with a real hub (`tests/transcripts`), held once more with the simulated one: it must say
//! the same kinds of messages, in the same order, of the same shapes, and what is constant must be the same.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use futures_util::future::join_all;

use super::home::home;
use super::shape::Shape;
use super::*;

fn read(name: &str) -> Value {
    let path = format!("{}/tests/transcripts/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

async fn recorded_hub(name: &str) -> SimHub {
    let options = SimHubOptions {
        cameras: home(),
        reload_delay: Duration::from_secs(60),
        restart_down: Duration::from_millis(300),
        entities_after: Duration::from_millis(1500),
        ban_after: (name == "ban").then_some(3),
        ..quick()
    };
    let hub = SimHub::start(options).await.unwrap();
    hub.rename("event.front_door_ring", "event.front_door_doorbell");
    if matches!(name, "capabilities" | "rest") {
        hub.disable("camera.attic", true);
    }
    if matches!(name, "subscribe-entities" | "restart" | "states") {
        // Somebody had pressed the bell before, and the motion was over.
        let mut client = Client::logged_in(&hub).await;
        client.say(json!({"id": 1, "type": "subscribe_entities"})).await;
        client.say(json!({"id": 2, "type": "call_service", "domain": "button", "service": "press", "target": {"entity_id": "button.front_door_press"}})).await;
        client
            .until(|m| m.pointer("/event/c/binary_sensor.front_door_motion/+/s") == Some(&json!("off")))
            .await;
    }
    if name == "restart" {
        hub.rotate_tokens();
    }
    hub
}

/// A conversation that is held once more.
struct Replay {
    name: String,
    hub: SimHub,
    client: Option<Client>,
    /// What the recorded hub called its sessions, and what this one calls them.
    sessions: BTreeMap<String, String>,
    /// Messages that came and are not compared yet.
    heard: Vec<Value>,
    shape: Shape,
}

impl Replay {
    async fn new(name: &str) -> Self {
        let hub = recorded_hub(name).await;
        let mut client = Client::logged_in(&hub).await;
        let list = client.ask(json!({"id": 1, "type": "config/entity_registry/list"})).await;
        let ids =
            list["result"].as_array().unwrap().iter().map(|e| e["entity_id"].as_str().unwrap().to_owned());
        let known: BTreeSet<String> = ids.chain(["camera.garden2".to_owned()]).collect();
        Self {
            name: name.to_owned(),
            hub,
            client: None,
            sessions: BTreeMap::new(),
            heard: Vec::new(),
            shape: Shape::new(name, known),
        }
    }

    /// Everything that is different.
    async fn run(mut self) -> Vec<String> {
        let transcript = read(&self.name);
        for frame in transcript["frames"].as_array().unwrap() {
            let message = &frame["msg"];
            match frame["dir"].as_str() {
                Some("out") => self.say(message).await,
                _ => self.expect(message).await,
            }
        }
        self.shape.differences
    }

    async fn say(&mut self, message: &Value) {
        let client = self.client.as_mut().unwrap();
        let mut message = message.clone();
        if message["_note"].is_string() {
            return;
        }
        if let Some(text) = message.as_str() {
            return client.0.send(Message::text(text)).await.unwrap();
        }
        if message["type"] == "auth" {
            let token = if self.name == "auth-invalid" { "nobody's" } else { &self.hub.token };
            message["access_token"] = token.into();
        }
        if let Some(ours) = message["session_id"].as_str().and_then(|theirs| self.sessions.get(theirs)) {
            message["session_id"] = ours.as_str().into();
        }
        client.say(message).await;
    }

    async fn expect(&mut self, frame: &Value) {
        match frame["_ws"].as_str() {
            Some("CLOSE") => return self.expect_close().await,
            Some(_) => return,
            None => {}
        }
        let messages = frame.as_array().cloned().unwrap_or_else(|| vec![frame.clone()]);
        let mut expected: Vec<Value> =
            messages.iter().filter_map(|message| self.shape.simulated(message)).collect();
        let mut heard = Vec::new();
        for real in &expected {
            let simulated = self.hear(real).await;
            if let (Some(theirs), Some(ours)) = (session(real), session(&simulated)) {
                self.sessions.insert(theirs, ours);
            }
            heard.push(simulated);
        }
        // Several entities that come at once come in any order.
        for messages in [&mut expected, &mut heard] {
            join_added(messages);
        }
        for (real, simulated) in expected.iter().zip(&heard) {
            self.shape.compare_message(real, simulated);
        }
    }

    async fn hear(&mut self, real: &Value) -> Value {
        if real["type"] == "auth_required" {
            self.client = Some(connect(&self.hub).await);
        }
        while self.heard.is_empty() {
            match self.client.as_mut().unwrap().hear().await {
                Heard::Frame(Value::Array(all)) => self.heard.extend(all),
                Heard::Frame(one) => self.heard.push(one),
                other => panic!("{}: {other:?} instead of {real}", self.name),
            }
        }
        self.heard.remove(0)
    }

    async fn expect_close(&mut self) {
        if self.name == "token-removed" {
            assert!(self.hub.revoke(&self.hub.token));
        }
        assert_eq!(self.client.as_mut().unwrap().hear().await, Heard::Closed(1000), "{}", self.name);
        assert!(self.heard.is_empty(), "{}: more than was expected: {:?}", self.name, self.heard);
    }
}

fn session(message: &Value) -> Option<String> {
    message.pointer("/event/session_id")?.as_str().map(str::to_owned)
}

/// Makes one message of neighbours that add entities.
fn join_added(messages: &mut Vec<Value>) {
    messages.dedup_by(|next, kept| match (next.pointer("/event/a"), kept.pointer_mut("/event/a")) {
        (Some(Value::Object(more)), Some(Value::Object(all))) => {
            all.extend(more.clone());
            true
        }
        _ => false,
    });
}

/// The port may be closed for a while.
async fn connect(hub: &SimHub) -> Client {
    let url = format!("ws://127.0.0.1:{}/api/websocket", hub.url.port().unwrap());
    let tries = async {
        loop {
            if let Ok((socket, _)) = tokio_tungstenite::connect_async(&url).await {
                return Client(socket);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(SOON, tries).await.expect("the hub does not come back")
}

#[tokio::test]
async fn every_recorded_conversation_is_held_alike() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let names: Vec<String> =
        files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    let conversations: Vec<&String> = names.iter().filter(|name| read(name)["frames"].is_array()).collect();
    assert!(conversations.len() >= 16, "{names:?}");
    let runs = conversations.iter().map(async |name| Replay::new(name).await.run().await);
    let differences: Vec<String> = join_all(runs).await.concat();
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
}

#[tokio::test]
async fn recorded_plain_requests_are_answered_alike() {
    let hub = recorded_hub("rest").await;
    let known = ["camera.front_door", "camera.demo_camera", "button.front_door_press"].map(str::to_owned);
    let mut shape = Shape::new("rest", known.into());
    for call in read("rest")["calls"].as_array().unwrap() {
        let mut path = call["path"].as_str().unwrap().to_owned();
        if path.contains("<token>") {
            let state = get(&hub, "/api/states/camera.demo_camera", Some(&hub.token)).await.2;
            let state: Value = serde_json::from_slice(&state).unwrap();
            path = state["attributes"]["entity_picture"].as_str().unwrap().to_owned();
        }
        let client = reqwest::Client::new();
        let mut request = match call["method"].as_str().unwrap() {
            "POST" => client
                .post(hub.url.join(&path).unwrap())
                .body(json!({"entity_id": "button.front_door_press"}).to_string()),
            _ => client.get(hub.url.join(&path).unwrap()),
        };
        request = match call["auth"].as_str().unwrap() {
            "bearer" => request.bearer_auth(&hub.token),
            "wrong" => request.bearer_auth("nobody's"),
            _ => request,
        };
        let answer = request.send().await.unwrap();
        let at = format!("{} {path} by {}", call["method"], call["auth"]);
        assert_eq!(answer.status().as_u16(), call["status"].as_u64().unwrap() as u16, "{at}");
        let names =
            |names: &mut dyn Iterator<Item = &str>| names.map(str::to_lowercase).collect::<BTreeSet<_>>();
        let real = call["headers"].as_object().unwrap();
        assert_eq!(
            names(&mut real.keys().map(String::as_str)),
            names(&mut answer.headers().keys().map(|name| name.as_str())),
            "{at}"
        );
        let kind = |kind: &str| kind.replace("image/jpg", "image/jpeg");
        let ours = answer.headers()["content-type"].to_str().unwrap().to_owned();
        assert_eq!(kind(real["Content-Type"].as_str().unwrap()), kind(&ours), "{at}");
        match (&call["body"], answer.bytes().await.unwrap()) {
            (Value::String(text), _) if text == "<binary>" => {}
            (Value::String(text), body) => assert_eq!(text.as_bytes(), body, "{at}"),
            (real, body) => shape.compare(&at, real, &serde_json::from_slice(&body).unwrap()),
        }
    }
    assert!(shape.differences.is_empty(), "\n{}", shape.differences.join("\n"));
}

#[tokio::test]
async fn recorded_directives_are_answered_alike_by_the_hubs_own_skill() {
    let hub = recorded_hub("alexa").await;
    let mut shape = Shape::new("alexa", BTreeSet::new());
    let endpoints = |event: &Value| -> BTreeMap<String, Value> {
        let all = event["event"]["payload"]["endpoints"].as_array().unwrap().iter();
        all.map(|endpoint| (endpoint["endpointId"].as_str().unwrap().to_owned(), endpoint.clone())).collect()
    };
    for call in read("alexa")["calls"].as_array().unwrap() {
        let request = reqwest::Client::new().post(hub.url.join("/api/alexa/smart_home").unwrap());
        let answer = request.bearer_auth(&hub.token).body(call["out"].to_string()).send().await.unwrap();
        assert_eq!(u64::from(answer.status().as_u16()), call["status"].as_u64().unwrap());
        let (real, mut told) = (&call["in"], answer.json::<Value>().await.unwrap());
        let at = real["event"]["header"]["name"].as_str().unwrap();
        if at == "Discover.Response" {
            let (real, told) = (endpoints(real), endpoints(&told));
            for (id, mut real) in real {
                let mut told = told[&id].clone();
                assert_eq!(real["capabilities"].take(), told["capabilities"].take(), "{id}");
                shape.compare(&id, &real, &told);
            }
        } else {
            shape.compare(at, real, &told);
            told["event"]["header"]["messageId"] = real["event"]["header"]["messageId"].clone();
            assert_eq!(real["event"], told["event"]);
        }
    }
    assert!(shape.differences.is_empty(), "\n{}", shape.differences.join("\n"));
}

#[tokio::test]
async fn a_recorded_ban_is_spoken_alike() {
    let hub = recorded_hub("ban").await;
    let url = format!("ws://127.0.0.1:{}/api/websocket", hub.url.port().unwrap());
    for step in read("ban")["steps"].as_array().unwrap() {
        let word = |at: usize| step[at].as_str().unwrap_or_default();
        match (word(0), word(2)) {
            ("bad ws auth", text) if text.starts_with('{') => {
                let mut client = Client::open(&hub).await;
                let told = client.ask(json!({"type": "auth", "access_token": "nobody's"})).await;
                assert_eq!(told, serde_json::from_str::<Value>(text).unwrap());
                assert_eq!(client.hear().await, Heard::Closed(word(4).parse().unwrap()));
            }
            ("good token REST", text) => {
                let (status, _, body) = get(&hub, "/api/", Some(&hub.token)).await;
                assert_eq!((status.to_string().as_str(), body.as_slice()), (word(1), text.as_bytes()));
            }
            _ => {
                let refused = tokio_tungstenite::connect_async(&url).await.unwrap_err().to_string();
                assert!(refused.contains("403"), "{refused}");
            }
        }
    }
}
