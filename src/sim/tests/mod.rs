#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
//! Raw JSON against the simulator, its answers held to what a real hub said (`tests/golden/sim`).

mod control;
mod faults;
mod flavours;
mod home;
mod ingress;
mod relay;
mod replay;
mod shape;
mod streams;
mod visitor;
mod wire;

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::hub::{SimCamera, SimHub, SimHubOptions};

const SOON: Duration = Duration::from_secs(10);

/// What a client hears next.
#[derive(Debug, PartialEq)]
enum Heard {
    Frame(Value),
    Closed(u16),
    Cut,
}

struct Client(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    async fn open(hub: &SimHub) -> Self {
        let url = format!("ws://127.0.0.1:{}/api/websocket", hub.url.port().unwrap());
        let mut client = Self(tokio_tungstenite::connect_async(url).await.unwrap().0);
        same_shape("auth_required", &golden("auth_required"), &client.frame().await);
        client
    }

    async fn logged_in(hub: &SimHub) -> Self {
        let mut client = Self::open(hub).await;
        client.say(json!({"type": "auth", "access_token": hub.token})).await;
        same_shape("auth_ok", &golden("auth_ok"), &client.frame().await);
        client
    }

    async fn coalescing(hub: &SimHub) -> Self {
        let mut client = Self::logged_in(hub).await;
        let features = json!({"id": 1, "type": "supported_features", "features": {"coalesce_messages": 1}});
        assert_eq!(client.ask(features).await, golden_with("features", "/id", 1));
        client
    }

    async fn say(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    async fn hear(&mut self) -> Heard {
        loop {
            match tokio::time::timeout(SOON, self.0.next()).await.expect("nothing heard in time") {
                Some(Ok(Message::Text(text))) => return Heard::Frame(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => return Heard::Closed(frame.map_or(0, |f| f.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Heard::Cut,
            }
        }
    }

    async fn frame(&mut self) -> Value {
        match self.hear().await {
            Heard::Frame(frame) => frame,
            other => panic!("heard {other:?}"),
        }
    }

    async fn ask(&mut self, message: Value) -> Value {
        self.say(message).await;
        self.frame().await
    }

    /// The next messages, arrays taken apart, until one that fits.
    async fn until(&mut self, fits: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut heard = Vec::new();
        loop {
            match self.frame().await {
                Value::Array(all) => heard.extend(all),
                one => heard.push(one),
            }
            if heard.iter().any(&fits) {
                return heard;
            }
        }
    }
}

fn golden(name: &str) -> Value {
    let all: Value = serde_json::from_str(include_str!("../../../tests/golden/sim/hub.json")).unwrap();
    all[name].clone()
}

fn golden_with(name: &str, at: &str, value: impl Into<Value>) -> Value {
    let mut golden = golden(name);
    *golden.pointer_mut(at).unwrap() = value.into();
    golden
}

/// The same keys and the same types at every depth; `null` fits any type, a list's items fit its first one.
fn same_shape(at: &str, real: &Value, simulated: &Value) {
    match (real, simulated) {
        (Value::Object(real), Value::Object(simulated)) => {
            let mut keys: [Vec<&String>; 2] = [real.keys().collect(), simulated.keys().collect()];
            keys.iter_mut().for_each(|keys| keys.sort());
            assert_eq!(keys[0], keys[1], "keys at {at}");
            for (key, real) in real {
                same_shape(&format!("{at}/{key}"), real, &simulated[key]);
            }
        }
        (Value::Array(real), Value::Array(simulated)) => {
            for item in simulated {
                same_shape(&format!("{at}[]"), real.first().unwrap_or(item), item);
            }
        }
        (Value::Null, _) | (_, Value::Null) => {}
        _ => assert_eq!(
            std::mem::discriminant(real),
            std::mem::discriminant(simulated),
            "type at {at}: {real} and {simulated}"
        ),
    }
}

fn error(id: impl Into<Value>, code: &str) -> impl Fn(&Value) {
    let id = id.into();
    let code = code.to_owned();
    move |reply| {
        assert_eq!((&reply["id"], &reply["error"]["code"]), (&id, &json!(code)), "{reply}");
        assert_eq!((&reply["type"], &reply["success"]), (&json!("result"), &json!(false)));
    }
}

fn quick() -> SimHubOptions {
    SimHubOptions {
        auth_limit: Duration::from_millis(300),
        motion_for: Duration::from_millis(200),
        reload_delay: Duration::from_millis(200),
        ..SimHubOptions::default()
    }
}

async fn hub() -> SimHub {
    SimHub::start(quick()).await.unwrap()
}

/// Asks over plain HTTP: status, content type, body.
async fn get(hub: &SimHub, path: &str, token: Option<&str>) -> (u16, String, Vec<u8>) {
    let mut request = reqwest::Client::new().get(hub.url.join(path).unwrap());
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let answer = request.send().await.unwrap();
    let kind = answer.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
    (answer.status().as_u16(), kind.unwrap_or_default(), answer.bytes().await.unwrap().to_vec())
}
