//! The far end's handshake (DTLS 1.2, RFC 6347 4.2.3) as the stack can bear it when packets get lost: in whole messages,
//! and those of a server in whole flights.
//!
//! A far end that sends a flight again may cut it otherwise than at first; OpenSSL does. The stack joins only pieces
//! that lie end to end and tries no second one that begins at the same place. And with whatever comes before a flight
//! is complete, or again after it was, the stack gives up its own timer. Either way one lost packet is enough, and
//! the handshake goes on no more.

use std::collections::BTreeMap;
use std::ops::Range;

/// Longest message that is joined, bytes: room for a certificate. Pieces of a longer one pass as they are.
const MAX_MESSAGE: usize = 1_900;
/// Messages that may wait at once; a flight has fewer.
const MAX_MESSAGES: usize = 8;
/// What a record to the stack may hold, so that it fits a datagram of the port.
const MAX_BODY: usize = super::port_core::MAX_DATAGRAM - RECORD_HEAD;
const RECORD_HEAD: usize = 13;
const MESSAGE_HEAD: usize = 12;
/// A record's type.
const HANDSHAKE: u8 = 22;
/// Types of messages (RFC 5246 7.4, RFC 6347 4.3.2).
const CLIENT_HELLO: u8 = 1;
const HELLO_VERIFY_REQUEST: u8 = 3;
const SERVER_HELLO_DONE: u8 = 14;

/// What one far end has said so far.
#[derive(Debug, Default)]
pub(super) struct Handshake {
    /// Messages of which pieces are missing.
    partial: BTreeMap<u16, Partial>,
    /// Whole messages of a flight that is not.
    waiting: BTreeMap<u16, Message>,
    /// Messages pass as soon as they are whole: the far end is the client, who says everything again until it is
    /// answered, or one of them is too long to wait.
    at_once: bool,
    /// The stack has had everything before this message.
    next: u16,
    /// The server's first flight is through; what follows comes at once.
    is_through: bool,
}

#[derive(Debug)]
struct Partial {
    kind: u8,
    data: Vec<u8>,
    missing: Vec<Range<usize>>,
}

/// A whole message and the head of the record that completed it, without its length.
#[derive(Debug, Clone)]
struct Message {
    record: Box<[u8]>,
    kind: u8,
    bytes: Vec<u8>,
}

/// One record of a datagram; `pieces` of a handshake that is not encrypted.
struct Record<'a> {
    bytes: &'a [u8],
    pieces: Option<Vec<Piece<'a>>>,
}

/// A message or a part of one.
#[derive(Clone, Copy)]
struct Piece<'a> {
    bytes: &'a [u8],
    kind: u8,
    sequence: u16,
    /// Of the whole message.
    length: usize,
    offset: usize,
    data: &'a [u8],
}

impl Handshake {
    /// What the stack shall see in the place of a datagram; `None`: the datagram as it is.
    pub(super) fn take(&mut self, datagram: &[u8]) -> Option<Vec<Box<[u8]>>> {
        let records = records(datagram)?;
        let pieces = || records.iter().filter_map(|record| record.pieces.as_ref()).flatten();
        pieces().next()?;
        if pieces().any(|piece| piece.length > MAX_MESSAGE) {
            self.at_once = true;
            let mut seen = written(std::mem::take(&mut self.waiting).into_values().collect());
            seen.push(datagram.into());
            return Some(seen);
        }
        let mut seen = Vec::new();
        for record in &records {
            let Some(pieces) = &record.pieces else {
                seen.push(record.bytes.into());
                continue;
            };
            let whole: Vec<Message> =
                pieces.iter().filter_map(|piece| self.whole(record.bytes, piece)).collect();
            let due = whole.into_iter().flat_map(|message| self.due(message)).collect();
            seen.extend(written(due));
        }
        Some(seen)
    }

    /// The message that is whole with this piece.
    fn whole(&mut self, record: &[u8], piece: &Piece<'_>) -> Option<Message> {
        let bytes = if piece.is_whole() { piece.bytes.to_vec() } else { self.join(piece)? };
        Some(Message { record: record.get(..RECORD_HEAD - 2)?.into(), kind: piece.kind, bytes })
    }

    fn join(&mut self, piece: &Piece<'_>) -> Option<Vec<u8>> {
        let other = |known: &Partial| known.kind != piece.kind || known.data.len() != piece.length;
        if self.partial.get(&piece.sequence).is_none_or(other) {
            if self.partial.len() >= MAX_MESSAGES {
                self.partial.pop_first();
            }
            self.partial.insert(piece.sequence, Partial::of(piece));
        }
        let partial = self.partial.get_mut(&piece.sequence)?;
        partial.add(piece);
        if !partial.missing.is_empty() {
            return None;
        }
        let data = self.partial.remove(&piece.sequence)?.data;
        let head = piece.bytes.get(..6)?;
        // Its only piece begins at nothing and is as long as all of it.
        Some([head, &[0, 0, 0], head.get(1..4)?, &data].concat())
    }

    /// What the stack shall have with this message: all of a flight, or nothing yet, or nothing again.
    fn due(&mut self, message: Message) -> Vec<Message> {
        self.at_once |= message.kind == CLIENT_HELLO;
        if self.at_once || self.is_through && message.sequence() >= self.next {
            return vec![message];
        }
        if message.sequence() < self.next {
            return Vec::new();
        }
        if message.kind == HELLO_VERIFY_REQUEST {
            self.next = message.sequence().saturating_add(1);
            return vec![message];
        }
        if self.waiting.len() < MAX_MESSAGES {
            self.waiting.entry(message.sequence()).or_insert(message);
        }
        let mut expected = self.next..;
        let flight = self.waiting.iter().take_while(|(sequence, _)| expected.next() == Some(**sequence));
        let Some(last) = flight.last().filter(|(_, last)| last.kind == SERVER_HELLO_DONE) else {
            return Vec::new();
        };
        (self.next, self.is_through) = (last.0.saturating_add(1), true);
        self.partial.clear();
        std::mem::take(&mut self.waiting).into_values().collect()
    }
}

/// The messages in records; those of one record stay together, for its number serves once.
fn written(messages: Vec<Message>) -> Vec<Box<[u8]>> {
    let mut records: Vec<(Box<[u8]>, Vec<u8>)> = Vec::new();
    for message in messages {
        match records.last_mut() {
            // What finds no place comes again with its flight.
            Some((head, body)) if *head == message.record => {
                if body.len() + message.bytes.len() <= MAX_BODY {
                    body.extend(message.bytes);
                }
            }
            _ => records.push((message.record, message.bytes)),
        }
    }
    let whole = |(head, body): (Box<[u8]>, Vec<u8>)| {
        let length = u16::try_from(body.len()).unwrap_or(u16::MAX).to_be_bytes();
        [&head[..], &length, &body].concat().into()
    };
    records.into_iter().map(whole).collect()
}

impl Message {
    fn sequence(&self) -> u16 {
        match self.bytes[..] {
            [_, _, _, _, high, low, ..] => u16::from_be_bytes([high, low]),
            _ => 0,
        }
    }
}

impl Partial {
    fn of(piece: &Piece<'_>) -> Self {
        let everything = 0..piece.length;
        Self { kind: piece.kind, data: vec![0; piece.length], missing: vec![everything] }
    }

    fn add(&mut self, piece: &Piece<'_>) {
        let (from, to) = (piece.offset, piece.offset + piece.data.len());
        if let Some(place) = self.data.get_mut(from..to) {
            place.copy_from_slice(piece.data);
        }
        let left = |gap: &Range<usize>| [gap.start..gap.end.min(from), gap.start.max(to)..gap.end];
        self.missing = self.missing.iter().flat_map(left).filter(|gap| !gap.is_empty()).collect();
    }
}

impl<'a> Piece<'a> {
    fn is_whole(&self) -> bool {
        self.data.len() == self.length
    }

    fn first_of(body: &'a [u8]) -> Option<Self> {
        let head = body.get(..MESSAGE_HEAD)?;
        let number =
            |at: usize| Some(u32::from_be_bytes([0, *head.get(at)?, *head.get(at + 1)?, *head.get(at + 2)?]));
        let length = usize::try_from(number(1)?).ok()?;
        let offset = usize::try_from(number(6)?).ok()?;
        let end = MESSAGE_HEAD + usize::try_from(number(9)?).ok()?;
        let (bytes, data) = (body.get(..end)?, body.get(MESSAGE_HEAD..end)?);
        let piece = Self {
            bytes,
            kind: *head.first()?,
            sequence: u16::from_be_bytes([head[4], head[5]]),
            length,
            offset,
            data,
        };
        (offset + data.len() <= length).then_some(piece)
    }
}

/// All of a datagram; `None` when it is malformed, which the stack is to judge.
fn records(mut datagram: &[u8]) -> Option<Vec<Record<'_>>> {
    let mut records = Vec::new();
    while !datagram.is_empty() {
        let head = datagram.get(..RECORD_HEAD)?;
        let end = RECORD_HEAD + usize::from(u16::from_be_bytes([head[11], head[12]]));
        let (bytes, rest) = datagram.split_at_checked(end)?;
        let is_plain = head[0] == HANDSHAKE && head[3..5] == [0, 0];
        let pieces = if is_plain { Some(pieces(&bytes[RECORD_HEAD..])?) } else { None };
        records.push(Record { bytes, pieces });
        datagram = rest;
    }
    Some(records)
}

fn pieces(mut body: &[u8]) -> Option<Vec<Piece<'_>>> {
    let mut pieces = Vec::new();
    while !body.is_empty() {
        let piece = Piece::first_of(body)?;
        body = &body[piece.bytes.len()..];
        pieces.push(piece);
    }
    Some(pieces)
}

#[cfg(test)]
mod tests;
