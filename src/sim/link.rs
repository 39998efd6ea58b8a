//! One client's connection to the simulated hub: its requests, one after the other, until it wants a WebSocket.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::core::Core;
use super::desk::Way;
use super::http::{Answer, Request};
use super::rest::{self, Caller};
use super::{ingress, socket, supervisor};

/// How long a connection may stay without a request.
const IDLE: Duration = Duration::from_secs(75);
/// Between two looks whether the hub hears again.
const LOOK: Duration = Duration::from_millis(20);

/// Serves one connection until its end.
pub(super) async fn serve(core: Arc<Core>, mut stream: TcpStream, way: Way) {
    let hung_up = core.hung_up();
    let mut bytes = Vec::new();
    loop {
        let step = async {
            hears(&core).await;
            let request = timeout(IDLE, Request::read(&mut stream, &mut bytes)).await.ok().flatten()?;
            hears(&core).await;
            answer(&core, way, request).await
        };
        let step = match way {
            Way::Direct => tokio::select! {
                () = hung_up.cancelled() => return,
                step = step => step,
            },
            Way::Proxy => step.await,
        };
        match step {
            Some(Step::Answer(answer, is_last)) => {
                if answer.write(&mut stream).await.is_err() || is_last {
                    return;
                }
            }
            Some(Step::Open(key)) => return open(&core, stream, bytes, way, &key).await,
            None => return,
        }
    }
}

/// What a request leads to.
enum Step {
    /// An answer, and whether the connection ends with it.
    Answer(Answer, bool),
    /// A WebSocket, with the key of the request.
    Open(String),
}

async fn hears(core: &Core) {
    loop {
        {
            let faults = &core.office().faults;
            if !faults.deaf && !faults.silent {
                return;
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn answer(core: &Arc<Core>, way: Way, request: Request) -> Option<Step> {
    if core.office().faults.close_at_once {
        return None;
    }
    let is_last = request.is_last();
    let key = request.web_socket_key().map(str::to_owned);
    let answer = match (way, key, request.path.as_str()) {
        // The Supervisor's address is never banned.
        (Way::Direct, ..) if core.office().banned() => Answer::refusal(403),
        (Way::Direct, Some(key), "/api/websocket") => return Some(Step::Open(key)),
        (Way::Proxy, Some(key), "/core/websocket") if core.listens() => return Some(Step::Open(key)),
        (Way::Proxy, Some(_), "/core/websocket") => Answer::refusal(502),
        (Way::Direct, ..) if request.path.starts_with(ingress::PREFIX) => {
            ingress::answer(core, request).await
        }
        (Way::Direct, ..) => {
            let caller = Caller::of(&core.office(), &request);
            rest::answer(core, caller, &request).await
        }
        (Way::Proxy, ..) => supervisor::answer(core, request).await,
    };
    Some(Step::Answer(answer, is_last))
}

async fn open(core: &Arc<Core>, mut stream: TcpStream, bytes: Vec<u8>, way: Way, key: &str) {
    let accept = derive_accept_key(key.as_bytes());
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    if stream.write_all(head.as_bytes()).await.is_ok() {
        let socket = WebSocketStream::from_partially_read(stream, bytes, Role::Server, None).await;
        socket::talk(core, socket, way).await;
    }
}
