//! One client's WebSocket: auth phase, then frames.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Instant, interval_at, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::commands::take_frame;
use super::core::Core;
use super::desk::{End, Outgoing, Way};
use super::office::Office;
use super::supervisor::Supervisor;

/// Pause between the hub's own pings.
const HUB_PING: Duration = Duration::from_secs(55);
/// Pause between the Supervisor's own pings.
const SUPERVISOR_PING: Duration = Duration::from_secs(30);
/// How long the far end's close may take.
const PATIENCE: Duration = Duration::from_secs(2);

type Socket = WebSocketStream<TcpStream>;

/// Speaks with a client that has opened a WebSocket, until one side ends it.
pub(super) async fn talk(core: &Arc<Core>, mut socket: Socket, way: Way) {
    core.office().connects.push(std::time::Instant::now());
    let Some((client, wake, kill)) = log_in(core, &mut socket, way).await else {
        return close(socket).await;
    };
    let pause = if way == Way::Direct { HUB_PING } else { SUPERVISOR_PING };
    let end = converse(core, &mut socket, client, (&wake, &kill), pause).await;
    core.office().leave(client);
    if end == End::Close {
        close(socket).await;
    }
}

/// The auth phase. `None`: refused, malformed or too late; the connection is to be closed, whatever it was.
async fn log_in(core: &Core, socket: &mut Socket, way: Way) -> Option<(u64, Arc<Notify>, Arc<Notify>)> {
    let version = core.office().flavour.version();
    socket.send(text(&json!({"type": "auth_required", "ha_version": version}))).await.ok()?;
    let first = timeout(core.options.auth_limit, socket.next()).await.ok()??.ok()?;
    let message: Value = serde_json::from_str(first.to_text().ok().filter(|_| first.is_text())?).ok()?;
    let delay = core.office().faults.auth_delay_ms;
    tokio::time::sleep(Duration::from_millis(delay)).await;
    let outcome = judge(&mut core.office(), core, &message, way);
    match outcome {
        Ok(desk) => {
            socket.send(text(&json!({"type": "auth_ok", "ha_version": version}))).await.ok()?;
            Some(desk)
        }
        Err(why) => {
            socket.send(text(&json!({"type": "auth_invalid", "message": why}))).await.ok()?;
            None
        }
    }
}

fn text(message: &Value) -> Message {
    Message::text(message.to_string())
}

/// A desk for whoever the message says, or why not.
fn judge(
    office: &mut Office,
    core: &Core,
    message: &Value,
    way: Way,
) -> Result<(u64, Arc<Notify>, Arc<Notify>), String> {
    let token = match message.as_object().map(|object| (object.len(), object.get("type"))) {
        Some((2, Some(Value::String(kind)))) if kind == "auth" => message["access_token"].as_str(),
        _ => None,
    };
    let Some(token) = token else {
        return Err("Auth message incorrectly formatted: not a valid auth message".into());
    };
    let (user, why) = match way {
        Way::Direct => (office.user_of(token), "Invalid access token or password"),
        Way::Proxy => (Some(Supervisor::user()).filter(|_| token == core.supervisor.token), "Invalid access"),
    };
    let Some(user) = user else {
        office.failed_logins += u32::from(way == Way::Direct);
        let shown = if office.faults.tokens_in_errors { format!(": {token}") } else { String::new() };
        return Err(format!("{why}{shown}"));
    };
    Ok(office.open(user, token.to_owned(), way))
}

/// The command phase, until one side ends it.
async fn converse(
    core: &Arc<Core>,
    socket: &mut Socket,
    client: u64,
    (wake, kill): (&Notify, &Notify),
    pause: Duration,
) -> End {
    let mut ping = interval_at(Instant::now() + pause, pause);
    let mut answered = true;
    loop {
        let (outgoing, silent) = {
            let mut office = core.office();
            (office.take(client), office.faults.silent)
        };
        match outgoing {
            Outgoing::Ended(end) => return end,
            Outgoing::Frames(frames) if frames.is_empty() => {}
            Outgoing::Frames(frames) => {
                for frame in frames {
                    tokio::select! {
                        sent = socket.send(Message::text(frame)) => if sent.is_err() { return End::Cut },
                        // A client that does not read must not hold us here.
                        () = kill.notified() => break,
                    }
                }
                continue;
            }
        }
        tokio::select! {
            () = wake.notified() => {}
            frame = socket.next(), if !silent => match frame {
                Some(Ok(Message::Text(text))) => {
                    let delay = core.office().faults.answer_delay_ms;
                    tokio::time::sleep(Duration::from_millis(delay)).await;
                    let later = take_frame(&mut core.office(), client, &text);
                    core.follow_up(later);
                }
                Some(Ok(Message::Pong(_))) => answered = true,
                Some(Ok(Message::Close(_))) | None | Some(Err(_)) => return End::Cut,
                Some(Ok(_)) => {}
            },
            _ = ping.tick(), if !silent => {
                if !std::mem::take(&mut answered) || socket.send(Message::Ping(Vec::new().into())).await.is_err() {
                    return End::Cut;
                }
            }
        }
    }
}

/// Closes with 1000, the only code that the hub ever sends, and waits a little for the far end's close.
async fn close(mut socket: Socket) {
    let frame = CloseFrame { code: CloseCode::Normal, reason: "".into() };
    let farewell = async {
        if socket.close(Some(frame)).await.is_ok() {
            while let Some(Ok(_)) = socket.next().await {}
        }
    };
    drop(timeout(PATIENCE, farewell).await);
}
