#![allow(clippy::unwrap_used)]

use super::*;

const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;
const KEY_EXCHANGE: u8 = 12;
const FINISHED: u8 = 20;

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

/// One whole message.
fn said(number: u8, kind: u8, sequence: u16) -> Vec<u8> {
    record(number, &piece(kind, sequence, 60, 0..60))
}

/// One that has had the far end's `ClientHello`: all that is whole is due.
fn of_a_client() -> Handshake {
    let mut handshake = Handshake::default();
    let hello = said(0, CLIENT_HELLO, 0);
    assert_eq!(handshake.take(&hello), Some(vec![hello.into()]));
    handshake
}

#[test]
fn a_message_that_is_sent_again_in_other_pieces_is_whole_with_the_last_that_it_lacks() {
    let mut handshake = of_a_client();
    let (first, again) = (cut(1, &[108, 339, 570]), cut(2, &[230, 461]));
    for lost_at_first in [&first[0], &first[2], &first[3]] {
        assert_eq!(handshake.take(lost_at_first), Some(Vec::new()));
    }
    // 108 to 339 are missing.
    assert_eq!(handshake.take(&again[2]), Some(Vec::new()));
    assert_eq!(handshake.take(&again[0]), Some(Vec::new()));
    assert_eq!(handshake.take(&again[1]), Some(whole(2)));
    // All of it a third time: what has been said was not heard.
    let third = cut(3, &[230, 461]);
    assert_eq!(handshake.take(&third[2]), Some(Vec::new()));
    assert_eq!(handshake.take(&third[1]), Some(Vec::new()));
    assert_eq!(handshake.take(&third[0]), Some(whole(3)));
}

#[test]
fn a_servers_flight_comes_all_at_once_in_order_and_only_once() {
    let mut handshake = Handshake::default();
    let verify = said(0, HELLO_VERIFY_REQUEST, 0);
    assert_eq!(handshake.take(&verify), Some(vec![verify.clone().into()]));
    let flight = [said(1, SERVER_HELLO, 1), said(2, CERTIFICATE, 2), said(3, KEY_EXCHANGE, 3)];
    let done = said(4, SERVER_HELLO_DONE, 4);
    for waits in [&verify, &done, &flight[2], &flight[0], &flight[0]] {
        assert_eq!(handshake.take(waits), Some(Vec::new()));
    }
    let all = flight.iter().chain([&done]).map(|record| record.clone().into()).collect();
    assert_eq!(handshake.take(&flight[1]), Some(all));
    for again in flight.iter().chain([&done]) {
        assert_eq!(handshake.take(again), Some(Vec::new()));
    }
    let mut finished = said(5, FINISHED, 6);
    finished[4] = 1;
    assert_eq!(handshake.take(&finished), None, "encrypted");
    let ticket = said(6, 4, 5);
    assert_eq!(handshake.take(&ticket), Some(vec![ticket.clone().into()]));
}

#[test]
fn messages_of_one_record_stay_in_one_for_its_number_serves_once() {
    let mut handshake = Handshake::default();
    let bodies = [(SERVER_HELLO, 0), (CERTIFICATE, 1), (SERVER_HELLO_DONE, 2)];
    let body: Vec<u8> = bodies.iter().flat_map(|(kind, at)| piece(*kind, *at, 60, 0..60)).collect();
    assert_eq!(handshake.take(&record(9, &body)), Some(vec![record(9, &body).into()]));
}

#[test]
fn a_message_that_is_too_long_passes_in_its_pieces_and_nothing_waits_for_it() {
    let mut handshake = Handshake::default();
    let hello = said(1, SERVER_HELLO, 0);
    assert_eq!(handshake.take(&hello), Some(Vec::new()));
    for part in [0..1_000, 1_000..MAX_MESSAGE + 1] {
        let part = record(2, &piece(CERTIFICATE, 1, MAX_MESSAGE + 1, part));
        let seen = handshake.take(&part).unwrap();
        assert_eq!(seen.last(), Some(&part.into_boxed_slice()));
    }
    assert!(handshake.waiting.is_empty());
    let done = said(3, SERVER_HELLO_DONE, 2);
    assert_eq!(handshake.take(&done), Some(vec![done.clone().into()]));
}

#[test]
fn what_is_encrypted_or_malformed_passes_as_it_is() {
    let mut handshake = Handshake::default();
    let mut encrypted = record(1, &piece(CERTIFICATE, 1, 669, 0..100));
    encrypted[4] = 1;
    let mut lies = record(1, &piece(CERTIFICATE, 1, 669, 0..100));
    lies[RECORD_HEAD + 6] = 0xFF;
    let short = said(1, CERTIFICATE, 1)[..40].to_vec();
    for datagram in [&encrypted, &lies, &short, &vec![21, 0xFE], &Vec::new()] {
        assert_eq!(handshake.take(datagram), None, "{datagram:?}");
    }
}

#[test]
fn a_datagram_keeps_all_else_and_their_order() {
    let mut handshake = of_a_client();
    let parts = cut(1, &[200, 600]);
    for part in &parts[..2] {
        handshake.take(part);
    }
    let change = [20, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 1];
    let bodies = [piece(CERTIFICATE, 1, 669, 600..669), piece(16, 3, 0, 0..0)].concat();
    let more = record(8, &piece(KEY_EXCHANGE, 2, 300, 0..87));
    let datagram = [&record(7, &bodies)[..], &more, &change].concat();
    let expected = [piece(CERTIFICATE, 1, 669, 0..669), piece(16, 3, 0, 0..0)].concat();
    let seen = handshake.take(&datagram).unwrap();
    assert_eq!(seen, vec![record(7, &expected).into_boxed_slice(), change.to_vec().into()]);
}

#[test]
fn a_far_end_that_never_ends_costs_little() {
    let mut handshake = Handshake::default();
    for sequence in 0..1_000 {
        handshake.take(&record(1, &piece(CERTIFICATE, sequence, MAX_MESSAGE, 0..1)));
        handshake.take(&said(2, CERTIFICATE, sequence));
    }
    assert_eq!((handshake.partial.len(), handshake.waiting.len()), (MAX_MESSAGES, MAX_MESSAGES));
}
