//! What a camera is asked.

use bytes::BytesMut;

/// An RTSP request without its number, login and session.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: &'static str,
    pub uri: String,
    pub headers: Vec<(&'static str, String)>,
}

impl Request {
    pub fn new(method: &'static str, uri: impl Into<String>) -> Self {
        Self { method, uri: uri.into(), headers: Vec::new() }
    }

    /// With one header more.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Appends it as it goes over the wire, with further headers.
    pub fn write(&self, further: &[(&str, &str)], out: &mut BytesMut) {
        let own = self.headers.iter().map(|(name, value)| (*name, value.as_str()));
        let mut text = format!("{} {} RTSP/1.0\r\n", self.method, self.uri);
        for (name, value) in further.iter().copied().chain(own) {
            text.extend([name, ": ", value, "\r\n"]);
        }
        text.push_str("\r\n");
        out.extend_from_slice(text.as_bytes());
    }
}
