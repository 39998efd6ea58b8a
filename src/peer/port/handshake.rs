//! Handshake messages of DTLS 1.2 (RFC 6347 4.2.3), whole before the stack sees them.
//!
//! A far end that sends a flight again may cut it otherwise than at first; OpenSSL does. The stack joins only pieces
//! that lie end to end and tries no second one that begins at the same place, so that after one lost packet it would
//! never have the message.

use std::collections::BTreeMap;
use std::ops::Range;

/// Longest message that is joined, bytes: room for a certificate. Pieces of a longer one pass as they are.
const MAX_MESSAGE: usize = 1_500;
/// Messages that may be incomplete at once; a flight has fewer.
const MAX_MESSAGES: usize = 8;
/// What a record to the stack may hold, so that it fits a datagram of the port.
const MAX_BODY: usize = super::port_core::MAX_DATAGRAM - RECORD_HEAD;
const RECORD_HEAD: usize = 13;
const MESSAGE_HEAD: usize = 12;
const HANDSHAKE: u8 = 22;

/// The messages of one far end that are incomplete.
#[derive(Debug, Default)]
pub(super) struct Handshake {
    messages: BTreeMap<u16, Partial>,
}

#[derive(Debug)]
struct Partial {
    kind: u8,
    data: Vec<u8>,
    missing: Vec<Range<usize>>,
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
        if pieces().all(Piece::is_whole) || pieces().any(|piece| piece.length > MAX_MESSAGE) {
            return None;
        }
        let seen = records.iter().filter_map(|record| match &record.pieces {
            None => Some(record.bytes.into()),
            Some(pieces) => self.joined(record.bytes, pieces),
        });
        Some(seen.collect())
    }

    /// A record with the messages that are whole with these pieces.
    fn joined(&mut self, record: &[u8], pieces: &[Piece<'_>]) -> Option<Box<[u8]>> {
        let mut body = Vec::new();
        for piece in pieces {
            let message = if piece.is_whole() { Some(piece.bytes.to_vec()) } else { self.join(piece) };
            // What finds no place comes again with its flight.
            body.extend(message.filter(|message| body.len() + message.len() <= MAX_BODY).unwrap_or_default());
        }
        let length = u16::try_from(body.len()).ok().filter(|length| *length > 0)?;
        let head = record.get(..RECORD_HEAD - 2)?;
        Some([head, &length.to_be_bytes(), &body].concat().into())
    }

    /// The message that is whole with this piece.
    fn join(&mut self, piece: &Piece<'_>) -> Option<Vec<u8>> {
        let other = |known: &Partial| known.kind != piece.kind || known.data.len() != piece.length;
        if self.messages.get(&piece.sequence).is_none_or(other) {
            if self.messages.len() >= MAX_MESSAGES {
                self.messages.pop_first();
            }
            self.messages.insert(piece.sequence, Partial::of(piece));
        }
        let partial = self.messages.get_mut(&piece.sequence)?;
        partial.add(piece);
        if !partial.missing.is_empty() {
            return None;
        }
        let data = self.messages.remove(&piece.sequence)?.data;
        let head = piece.bytes.get(..6)?;
        // Its only piece begins at nothing and is as long as all of it.
        Some([head, &[0, 0, 0], head.get(1..4)?, &data].concat())
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
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const CERTIFICATE: u8 = 11;
    const KEY_EXCHANGE: u8 = 12;

    fn message(length: usize) -> Vec<u8> {
        (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect()
    }

    fn piece(kind: u8, sequence: u16, length: usize, part: Range<usize>) -> Vec<u8> {
        let three = |number: usize| u32::try_from(number).unwrap().to_be_bytes()[1..].to_vec();
        let data = &message(length)[part.clone()];
        let sequence = sequence.to_be_bytes().to_vec();
        [vec![kind], three(length), sequence, three(part.start), three(part.len()), data.to_vec()].concat()
    }

    fn record(number: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&[HANDSHAKE, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, number], &length[..], body].concat()
    }

    /// A certificate of 669 bytes, cut at these places.
    fn cut(number: u8, at: &[usize]) -> Vec<Vec<u8>> {
        let ends = at.iter().chain(&[669]);
        let part = |(from, to): (&usize, &usize)| record(number, &piece(CERTIFICATE, 1, 669, *from..*to));
        [0].iter().chain(at).zip(ends).map(part).collect()
    }

    fn whole(number: u8) -> Vec<Box<[u8]>> {
        vec![record(number, &piece(CERTIFICATE, 1, 669, 0..669)).into()]
    }

    #[test]
    fn a_message_that_is_sent_again_in_other_pieces_is_whole_with_the_last_that_it_lacks() {
        let mut handshake = Handshake::default();
        let (first, again) = (cut(1, &[108, 339, 570]), cut(2, &[230, 461]));
        for lost_at_first in [&first[0], &first[2], &first[3]] {
            assert_eq!(handshake.take(lost_at_first), Some(Vec::new()));
        }
        // 108 to 339 are missing.
        assert_eq!(handshake.take(&again[2]), Some(Vec::new()));
        assert_eq!(handshake.take(&again[0]), Some(Vec::new()));
        assert_eq!(handshake.take(&again[1]), Some(whole(2)));
        assert!(handshake.messages.is_empty());
        // All of it a third time: what has been said was not heard.
        let third = cut(3, &[230, 461]);
        assert_eq!(handshake.take(&third[2]), Some(Vec::new()));
        assert_eq!(handshake.take(&third[1]), Some(Vec::new()));
        assert_eq!(handshake.take(&third[0]), Some(whole(3)));
    }

    #[test]
    fn what_is_whole_encrypted_or_malformed_passes_as_it_is() {
        let mut handshake = Handshake::default();
        let mut encrypted = record(1, &piece(CERTIFICATE, 1, 669, 0..100));
        encrypted[4] = 1;
        let good = record(1, &piece(CERTIFICATE, 1, 300, 0..300));
        let beyond = record(1, &piece(CERTIFICATE, 1, MAX_MESSAGE + 1, 0..100));
        let mut lies = record(1, &piece(CERTIFICATE, 1, 669, 0..100));
        lies[RECORD_HEAD + 1] = 0xFF;
        lies[RECORD_HEAD + 6] = 0xFF;
        for datagram in
            [&encrypted, &good, &beyond, &lies, &good[..40].to_vec(), &vec![21, 0xFE], &Vec::new()]
        {
            assert_eq!(handshake.take(datagram), None, "{datagram:?}");
        }
    }

    #[test]
    fn a_datagram_keeps_all_else_and_their_order() {
        let mut handshake = Handshake::default();
        let parts = cut(1, &[200, 600]);
        for part in &parts[..2] {
            handshake.take(part);
        }
        let change = [20, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 1];
        let bodies = [piece(CERTIFICATE, 1, 669, 600..669), piece(14, 3, 0, 0..0)].concat();
        let more = record(8, &piece(KEY_EXCHANGE, 2, 300, 0..87));
        let datagram = [&record(7, &bodies)[..], &more, &change].concat();
        let expected = [piece(CERTIFICATE, 1, 669, 0..669), piece(14, 3, 0, 0..0)].concat();
        let seen = handshake.take(&datagram).unwrap();
        assert_eq!(seen, vec![record(7, &expected).into_boxed_slice(), change.to_vec().into()]);
    }

    #[test]
    fn a_far_end_that_never_ends_a_message_costs_little() {
        let mut handshake = Handshake::default();
        for sequence in 0..1_000 {
            handshake.take(&record(1, &piece(CERTIFICATE, sequence, MAX_MESSAGE, 0..1)));
        }
        assert_eq!(handshake.messages.len(), MAX_MESSAGES);
        let again = piece(CERTIFICATE, 999, MAX_MESSAGE, 0..MAX_MESSAGE);
        for at in 0..MAX_MESSAGE - 1 {
            handshake.take(&record(1, &piece(CERTIFICATE, 999, MAX_MESSAGE, at..at + 1)));
        }
        let last = record(1, &piece(CERTIFICATE, 999, MAX_MESSAGE, MAX_MESSAGE - 1..MAX_MESSAGE));
        assert_eq!(handshake.take(&last), Some(vec![record(1, &again).into()]));
    }
}
