//! Whoever writes an offer chooses where our checks go. Nobody who did not ask for them is harmed: rows S4 to
//! S8, counted by the packet filter on the wire.

use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use serde_json::Value;
use tokio::time::sleep;

use crate::fixture::add_on::Outfit;
use crate::fixture::home::{HOUSE, Home, Nat, ROUTER, SERVER, SERVER_NAME};
use crate::fixture::offers::{host_candidate, offer_with};

/// Checks begin at once and are repeated for longer than this.
const CHECKS: Duration = Duration::from_secs(3);

/// The candidates of the answer, which has to be one.
fn answered(event: &Value) -> Vec<&str> {
    let answer = event["event"]["payload"]["answer"]["value"].as_str().unwrap_or_else(|| panic!("{event}"));
    answer.lines().filter_map(|line| line.strip_prefix("a=candidate:")).collect()
}

#[actix::test]
async fn s4_no_packet_goes_where_no_far_end_can_be() {
    const FORBIDDEN: [(&str, &str, &[&str]); 6] = [
        ("loopback", "127.0.0.0/8", &["127.0.0.1", "127.0.0.53", "127.255.255.254"]),
        ("nowhere", "0.0.0.0/8", &["0.0.0.0", "0.1.2.3"]),
        ("multicast", "224.0.0.0/4", &["224.0.0.251", "239.255.255.250"]),
        ("broadcast", "{ 192.168.7.255, 255.255.255.255 }", &["192.168.7.255", "255.255.255.255"]),
        ("link_local", "169.254.0.0/16", &["169.254.169.254", "169.254.1.1"]),
        ("metadata", "100.100.100.200", &["100.100.100.200"]),
    ];
    let home = Home::with_open_far_end(Nat::PortRestricted);
    let _program = home.doorstep("", Outfit::default()).await;
    let mut counters = String::new();
    let mut rules = String::new();
    let own = ("own", "192.168.7.5", &[][..]);
    for (name, addresses, _) in FORBIDDEN.into_iter().chain([own, ("ordinary", "203.0.113.20", &[])]) {
        counters += &format!("counter {name} {{ }}\n");
        rules += &format!("ip daddr {addresses} meta l4proto udp counter name {name}\n");
    }
    home.house.filter(&format!(
        "table inet watch {{ {counters} chain leaving {{ type filter hook output priority -5; {rules} }}\n}}"
    ));

    let mut places: Vec<(String, u16)> = Vec::new();
    for address in FORBIDDEN.iter().flat_map(|(_, _, addresses)| *addresses) {
        places.extend([((*address).to_owned(), 40_000), ((*address).to_owned(), 8_123)]);
    }
    places.extend([8_098, 8_099, 8_555].map(|port| (HOUSE.to_string(), port)));
    places.push((SERVER.to_string(), 40_000));
    let candidates: Vec<String> =
        places.iter().enumerate().map(|(n, (address, port))| host_candidate(n + 1, address, *port)).collect();
    assert!(candidates.len() < 40, "none is left out for their number");
    let event = home.offer("front_door", "s4", &offer_with(&candidates)).await;
    assert!(!answered(&event).is_empty());
    sleep(CHECKS).await;
    for (name, _, _) in FORBIDDEN.into_iter().chain([own]) {
        assert_eq!(home.house.counted(name).packets, 0, "{name}");
    }
    assert!(home.house.counted("ordinary").packets > 5, "an ordinary candidate beside them is tried");
}

#[actix::test]
async fn s5_a_victim_that_never_answers_gets_few_checks_and_none_after_the_end() {
    let home = Home::with_open_far_end(Nat::PortRestricted);
    home.server.filter(
        "table inet watch {
            counter struck { }
            chain coming { type filter hook prerouting priority -300; meta l4proto udp counter name struck drop; }
        }",
    );
    let _program = home.doorstep("", Outfit::default()).await;
    let candidates: Vec<String> =
        (0..200_u16).map(|n| host_candidate(usize::from(n) + 1, &SERVER.to_string(), 10_000 + n)).collect();
    let event = home.offer("front_door", "s5", &offer_with(&candidates)).await;
    assert!(!answered(&event).is_empty());
    sleep(Duration::from_secs(20)).await;
    let during = home.server.counted("struck");
    assert!(during.packets <= 120 && during.bytes <= 24_000, "{during:?}");
    assert!(during.packets >= 20, "an honest far end whose first answers are lost gets enough: {during:?}");

    home.hang_up("front_door", "s5").await;
    sleep(Duration::from_secs(1)).await;
    let at_the_end = home.server.counted("struck");
    sleep(Duration::from_secs(4)).await;
    assert_eq!(home.server.counted("struck"), at_the_end);
}

#[actix::test]
async fn s6_tcp_candidates_are_never_dialled() {
    let home = Home::with_open_far_end(Nat::PortRestricted);
    home.server.filter(
        "table inet watch {
            counter dialled { }
            chain coming { type filter hook prerouting priority -300; meta l4proto tcp counter name dialled; }
        }",
    );
    let _program = home.doorstep("", Outfit::default()).await;
    let tcp = |n: usize, port: u16, kind: &str| {
        format!("{n} 1 TCP {} {SERVER} {port} typ host tcptype {kind}", 1_015_021_823 - n)
    };
    let candidates = [
        (22, "passive"),
        (80, "passive"),
        (443, "passive"),
        (9_000, "passive"),
        (9, "active"),
        (8_080, "so"),
    ];
    let candidates: Vec<String> =
        candidates.iter().enumerate().map(|(n, (port, kind))| tcp(n + 1, *port, kind)).collect();
    let event = home.offer("front_door", "s6", &offer_with(&candidates)).await;
    assert!(!answered(&event).is_empty());
    sleep(CHECKS).await;
    assert_eq!(home.server.counted("dialled").packets, 0);
    home.house.call(|| TcpStream::connect((SERVER, 80))).expect_err("nobody listens");
    assert!(home.server.counted("dialled").packets > 0, "whoever dials is seen");
}

#[actix::test]
async fn s7_names_in_candidates_are_not_looked_up() {
    let home = Home::with_open_far_end(Nat::PortRestricted);
    home.house.filter(
        "table inet watch {
            counter lookups { }
            counter dialled { }
            chain leaving {
                type filter hook output priority -5;
                meta l4proto { tcp, udp } th dport { 53, 853, 5353, 5355 } counter name lookups
                ip daddr 203.0.113.20 counter name dialled
            }
        }",
    );
    let named =
        "[[camera]]\nid = 'named'\nname = 'Named'\nsource = 'rtsp://camera.example/door'\ntalk = 'none'\n";
    let _program = home.doorstep(named, Outfit { resolver: Some(ROUTER), ..Outfit::default() }).await;
    let names = ["6f9b4c1e-7d3a-4a52-9f6e-0b1c2d3e4f50.local", "echo.example", "localhost", SERVER_NAME];
    let candidates: Vec<String> =
        names.iter().enumerate().map(|(n, name)| host_candidate(n + 1, name, 40_000)).collect();
    let before = home.house.counted("lookups");
    let event = home.offer("front_door", "s7", &offer_with(&candidates)).await;
    assert!(!answered(&event).is_empty());
    sleep(CHECKS).await;
    assert_eq!(home.house.counted("lookups"), before);
    assert_eq!(home.house.counted("dialled").packets, 0, "{SERVER_NAME} is known without a question");

    home.offer("named", "named", &offer_with(&[])).await;
    sleep(CHECKS).await;
    assert!(home.house.counted("lookups").packets > before.packets, "a camera's name is looked up, and seen");
}

#[actix::test]
async fn s8_an_offer_of_ipv6_alone_is_answered_with_ipv4_and_gets_nothing_over_ipv6() {
    let home = Home::with_open_far_end(Nat::PortRestricted);
    home.house.filter(
        "table inet watch {
            counter six { }
            chain leaving { type filter hook output priority -5; meta nfproto ipv6 meta l4proto udp counter name six; }
        }",
    );
    for (host, interface, address) in [(&home.house, "eth0", "fd00::5"), (&home.router, "lan", "fd00::1")] {
        host.ip(&format!("address add {address}/64 dev {interface} nodad"));
    }
    let _program = home.doorstep("", Outfit::default()).await;
    let candidates: Vec<String> = ["fd00::1", "2001:db8::10", "fe80::1", "::1", "::ffff:203.0.113.20"]
        .iter()
        .enumerate()
        .map(|(n, address)| host_candidate(n + 1, address, 40_000))
        .collect();
    let event = home.offer("front_door", "s8", &offer_with(&candidates)).await;
    let answered = answered(&event);
    let ours = format!(" {HOUSE} 8555 typ host");
    assert!(!answered.is_empty() && answered.iter().all(|one| one.contains(&ours)), "{answered:?}");
    sleep(CHECKS).await;
    assert_eq!(home.house.counted("six").packets, 0);
    let there: SocketAddr = "[fd00::1]:40000".parse().unwrap();
    home.house.call(move || UdpSocket::bind("[::]:0").unwrap().send_to(b"x", there)).unwrap();
    assert_eq!(home.house.counted("six").packets, 1, "whoever speaks IPv6 is seen");
}
