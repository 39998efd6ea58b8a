//! The address of the visitor's page: its files, its WebSocket, and who may have them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use url::Url;

use super::socket;
use crate::sim::core::Core;
use crate::sim::http::{Answer, Request};

/// Connections at once.
const MOST: usize = 32;
/// How long a connection may stay without a request.
const IDLE: Duration = Duration::from_secs(15);

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The page's own files, and those of the house's page whose looks and words it has.
const FILES: [(&str, &str, &str); 13] = [
    ("/", HTML, include_str!("page/index.html")),
    ("/visitor.css", CSS, include_str!("page/visitor.css")),
    ("/js/visitor.js", SCRIPT, include_str!("page/visitor.js")),
    ("/js/door.js", SCRIPT, include_str!("page/door.js")),
    ("/js/senses.js", SCRIPT, include_str!("page/senses.js")),
    ("/app.css", CSS, include_str!("../../../web/app.css")),
    ("/css/echo.css", CSS, include_str!("../../../web/css/echo.css")),
    ("/icon.svg", "image/svg+xml", include_str!("../../../web/icon.svg")),
    ("/i18n/en.json", "application/json", include_str!("../../../web/i18n/en.json")),
    ("/i18n/de.json", "application/json", include_str!("../../../web/i18n/de.json")),
    ("/js/text.js", SCRIPT, include_str!("../../../web/js/text.js")),
    ("/js/level.js", SCRIPT, include_str!("../../../web/js/level.js")),
    ("/vendor/preact-htm.js", SCRIPT, include_str!("../../../web/vendor/preact-htm.js")),
];

/// What the visitor's page needs to know of the place.
#[derive(Debug)]
struct Place {
    /// `127.0.0.1:40000`
    own: String,
    /// The house's page.
    house: Url,
}

/// Serves the visitor's page.
pub(in crate::sim) async fn serve(core: Arc<Core>, listener: TcpListener, own: SocketAddr, house: Url) {
    let place = Arc::new(Place { own: own.to_string(), house });
    let mut browsers = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if browsers.len() < MOST => if let Ok((stream, _)) = accepted {
                drop(stream.set_nodelay(true));
                browsers.spawn(answer(core.clone(), place.clone(), stream));
            },
            Some(_) = browsers.join_next() => {}
        }
    }
}

async fn answer(core: Arc<Core>, place: Arc<Place>, mut stream: TcpStream) {
    let mut bytes = Vec::new();
    while let Ok(Some(request)) = timeout(IDLE, Request::read(&mut stream, &mut bytes)).await {
        if let Some(key) = place.opens(&request) {
            if welcome(&mut stream, key).await.is_ok() {
                socket::talk(&core, stream, bytes).await;
            }
            return;
        }
        let answer = place.answer(&request);
        let written = timeout(IDLE, answer.write(&mut stream)).await;
        if !matches!(written, Ok(Ok(()))) || request.is_last() {
            return;
        }
    }
}

/// Says that the WebSocket is open.
async fn welcome(stream: &mut TcpStream, key: &str) -> std::io::Result<()> {
    let accept = derive_accept_key(key.as_bytes());
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await
}

impl Place {
    /// No other name may lead a browser here.
    fn is_meant(&self, request: &Request) -> bool {
        request.field("host") == Some(self.own.as_str())
    }

    /// The key of a request that opens the WebSocket: the page's own, and no other page's.
    fn opens<'a>(&self, request: &'a Request) -> Option<&'a str> {
        let origin = format!("http://{}", self.own);
        let own = self.is_meant(request) && request.field("origin") == Some(origin.as_str());
        request.web_socket_key().filter(|_| own && request.path == "/socket")
    }

    fn answer(&self, request: &Request) -> Answer {
        let answer = if !self.is_meant(request) || request.web_socket_key().is_some() {
            Answer::refusal(403)
        } else if request.method != "GET" {
            Answer::refusal(405)
        } else if request.path == "/place.json" {
            Answer::json(200, &json!({"house": self.house}))
        } else {
            file(&request.path)
        };
        answer
            .with("Content-Security-Policy", self.policy())
            .with("Permissions-Policy", "camera=(self), geolocation=(), microphone=(self)")
            .with("X-Content-Type-Options", "nosniff")
            .with("Referrer-Policy", "no-referrer")
            .with("Cross-Origin-Resource-Policy", "same-origin")
            .with("Cache-Control", "no-store")
    }

    fn policy(&self) -> String {
        let own = &self.own;
        format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
             connect-src 'self' ws://{own}; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
        )
    }
}

fn file(path: &str) -> Answer {
    match FILES.iter().find(|(name, ..)| *name == path) {
        Some((_, kind, text)) => Answer::ok(kind, *text),
        None => Answer::refusal(404),
    }
}
