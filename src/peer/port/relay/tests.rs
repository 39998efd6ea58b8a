#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::net::UdpSocket;
use std::path::Path;

use tokio::time::timeout;
use webrtc::runtime::{AsyncUdpSocket, Runtime};

use super::super::MediaPort;
use super::super::stun::tests::message;
use super::coturn::Coturn;
use super::*;
use crate::hub::trust;
use crate::peer::PortConfig;
use crate::peer::local_candidate::LocalKind;

const DEADLINE: Duration = Duration::from_secs(30);
const CHECK: u16 = 0x0001;

fn port(authority: Option<&Path>) -> MediaPort {
    let config = PortConfig {
        bind: vec![Ipv4Addr::LOCALHOST],
        allow_loopback: true,
        tls: Some(trust::client_config(authority).unwrap()),
        ..PortConfig::default()
    };
    MediaPort::open(&config).unwrap()
}

fn relayed(port: &MediaPort) -> Option<SocketAddr> {
    let ways = port.ways();
    let relayed = ways.candidates.iter().find(|candidate| candidate.kind == LocalKind::Relayed)?;
    Some(SocketAddr::V4(relayed.address))
}

async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(seen) = look() {
                break seen;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(DEADLINE, looking).await.unwrap_or_else(|_| panic!("never: {what}"))
}

async fn receive(socket: &tokio::net::UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut bytes = [0; 2000];
    let (length, from) = timeout(DEADLINE, socket.recv_from(&mut bytes)).await.unwrap().unwrap();
    (bytes[..length].to_vec(), from)
}

/// Has both ends check each other through the relay, as ICE does.
async fn find_each_other(ours: &dyn AsyncUdpSocket, far: &tokio::net::UdpSocket, relayed: SocketAddr) {
    let to = far.local_addr().unwrap();
    let check = message(CHECK, [1; 12], Some("far:ours"), Some(b"far"));
    let answer = message(CHECK, [2; 12], Some("ours:far"), Some(b"password"));
    let (mut sought, mut bytes, mut at_far) = (None, [0; 2000], [0; 2000]);
    let searching = async {
        loop {
            ours.send_to(&check, to).await.unwrap();
            far.send_to(&answer, relayed).await.unwrap();
            let wait = Duration::from_millis(10);
            if let Ok(received) = timeout(wait, ours.recv_from(&mut bytes)).await {
                let (length, from) = received.unwrap();
                assert_eq!((&bytes[..length], from), (&answer[..], to));
                sought.get_or_insert_with(Instant::now);
            }
            if let Ok(received) = timeout(wait, far.recv_from(&mut at_far)).await {
                assert_eq!(received.unwrap(), (check.len(), relayed));
                break;
            }
        }
    };
    timeout(DEADLINE, searching).await.expect("our check arrives from the relayed address");
    let head_start = sought.expect("the far end's check comes before ours is sent").elapsed();
    assert!(head_start >= Duration::from_millis(250), "a direct path had {head_start:?}");
    // Those that were on their way.
    while timeout(Duration::from_millis(200), far.recv_from(&mut bytes)).await.is_ok() {}
    while timeout(Duration::from_millis(200), ours.recv_from(&mut bytes)).await.is_ok() {}
}

async fn relays(transport: TurnTransport) {
    let coturn = Coturn::start();
    let port = port(Some(&coturn.authority()));
    // It may still be starting: then this is tried again.
    port.use_servers(vec![coturn.server(transport, "secret")]);
    let relayed = until("an allocation", || relayed(&port)).await;
    let inner = *port.ways().inner.last().unwrap();
    let runtime = port.runtime("ours".into(), "password".into());
    let ours = runtime.wrap_udp_socket(UdpSocket::bind(inner).unwrap()).unwrap();
    assert!(runtime.is_relay(ours.local_addr().unwrap().ip().to_string().parse().unwrap()));
    let far = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    find_each_other(&*ours, &far, relayed).await;

    let to = far.local_addr().unwrap();
    // The first picture asks for a channel and goes without, the second takes it.
    for picture in 0..2_u8 {
        let packets: Vec<Vec<u8>> = (0..41_u8)
            .map(|n| [&[0x80, n, picture][..], &vec![7; if n == 40 { 333 } else { 1197 }]].concat())
            .collect();
        for packet in &packets {
            ours.send_to(packet, to).await.unwrap();
        }
        for packet in &packets {
            let (received, from) = receive(&far).await;
            assert_eq!((received == *packet, from), (true, relayed), "in the order in which it was sent");
        }
    }
    let mut bytes = [0; 2000];
    for n in 0..3_u8 {
        far.send_to(&[0x80, n, 5, 5], relayed).await.unwrap();
        let (length, from) = timeout(DEADLINE, ours.recv_from(&mut bytes)).await.unwrap().unwrap();
        assert_eq!((&bytes[..length], from), (&[0x80, n, 5, 5][..], to));
    }

    port.use_servers(Vec::new());
    assert_eq!(super::tests::relayed(&port), None, "no new call is told of it");
    tokio::time::sleep(Duration::from_millis(1500)).await;
    ours.send_to(&[0x80, 1, 2, 3], to).await.unwrap();
    assert_eq!(receive(&far).await.0, [0x80, 1, 2, 3], "a call that uses it goes on");
    drop(ours);
    until("the allocation is given up", || {
        port.core.bases.all().iter().all(|(_, base)| base.relay().is_none()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_allocation_is_held_ahead_of_time_and_relays_both_ways_in_order_over_udp() {
    relays(TurnTransport::Udp).await;
}

#[tokio::test]
async fn the_same_over_tcp() {
    relays(TurnTransport::Tcp).await;
}

#[tokio::test]
async fn the_same_over_tls() {
    relays(TurnTransport::Tls).await;
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_and_a_wrong_password_are_told_apart() {
    let coturn = Coturn::start();
    let port = port(None);
    let servers = [coturn.server(TurnTransport::Tls, "secret"), coturn.server(TurnTransport::Udp, "wrong")];
    port.use_servers(servers.to_vec());
    let said =
        |n: usize, what: &str| port.paths().servers[n].error.clone().filter(|error| error.contains(what));
    until("TLS is refused", || said(0, "certificate")).await;
    until("the password is refused", || said(1, "password")).await;
    assert_eq!(relayed(&port), None);
}

#[tokio::test]
async fn an_allocation_that_the_server_lost_is_made_again() {
    let mut coturn = Coturn::start();
    let port = port(None);
    port.use_servers(vec![coturn.server(TurnTransport::Tcp, "secret")]);
    until("an allocation", || relayed(&port)).await;
    coturn.process.kill().unwrap();
    until("the loss is seen", || relayed(&port).is_none().then_some(())).await;
    let again = Coturn::start();
    port.use_servers(vec![again.server(TurnTransport::Tcp, "secret")]);
    until("another allocation", || relayed(&port)).await;
}
