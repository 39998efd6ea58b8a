//! The few plain HTTP answers of the simulated hub, and the head that any request begins with.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::office::Office;

/// Longest head that is read, in bytes.
const LONGEST_HEAD: usize = 16 * 1024;

/// The head of an HTTP request.
pub(super) struct Head {
    method: String,
    path: String,
    fields: Vec<(String, String)>,
}

impl Head {
    /// Reads a head, and whatever came in the same packets behind it. `None` when none comes.
    pub(super) async fn read(stream: &mut TcpStream) -> Option<(Self, Vec<u8>)> {
        let mut bytes = Vec::new();
        loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = Self::parse(std::str::from_utf8(&bytes[..end]).ok()?)?;
                return Some((head, bytes.split_off(end + 4)));
            }
            if bytes.len() > LONGEST_HEAD || stream.read_buf(&mut bytes).await.ok()? == 0 {
                return None;
            }
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.split("\r\n");
        let mut first = lines.next()?.split(' ');
        let (method, target) = (first.next()?.to_owned(), first.next()?);
        let path = target.split('?').next().unwrap_or_default().to_owned();
        let fields = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Some(Self { method, path, fields })
    }

    fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The key of a request to open the hub's WebSocket.
    pub(super) fn web_socket_key(&self) -> Option<&str> {
        let upgrade = self.field("upgrade")?.eq_ignore_ascii_case("websocket");
        (upgrade && self.path == "/api/websocket").then(|| self.field("sec-websocket-key"))?
    }

    fn bearer(&self) -> Option<&str> {
        self.field("authorization")?.strip_prefix("Bearer ")
    }
}

/// Answers a request that is no WebSocket.
pub(super) fn answer(office: &mut Office, head: &Head) -> String {
    if office.banned() {
        return plain(403, "Forbidden");
    }
    let known = head.bearer().and_then(|token| office.user_of(token));
    if !head.path.starts_with("/api/") {
        return plain(404, "Not Found");
    }
    if known.is_none() {
        return plain(401, "Unauthorized");
    }
    if head.method != "GET" {
        return plain(405, "Method Not Allowed");
    }
    match head.path.as_str() {
        "/api/" => json(200, "OK", &json!({"message": "API running."})),
        path => match path.strip_prefix("/api/states/") {
            None => plain(404, "Not Found"),
            Some(id) => match office.world.entity(id).and_then(|entity| entity.state.as_ref()) {
                Some(state) => json(200, "OK", &state.full(id)),
                None => json(404, "Not Found", &json!({"message": "Entity not found."})),
            },
        },
    }
}

/// Writes an answer and ends the connection.
pub(super) async fn send(mut stream: TcpStream, answer: &str) -> std::io::Result<()> {
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

fn json(status: u16, reason: &str, body: &Value) -> String {
    whole(status, reason, "application/json", &body.to_string())
}

/// A refusal in plain text, as the hub words it.
pub(super) fn plain(status: u16, reason: &str) -> String {
    whole(status, reason, "text/plain; charset=utf-8", &format!("{status}: {reason}"))
}

fn whole(status: u16, reason: &str, kind: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}
