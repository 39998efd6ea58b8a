//! STUN, TURN and silence.

use std::net::SocketAddr;

use super::*;
use crate::peer::ice_server::TurnTransport;
use crate::peer::port::Coturn;

/// Answers STUN requests as if a NAT had given the sender this address.
async fn stun_server(mapped: [u8; 6]) -> SocketAddr {
    let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap();
    tokio::spawn(async move {
        let mut request = [0; 600];
        while let Ok((_, from)) = server.recv_from(&mut request).await {
            let mut response = vec![1, 1, 0, 12];
            response.extend_from_slice(&request[4..20]);
            response.extend([0, 0x20, 0, 8, 0, 1]);
            let [a, b, c, d, high, low] = mapped;
            response.extend([high ^ 0x21, low ^ 0x12, a ^ 0x21, b ^ 0x12, c ^ 0xA4, d ^ 0x42]);
            server.send_to(&response, from).await.unwrap();
        }
    });
    address
}

/// A TURN server that has made us an allocation.
async fn with_turn(peers: &Peers) -> Coturn {
    let coturn = Coturn::start();
    peers.use_servers(vec![coturn.server(TurnTransport::Udp, "secret")]);
    let allocated = async {
        while peers.paths().servers[0].relayed.is_none() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(DEADLINE, allocated).await.unwrap();
    coturn
}

fn candidates(sdp: &str) -> Vec<&str> {
    sdp.lines().filter(|line| line.starts_with("a=candidate:")).collect()
}

#[tokio::test]
async fn an_answer_names_the_address_that_a_nat_gives_us_once_in_each_section() {
    let peers = open();
    let server = stun_server([203, 0, 113, 5, 0x9C, 0x40]).await;
    peers.use_servers(vec![IceServer::stun(&server.to_string()).unwrap()]);
    let known = async {
        while peers.paths().sockets[0].mapped.is_none() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(DEADLINE, known).await.unwrap();
    let far = FarEnd::new().await;
    let answered = answer_to(&peers, &far.offer().await).await;
    let own = peers.addresses()[0].port();
    let expected = format!("203.0.113.5 40000 typ srflx raddr 127.0.0.1 rport {own}");
    let named: Vec<_> = candidates(&answered.sdp).into_iter().filter(|line| line.contains("srflx")).collect();
    assert!(named.len() == 2 && named.iter().all(|line| line.ends_with(&expected)), "{named:?}");
    answered.peer.close().await;
    peers.use_servers(Vec::new());
    assert_eq!(peers.paths().sockets[0].mapped, None, "what nobody says any more is forgotten");
}

#[tokio::test]
async fn servers_that_never_answer_cost_an_answer_nothing() {
    let peers = open();
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let turn = |url: String| IceServer::parse(&url, Some("name"), Some(&"secret".into())).unwrap();
    peers.use_servers(vec![
        IceServer::stun(&silent.to_string()).unwrap(),
        turn(format!("turn:{silent}")),
        turn(format!("turns:{silent}")),
        turn("turn:no-such-host.invalid:3478".to_owned()),
    ]);
    let far = FarEnd::new().await;
    let offer = far.offer().await;
    let before = std::time::Instant::now();
    let answered = answer_to(&peers, &offer).await;
    assert!(before.elapsed() < Duration::from_secs(1), "{:?}", before.elapsed());
    assert!(candidates(&answered.sdp).iter().all(|line| line.ends_with("typ host")));
    answered.peer.close().await;
}

#[tokio::test]
async fn a_bystander_whom_an_offer_names_forty_times_gets_few_packets_and_none_after_the_end() {
    let peers = open();
    let victims: Vec<_> =
        futures_util::future::join_all((0..40).map(|_| UdpSocket::bind("127.0.0.9:0"))).await;
    let victims: Vec<UdpSocket> = victims.into_iter().map(Result::unwrap).collect();
    let far = FarEnd::new().await;
    let mut offer = String::new();
    for line in far.offer().await.lines().filter(|line| !line.starts_with("a=candidate:")) {
        offer.push_str(&format!("{line}\r\n"));
        if line.starts_with("a=ice-pwd:") {
            for (n, victim) in victims.iter().enumerate() {
                let port = victim.local_addr().unwrap().port();
                offer.push_str(&format!("a=candidate:{n} 1 udp 1 127.0.0.9 {port} typ host\r\n"));
            }
        }
    }
    let answered = answer_to(&peers, &offer).await;
    sleep(Duration::from_secs(4)).await;
    answered.peer.close().await;
    let count = || {
        let mut bytes = [0; 2000];
        let mut packets = Vec::new();
        for victim in &victims {
            while let Ok(length) = victim.try_recv(&mut bytes) {
                packets.push(length);
            }
        }
        packets
    };
    let packets = count();
    assert!((20..=60).contains(&packets.len()), "{} packets in 4 s", packets.len());
    assert!(packets.iter().sum::<usize>() < 12_000);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(count().len(), 0, "none after the end");
}

#[tokio::test]
async fn a_call_whose_only_way_is_a_turn_server_goes_through_it_both_ways() {
    let peers = open();
    let _coturn = with_turn(&peers).await;
    peers.inner.port.lose_addresses();
    let far = FarEnd::new().await;
    let began = std::time::Instant::now();
    let mut answered = answer_to(&peers, &far.offer().await).await;
    let relayed = peers.paths().servers[0].relayed.unwrap();
    let expected = format!("{} {} typ relay raddr 127.0.0.1 rport ", relayed.ip(), relayed.port());
    let named = candidates(&answered.sdp);
    assert!(!named.is_empty() && named.iter().all(|line| line.contains(&expected)), "{named:?}");
    far.take_answer(&answered.sdp).await;
    let seen = until(&mut answered, |event| *event == PeerEvent::Connected).await;
    let is_relay = |event: &PeerEvent| matches!(event, PeerEvent::IceConnected { local_kind: "relay", .. });
    assert!(is_relay(&seen[0]), "{seen:?}");
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    far.connected().await;

    for round in 0..20_u16 {
        answered.peer.send_picture(&picture(30), u32::from(round) * 3600).await.unwrap();
        far.say(round).await;
        sleep(Duration::from_millis(5)).await;
    }
    let mut packets = far.packets.lock().await;
    let mut next = None;
    for _ in 0..20 * 30 {
        let packet = timeout(DEADLINE, packets.recv()).await.expect("all media arrives").unwrap();
        let sequence = packet.header.sequence_number;
        assert_eq!(sequence, next.unwrap_or(sequence), "in order and without a gap");
        next = Some(sequence.wrapping_add(1));
    }
    timeout(DEADLINE, answered.talk.recv()).await.expect("what is said there arrives").unwrap();
    answered.peer.close().await;
}

#[tokio::test]
async fn without_any_address_an_offer_is_refused_in_plain_words() {
    let peers = open();
    peers.inner.port.lose_addresses();
    let far = FarEnd::new().await;
    let offer = Offer::parse(&far.offer().await, true).unwrap();
    let error = peers.answer(&offer, options(true)).await.err().unwrap();
    assert!(error.to_string().contains("in no network"), "{error}");
}

#[tokio::test]
async fn a_direct_path_is_preferred_to_a_relayed_one() {
    let peers = open();
    let _coturn = with_turn(&peers).await;
    for _ in 0..5 {
        let (_far, mut answered) = {
            let far = FarEnd::new().await;
            let answered = answer_to(&peers, &far.offer().await).await;
            assert!(candidates(&answered.sdp).iter().any(|line| line.contains("typ relay")));
            far.take_answer(&answered.sdp).await;
            (far, answered)
        };
        let seen = until(&mut answered, |event| *event == PeerEvent::Connected).await;
        let is_direct =
            |event: &PeerEvent| matches!(event, PeerEvent::IceConnected { local_kind: "direct", .. });
        assert!(is_direct(&seen[0]), "{seen:?}");
        answered.peer.close().await;
    }
}
