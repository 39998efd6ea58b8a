//! A few lines of a hub: one doorbell, and a mood.

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, accept_async};

use super::*;

pub(super) const TOKEN: &str = "a-good-and-long-token";

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Mood {
    Good,
    RefusesTokens,
    ClosesAtOnce,
    Forbids,
    /// The Supervisor's proxy, while the hub is down.
    BadGateway,
    /// The port is closed.
    IsDown,
    SaysNothing,
}

/// A hub with one doorbell.
pub(super) struct TestHub {
    pub(super) url: Url,
    mood: Arc<Mutex<Mood>>,
    pub(super) tries: Arc<AtomicUsize>,
    pub(super) open: Arc<AtomicUsize>,
    /// To every client: a frame, or `close`.
    pub(super) say: broadcast::Sender<String>,
}

impl TestHub {
    pub(super) async fn start(mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let hub = Self {
            url,
            mood: Arc::new(Mutex::new(mood)),
            tries: Arc::default(),
            open: Arc::default(),
            say: broadcast::channel(64).0,
        };
        let (mood, tries, open, say) =
            (hub.mood.clone(), hub.tries.clone(), hub.open.clone(), hub.say.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tries.fetch_add(1, Ordering::SeqCst);
                open.fetch_add(1, Ordering::SeqCst);
                let (mood, open, told) = (*mood.lock().unwrap(), open.clone(), say.subscribe());
                tokio::spawn(async move {
                    serve(stream, mood, told).await;
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        hub
    }

    pub(super) fn is_now(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }
}

/// Changes of states in one storm.
pub(super) const STORM: usize = 20_000;

/// Serves one connection. `told`: frames to say, or what to do: `close`, `silence`, `storm`, `ping` (the
/// WebSocket's own; at its answer the camera becomes unavailable).
pub(super) async fn serve<S>(mut stream: S, mood: Mood, mut told: broadcast::Receiver<String>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match mood {
        Mood::ClosesAtOnce | Mood::IsDown => return,
        Mood::Forbids | Mood::BadGateway => {
            let status = if mood == Mood::Forbids { "403 Forbidden" } else { "502 Bad Gateway" };
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
            drop(stream.write_all(answer.as_bytes()).await);
            return;
        }
        Mood::SaysNothing => return sleep(Duration::from_secs(60)).await,
        Mood::Good | Mood::RefusesTokens => {}
    }
    let Ok(mut socket) = accept_async(stream).await else { return };
    socket.send(Message::text(r#"{"type":"auth_required","ha_version":"2026.11.0"}"#)).await.unwrap();
    loop {
        let text = tokio::select! {
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Pong(heart))) if heart.as_ref() == b"heart" => {
                    socket.send(Message::text(camera_is("unavailable"))).await.unwrap();
                    continue;
                }
                Some(Ok(_)) => continue,
                _ => return,
            },
            Ok(frame) = told.recv() => {
                let said = match frame.as_str() {
                    "close" => return,
                    // Nothing is read from here on, not even what would end it.
                    "silence" => return std::future::pending().await,
                    "ping" => socket.send(Message::Ping("heart".into())).await,
                    "storm" => storm(&mut socket).await,
                    _ => socket.send(Message::text(frame)).await,
                };
                if said.is_err() {
                    return;
                }
                continue;
            }
        };
        let command: Value = serde_json::from_str(&text).unwrap();
        let answer = if command["type"] == "auth" {
            assert_eq!(command.as_object().unwrap().len(), 2, "a key more would be an error");
            let token = command["access_token"].as_str().unwrap();
            if mood == Mood::RefusesTokens || !token.contains("good") {
                socket.send(Message::text(r#"{"type":"auth_invalid","message":"No."}"#)).await.unwrap();
                return;
            }
            r#"{"type":"auth_ok","ha_version":"2026.11.0"}"#.to_owned()
        } else {
            answer(&command)
        };
        if socket.send(Message::text(answer)).await.is_err() {
            return;
        }
    }
}

/// The camera comes and goes, and is unavailable in the end.
async fn storm<S>(socket: &mut WebSocketStream<S>) -> Result<(), tungstenite::Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    for count in 1..=STORM {
        let state = if count % 2 == 0 { "unavailable" } else { "idle" };
        socket.send(Message::text(camera_is(state))).await?;
    }
    Ok(())
}

pub(super) fn camera_is(state: &str) -> String {
    json!({"type": "event", "id": 4, "event": {"c": {"camera.door": {"+": {"s": state, "lc": 2.0}}}}})
        .to_string()
}

fn answer(command: &Value) -> String {
    let id = &command["id"];
    let fine = |result: Value| json!({"id": id, "type": "result", "success": true, "result": result});
    match command["type"].as_str().unwrap() {
        "ping" => json!({"id": id, "type": "pong"}),
        "get_config" => fine(json!({"state": "RUNNING"})),
        "auth/current_user" => fine(json!({"id": "u1", "name": "Owner", "is_admin": true})),
        "config/entity_registry/list_for_display" => fine(json!({
            "entities": [{"ei": "camera.door", "di": "d1"}, {"ei": "event.door", "di": "d1"}]})),
        "config/entity_registry/get_entries" => fine(json!({"camera.door": {"id": "r1"}})),
        "config/device_registry/list" => fine(json!([{"id": "d1", "name": "Door", "model": "M"}])),
        "subscribe_entities" => json!([fine(Value::Null), {"type": "event", "id": id, "event": {"a": {
            "camera.door": {"s": "idle", "a": {"friendly_name": "Door", "supported_features": 2}},
            "event.door": {"s": "unknown", "a": {"device_class": "doorbell"}}}}}]),
        "call_service" if command["service"] == "press" => fine(json!({"target": command["target"]})),
        "call_service" => json!({"id": id, "type": "result", "success": false,
            "error": {"code": "not_found", "message": format!("no such thing, {TOKEN}")}}),
        _ => fine(Value::Null),
    }
    .to_string()
}
