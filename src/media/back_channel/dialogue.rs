//! Requests and responses of one connection.

use bytes::BytesMut;

use super::BackChannelError;
use super::login::Login;
use super::message::{Message, Start};
use super::reader::Reader;
use super::request::Request;
use super::stream_url::StreamUrl;

/// Some cameras answer nobody without a name.
const USER_AGENT: &str = concat!("Doorstep/", env!("CARGO_PKG_VERSION"));
/// Longest session identifier, bytes.
const SESSION: usize = 256;
/// Bytes for the camera above which its own requests are not answered any more: it does not read.
const UNREAD: usize = 16 << 10;

/// One connection's requests, one at a time: numbers them, logs in, and answers what the camera asks. Bytes in,
/// bytes out; no network in it.
#[derive(Debug)]
pub struct Dialogue {
    login: Option<Login>,
    reader: Reader,
    out: BytesMut,
    cseq: u32,
    session: Option<String>,
    asked: Option<Asked>,
}

/// The request that is not answered yet.
#[derive(Debug)]
struct Asked {
    request: Request,
    cseq: u32,
    challenged: u32,
}

/// What came of what the camera said.
#[derive(Debug)]
pub enum Heard {
    /// The answer to the last request, and its status.
    Answer(u16, Message),
    /// The camera ends the session.
    Ended,
}

impl Dialogue {
    pub fn new(url: &StreamUrl) -> Self {
        Self {
            login: url.user().cloned().map(Login::new),
            reader: Reader::default(),
            out: BytesMut::new(),
            cseq: 0,
            session: None,
            asked: None,
        }
    }

    /// What is to be sent.
    pub fn out(&mut self) -> &mut BytesMut {
        &mut self.out
    }

    /// What is to be sent.
    pub fn unsent(&self) -> &[u8] {
        &self.out
    }

    /// True once the camera has answered what it was asked.
    pub fn is_answered(&self) -> bool {
        self.asked.is_none()
    }

    /// From now on requests name this session.
    ///
    /// # Errors
    /// When it cannot be one.
    pub fn enter(&mut self, session: &str) -> Result<(), BackChannelError> {
        let is_sound = session.len() <= SESSION && session.chars().all(|c| c.is_ascii_graphic());
        if session.is_empty() || !is_sound {
            return Err(BackChannelError::Protocol("with no session"));
        }
        self.session = Some(session.to_owned());
        Ok(())
    }

    /// Asks. What was asked before and is not answered is not waited for any more.
    pub fn ask(&mut self, request: Request) {
        self.send(request, 0);
    }

    fn send(&mut self, request: Request, challenged: u32) {
        self.cseq += 1;
        let login = self.login.as_mut();
        let authorization = login.and_then(|login| login.authorization(request.method, &request.uri));
        let cseq = self.cseq.to_string();
        let mut headers = vec![("CSeq", cseq.as_str()), ("User-Agent", USER_AGENT)];
        headers.extend(self.session.as_deref().map(|session| ("Session", session)));
        headers.extend(authorization.as_deref().map(|authorization| ("Authorization", authorization)));
        request.write(&headers, &mut self.out);
        self.asked = Some(Asked { request, cseq: self.cseq, challenged });
    }

    /// Takes what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        self.reader.push(bytes);
    }

    /// What the camera said next. A challenge for a login is answered here; a 401 that comes out is final.
    ///
    /// # Errors
    /// When it makes no sense.
    pub fn next_heard(&mut self) -> Result<Option<Heard>, BackChannelError> {
        while let Some(message) = self.reader.next_message()? {
            match &message.start {
                Start::Request(method) if method == "TEARDOWN" => return Ok(Some(Heard::Ended)),
                Start::Request(method) => {
                    let is_known = matches!(method.as_str(), "OPTIONS" | "GET_PARAMETER" | "SET_PARAMETER");
                    self.answer(is_known, message.cseq());
                }
                // More will follow.
                Start::Response(100..=199) => {}
                Start::Response(status) => {
                    let status = *status;
                    let Some(asked) =
                        self.asked.take_if(|asked| message.cseq().is_none_or(|cseq| cseq == asked.cseq))
                    else {
                        continue;
                    };
                    let Some(asked) = self.sign(asked, status, &message) else {
                        return Ok(Some(Heard::Answer(status, message)));
                    };
                    self.send(asked.request, asked.challenged + 1);
                }
            }
        }
        Ok(None)
    }

    /// What is to be asked again, now that it is known how to log in. One user's password is sent once and, if only
    /// its nonce was too old, once more: cameras lock users out.
    fn sign(&mut self, asked: Asked, status: u16, answer: &Message) -> Option<Asked> {
        let login = self.login.as_mut().filter(|_| status == 401 && asked.challenged < 2)?;
        let is_known = login.learn(answer.headers("WWW-Authenticate"));
        (is_known && (asked.challenged == 0 || login.was_stale())).then_some(asked)
    }

    fn answer(&mut self, is_known: bool, cseq: Option<u32>) {
        if self.out.len() > UNREAD {
            return;
        }
        let status = if is_known { "200 OK" } else { "501 Not Implemented" };
        let cseq = cseq.map(|cseq| format!("CSeq: {cseq}\r\n")).unwrap_or_default();
        self.out.extend_from_slice(format!("RTSP/1.0 {status}\r\n{cseq}\r\n").as_bytes());
    }
}
