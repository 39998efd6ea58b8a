//! What a camera says.

use super::BackChannelError;

/// Header lines of one message.
const HEADERS: usize = 64;

/// One message of a camera's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub start: Start,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// What kind of message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// A response with its status.
    Response(u16),
    /// A request with its method.
    Request(String),
}

impl Message {
    /// Reads a head: its lines without the empty one at the end. The body is still empty.
    pub fn parse(head: &[u8]) -> Result<Self, BackChannelError> {
        let head = String::from_utf8_lossy(head);
        let mut lines = head.lines();
        let start = Start::parse(lines.next().unwrap_or_default())?;
        // A line without a colon is none; cameras with broken firmware send such.
        let headers: Vec<_> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
            .take(HEADERS + 1)
            .collect();
        if headers.len() > HEADERS {
            return Err(BackChannelError::Protocol("with too many headers"));
        }
        Ok(Self { start, headers, body: Vec::new() })
    }

    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name))?;
        Some(value)
    }

    /// All headers of this name.
    pub fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    /// Its number.
    pub fn cseq(&self) -> Option<u32> {
        self.header("CSeq").and_then(|number| number.parse().ok())
    }
}

impl Start {
    /// Reads a start line.
    pub fn parse(line: &str) -> Result<Self, BackChannelError> {
        let mut words = line.split_ascii_whitespace();
        let (first, second, third) = (words.next(), words.next(), words.next());
        let is_rtsp = |word: Option<&str>| word.is_some_and(|word| word.starts_with("RTSP/"));
        if is_rtsp(first) {
            let status = second.and_then(|status| status.parse().ok()).filter(|status| *status < 1_000);
            return status.map(Self::Response).ok_or(BackChannelError::Protocol("with no status"));
        }
        match first {
            Some(method) if is_rtsp(third) => Ok(Self::Request(method.to_owned())),
            _ => Err(BackChannelError::NotRtsp),
        }
    }
}
