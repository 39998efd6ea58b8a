#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::HashMap;

use proptest::prelude::*;
use rtc::interceptor::RTCPFeedback;
use rtc::rtcp;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::NackPair;
use rtc::rtp;

use super::history::{KEPT, MOST_REPAIRS};
use super::stream::{BURST, FLOOR, LATEST, SHARE, WAITING};
use super::*;
use crate::peer::port::Meter;

const VIDEO: u32 = 7;
const RTX: u32 = 8;
const MILLISECOND: Duration = Duration::from_millis(1);

/// The interceptor with a picture's stream, on a clock of the test's.
struct Line {
    repair: Repair,
    tally: Arc<PeerTally>,
    meter: Arc<Meter>,
    start: Instant,
    now: Instant,
}

impl Line {
    fn new(rtx: bool) -> Self {
        let meter = Arc::new(Meter::default());
        let tally = Arc::new(PeerTally::new(Arc::clone(&meter)));
        let mut repair = Repair::new(Arc::clone(&tally));
        let feedback = |parameter: &str| RTCPFeedback { typ: "nack".into(), parameter: parameter.into() };
        repair.bind_local_stream(&StreamInfo {
            ssrc: VIDEO,
            ssrc_rtx: rtx.then_some(RTX),
            payload_type_rtx: rtx.then_some(100),
            rtcp_feedback: vec![feedback("pli"), feedback("")],
            ..Default::default()
        });
        let now = Instant::now();
        Self { repair, tally, meter, start: now, now }
    }

    fn tagged(&self, packet: Packet) -> TaggedPacket {
        let transport = TransportContext::default();
        TaggedPacket { now: self.now, transport, message: AttributedPacket::new(packet) }
    }

    /// Sends a packet for the first time; what leaves with it.
    fn send(&mut self, ssrc: u32, sequence: u16, payload: &[u8]) -> Vec<rtp::Packet> {
        let timestamp = u32::from(sequence) * 3;
        let header = rtp::Header {
            version: 2,
            payload_type: 99,
            sequence_number: sequence,
            timestamp,
            ssrc,
            marker: sequence % 2 == 1,
            ..Default::default()
        };
        let packet = rtp::Packet { header, payload: payload.to_vec().into() };
        self.repair.handle_write(self.tagged(Packet::Rtp(packet))).unwrap();
        self.repairs()
    }

    fn send_all(&mut self, sequences: std::ops::Range<u16>) {
        for sequence in sequences {
            assert!(self.send(VIDEO, sequence, &[0; 1000]).is_empty());
        }
    }

    /// Takes a NACK; what is sent again at once.
    fn nack(&mut self, pairs: &[(u16, u16)]) -> Vec<rtp::Packet> {
        let pair = |&(packet_id, lost_packets): &(u16, u16)| NackPair { packet_id, lost_packets };
        let nacks = pairs.iter().map(pair).collect();
        let nack: Box<dyn rtcp::Packet> =
            Box::new(TransportLayerNack { sender_ssrc: 1, media_ssrc: VIDEO, nacks });
        self.repair.handle_read(self.tagged(Packet::Rtcp(vec![nack]))).unwrap();
        assert!(self.repair.poll_read().is_some(), "the rest of the chain sees it too");
        self.repairs()
    }

    fn ask(&mut self, sequence: u16) -> usize {
        self.nack(&[(sequence, 0)]).len()
    }

    /// What is sent again when its time comes, if there is any more.
    fn wait(&mut self) -> Option<Vec<rtp::Packet>> {
        self.now = self.repair.poll_timeout()?.max(self.now);
        self.repair.handle_timeout(self.now).unwrap();
        Some(self.repairs())
    }

    fn repairs(&mut self) -> Vec<rtp::Packet> {
        let written = std::iter::from_fn(|| self.repair.poll_write());
        let again = written.filter(|packet| packet.message.has(&Attribute::Retransmission));
        let rtp = again.map(|packet| match packet.message.packet {
            Packet::Rtp(packet) => packet,
            other => panic!("sent again: {other:?}"),
        });
        rtp.collect()
    }
}

fn numbers(packets: &[rtp::Packet]) -> Vec<u16> {
    packets.iter().map(|packet| packet.header.sequence_number).collect()
}

#[test]
fn what_is_asked_for_comes_again_as_it_was_and_shares_its_payload() {
    let mut line = Line::new(false);
    line.send(VIDEO, 65_535, b"first");
    line.send(VIDEO, 0, b"second");
    let payload = line.nack(&[(0, 0)]).remove(0).payload;
    line.now += USUAL_PAUSE;
    let again = line.nack(&[(65_535, 1)]);
    assert_eq!(numbers(&again), [65_535, 0]);
    let header = &again[0].header;
    assert_eq!(
        (header.ssrc, header.payload_type, header.timestamp, header.marker),
        (VIDEO, 99, 196_605, true)
    );
    assert_eq!((&again[0].payload[..], &again[1].payload[..]), (&b"first"[..], &b"second"[..]));
    assert_eq!(payload.as_ptr(), again[1].payload.as_ptr(), "no copy was made");
    let counters = line.tally.snapshot();
    assert_eq!((counters.repairs_wanted, counters.repairs_refused), (2, 0));
}

#[test]
fn with_a_stream_of_their_own_repairs_carry_the_number_in_front() {
    let mut line = Line::new(true);
    line.send(VIDEO, 0x0102, b"picture");
    line.send(VIDEO, 0x0103, b"end");
    let again = line.nack(&[(0x0102, 1)]);
    for (packet, payload) in again.iter().zip([&b"\x01\x02picture"[..], &b"\x01\x03end"[..]]) {
        assert_eq!((packet.header.ssrc, packet.header.payload_type, packet.header.version), (RTX, 100, 2));
        assert_eq!(packet.payload, payload);
    }
    assert_eq!(again[1].header.sequence_number, again[0].header.sequence_number.wrapping_add(1));
    assert_eq!((again[1].header.timestamp, again[1].header.marker), (0x0103 * 3, true));
}

#[test]
fn what_was_never_sent_or_is_long_gone_or_has_no_nack_is_passed_over() {
    let mut line = Line::new(false);
    assert_eq!(line.ask(0), 0, "nothing was sent yet");
    line.send_all(0..5000);
    let gone = 5000 - u16::try_from(KEPT).unwrap();
    assert_eq!((line.ask(gone - 1), line.ask(gone), line.ask(4999), line.ask(5000)), (0, 1, 1, 0));
    line.repair.bind_local_stream(&StreamInfo { ssrc: 9, ..Default::default() });
    line.send(9, 4998, b"sound");
    assert_eq!(line.nack(&[(4998, 0)])[0].header.ssrc, VIDEO);
    let counters = line.tally.snapshot();
    assert_eq!((counters.repairs_wanted, counters.repairs_refused), (3, 0));
}

#[test]
fn a_packet_is_not_sent_again_before_its_last_repair_can_have_come() {
    let mut line = Line::new(false);
    line.send_all(0..10);
    assert_eq!((line.ask(3), line.ask(3)), (1, 0));
    line.now += USUAL_PAUSE - MILLISECOND;
    assert_eq!(line.ask(3), 0);
    line.now += MILLISECOND;
    assert_eq!(line.ask(3), 1);
    let measured = (Some(line.now), Some(Duration::from_millis(400)));
    let mut reported = line.tally.reported.lock().unwrap();
    (reported.at, reported.round_trip) = measured;
    drop(reported);
    line.now += Duration::from_millis(300);
    assert_eq!(line.ask(3), 0);
    line.now += Duration::from_millis(60);
    assert_eq!(line.ask(3), 1);
    assert_eq!(line.tally.snapshot().repairs_wanted, 1);
}

#[test]
fn a_packet_is_sent_again_ten_times_and_no_more() {
    let mut line = Line::new(false);
    line.send_all(0..10);
    let mut repairs = 0;
    for _ in 0..30 {
        line.now += Duration::from_secs(1);
        repairs += line.ask(5);
    }
    assert_eq!(repairs, usize::from(MOST_REPAIRS));
    let counters = line.tally.snapshot();
    assert_eq!((counters.repairs_wanted, counters.repairs_refused), (1, 20));
}

#[test]
fn many_repairs_leave_one_after_the_other_in_order() {
    let mut line = Line::new(false);
    line.send_all(0..200);
    let pairs: Vec<(u16, u16)> = (0..6).map(|pair| (pair * 17, u16::MAX)).collect();
    let mut again = line.nack(&pairs);
    assert_eq!(again.len(), 38, "as many bytes as 32 large packets");
    let start = line.now;
    while let Some(more) = line.wait() {
        again.extend(more);
    }
    // Nothing else is sent, so the floor alone lets them go; what is late by then is given up.
    let took = line.now - start;
    assert!((950..1100).contains(&took.as_millis()), "{took:?}");
    assert_eq!(numbers(&again), (0..u16::try_from(again.len()).unwrap()).collect::<Vec<_>>());
    assert_eq!(again.len(), 38 + 16);
    assert_eq!(line.tally.snapshot().repairs_refused, 102 - 54);
}

#[test]
fn a_stream_that_flows_takes_its_repairs_along() {
    let mut line = Line::new(false);
    line.send_all(0..400);
    let pairs: Vec<(u16, u16)> = (0..10).map(|pair| (pair * 17, u16::MAX)).collect();
    let at_once = line.nack(&pairs).len();
    let mut later = 0;
    // 400 packets a second, as a stream of 3.2 Mbit/s.
    for sequence in 400..600 {
        line.now += Duration::from_micros(2500);
        later += line.send(VIDEO, sequence, &[0; 1000]).len();
    }
    assert_eq!(at_once, 38);
    assert_eq!(later, 200 / 4 + 8, "a quarter, and the floor of half a second");
}

#[test]
fn what_a_far_end_missed_that_moved_is_not_sent_again_and_what_follows_is() {
    let mut line = Line::new(false);
    line.send_all(0..200);
    let pairs: Vec<(u16, u16)> = (0..6).map(|pair| (pair * 17, u16::MAX)).collect();
    assert_eq!(line.nack(&pairs).len(), 38);
    line.meter.moved();
    assert!(line.nack(&[(150, u16::MAX)]).is_empty());
    assert!(line.wait().is_none(), "nothing waits any more");
    assert_eq!(line.tally.snapshot().repairs_refused, 102 - 38);
    line.send_all(200..210);
    line.now += Duration::from_secs(1);
    assert_eq!(numbers(&line.nack(&[(195, u16::MAX)])), (200..210).collect::<Vec<_>>());
}

#[test]
fn of_too_many_that_wait_the_oldest_are_given_up_and_may_be_asked_for_again() {
    let mut line = Line::new(false);
    line.send_all(0..2000);
    let pairs: Vec<(u16, u16)> = (0..60).map(|pair| (pair * 17, u16::MAX)).collect();
    let mut again = line.nack(&pairs);
    assert_eq!(line.tally.snapshot().repairs_refused, 1020 - WAITING as u64);
    again.extend(line.wait().unwrap());
    assert_eq!(numbers(&again)[0], 1020 - u16::try_from(WAITING).unwrap());
    while line.wait().is_some() {}
    line.now += Duration::from_secs(2);
    assert_eq!(line.ask(0), 1);
}

#[test]
fn a_storm_of_wishes_for_all_that_was_sent_is_cut_in_what_it_costs() {
    let mut line = Line::new(false);
    for sequence in 0..5000 {
        line.send(VIDEO, sequence, &[0; 1000]);
    }
    let all: Vec<(u16, u16)> = (0..300).map(|pair| (pair * 17, u16::MAX)).collect();
    let mut again = 0;
    for _ in 0..10_000 {
        again += line.nack(&all).len();
        line.now += Duration::from_micros(100);
    }
    assert!(again <= 38 + 33, "{again}");
}

/// What may happen on a line.
#[derive(Debug, Clone)]
enum Event {
    Send(u16),
    Nack(Vec<(u16, u16)>),
    Pass(u64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let near = (65_000..66_600_u32).prop_map(|number| (number % 65_536) as u16);
    let number = prop_oneof![8 => near, 1 => any::<u16>()];
    let pairs = prop::collection::vec((number, any::<u16>()), 0..40);
    let event = prop_oneof![
        2 => (1..60_u16).prop_map(Event::Send),
        3 => pairs.prop_map(Event::Nack),
        2 => (0..200_u64).prop_map(Event::Pass),
    ];
    prop::collection::vec(event, 0..120)
}

proptest! {
    #[test]
    fn whatever_is_asked_for_repairs_are_true_rare_and_bounded(events in events(), rtx: bool) {
        let mut line = Line::new(rtx);
        let (mut next, mut sent) = (65_200_u16, 0_usize);
        let mut repaired: HashMap<u16, Vec<Instant>> = HashMap::new();
        let mut bytes = 0;
        for event in events {
            let mut again: Vec<(Instant, rtp::Packet)> = Vec::new();
            let mut note = |line: &Line, packets: Vec<rtp::Packet>| {
                again.extend(packets.into_iter().map(|packet| (line.now, packet)));
            };
            match event {
                Event::Send(count) => for _ in 0..count {
                    // The payload tells the number, so that a mix-up shows.
                    let packets = line.send(VIDEO, next, &[&next.to_be_bytes()[..], &[0; 998]].concat());
                    note(&line, packets);
                    (next, sent) = (next.wrapping_add(1), sent + 1);
                },
                Event::Nack(pairs) => {
                    let packets = line.nack(&pairs);
                    note(&line, packets);
                }
                Event::Pass(millis) => {
                    let until = line.now + MILLISECOND * u32::try_from(millis).unwrap();
                    while line.repair.poll_timeout().is_some_and(|due| due <= until) {
                        let packets = line.wait().unwrap();
                        note(&line, packets);
                    }
                    line.now = until;
                }
            }
            for (at, packet) in again {
                let (header, payload) = (&packet.header, &packet.payload);
                let (stated, payload) = if rtx {
                    (u16::from_be_bytes([payload[0], payload[1]]), payload.slice(2..))
                } else {
                    (header.sequence_number, payload.clone())
                };
                let number = u16::from_be_bytes([payload[0], payload[1]]);
                prop_assert_eq!(stated, number);
                let age = usize::from(next.wrapping_sub(1).wrapping_sub(number));
                prop_assert!(age < KEPT.min(sent), "{number} of {sent} before {next}");
                bytes += payload.len();
                let times = repaired.entry(number).or_default();
                prop_assert!(times.last().is_none_or(|last| at - *last >= USUAL_PAUSE));
                times.push(at);
                prop_assert!(times.len() <= usize::from(MOST_REPAIRS));
            }
            let most = BURST + SHARE * 1000.0 * sent as f64 + FLOOR * (line.now - line.start).as_secs_f64();
            prop_assert!(bytes as f64 <= most + 1.0, "{bytes} of {most}");
        }
        let until = line.now + LATEST + Duration::from_millis(150);
        while line.wait().is_some() {}
        prop_assert!(line.now <= until, "nothing waits for ever");
    }
}
