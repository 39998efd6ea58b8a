//! Where one message of a camera's ends and the next begins (RFC 2326, sections 4 and 10.12).

use bytes::{Buf, BytesMut};

use super::BackChannelError;
use super::message::{Message, Start};

/// Bytes of a head.
const HEAD: usize = 16 << 10;
/// Bytes of a body.
const BODY: usize = 64 << 10;
/// Bytes in front of interleaved data.
const FRAME_HEAD: usize = 4;

/// Cuts what comes into messages. Interleaved data is dropped as it comes: nobody here listens to the camera.
/// Holds what was pushed last and less than one message.
#[derive(Debug, Default)]
pub struct Reader {
    bytes: BytesMut,
    /// Bytes of interleaved data that are still to come.
    dropping: usize,
    /// Bytes that hold no end of a head.
    searched: usize,
    /// A head whose body is still to come, and the body's length.
    begun: Option<(Message, usize)>,
}

impl Reader {
    /// Takes what was read.
    pub fn push(&mut self, mut bytes: &[u8]) {
        let dropped = self.dropping.min(bytes.len());
        self.dropping -= dropped;
        bytes.advance(dropped);
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole message.
    ///
    /// # Errors
    /// When it is no RTSP, or too long. Nothing that comes after it makes sense.
    pub fn next_message(&mut self) -> Result<Option<Message>, BackChannelError> {
        loop {
            if let Some((_, length)) = self.begun {
                return Ok(self.body(length));
            }
            match *self.bytes {
                [] => return Ok(None),
                [b'$', _, high, low, ..] => {
                    self.drop_data(FRAME_HEAD + usize::from(u16::from_be_bytes([high, low])))
                }
                [b'$', ..] => return Ok(None),
                [b'\r' | b'\n', ..] => self.bytes.advance(1),
                [first, ..] if !first.is_ascii_alphabetic() => return Err(BackChannelError::NotRtsp),
                _ => match self.head()? {
                    Some(message) => self.begin(message)?,
                    None => return Ok(None),
                },
            }
        }
    }

    fn drop_data(&mut self, length: usize) {
        let here = length.min(self.bytes.len());
        self.bytes.advance(here);
        self.dropping = length - here;
    }

    fn begin(&mut self, message: Message) -> Result<(), BackChannelError> {
        let length = message.header("Content-Length").map_or(Ok(0), str::parse);
        match length {
            Ok(length) if length <= BODY => self.begun = Some((message, length)),
            _ => return Err(BackChannelError::Protocol("at too great length")),
        }
        Ok(())
    }

    fn body(&mut self, length: usize) -> Option<Message> {
        if self.bytes.len() < length {
            return None;
        }
        let (mut message, _) = self.begun.take()?;
        message.body = self.bytes.split_to(length).to_vec();
        Some(message)
    }

    /// A whole head. Some cameras end their lines with LF alone.
    fn head(&mut self) -> Result<Option<Message>, BackChannelError> {
        let from = self.searched.saturating_sub(3);
        let within = self.bytes.get(from..HEAD.min(self.bytes.len())).unwrap_or_default();
        let Some((at, end)) = end_of_head(within) else {
            self.searched = self.bytes.len();
            self.check_start()?;
            let is_too_long = self.bytes.len() >= HEAD;
            return if is_too_long {
                Err(BackChannelError::Protocol("at too great length"))
            } else {
                Ok(None)
            };
        };
        self.searched = 0;
        let head = self.bytes.split_to(from + at);
        self.bytes.advance(end - at);
        Message::parse(&head).map(Some)
    }

    /// Who speaks something else is known by the first line; its end may never come.
    fn check_start(&self) -> Result<(), BackChannelError> {
        let within = self.bytes.get(..HEAD.min(self.bytes.len())).unwrap_or_default();
        match within.iter().position(|byte| *byte == b'\n').and_then(|end| within.get(..end)) {
            Some(line) => Start::parse(&String::from_utf8_lossy(line)).map(drop),
            None => Ok(()),
        }
    }
}

/// Where the lines of a head end, and where what follows begins.
fn end_of_head(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    ends.find_map(|at| match bytes.get(at..)? {
        [b'\n', ..] => Some((at, at + 1)),
        [b'\r', b'\n', ..] => Some((at, at + 2)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use proptest::prelude::*;

    use super::*;

    const RESPONSE: &[u8] = b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nServer: x\r\ncontent-length : 5\r\n\r\nv=0\r\n";
    const BARE: &[u8] = b"\r\nRTSP/1.0 454\nno colon\nCSeq:3\n\n";
    const REQUEST: &[u8] = b"OPTIONS * RTSP/1.0\r\nCSeq: 9\r\n\r\n";

    /// All messages, or the first failure.
    fn read(stream: &[u8], size: usize) -> Result<Vec<Message>, BackChannelError> {
        let (mut reader, mut found) = (Reader::default(), Vec::new());
        for piece in stream.chunks(size) {
            reader.push(piece);
            while let Some(message) = reader.next_message()? {
                found.push(message);
            }
            assert!(reader.bytes.len() < HEAD + BODY + size);
        }
        Ok(found)
    }

    #[test]
    fn messages_between_interleaved_data_are_found_however_the_stream_is_cut() {
        let data = [&[b'$', 1, 0x01, 0x04][..], &[b'$'; 0x104]].concat();
        let empty = [b'$', 0, 0, 0];
        let stream = [&data[..], RESPONSE, &empty, BARE, &data, REQUEST].concat();
        for size in [1, 2, 3, 7, 64, 4_096] {
            let found = read(&stream, size).unwrap();
            let starts: Vec<_> = found.iter().map(|message| message.start.clone()).collect();
            let options = Start::Request("OPTIONS".into());
            assert_eq!(starts, [Start::Response(200), Start::Response(454), options], "{size}");
            assert_eq!(found[0].body, b"v=0\r\n");
            assert_eq!(
                found.iter().map(|message| message.cseq()).collect::<Vec<_>>(),
                [Some(2), Some(3), Some(9)]
            );
        }
    }

    #[test]
    fn what_is_no_rtsp_is_known_before_it_ends() {
        let tls_alert = b"\x15\x03\x01\x00\x02\x02\x46";
        for other in [&b"HTTP/1.1 400 Bad Request\r\nServer"[..], b"SSH-2.0-OpenSSH\r\n", tls_alert] {
            assert_eq!(read(other, 5), Err(BackChannelError::NotRtsp), "{}", other.escape_ascii());
        }
    }

    #[test]
    fn nothing_grows_beyond_its_bounds() {
        let heads = [
            [b"RTSP/1.0 200 OK\r\nX: ".as_slice(), &[b'x'; HEAD]].concat(),
            [b"A".repeat(HEAD), b" * RTSP/1.0\r\n\r\n".to_vec()].concat(),
            [b"RTSP/1.0 200 OK\r\n".to_vec(), b"X: y\r\n".repeat(HEADERS_TOO_MANY), b"\r\n".to_vec()]
                .concat(),
            b"RTSP/1.0 200 OK\r\nContent-Length: 65537\r\n\r\n".to_vec(),
            b"RTSP/1.0 200 OK\r\nContent-Length: -1\r\n\r\n".to_vec(),
            b"RTSP/1.0 OK\r\n\r\n".to_vec(),
        ];
        for head in heads {
            for size in [1, 1_000] {
                let refused = read(&head, size);
                assert!(matches!(refused, Err(BackChannelError::Protocol(_))), "{size} {refused:?}");
            }
        }
    }

    const HEADERS_TOO_MANY: usize = 65;

    proptest! {
        #[test]
        fn any_stream_is_read_the_same_however_it_is_cut(
            parts in proptest::collection::vec(
                prop_oneof![
                    Just(RESPONSE.to_vec()), Just(BARE.to_vec()), Just(REQUEST.to_vec()),
                    proptest::collection::vec(any::<u8>(), 0..20),
                    proptest::collection::vec(any::<u8>(), 0..300).prop_map(|data| {
                        let length = u16::try_from(data.len()).unwrap().to_be_bytes();
                        [&[b'$', 0], &length[..], &data].concat()
                    }),
                ],
                0..8,
            ),
            size in 1..50_usize,
        ) {
            let stream = parts.concat();
            prop_assert_eq!(read(&stream, size), read(&stream, stream.len().max(1)));
        }
    }
}
