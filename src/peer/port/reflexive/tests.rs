#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;
use rtc::stun::message::Setter;

const HOSTS: [(BaseId, SocketAddrV4); 1] =
    [(3, SocketAddrV4::new(std::net::Ipv4Addr::new(192, 168, 1, 4), 8555))];

fn server(last: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, last], 3478))
}

fn with_servers(count: u8) -> Reflexive {
    let mut it = Reflexive::default();
    for n in 1..=count {
        it.add(&format!("stun{n}"));
        it.locate(&format!("stun{n}"), Ok(server(n)));
    }
    it
}

fn response(request: &[u8], mapped: &str) -> Vec<u8> {
    let mapped: SocketAddrV4 = mapped.parse().unwrap();
    let mut message = Message::new();
    let id = TransactionId(request[8..20].try_into().unwrap());
    message.build(&[Box::new(BINDING_SUCCESS), Box::new(id)]).unwrap();
    XorMappedAddress { ip: IpAddr::V4(*mapped.ip()), port: mapped.port() }.add_to(&mut message).unwrap();
    message.raw
}

/// Asks all servers now and has each say what it shall.
fn ask(it: &mut Reflexive, now: Instant, says: &[&str]) {
    for (base, to, request) in it.due(&HOSTS, now) {
        let n = usize::from(match to.ip() {
            IpAddr::V4(ip) => ip.octets()[3],
            IpAddr::V6(_) => unreachable!(),
        });
        assert!(it.answered(base, to, &response(&request, says[n - 1]), now));
    }
}

fn mapped(it: &Reflexive) -> Option<String> {
    it.mapped(3).map(|mapped| mapped.to_string())
}

#[test]
fn a_socket_is_asked_for_at_once_again_until_it_is_answered_and_every_25_seconds_from_then_on() {
    let start = Instant::now();
    let mut it = with_servers(1);
    let first = it.due(&HOSTS, start).remove(0).2;
    assert!(it.due(&HOSTS, start + Duration::from_millis(249)).is_empty());
    let again = it.due(&HOSTS, it.deadline().unwrap()).remove(0);
    assert_eq!((again.1, &again.2), (server(1), &first), "a retransmission has the same id");
    let at = start + Duration::from_millis(300);
    assert!(it.answered(3, server(1), &response(&first, "203.0.113.5:40000"), at));
    assert_eq!(mapped(&it).as_deref(), Some("203.0.113.5:40000"));
    assert_eq!(it.deadline(), Some(at + KEEP));
    assert_eq!(it.due(&HOSTS, at + KEEP).len(), 1);
}

#[test]
fn a_response_counts_once_from_the_asked_server_at_the_asked_socket() {
    let now = Instant::now();
    let mut it = with_servers(2);
    let request = it.due(&HOSTS, now).remove(0).2;
    let bytes = response(&request, "203.0.113.5:40000");
    assert!(!it.answered(3, server(2), &bytes, now), "another server");
    assert!(!it.answered(4, server(1), &bytes, now), "another socket");
    assert!(it.answered(3, server(1), &bytes, now));
    assert!(!it.answered(3, server(1), &response(&request, "203.0.113.6:1"), now), "twice");
    assert_eq!(mapped(&it).as_deref(), Some("203.0.113.5:40000"));
}

#[test]
fn a_mapping_is_forgotten_when_the_server_falls_silent_and_the_page_is_told() {
    let mut now = Instant::now();
    let mut it = with_servers(1);
    ask(&mut it, now, &["203.0.113.5:40000"]);
    let silent_since = now + KEEP;
    while mapped(&it).is_some() {
        now = it.deadline().unwrap();
        it.due(&HOSTS, now);
    }
    assert!(now - silent_since < Duration::from_secs(10), "{:?}", now - silent_since);
    let (_, error) = it.servers().next().unwrap();
    assert_eq!(error.as_deref(), Some("it does not answer"));
    assert_eq!(it.nat(3, HOSTS[0].1), Nat::Unknown);
}

#[test]
fn two_servers_tell_the_kind_of_nat() {
    let own = HOSTS[0].1;
    for (says, nat) in [
        (&["192.168.1.4:8555"][..], Nat::None),
        (&["203.0.113.5:8555"], Nat::Present),
        (&["203.0.113.5:40000", "203.0.113.5:40000"], Nat::AddressIndependent),
        (&["203.0.113.5:40000", "203.0.113.5:40001"], Nat::AddressDependent),
    ] {
        let mut it = with_servers(u8::try_from(says.len()).unwrap());
        ask(&mut it, Instant::now(), says);
        assert_eq!(it.nat(3, own), nat, "{says:?}");
    }
    let mut it = with_servers(2);
    it.locate("stun2", Ok(server(1)));
    ask(&mut it, Instant::now(), &["203.0.113.5:40000"]);
    assert_eq!(it.nat(3, own), Nat::Present, "two names of one server");
}

#[test]
fn loopback_asks_nobody_outside_and_a_socket_that_vanished_asks_no_more() {
    let now = Instant::now();
    let mut it = with_servers(1);
    let loopback = [(1, "127.0.0.1:8555".parse().unwrap())];
    assert!(it.due(&loopback, now).is_empty());
    ask(&mut it, now, &["203.0.113.5:40000"]);
    assert!(it.due(&[], now).is_empty());
    assert_eq!(mapped(&it), None);
}

#[test]
fn what_nobody_can_send_to_is_no_mapped_address() {
    for says in ["0.0.0.0:1", "224.0.0.1:5000", "255.255.255.255:5000", "203.0.113.5:0"] {
        let mut it = with_servers(1);
        ask(&mut it, Instant::now(), &[says]);
        assert_eq!(mapped(&it), None, "{says}");
    }
}

proptest! {
    #[test]
    fn no_response_upsets_the_reader(tail in proptest::collection::vec(any::<u8>(), 0..80)) {
        let now = Instant::now();
        let mut it = with_servers(1);
        let request = it.due(&HOSTS, now).remove(0).2;
        let mut bytes = vec![1, 1];
        bytes.extend(u16::try_from(tail.len()).unwrap().to_be_bytes());
        bytes.extend(&request[4..20]);
        bytes.extend(&tail);
        it.answered(3, server(1), &bytes, now);
        prop_assert!(mapped(&it).is_none_or(|mapped| !mapped.starts_with("0.0.0.0")));
    }
}
