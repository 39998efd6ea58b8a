#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod calling;
mod far_end;
mod paths;

use std::collections::HashSet;
use std::net::Ipv4Addr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use rtc::rtcp;
use rtc::rtcp::payload_feedbacks::full_intra_request::{FirEntry, FullIntraRequest};
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::payload_feedbacks::receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate;
use tokio::net::UdpSocket;
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};

use super::*;
use crate::peer::{KeyFrameRequest, Peer, PeerEnd, PeerEvent, Picture};
use far_end::{DEADLINE, FarEnd, Relay, ssrc_of};

/// The first byte of a DTLS alert (RFC 6347 4.1).
const ALERT: u8 = 21;

fn open() -> Peers {
    let config =
        PortConfig { bind: vec![Ipv4Addr::LOCALHOST], allow_loopback: true, ..PortConfig::default() };
    Peers::open(&config).unwrap()
}

fn options(talk: bool) -> AnswerOptions {
    AnswerOptions { talk, label: "test".into() }
}

async fn answer_to(peers: &Peers, offer: &str) -> Answered {
    let offer = Offer::parse(offer, true).expect("the offer passes the gate");
    peers.answer(&offer, options(true)).await.expect("the offer is answered")
}

/// A far end and our peer, connected.
async fn call(peers: &Peers) -> (FarEnd, Answered) {
    let far = FarEnd::new().await;
    let answered = connect(&far, peers).await;
    (far, answered)
}

async fn connect(far: &FarEnd, peers: &Peers) -> Answered {
    let mut answered = answer_to(peers, &far.offer().await).await;
    far.take_answer(&answered.sdp).await;
    until(&mut answered, |event| *event == PeerEvent::Connected).await;
    far.connected().await;
    answered
}

async fn until(answered: &mut Answered, wanted: impl Fn(&PeerEvent) -> bool) -> Vec<PeerEvent> {
    let mut seen = Vec::new();
    let waiting = async {
        while let Some(event) = answered.events.recv().await {
            seen.push(event);
            if seen.last().is_some_and(&wanted) {
                return;
            }
        }
        panic!("the events ended");
    };
    timeout(DEADLINE, waiting).await.expect("the event comes");
    seen
}

fn picture(packets: u8) -> Picture {
    // Like a key frame: parameter sets in a small packet in front, a short one at the end.
    let payloads: Vec<Bytes> = (0..packets)
        .map(|n| match n {
            0 if packets > 1 => Bytes::from(vec![n; 24]),
            _ if n + 1 == packets => Bytes::from(vec![n; 500]),
            _ => Bytes::from(vec![n; crate::peer::MAX_PAYLOAD]),
        })
        .collect();
    Picture { payloads: payloads.into(), timestamp: 0, key: true }
}

async fn settled(peers: &Peers, done: impl Fn(&PortCounters) -> bool) -> PortCounters {
    let waiting = async {
        loop {
            let counters = peers.port_counters();
            if done(&counters) {
                return counters;
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    let counters = timeout(DEADLINE, waiting).await;
    counters.unwrap_or_else(|_| panic!("not settled: {:?}", peers.port_counters()))
}

fn is_empty(counters: &PortCounters) -> bool {
    counters.live_ufrags == 0 && counters.live_addresses == 0 && counters.live_transactions == 0
}

#[tokio::test]
async fn three_peers_share_one_port_with_media_both_ways_while_strangers_knock() {
    let peers = open();
    let mut calls = Vec::new();
    for _ in 0..3 {
        calls.push(call(&peers).await);
    }
    assert_eq!(peers.port_counters().live_ufrags, 3);

    let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = peers.addresses()[0];
    let ufrag = calls[0].1.sdp.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:")).unwrap();
    let hostile = |kind: usize| match kind {
        0 => vec![0x80; 200],
        1 => vec![22; 120],
        2 => crate::peer::port::stun_message(1, [9; 12], Some(&format!("{ufrag}:x")), Some(b"guess")),
        3 => crate::peer::port::stun_message(1, [9; 12], Some("nobody:x"), Some(b"guess")),
        _ => crate::peer::port::stun_message(0x0101, [9; 12], None, None),
    };
    for round in 0..20_u16 {
        for (far, answered) in &calls {
            answered.peer.send_picture(&picture(12), u32::from(round) * 3600).await.unwrap();
            answered.peer.send_sound(&Bytes::from_static(&[1, 2, 3]), u32::from(round) * 960).await.unwrap();
            far.say(round).await;
        }
        for kind in 0..5 {
            stranger.send_to(&hostile(kind), port).await.unwrap();
        }
        sleep(Duration::from_millis(5)).await;
    }

    for (far, answered) in &mut calls {
        let (video, audio) = (ssrc_of(&answered.sdp, "video"), ssrc_of(&answered.sdp, "audio"));
        let (mut pictures, mut sounds) = (0, 0);
        let mut packets = far.packets.lock().await;
        while pictures < 20 || sounds < 20 {
            let packet = timeout(DEADLINE, packets.recv()).await.expect("all media arrives").unwrap();
            let ssrc = packet.header.ssrc;
            assert!([video, audio].contains(&ssrc), "an SSRC that the answer does not name");
            pictures += u32::from(ssrc == video && packet.header.marker);
            sounds += u32::from(ssrc == audio);
            let expected = if ssrc == video { 99 } else { 96 };
            assert_eq!(packet.header.payload_type, expected);
        }
        for round in 0..20 {
            let said = timeout(DEADLINE, answered.talk.recv()).await.expect("talk arrives").unwrap();
            assert_eq!((said.sequence, said.timestamp), (round, u32::from(round) * 960));
            assert_eq!(said.opus, Bytes::from_static(&[0xf8, 0xff, 0xfe]));
        }
        let counters = answered.peer.counters();
        assert_eq!((counters.packets_sent, counters.talk_packets), (20 * 13, 20));
    }
    let dropped = settled(&peers, |now| now.dropped.unsolicited_response >= 20).await.dropped;
    assert_eq!(dropped.unknown_address, 40);
    assert_eq!(dropped.bad_integrity, 20);
    assert_eq!(dropped.unknown_ufrag, 20);
    assert_eq!(dropped.queue_full, 0);

    let (_, closing) = calls.pop().unwrap();
    closing.peer.close().await;
    let (far, living) = &calls[0];
    living.peer.send_picture(&picture(3), 0).await.unwrap();
    let video = ssrc_of(&living.sdp, "video");
    assert!(far.packet_of(video).await.payload.len() >= 24, "the others go on");
    for (_, answered) in &calls {
        answered.peer.close().await;
    }
    assert!(is_empty(&peers.port_counters()), "{:?}", peers.port_counters());
}

#[tokio::test]
async fn packets_of_a_picture_arrive_in_order_whatever_its_size() {
    let peers = open();
    let (far, answered) = call(&peers).await;
    let video = ssrc_of(&answered.sdp, "video");
    let mut expected = None;
    for (round, packets) in [1_u8, 10, 40, 2, 40, 16, 17, 1].into_iter().enumerate() {
        let timestamp = u32::try_from(round).unwrap() * 3600;
        answered.peer.send_picture(&picture(packets), timestamp).await.unwrap();
        answered.peer.send_sound(&Bytes::from_static(&[1]), timestamp).await.unwrap();
        for n in 0..packets {
            let packet = far.packet_of(video).await;
            let sequence = packet.header.sequence_number;
            assert_eq!(sequence, expected.unwrap_or(sequence), "picture of {packets}, packet {n}");
            assert_eq!(packet.header.timestamp, timestamp);
            assert_eq!(packet.header.marker, n + 1 == packets);
            assert_eq!(packet.payload[0], n);
            expected = Some(sequence.wrapping_add(1));
        }
    }
    let counters = peers.port_counters();
    assert_eq!(answered.peer.counters().packets_sent, 127 + 8);
    assert!(counters.send_calls < counters.sent, "pictures leave in fewer calls than packets: {counters:?}");
    answered.peer.close().await;
}

#[tokio::test]
async fn the_answer_names_the_shared_port_and_no_other() {
    let peers = open();
    let far = FarEnd::new().await;
    let answered = answer_to(&peers, &far.offer().await).await;
    let port = peers.addresses()[0].port().to_string();
    let candidates: Vec<&str> =
        answered.sdp.lines().filter(|line| line.starts_with("a=candidate:")).collect();
    assert!(!candidates.is_empty());
    for candidate in candidates {
        let words: Vec<&str> = candidate.split(' ').collect();
        assert_eq!((words[4], words[5]), ("127.0.0.1", port.as_str()), "{candidate}");
        assert!(!candidate.contains("rport"));
    }
    for line in answered.sdp.lines().filter(|line| line.starts_with("m=")) {
        assert_eq!(line.split(' ').nth(1), Some(port.as_str()), "{line}");
    }
    assert!(answered.peer.has_video() && answered.peer.has_audio());
    answered.peer.close().await;
}

#[tokio::test]
async fn an_offer_without_candidates_connects_because_the_far_end_checks_us() {
    let peers = open();
    let far = FarEnd::new().await;
    let offer: String = far
        .offer()
        .await
        .lines()
        .filter(|line| !line.starts_with("a=candidate:"))
        .flat_map(|line| [line, "\r\n"])
        .collect();
    let mut answered = answer_to(&peers, &offer).await;
    far.take_answer(&answered.sdp).await;
    let seen = until(&mut answered, |event| *event == PeerEvent::Connected).await;
    let PeerEvent::IceConnected { remote: Some(remote), remote_kind, local_kind } = &seen[0] else {
        panic!("{seen:?}");
    };
    assert_eq!((remote.ip(), remote_kind.as_str()), (Ipv4Addr::LOCALHOST.into(), "prflx"));
    assert_eq!(*local_kind, "direct");
    answered.peer.close().await;
}

#[tokio::test]
async fn n5_a_certificate_that_does_not_fit_the_offer_gets_no_packet() {
    let peers = open();
    let far = FarEnd::new().await;
    let mut offer = String::new();
    for line in far.offer().await.lines() {
        if line.starts_with("a=fingerprint:") {
            let digest = ["AB"; 32].join(":");
            offer.push_str(&format!("a=fingerprint:sha-256 {digest}\r\n"));
        } else {
            offer.push_str(line);
            offer.push_str("\r\n");
        }
    }
    // Whoever is woken here has to wait for his turn, as on a busy machine.
    let busy = tokio::spawn(async {
        loop {
            std::thread::sleep(Duration::from_millis(2));
            yield_now().await;
        }
    });
    let peer = Arc::<OnceLock<Arc<dyn Peer>>>::default();
    let (at_alert, mut alert) = mpsc::unbounded_channel();
    let watched = Arc::clone(&peer);
    let (mut answered, answer, _relay) = answer_through_relay(&offer, &peers, move |datagram| {
        if datagram[0] == ALERT {
            at_alert.send(watched.get().and_then(|peer| peer.end())).ok();
        }
        false
    })
    .await;
    peer.get_or_init(|| Arc::clone(&answered.peer));
    far.take_answer(&answer).await;
    let peer = Arc::clone(&answered.peer);
    let sending = tokio::spawn(async move {
        while peer.send_picture(&picture(3), 0).await.is_ok() {
            sleep(Duration::from_millis(20)).await;
        }
    });
    let known = timeout(DEADLINE, alert.recv()).await.expect("the far end is told").unwrap();
    assert_eq!(known, Some(PeerEnd::HandshakeRefused), "a far end that hangs up at once must not be first");
    busy.abort();
    let seen = until(&mut answered, |event| matches!(event, PeerEvent::Ended(_))).await;
    assert_eq!(seen.last(), Some(&PeerEvent::Ended(PeerEnd::HandshakeRefused)));
    assert!(!seen.contains(&PeerEvent::Connected), "{seen:?}");
    assert!(matches!(seen[0], PeerEvent::IceConnected { .. }), "{seen:?}");
    timeout(DEADLINE, sending).await.expect("the sender is told").unwrap();
    assert_eq!(answered.peer.counters().packets_sent, 0);
    assert!(far.packets.lock().await.try_recv().is_err());
    assert!(is_empty(&peers.port_counters()));
}

/// Our peer for an offer that leads through a relay, and the answer that does.
async fn answer_through_relay(
    offer: &str,
    peers: &Peers,
    lose: impl FnMut(&[u8]) -> bool + Send + 'static,
) -> (Answered, String, Relay) {
    let candidate = offer.lines().find(|line| line.starts_with("a=candidate:")).unwrap();
    let words: Vec<&str> = candidate.split(' ').collect();
    let address = SocketAddr::new(words[4].parse().unwrap(), words[5].parse().unwrap());
    let relay = Relay::start(address, peers.addresses()[0], lose).await;
    let offer = offer
        .replace(&format!("{} {}", words[4], words[5]), &format!("127.0.0.1 {}", relay.towards_far.port()));
    let answered = answer_to(peers, &offer).await;
    let port = peers.addresses()[0].port();
    let answer =
        answered.sdp.replace(&format!("127.0.0.1 {port}"), &format!("127.0.0.1 {}", relay.towards_us.port()));
    (answered, answer, relay)
}

/// A far end and our peer, connected through a relay.
async fn call_through_relay(
    far: FarEnd,
    peers: &Peers,
    lose: impl FnMut(&[u8]) -> bool + Send + 'static,
) -> (FarEnd, Answered, Relay) {
    let (mut answered, answer, relay) = answer_through_relay(&far.offer().await, peers, lose).await;
    far.take_answer(&answer).await;
    until(&mut answered, |event| *event == PeerEvent::Connected).await;
    far.connected().await;
    (far, answered, relay)
}

#[tokio::test]
async fn a_far_end_whose_address_changes_keeps_its_picture_and_its_voice() {
    let peers = open();
    let (far, mut answered, relay) = call_through_relay(FarEnd::new().await, &peers, |_| false).await;
    let video = ssrc_of(&answered.sdp, "video");
    answered.peer.send_picture(&picture(3), 0).await.unwrap();
    far.packet_of(video).await;
    relay.change_address();
    let seen_again = async {
        for timestamp in 1.. {
            answered.peer.send_picture(&picture(1), timestamp).await.unwrap();
            sleep(Duration::from_millis(20)).await;
            if far.packets.lock().await.try_recv().is_ok_and(|packet| packet.header.timestamp > 5) {
                return;
            }
        }
    };
    timeout(DEADLINE, seen_again).await.expect("the picture comes back");
    far.say(7).await;
    let said = timeout(DEADLINE, answered.talk.recv()).await.expect("talk arrives").unwrap();
    assert_eq!(said.sequence, 7);
    assert_eq!(peers.port_counters().moved, 1);
    // Longer than the stack bears without consent.
    let ended =
        timeout(Duration::from_secs(7), until(&mut answered, |event| *event == PeerEvent::Disconnected));
    assert!(ended.await.is_err(), "consent goes on at the new address");
    answered.peer.close().await;
}

/// Loses each tenth packet of the picture once.
fn loses() -> impl FnMut(&[u8]) -> bool + Send + 'static {
    let mut lost = HashSet::new();
    move |datagram: &[u8]| {
        let is_video = datagram[0] & 0xc0 == 0x80 && datagram[1] & 0x7f == 99;
        let sequence = u16::from_be_bytes([datagram[2], datagram[3]]);
        is_video && sequence % 10 == 3 && lost.insert(sequence)
    }
}

/// Sends 200 packets; all of them arrive in the end.
async fn show_all(far: &FarEnd, answered: &Answered, video: u32) {
    for round in 0..20 {
        answered.peer.send_picture(&picture(10), round * 3600).await.unwrap();
        sleep(Duration::from_millis(20)).await;
    }
    let mut sequences = HashSet::new();
    while sequences.len() < 199 {
        // The last packets may be lost without a later one to tell.
        sequences.insert(far.packet_of(video).await.header.sequence_number);
    }
}

#[tokio::test]
async fn lost_packets_come_again_on_the_same_ssrc() {
    let peers = open();
    let (far, answered, _relay) = call_through_relay(FarEnd::new().await, &peers, loses()).await;
    let video = ssrc_of(&answered.sdp, "video");
    show_all(&far, &answered, video).await;
    let counters = answered.peer.counters();
    assert!(counters.nack >= 1 && counters.retransmitted >= 19, "{counters:?}");
    assert_eq!(counters.packets_sent, 200);
    answered.peer.close().await;
}

#[tokio::test]
async fn lost_packets_come_again_on_a_stream_of_their_own_where_one_is_offered() {
    let peers = open();
    let (mut lose, seen) = (loses(), Arc::new(AtomicU64::new(0)));
    let rtx_packets = Arc::clone(&seen);
    let lose = move |datagram: &[u8]| {
        let is_rtx = datagram[0] & 0xc0 == 0x80 && datagram[1] & 0x7f == 100;
        rtx_packets.fetch_add(u64::from(is_rtx), Ordering::Relaxed);
        lose(datagram)
    };
    let (far, answered, _relay) = call_through_relay(FarEnd::with_rtx().await, &peers, lose).await;
    let video = ssrc_of(&answered.sdp, "video");
    show_all(&far, &answered, video).await;
    let counters = answered.peer.counters();
    assert!(counters.nack >= 1 && counters.retransmitted >= 19, "{counters:?}");
    assert_eq!(seen.load(Ordering::Relaxed), counters.retransmitted, "none on the picture's own");
    assert_eq!(counters.packets_sent, 200);
    answered.peer.close().await;
}

#[tokio::test]
async fn what_the_far_end_asks_for_reaches_the_call() {
    asks(FarEnd::new().await).await;
}

#[tokio::test]
async fn what_the_far_end_asks_for_reaches_the_call_beside_a_stream_of_repairs() {
    asks(FarEnd::with_rtx().await).await;
}

async fn asks(far: FarEnd) {
    let peers = open();
    let mut answered = connect(&far, &peers).await;
    let video = ssrc_of(&answered.sdp, "video");
    answered.peer.send_picture(&picture(2), 0).await.unwrap();
    far.packet_of(video).await;
    let ask: Vec<Box<dyn rtcp::Packet>> = vec![
        Box::new(PictureLossIndication { sender_ssrc: 1, media_ssrc: video }),
        Box::new(FullIntraRequest {
            sender_ssrc: 1,
            media_ssrc: video,
            fir: vec![FirEntry { ssrc: video, sequence_number: 1 }],
        }),
        Box::new(ReceiverEstimatedMaximumBitrate { sender_ssrc: 1, bitrate: 900_000.0, ssrcs: vec![video] }),
    ];
    far.feedback(video, ask).await;
    let seen = until(&mut answered, |event| *event == PeerEvent::Remb(900)).await;
    let asked: Vec<&PeerEvent> =
        seen.iter().filter(|event| matches!(event, PeerEvent::KeyFrameWanted(_))).collect();
    let wanted =
        [&PeerEvent::KeyFrameWanted(KeyFrameRequest::Pli), &PeerEvent::KeyFrameWanted(KeyFrameRequest::Fir)];
    assert_eq!(asked, wanted);
    let counters = answered.peer.counters();
    assert_eq!((counters.pli, counters.fir, counters.remb_kbps), (1, 1, 900));
    answered.peer.close().await;
}

#[tokio::test]
async fn the_far_ends_goodbye_ends_the_peer() {
    let peers = open();
    let (far, mut answered) = call(&peers).await;
    far.close().await;
    let seen = until(&mut answered, |event| matches!(event, PeerEvent::Ended(_))).await;
    assert_eq!(seen.last(), Some(&PeerEvent::Ended(PeerEnd::FarEnd)));
    assert!(answered.events.recv().await.is_none(), "nothing comes after the end");
    assert_eq!(answered.peer.send_picture(&picture(1), 0).await, Err(PeerError::Ended));
    assert!(is_empty(&peers.port_counters()));
}

#[tokio::test]
async fn closing_is_quick_ends_the_queues_and_may_be_repeated() {
    let peers = open();
    let (_far, mut answered) = call(&peers).await;
    timeout(Duration::from_secs(2), answered.peer.close()).await.expect("close is bounded");
    assert!(is_empty(&peers.port_counters()));
    timeout(DEADLINE, answered.peer.close()).await.expect("close again");
    let drained = async {
        while answered.events.recv().await.is_some() {}
        while answered.talk.recv().await.is_some() {}
    };
    timeout(DEADLINE, drained).await.expect("both queues end");
}

#[tokio::test]
async fn nothing_of_fifty_closed_peers_is_left() {
    let peers = open();
    let far = FarEnd::new().await;
    let offer = far.offer().await;
    let before = peers.inner.port.holders();
    for round in 0..50 {
        if round % 10 == 0 {
            let (_far, answered) = call(&peers).await;
            answered.peer.send_picture(&picture(2), 0).await.unwrap();
            answered.peer.close().await;
        } else {
            let answered = answer_to(&peers, &offer).await;
            answered.peer.close().await;
        }
    }
    assert!(is_empty(&peers.port_counters()), "{:?}", peers.port_counters());
    // Each connection holds its runtime, and that the port: none left means no connection left.
    let gone = async {
        while peers.inner.port.holders() > before {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(DEADLINE, gone).await.expect("no connection stays in memory");
}

#[tokio::test]
async fn a_peer_that_nobody_holds_or_waits_for_goes_away() {
    let peers = open();
    let far = FarEnd::new().await;
    let offer = far.offer().await;
    let before = peers.inner.port.holders();
    drop(answer_to(&peers, &offer).await);
    let parsed = Offer::parse(&offer, true).unwrap();
    for micros in [0, 50, 200, 1000, 3000] {
        timeout(Duration::from_micros(micros), peers.answer(&parsed, options(true))).await.ok();
    }
    let gone = async {
        sleep(Duration::from_millis(100)).await;
        while peers.inner.port.holders() > before || !is_empty(&peers.port_counters()) {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(DEADLINE, gone).await.expect("nothing is left");
}

#[tokio::test]
async fn talk_that_is_not_wanted_is_answered_one_way() {
    let peers = open();
    let far = FarEnd::new().await;
    let offer = Offer::parse(&far.offer().await, true).unwrap();
    let mut answered = peers.answer(&offer, options(false)).await.unwrap();
    let audio = answered.sdp.split("m=").find(|section| section.starts_with("audio")).unwrap();
    assert!(audio.contains("a=sendonly"), "{audio}");
    far.take_answer(&answered.sdp).await;
    until(&mut answered, |event| *event == PeerEvent::Connected).await;
    let ssrc = ssrc_of(&answered.sdp, "audio");
    answered.peer.send_sound(&Bytes::from_static(&[7; 40]), 960).await.unwrap();
    let packet = far.packet_of(ssrc).await;
    assert_eq!((packet.payload.len(), packet.header.timestamp), (40, 960));
    answered.peer.close().await;
}

macro_rules! offer {
    ($name:literal) => {
        ($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/offers/", $name, ".sdp")))
    };
}

/// Offers as Echos were seen to send them over the years, and those of other far ends.
const OFFERS: [(&str, &str); 11] = [
    offer!("g1-2018-documentation"),
    offer!("g2-2019"),
    offer!("g3-2023"),
    offer!("g4-static-rtpmaps"),
    offer!("g5-bundle-video-only"),
    offer!("g6-data-channel"),
    offer!("g7-audio-only"),
    offer!("chromium"),
    offer!("aiortc"),
    offer!("webrtcbin"),
    offer!("webrtcbin-unbundled"),
];

#[tokio::test]
async fn offers_of_all_generations_of_echos_and_of_others_are_answered() {
    let peers = open();
    for (name, text) in OFFERS {
        for line_end in ["\n", "\r\n"] {
            let offer = text.replace("\r\n", "\n").replace('\n', line_end);
            let parsed = Offer::parse(&offer, false).unwrap_or_else(|error| panic!("{name}: {error}"));
            let answered =
                peers.answer(&parsed, options(true)).await.unwrap_or_else(|error| panic!("{name}: {error}"));
            let peer = &answered.peer;
            assert_eq!(
                (peer.has_video(), peer.has_audio()),
                (parsed.has_video(), parsed.has_audio()),
                "{name}"
            );
            let sections = answered.sdp.matches("m=").count();
            assert_eq!(sections, offer.matches("m=").count(), "{name}");
            peer.close().await;
        }
    }
    assert!(is_empty(&peers.port_counters()));
}

#[tokio::test]
async fn a_picture_alone_or_sound_alone_is_answered() {
    let peers = open();
    let (_, offer) = OFFERS[2];
    let video_at = offer.find("m=video").unwrap();
    let audio_at = offer.find("m=audio").unwrap();
    let video_only = format!("{}{}", &offer[..audio_at], &offer[video_at..]);
    for (text, video, audio) in [(video_only.as_str(), true, false), (&offer[..video_at], false, true)] {
        let parsed = Offer::parse(text, false).unwrap();
        let answered = peers.answer(&parsed, options(true)).await.unwrap();
        assert_eq!((answered.peer.has_video(), answered.peer.has_audio()), (video, audio));
        answered.peer.close().await;
    }
}
