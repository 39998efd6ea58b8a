//! Requests and answers of plain HTTP, as far as the simulators need them.

use std::borrow::Cow;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::{Url, form_urlencoded};

/// Longest head that is read, in bytes.
const LONGEST_HEAD: usize = 16 * 1024;
/// Longest body that is read, in bytes.
const LONGEST_BODY: usize = 1024 * 1024;

/// An HTTP request.
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    query: Vec<(String, String)>,
    fields: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Request {
    /// Reads a request; what came behind it stays in `bytes`. `None` when no whole one comes.
    pub(super) async fn read(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<Self> {
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            if bytes.len() > LONGEST_HEAD || stream.read_buf(bytes).await.ok()? == 0 {
                return None;
            }
        };
        let mut request = Self::parse(std::str::from_utf8(&bytes[..end]).ok()?)?;
        bytes.drain(..end + 4);
        let length = request.field("content-length").map_or(Some(0), |length| length.parse().ok())?;
        if length > LONGEST_BODY {
            return None;
        }
        while bytes.len() < length {
            if stream.read_buf(bytes).await.ok()? == 0 {
                return None;
            }
        }
        request.body = bytes.drain(..length).collect();
        Some(request)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.split("\r\n");
        let mut first = lines.next()?.split(' ');
        let (method, target) = (first.next()?.to_owned(), first.next()?);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let fields = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Some(Self { method, path: path.to_owned(), query, fields, body: Vec::new() })
    }

    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// All fields, names in lower case.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Another address with the request's query.
    pub(super) fn with_query(&self, address: &str) -> Option<Url> {
        let mut url = Url::parse(address).ok()?;
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        Some(url)
    }

    pub(super) fn cookie(&self, name: &str) -> Option<&str> {
        let pairs = self.field("cookie")?.split(';').filter_map(|pair| pair.trim().split_once('='));
        pairs.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    pub(super) fn bearer(&self) -> Option<&str> {
        self.field("authorization")?.strip_prefix("Bearer ")
    }

    /// The key of a request to open a WebSocket.
    pub(super) fn web_socket_key(&self) -> Option<&str> {
        self.field("upgrade").filter(|upgrade| upgrade.eq_ignore_ascii_case("websocket"))?;
        self.field("sec-websocket-key")
    }

    /// The client wants no further answer on this connection.
    pub(super) fn is_last(&self) -> bool {
        self.field("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }

    /// The same request at another path, with no field but those that a Supervisor passes on.
    pub(super) fn passed_on(self, path: String) -> Self {
        let fields = self.fields.into_iter().filter(|(name, _)| name == "accept" || name == "content-type");
        Self { path, fields: fields.collect(), ..self }
    }
}

/// An HTTP answer.
pub(super) struct Answer {
    pub(super) status: u16,
    fields: Vec<(Cow<'static, str>, String)>,
    body: Vec<u8>,
}

impl Answer {
    /// A body with no word about it.
    pub(super) fn raw(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, fields: Vec::new(), body: body.into() }
    }

    pub(super) fn ok(kind: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, fields: vec![("Content-Type".into(), kind.to_owned())], body: body.into() }
    }

    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self { status, ..Self::ok("application/json", body.to_string()) }
    }

    /// A status and nothing else.
    pub(super) fn empty(status: u16) -> Self {
        Self::raw(status, Vec::new())
    }

    /// A refusal in plain text, as the hub words it.
    pub(super) fn refusal(status: u16) -> Self {
        let text = format!("{status}: {}", reason(status));
        Self { status, ..Self::ok("text/plain; charset=utf-8", text) }
    }

    pub(super) fn with(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }

    /// Only what a Supervisor passes back.
    pub(super) fn passed_back(mut self) -> Self {
        self.fields.retain(|(name, _)| matches!(&**name, "Content-Type" | "Cache-Control"));
        self
    }

    /// Writes the answer.
    pub(super) async fn write(&self, stream: &mut TcpStream) -> std::io::Result<()> {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in &self.fields {
            head += &format!("{name}: {value}\r\n");
        }
        head += &format!("Content-Length: {}\r\n\r\n", self.body.len());
        stream.write_all(&[head.as_bytes(), &self.body].concat()).await
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        202 => "Accepted",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        413 => "Content Too Large",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Unknown",
    }
}
