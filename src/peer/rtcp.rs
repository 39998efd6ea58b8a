//! The tap in a peer's packet chain: what the far end's RTCP asks for, and what really leaves.
//!
//! The stack hands RTCP to nobody outside its chain (and routes a compound packet by its first part
//! alone), so this interceptor looks at each packet itself. It stands on the wire's side of the one
//! that answers NACKs, so that it sees what is sent again.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rtc::interceptor::{Attribute, Interceptor, Packet, Slot, StreamInfo, TaggedPacket};
use rtc::rtcp;
use rtc::rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::payload_feedbacks::receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate;
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::reception_report::ReceptionReport;
use rtc::rtcp::sender_report::SenderReport;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;
use rtc::sansio::Protocol;
use rtc::shared::error::Error;
use tokio::sync::mpsc;

use super::port::Meter;
use super::reception::Reception;
use super::{KeyFrameRequest, PeerCounters, PeerEvent, Reported};

/// Between the pacer's slot and that of the NACK responder.
pub(super) const SLOT: usize = 3_500;
/// Places in the event queue that only events which must not be lost may take.
pub(super) const RESERVED_EVENTS: usize = 16;
/// What goes around a payload on the wire: IPv4, UDP, RTP and SRTP's tag, bytes.
const AROUND: u64 = 20 + 8 + 12 + 10;

/// The slot of [`RtcpTap`] in the chain.
pub(super) fn slot() -> Slot {
    Slot::from(SLOT)
}

/// Counters of one peer, written by whoever sees the packets.
#[derive(Debug, Default)]
pub(super) struct PeerTally {
    pub(super) packets_sent: AtomicU64,
    pub(super) bytes_sent: AtomicU64,
    pub(super) retransmitted: AtomicU64,
    pub(super) repairs_wanted: AtomicU64,
    pub(super) repairs_refused: AtomicU64,
    pub(super) nack: AtomicU64,
    pub(super) pli: AtomicU64,
    pub(super) fir: AtomicU64,
    pub(super) remb_kbps: AtomicU32,
    pub(super) talk_packets: AtomicU64,
    pub(super) talk_dropped: AtomicU64,
    pub(super) video_packets: AtomicU64,
    pub(super) video_bytes: AtomicU64,
    pub(super) reported: Mutex<Reported>,
    meter: Arc<Meter>,
}

impl PeerTally {
    /// Of the peer whose meter this is.
    pub(super) fn new(meter: Arc<Meter>) -> Self {
        Self { meter, ..Self::default() }
    }

    pub(super) fn snapshot(&self) -> PeerCounters {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        PeerCounters {
            packets_sent: get(&self.packets_sent),
            bytes_sent: get(&self.bytes_sent),
            retransmitted: get(&self.retransmitted),
            repairs_wanted: get(&self.repairs_wanted),
            repairs_refused: get(&self.repairs_refused),
            nack: get(&self.nack),
            pli: get(&self.pli),
            fir: get(&self.fir),
            remb_kbps: self.remb_kbps.load(Ordering::Relaxed),
            talk_packets: get(&self.talk_packets),
            talk_dropped: get(&self.talk_dropped),
            video_packets: get(&self.video_packets),
            video_bytes: get(&self.video_bytes),
            reported: *self.reported.lock().unwrap_or_else(PoisonError::into_inner),
            checked: self.meter.last(),
            sought: self.meter.was_sought(),
        }
    }

    /// How often the far end was found at another address.
    pub(super) fn moves(&self) -> u64 {
        self.meter.moves()
    }

    /// The last measured round trip.
    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.snapshot().round_trip().map(|measured| measured.round_trip)
    }
}

/// The interceptor.
pub(super) struct RtcpTap {
    tally: Arc<PeerTally>,
    events: mpsc::Sender<PeerEvent>,
    reception: Reception,
    /// Moves of the far end that were told.
    moves: u64,
    read_queue: VecDeque<TaggedPacket>,
    write_queue: VecDeque<TaggedPacket>,
}

impl RtcpTap {
    pub(super) fn new(tally: Arc<PeerTally>, events: mpsc::Sender<PeerEvent>) -> Self {
        Self {
            tally,
            events,
            reception: Reception::default(),
            moves: 0,
            read_queue: VecDeque::new(),
            write_queue: VecDeque::new(),
        }
    }

    /// Tells of a far end that is elsewhere now.
    fn follow(&mut self) {
        let moves = self.tally.moves();
        if std::mem::replace(&mut self.moves, moves) != moves {
            self.tell(PeerEvent::Moved);
        }
    }

    /// Looks at one part of a compound packet.
    fn look(&mut self, packet: &dyn rtcp::Packet, now: Instant) {
        let any = packet.as_any();
        if any.is::<TransportLayerNack>() {
            self.tally.nack.fetch_add(1, Ordering::Relaxed);
        } else if any.is::<PictureLossIndication>() {
            self.tally.pli.fetch_add(1, Ordering::Relaxed);
            self.tell(PeerEvent::KeyFrameWanted(KeyFrameRequest::Pli));
        } else if any.is::<FullIntraRequest>() {
            self.tally.fir.fetch_add(1, Ordering::Relaxed);
            self.tell(PeerEvent::KeyFrameWanted(KeyFrameRequest::Fir));
        } else if let Some(remb) = any.downcast_ref::<ReceiverEstimatedMaximumBitrate>() {
            let kbps = kbps(remb.bitrate);
            self.tally.remb_kbps.store(kbps, Ordering::Relaxed);
            self.tell(PeerEvent::Remb(kbps));
        } else if let Some(report) = any.downcast_ref::<ReceiverReport>() {
            self.hear(&report.reports, now);
        } else if let Some(report) = any.downcast_ref::<SenderReport>() {
            // Who talks reports on what it hears in the same message.
            self.hear(&report.reports, now);
        }
    }

    fn hear(&mut self, reports: &[ReceptionReport], now: Instant) {
        for report in reports {
            let wanted = self.tally.repairs_wanted.load(Ordering::Relaxed);
            let Some(reported) = self.reception.take(report, wanted, now) else { continue };
            *self.tally.reported.lock().unwrap_or_else(PoisonError::into_inner) = reported;
        }
    }

    /// Wishes that come again anyway must not crowd out what comes once.
    fn tell(&self, event: PeerEvent) {
        if self.events.capacity() > RESERVED_EVENTS {
            let _lost_when_full = self.events.try_send(event);
        }
    }
}

/// Bits per second as the far end states them, whole kbit/s. Nonsense becomes 0 or the largest value.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn kbps(bits_per_second: f32) -> u32 {
    // `as` saturates and takes NaN for 0.
    (bits_per_second / 1000.0) as u32
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for RtcpTap {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, msg: TaggedPacket) -> Result<(), Error> {
        self.follow();
        if let Packet::Rtcp(packets) = &msg.message.packet {
            for packet in packets {
                self.look(packet.as_ref(), msg.now);
            }
        }
        self.read_queue.push_back(msg);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.read_queue.pop_front()
    }

    fn handle_write(&mut self, msg: TaggedPacket) -> Result<(), Error> {
        self.follow();
        if let Packet::Rtp(packet) = &msg.message.packet {
            let is_again = msg.message.has(&Attribute::Retransmission);
            let is_video = self.reception.is_video(packet.header.ssrc);
            if is_video && !is_again {
                self.reception.left(packet.header.sequence_number, msg.now);
            }
            if is_again || is_video {
                let bytes = packet.payload.len() as u64 + AROUND;
                self.tally.video_bytes.fetch_add(bytes, Ordering::Relaxed);
                self.tally.video_packets.fetch_add(u64::from(!is_again), Ordering::Relaxed);
            }
        }
        match &msg.message.packet {
            Packet::Rtp(_) if msg.message.has(&Attribute::Retransmission) => {
                self.tally.retransmitted.fetch_add(1, Ordering::Relaxed);
            }
            Packet::Rtp(packet) => {
                self.tally.packets_sent.fetch_add(1, Ordering::Relaxed);
                self.tally.bytes_sent.fetch_add(packet.payload.len() as u64, Ordering::Relaxed);
            }
            Packet::Rtcp(packets) => {
                let ours = packets.iter().filter_map(|packet| packet.as_any().downcast_ref::<SenderReport>());
                for report in ours {
                    self.reception.reported(report.ntp_time, msg.now);
                }
            }
            _ => {}
        }
        self.write_queue.push_back(msg);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.write_queue.pop_front()
    }
}

impl Interceptor for RtcpTap {
    fn bind_local_stream(&mut self, info: &StreamInfo) {
        if info.mime_type.starts_with("video/") {
            self.reception.watch(info.ssrc);
        }
    }

    fn unbind_local_stream(&mut self, _info: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _info: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _info: &StreamInfo) {}
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::time::Duration;

    use rtc::interceptor::AttributedPacket;
    use rtc::rtcp::transport_feedbacks::transport_layer_nack::NackPair;
    use rtc::shared::TransportContext;

    use super::*;

    fn tap(places: usize) -> (RtcpTap, Arc<PeerTally>, mpsc::Receiver<PeerEvent>) {
        let tally = Arc::new(PeerTally::default());
        let (events, received) = mpsc::channel(places);
        (RtcpTap::new(Arc::clone(&tally), events), tally, received)
    }

    fn compound(packets: Vec<Box<dyn rtcp::Packet>>, now: Instant) -> TaggedPacket {
        TaggedPacket {
            now,
            transport: TransportContext::default(),
            message: AttributedPacket::new(Packet::Rtcp(packets)),
        }
    }

    fn nack(lost_packets: u16) -> Box<dyn rtcp::Packet> {
        let nacks = vec![NackPair { packet_id: 1, lost_packets }];
        Box::new(TransportLayerNack { sender_ssrc: 1, media_ssrc: 2, nacks })
    }

    #[test]
    fn every_part_of_a_compound_packet_is_counted_and_told() {
        let (mut tap, tally, mut events) = tap(64);
        let packets: Vec<Box<dyn rtcp::Packet>> = vec![
            nack(0),
            Box::new(PictureLossIndication::default()),
            Box::new(FullIntraRequest::default()),
            Box::new(ReceiverEstimatedMaximumBitrate { bitrate: 1_234_567.0, ..Default::default() }),
        ];
        tap.handle_read(compound(packets, Instant::now())).unwrap();
        let counters = tally.snapshot();
        assert_eq!((counters.nack, counters.pli, counters.fir, counters.remb_kbps), (1, 1, 1, 1234));
        assert_eq!(events.try_recv().unwrap(), PeerEvent::KeyFrameWanted(KeyFrameRequest::Pli));
        assert_eq!(events.try_recv().unwrap(), PeerEvent::KeyFrameWanted(KeyFrameRequest::Fir));
        assert_eq!(events.try_recv().unwrap(), PeerEvent::Remb(1234));
        assert!(tap.poll_read().is_some(), "the rest of the chain sees it too");
    }

    #[test]
    fn a_far_end_that_moves_is_told_once_with_whatever_comes_or_goes_next() {
        let meter = Arc::new(Meter::default());
        let (events, mut told) = mpsc::channel(64);
        let mut tap = RtcpTap::new(Arc::new(PeerTally::new(Arc::clone(&meter))), events);
        let report = |tap: &mut RtcpTap| tap.handle_read(compound(vec![nack(0)], Instant::now())).unwrap();
        report(&mut tap);
        assert!(told.try_recv().is_err());
        meter.moved();
        let sent = SenderReport::default();
        tap.handle_write(compound(vec![Box::new(sent)], Instant::now())).unwrap();
        report(&mut tap);
        assert_eq!(told.try_recv().unwrap(), PeerEvent::Moved);
        meter.moved();
        report(&mut tap);
        assert_eq!(told.try_recv().unwrap(), PeerEvent::Moved);
        assert!(told.try_recv().is_err());
    }

    #[test]
    fn a_flood_of_key_frame_wishes_leaves_room_for_what_must_arrive() {
        let (mut tap, _tally, events) = tap(RESERVED_EVENTS + 4);
        for _ in 0..100 {
            let packets: Vec<Box<dyn rtcp::Packet>> = vec![Box::new(PictureLossIndication::default())];
            tap.handle_read(compound(packets, Instant::now())).unwrap();
        }
        assert_eq!(events.len(), 4);
    }

    #[test]
    fn the_round_trip_is_measured_from_the_reports_that_pass() {
        let (mut tap, tally, _events) = tap(64);
        tap.reception.watch(0);
        let start = Instant::now();
        let sent = SenderReport { ntp_time: 0xAAAA_0000_0001_0000, ..Default::default() };
        tap.handle_write(compound(vec![Box::new(sent)], start)).unwrap();
        assert_eq!(tally.round_trip(), None);
        let heard = ReceptionReport { last_sender_report: 1, delay: 32_768, ..Default::default() };
        let answer = ReceiverReport { reports: vec![heard], ..Default::default() };
        tap.handle_read(compound(vec![Box::new(answer)], start + Duration::from_millis(620))).unwrap();
        assert_eq!(tally.round_trip(), Some(Duration::from_millis(120)));
    }

    #[test]
    fn a_rate_that_makes_no_sense_is_no_panic() {
        assert_eq!(kbps(f32::NAN), 0);
        assert_eq!(kbps(-1.0), 0);
        assert_eq!(kbps(f32::INFINITY), u32::MAX);
        assert_eq!(kbps(2_500_000.0), 2500);
    }
}
