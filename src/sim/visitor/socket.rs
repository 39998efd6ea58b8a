//! The WebSocket of a page that wants to be the visitor.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::{Place, arrive, depart};
use crate::sim::camera::SimCamera;
use crate::sim::commands::Later;
use crate::sim::core::Core;

/// Longest message of a page, in bytes: an answer with all its candidates is a tenth of it.
const LONGEST: usize = 64 * 1024;
/// Messages of a page in a second: an answer, and a candidate for each of its networks.
const MOST_A_SECOND: u32 = 100;
/// How long a page may take to read, and to close.
const PATIENCE: Duration = Duration::from_secs(2);

type Socket = WebSocketStream<TcpStream>;

/// Speaks with a page until it goes or another one comes. `bytes`: what came behind its request.
pub(super) async fn talk(core: &Arc<Core>, stream: TcpStream, bytes: Vec<u8>) {
    let config = WebSocketConfig::default().max_message_size(Some(LONGEST)).max_frame_size(Some(LONGEST));
    let mut socket = WebSocketStream::from_partially_read(stream, bytes, Role::Server, Some(config)).await;
    let mut place = come(core);
    converse(core, &mut socket, &mut place).await;
    go(core, place.serial);
    let farewell = async {
        if socket.close(None).await.is_ok() {
            while let Some(Ok(_)) = socket.next().await {}
        }
    };
    drop(timeout(PATIENCE, farewell).await);
}

fn come(core: &Core) -> Place {
    let mut office = core.office();
    let place = office.visitor.come();
    let heard = arrive(&mut office.world);
    office.publish(heard);
    place
}

fn go(core: &Core, serial: u64) {
    let mut office = core.office();
    if office.visitor.go(serial) {
        let heard = depart(&mut office.world);
        office.publish(heard);
    }
}

async fn converse(core: &Arc<Core>, socket: &mut Socket, place: &mut Place) {
    let mut pace = Pace::default();
    loop {
        tokio::select! {
            // It is the last word, whatever else there is to say.
            biased;
            () = place.replaced.cancelled() => {
                tell(socket, &json!({"replaced": true})).await;
                return;
            }
            // None when it was replaced, which is told above.
            Some(message) = place.inbox.recv() => if !tell(socket, &message).await { return },
            frame = socket.next() => match frame {
                Some(Ok(Message::Text(text))) => {
                    let Ok(said) = serde_json::from_str(&text) else { return };
                    if !pace.allows() {
                        return;
                    }
                    take(core, place.serial, said);
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(_) | Err(_)) | None => return,
            },
        }
    }
}

async fn tell(socket: &mut Socket, message: &Value) -> bool {
    matches!(timeout(PATIENCE, socket.send(Message::text(message.to_string()))).await, Ok(Ok(())))
}

fn take(core: &Arc<Core>, serial: u64, said: Value) {
    if said["ring"] != true {
        return core.office().visitor.said(serial, said);
    }
    let may = core.office().visitor.may_press(serial);
    if may {
        let key = SimCamera::side_door().key;
        core.change(|world| world.press(&key, None));
        core.follow_up(vec![Later::MotionOff(key)]);
    }
}

/// How much a page says.
struct Pace {
    since: Instant,
    said: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self { since: Instant::now(), said: 0 }
    }
}

impl Pace {
    fn allows(&mut self) -> bool {
        if self.since.elapsed() >= Duration::from_secs(1) {
            *self = Self::default();
        }
        self.said += 1;
        self.said <= MOST_A_SECOND
    }
}
