#![allow(clippy::unwrap_used)]

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use rtc::stun::attributes::{
    ATTR_LIFETIME, ATTR_MESSAGE_INTEGRITY, ATTR_NONCE, ATTR_REALM, ATTR_XOR_RELAYED_ADDRESS,
    ATTR_XORMAPPED_ADDRESS,
};
use rtc::stun::error_code::{ErrorCode, ErrorCodeAttribute};
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{
    CLASS_ERROR_RESPONSE, CLASS_INDICATION, CLASS_SUCCESS_RESPONSE, METHOD_ALLOCATE, METHOD_CHANNEL_BIND,
    METHOD_CREATE_PERMISSION, METHOD_DATA, METHOD_REFRESH, METHOD_SEND, Message, MessageType, Method, Setter,
    TransactionId,
};
use rtc::stun::textattrs::TextAttribute;
use rtc::stun::xoraddr::XorMappedAddress;
use rtc::turn::proto::data::Data;
use rtc::turn::proto::lifetime::Lifetime;
use rtc::turn::proto::peeraddr::PeerAddress;

use super::*;

const FAR: &str = "198.51.100.7:40000";

/// A server as RFC 8656 wants it, and the clock.
struct Server {
    client: TurnClient,
    now: Instant,
    password: &'static str,
    nonce: &'static str,
    /// Answers requests of this method with this error.
    refuses: Option<(Method, u16)>,
    silent: bool,
    seen: Vec<Method>,
}

impl Server {
    fn new() -> Self {
        let now = Instant::now();
        let client = TurnClient::allocate("name".into(), "right".into(), false, now).unwrap();
        Self { client, now, password: "right", nonce: "n1", refuses: None, silent: false, seen: Vec::new() }
    }

    fn allocated() -> Self {
        let mut it = Self::new();
        it.run();
        assert_eq!(it.client.relayed().unwrap().to_string(), "203.0.113.9:50000");
        it
    }

    /// Answers until nobody has anything to say.
    fn run(&mut self) {
        while let Some(bytes) = self.client.poll_message() {
            let mut request = Message::new();
            request.raw = bytes;
            request.decode().unwrap();
            self.seen.push(request.typ.method);
            if !self.silent {
                let response = self.respond(&mut request);
                assert!(self.client.receive(&response, self.now).is_none());
            }
        }
    }

    /// Lets the time pass, tick by tick.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.client.deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.client.tick(self.now);
            self.run();
        }
        self.now = end;
    }

    fn key(&self) -> Vec<u8> {
        let crypto = rtc::crypto::default_provider().unwrap();
        let [name, realm, password] = ["name", "home", self.password].map(str::to_owned);
        MessageIntegrity::long_term_integrity_key(name, realm, password, crypto.crypto()).unwrap()
    }

    fn respond(&self, request: &mut Message) -> Vec<u8> {
        let crypto = rtc::crypto::default_provider().unwrap();
        let key = self.key();
        let nonce = TextAttribute::get_from_as(request, ATTR_NONCE).map(|nonce| nonce.text);
        let genuine = MessageIntegrity::check(request, &key, crypto.crypto()).is_ok();
        let method = request.typ.method;
        let code = match &self.refuses {
            _ if !request.contains(ATTR_MESSAGE_INTEGRITY) || !genuine => 401,
            _ if nonce.unwrap() != self.nonce => 438,
            Some((refused, code)) if *refused == method => *code,
            _ => 0,
        };
        let mut response = Message::new();
        let class = if code == 0 { CLASS_SUCCESS_RESPONSE } else { CLASS_ERROR_RESPONSE };
        response
            .build(&[Box::new(MessageType::new(method, class)), Box::new(request.transaction_id)])
            .unwrap();
        if code != 0 {
            let error = ErrorCodeAttribute { code: ErrorCode(code), reason: Vec::new() };
            error.add_to(&mut response).unwrap();
            TextAttribute::new(ATTR_REALM, "home".into()).add_to(&mut response).unwrap();
            TextAttribute::new(ATTR_NONCE, self.nonce.into()).add_to(&mut response).unwrap();
            return response.raw;
        }
        if method == METHOD_ALLOCATE {
            let address = |port| XorMappedAddress { ip: IpAddr::from([203, 0, 113, 9]), port };
            address(50000).add_to_as(&mut response, ATTR_XOR_RELAYED_ADDRESS).unwrap();
            address(40000).add_to_as(&mut response, ATTR_XORMAPPED_ADDRESS).unwrap();
            Lifetime(Duration::from_secs(600)).add_to(&mut response).unwrap();
        }
        MessageIntegrity::new_raw_integrity_with_provider(key, crypto.crypto())
            .add_to(&mut response)
            .unwrap();
        response.raw
    }

    fn wrap(&mut self, datagram: &[u8], channel: bool) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        let to: SocketAddr = FAR.parse().unwrap();
        let sent = self.client.wrap(to, datagram, channel, self.now, &mut out);
        self.run();
        sent.then_some(out)
    }
}

#[test]
fn an_allocation_is_made_signed_and_kept_by_a_refresh_every_25_seconds() {
    let mut it = Server::allocated();
    assert_eq!(it.seen, [METHOD_ALLOCATE, METHOD_ALLOCATE], "the first one learns realm and nonce");
    assert_eq!(it.client.mapped().unwrap().port(), 40000);
    it.seen.clear();
    it.pass(Duration::from_secs(101));
    assert_eq!(it.seen, [METHOD_REFRESH; 4]);
    assert!(it.client.relayed().is_some());
}

#[test]
fn a_stale_nonce_costs_one_more_request_and_nothing_else() {
    let mut it = Server::allocated();
    it.nonce = "n2";
    it.seen.clear();
    it.pass(Duration::from_secs(26));
    assert_eq!(it.seen, [METHOD_REFRESH, METHOD_REFRESH]);
    assert_eq!(it.client.failure(), None);
}

#[test]
fn what_the_server_refuses_ends_the_allocation_with_a_reason() {
    for (code, why) in [
        (437, TurnError::Mismatch),
        (486, TurnError::Full),
        (508, TurnError::Full),
        (441, TurnError::Credentials),
        (403, TurnError::Refused(403)),
    ] {
        let mut it = Server::new();
        it.refuses = Some((METHOD_ALLOCATE, code));
        it.run();
        assert_eq!((it.client.failure(), it.client.relayed()), (Some(why), None), "{code}");
    }
    let mut it = Server::new();
    it.password = "wrong";
    it.run();
    assert_eq!(it.client.failure(), Some(TurnError::Credentials));
    assert!(it.seen.len() <= 5, "{} tries", it.seen.len());
}

#[test]
fn a_server_that_forgot_us_is_noticed_at_the_next_refresh_and_a_silent_one_soon_after() {
    let mut it = Server::allocated();
    it.refuses = Some((METHOD_REFRESH, 437));
    it.pass(Duration::from_secs(26));
    assert_eq!((it.client.failure(), it.client.relayed()), (Some(TurnError::Mismatch), None));
    let mut it = Server::allocated();
    it.silent = true;
    it.pass(Duration::from_secs(36));
    assert_eq!(it.client.failure(), Some(TurnError::Silent));
    assert_eq!(it.seen.len(), 2 + 5, "sent five times");
}

#[test]
fn nothing_goes_to_a_far_end_before_its_permission_and_media_gets_a_channel() {
    let mut it = Server::allocated();
    it.seen.clear();
    assert_eq!(it.wrap(&[0; 20], false), None);
    assert_eq!(it.seen, [METHOD_CREATE_PERMISSION]);
    let check = it.wrap(&[0; 20], false).unwrap();
    assert_eq!(&check[..2], &MessageType::new(METHOD_SEND, CLASS_INDICATION).value().to_be_bytes());
    assert!(it.wrap(&[22; 30], true).unwrap().len() > 34, "the channel is not there yet");
    assert_eq!(it.seen, [METHOD_CREATE_PERMISSION, METHOD_CHANNEL_BIND]);
    let media = it.wrap(&[0x80; 30], true).unwrap();
    assert_eq!((media.len(), &media[..4]), (34, &[0x40, 0, 0, 30][..]));
    let (from, datagram) = it.client.receive(&media, it.now).unwrap();
    assert_eq!((from.to_string().as_str(), &datagram[..]), (FAR, &[0x80; 30][..]));
}

#[test]
fn permissions_and_channels_are_kept_while_they_are_used_and_forgotten_after() {
    let mut it = Server::allocated();
    it.wrap(&[22; 30], true);
    it.wrap(&[22; 30], true);
    it.seen.clear();
    for _ in 0..130 {
        it.pass(Duration::from_secs(10));
        assert_eq!(it.wrap(&[0x80; 30], true).unwrap().len(), 34, "always by channel");
    }
    let count = |it: &Server, method| it.seen.iter().filter(|seen| **seen == method).count();
    assert!((4..=6).contains(&count(&it, METHOD_CREATE_PERMISSION)), "{:?}", it.seen);
    assert_eq!(count(&it, METHOD_CHANNEL_BIND), 2);
    it.seen.clear();
    it.pass(Duration::from_secs(1800));
    let others = it.seen.iter().filter(|seen| **seen != METHOD_REFRESH).count();
    assert!(others <= 1, "what was used just before may be kept once more: {:?}", it.seen);
    assert_eq!(it.wrap(&[0x80; 30], true), None, "the permission has run out");
}

#[test]
fn a_refused_far_end_is_not_asked_for_again_and_again() {
    let mut it = Server::allocated();
    it.refuses = Some((METHOD_CREATE_PERMISSION, 403));
    it.seen.clear();
    for _ in 0..50 {
        assert_eq!(it.wrap(&[0; 20], false), None);
        it.pass(Duration::from_millis(200));
    }
    assert_eq!(it.seen, [METHOD_CREATE_PERMISSION]);
    assert_eq!(it.client.failure(), None, "the allocation is good for others");
}

#[test]
fn an_unsigned_success_is_nobodys_and_data_from_a_host_without_permission_is_dropped() {
    let mut it = Server::new();
    it.run();
    it.client.refresh(it.now);
    let request = it.client.poll_message().unwrap();
    let mut forged = Message::new();
    let id = TransactionId(request[8..20].try_into().unwrap());
    forged
        .build(&[Box::new(MessageType::new(METHOD_REFRESH, CLASS_SUCCESS_RESPONSE)), Box::new(id)])
        .unwrap();
    Lifetime(Duration::ZERO).add_to(&mut forged).unwrap();
    assert!(forged.contains(ATTR_LIFETIME));
    it.client.receive(&forged.raw, it.now);
    assert!(it.client.deadline().unwrap() < it.now + Duration::from_secs(1), "still waits for the true one");

    let mut data = Message::new();
    data.build(&[
        Box::new(MessageType::new(METHOD_DATA, CLASS_INDICATION)),
        Box::new(TransactionId([1; 12])),
        Box::new(PeerAddress { ip: IpAddr::from([198, 51, 100, 7]), port: 1 }),
        Box::new(Data(vec![1, 2, 3])),
    ])
    .unwrap();
    assert!(it.client.receive(&data.raw, it.now).is_none());
    it.client.permit(FAR.parse().unwrap(), it.now);
    it.run();
    assert_eq!(&it.client.receive(&data.raw, it.now).unwrap().1[..], [1, 2, 3]);
}

#[test]
fn a_given_up_allocation_is_freed_at_the_server() {
    let mut it = Server::allocated();
    it.client.release(it.now);
    let mut request = Message::new();
    request.raw = it.client.poll_message().unwrap();
    request.decode().unwrap();
    assert_eq!(request.typ.method, METHOD_REFRESH);
    assert_eq!(request.get(ATTR_LIFETIME).unwrap(), [0; 4]);
    assert_eq!(it.client.relayed(), None);
}

#[test]
fn no_text_of_a_client_holds_its_credentials() {
    let client = TurnClient::allocate("guest".into(), "hidden".into(), false, Instant::now()).unwrap();
    let text = format!("{client:?}");
    assert!(!text.contains("hidden") && !text.contains("guest"), "{text}");
}

#[test]
fn messages_are_cut_from_a_stream_wherever_its_pieces_end() {
    let channel = [&[0x40, 0, 0, 5][..], &[7; 5], &[0; 3]].concat();
    let stun = [&[0, 1, 0, 4][..], &[9; 20]].concat();
    let stream = [&channel[..], &stun, &channel].concat();
    for size in 1..stream.len() {
        let mut frames = Frames::default();
        let mut seen = Vec::new();
        for piece in stream.chunks(size) {
            frames.push(piece);
            while let Some(message) = frames.next_message().unwrap() {
                seen.push(message.to_vec());
            }
        }
        assert_eq!(seen, [&channel[..9], &stun, &channel[..9]], "pieces of {size}");
    }
    let mut frames = Frames::default();
    frames.push(&[0x80; 20]);
    assert!(frames.next_message().is_err());
}

proptest! {
    #[test]
    fn no_server_upsets_the_client(
        kind in prop::sample::select(vec![0x0103_u16, 0x0113, 0x0104, 0x0114, 0x0108, 0x0109, 0x0017, 0x4000]),
        tail in prop::collection::vec(any::<u8>(), 0..120),
        cut in 0_usize..140,
    ) {
        let mut it = Server::new();
        let request = it.client.poll_message().unwrap();
        let mut bytes = kind.to_be_bytes().to_vec();
        bytes.extend(u16::try_from(tail.len()).unwrap().to_be_bytes());
        bytes.extend(&request[4..20]);
        bytes.extend(&tail);
        bytes.truncate(cut);
        it.client.receive(&bytes, it.now);
        it.pass(Duration::from_secs(60));
        prop_assert!(it.client.failure().is_some() || it.client.relayed().is_some());
        let mut frames = Frames::default();
        frames.push(&bytes);
        while let Ok(Some(_)) = frames.next_message() {}
    }
}
