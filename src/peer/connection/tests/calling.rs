//! Calls of ours, answered by a peer of ours behind a network that loses packets.

use super::*;
use crate::peer::Received;
use crate::peer::packetizer::Packetizer;

/// Payload types of H.264 in our offers.
const H264: [u8; 3] = [102, 104, 106];

/// The sequence number of a packet of the picture, as it goes over the wire.
fn sequence(datagram: &[u8]) -> Option<u16> {
    let is_picture = (128..192).contains(&datagram[0]) && H264.contains(&(datagram[1] & 0x7F));
    is_picture.then(|| u16::from_be_bytes([datagram[2], datagram[3]]))
}

/// A call of ours to a peer of ours; `lose` sees what the called one sends.
async fn call_through_relay(
    [caller, called]: [&Peers; 2],
    lose: impl FnMut(&[u8]) -> bool + Send + 'static,
) -> (Calling, Answered) {
    let [near, far] = [caller, called].map(|peers| peers.addresses()[0]);
    let calling = caller.call(CallOptions::default()).await.unwrap();
    let relay = Relay::start(near, far, lose).await;
    let through = |sdp: &str, from: SocketAddr, to: SocketAddr| {
        sdp.replace(&format!("127.0.0.1 {} typ", from.port()), &format!("127.0.0.1 {} typ", to.port()))
    };
    let mut answered = answer_to(called, &through(&calling.sdp, near, relay.towards_far)).await;
    calling.call.answered(&through(&answered.sdp, far, relay.towards_us)).await.unwrap();
    until(&mut answered, |event| *event == PeerEvent::Connected).await;
    (calling, answered)
}

/// A picture of about a dozen packets, as Annex B.
fn unit(number: u8, key: bool) -> Vec<u8> {
    let slice = |head: u8| [&[0, 0, 0, 1, head][..], &[number.max(1); 12_000]].concat();
    if !key {
        return slice(0x41);
    }
    let sets = [0, 0, 0, 1, 0x67, 0x42, 0xC0, 0x1F, 0xDA, 0, 0, 0, 1, 0x68, 0xCE, 0x3C, 0x80];
    [&sets[..], &slice(0x65)].concat()
}

/// Sends pictures at 25 a second, a key picture first and whenever one is asked for. Gives their number
/// and those that were key pictures.
async fn show(answered: &mut Answered, pictures: u8) -> Vec<u8> {
    let mut packetizer = Packetizer::new();
    let mut keys = Vec::new();
    for number in 0..pictures {
        let mut key = number == 0;
        while let Ok(event) = answered.events.try_recv() {
            key |= event == PeerEvent::KeyFrameWanted(KeyFrameRequest::Pli);
        }
        keys.extend(key.then_some(number));
        let timestamp = u32::from(number) * 3600;
        let picture = packetizer.packetize(&unit(number, key).into(), timestamp.into(), key).unwrap();
        answered.peer.send_picture(&picture, timestamp).await.unwrap();
        sleep(Duration::from_millis(40)).await;
    }
    keys
}

/// The numbers of the pictures that came, each of them whole.
async fn seen(calling: &mut Calling) -> Vec<u8> {
    let mut numbers = Vec::new();
    // What was lost last is given up within this.
    while let Ok(Some(received)) = timeout(Duration::from_secs(1), calling.media.recv()).await {
        let Received::Picture { data, key, .. } = received else { continue };
        let number = *data.last().unwrap();
        assert_eq!(data, unit(number, key), "picture {number}");
        numbers.push(number);
    }
    numbers
}

#[tokio::test]
async fn a_lost_packet_comes_again_and_no_picture_is_missing() {
    let [caller, called] = [open(), open()];
    let mut count = 0;
    let lose = move |datagram: &[u8]| {
        count += u32::from(sequence(datagram).is_some());
        sequence(datagram).is_some() && count % 10 == 0
    };
    let (mut calling, mut answered) = call_through_relay([&caller, &called], lose).await;
    let keys = show(&mut answered, 75).await;
    let seen = seen(&mut calling).await;
    // The first picture is filled with ones, too.
    assert_eq!(seen[1..], (1..75).collect::<Vec<u8>>());
    assert_eq!(keys, [0]);
    assert!(answered.peer.counters().retransmitted > 50, "{:?}", answered.peer.counters());
    calling.call.close().await;
    assert!(is_empty(&caller.port_counters()), "{:?}", caller.port_counters());
}

#[tokio::test]
async fn what_is_lost_for_good_costs_the_pictures_up_to_a_key_picture_that_is_asked_for() {
    let [caller, called] = [open(), open()];
    let (mut first, lost) = (None, 100);
    let lose = move |datagram: &[u8]| {
        sequence(datagram).is_some_and(|number| {
            let first = *first.get_or_insert(number);
            number.wrapping_sub(first) == lost
        })
    };
    let (mut calling, mut answered) = call_through_relay([&caller, &called], lose).await;
    let keys = show(&mut answered, 50).await;
    let seen = seen(&mut calling).await;
    let [0, key] = keys[..] else { panic!("one key picture is asked for: {keys:?}") };
    let missing: Vec<u8> = (1..50).filter(|number| !seen.contains(number)).collect();
    assert!((1..15).contains(&missing.len()), "{missing:?}");
    assert_eq!(missing.last(), Some(&(key - 1)), "all up to the key picture {key}: {missing:?}");
}
