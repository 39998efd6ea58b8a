//! One client's connection to the simulated hub: HTTP head, auth phase, frames.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Instant, interval_at, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};

use super::commands::take_frame;
use super::core::Core;
use super::hub::VERSION;
use super::office::{End, Outgoing};
use super::rest::{self, Head};

/// Pause between the hub's own pings.
const PING_PAUSE: Duration = Duration::from_secs(55);
/// How long a head or the far end's close may take.
const PATIENCE: Duration = Duration::from_secs(2);

type Socket = WebSocketStream<TcpStream>;

/// Serves one connection until its end.
pub(super) async fn serve(core: Arc<Core>, mut stream: TcpStream) {
    let stop = core.stop.clone();
    tokio::select! {
        () = stop.cancelled() => {}
        () = async {
            let head = timeout(PATIENCE, Head::read(&mut stream)).await;
            let Ok(Some((head, rest))) = head else { return };
            let Some(key) = head.web_socket_key() else {
                let answer = rest::answer(&mut core.office(), &head);
                drop(rest::send(stream, &answer).await);
                return;
            };
            if core.office().banned() {
                drop(rest::send(stream, &rest::plain(403, "Forbidden")).await);
                return;
            }
            let accept = derive_accept_key(key.as_bytes());
            let answer = format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
            );
            if stream.write_all(answer.as_bytes()).await.is_ok() {
                let socket = WebSocketStream::from_partially_read(stream, rest, Role::Server, None).await;
                talk(&core, socket).await;
            }
        } => {}
    }
}

async fn talk(core: &Arc<Core>, mut socket: Socket) {
    core.office().connects.push(std::time::Instant::now());
    if core.office().faults.silent {
        std::future::pending::<()>().await;
    }
    let Some((client, wake, kill)) = log_in(core, &mut socket).await else {
        return close(socket).await;
    };
    let end = converse(core, &mut socket, client, &wake, &kill).await;
    core.office().leave(client);
    if end == End::Close {
        close(socket).await;
    }
}

/// The auth phase. `None`: refused, malformed or too late; the connection is to be closed, whatever it was.
async fn log_in(core: &Core, socket: &mut Socket) -> Option<(u64, Arc<Notify>, Arc<Notify>)> {
    let hello = format!(r#"{{"type":"auth_required","ha_version":"{VERSION}"}}"#);
    socket.send(Message::text(hello)).await.ok()?;
    let first = timeout(core.options.auth_limit, socket.next()).await.ok()??.ok()?;
    let message: Value = serde_json::from_str(first.to_text().ok().filter(|_| first.is_text())?).ok()?;
    let token = match message.as_object().map(|object| (object.len(), object.get("type"))) {
        Some((2, Some(Value::String(kind)))) if kind == "auth" => message["access_token"].as_str(),
        _ => None,
    };
    let Some(token) = token else {
        let text = r#"{"type":"auth_invalid","message":"Auth message incorrectly formatted: not a valid auth message"}"#;
        socket.send(Message::text(text)).await.ok()?;
        return None;
    };
    let user = core.office().user_of(token);
    let Some(user) = user else {
        let text = r#"{"type":"auth_invalid","message":"Invalid access token or password"}"#;
        socket.send(Message::text(text)).await.ok()?;
        return None;
    };
    let welcome = format!(r#"{{"type":"auth_ok","ha_version":"{VERSION}"}}"#);
    socket.send(Message::text(welcome)).await.ok()?;
    Some(core.office().open(user, token.to_owned()))
}

/// The command phase, until one side ends it.
async fn converse(core: &Arc<Core>, socket: &mut Socket, client: u64, wake: &Notify, kill: &Notify) -> End {
    let mut ping = interval_at(Instant::now() + PING_PAUSE, PING_PAUSE);
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
