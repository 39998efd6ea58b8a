//! One stream of ours whose packets may be asked for again.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::{BufMut, BytesMut};
use rtc::interceptor::StreamInfo;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;
use rtc::rtp;

use super::history::{History, Verdict};
use crate::peer::MAX_PAYLOAD;
use crate::peer::bucket::Bucket;
use crate::peer::rtcp::PeerTally;

/// Payload bytes of repairs that may leave at once: 32 packets.
pub(super) const BURST: f64 = 32.0 * MAX_PAYLOAD as f64;
/// Bytes per second that may leave whatever the stream itself takes, about 13 packets: on a thin line more of them would
/// only take the picture's place.
pub(super) const FLOOR: f64 = 16_000.0;
/// Of what is sent for the first time, so much may be sent again.
pub(super) const SHARE: f64 = 0.25;
/// Repairs that may wait; with more, the oldest is given up.
pub(super) const WAITING: usize = 256;
/// A repair that has waited longer comes too late for any picture.
pub(super) const LATEST: Duration = Duration::from_secs(1);
/// Sequence numbers that are looked up at once, and then per second: more than any loss makes, and no
/// work to speak of.
const LOOKS: f64 = 8_192.0;
const LOOKS_PER_SECOND: f64 = 20_000.0;

/// What was sent of it, what is to be sent again, and how much of that may be.
pub(super) struct Stream {
    ssrc: u32,
    rtx: Option<Rtx>,
    history: History,
    waiting: VecDeque<Wish>,
    /// Payload bytes that may be sent again.
    bytes: Bucket,
    looks: Bucket,
    /// When the first that waits can leave.
    due: Instant,
    tally: Arc<PeerTally>,
}

/// Where the repairs go when they have a stream of their own (RFC 4588).
struct Rtx {
    ssrc: u32,
    payload_type: u8,
    next: u16,
}

/// A packet that is to be sent again.
struct Wish {
    sequence: u16,
    since: Instant,
}

impl Stream {
    /// `None` for a stream of which nothing may be asked for.
    pub(super) fn new(info: &StreamInfo, tally: Arc<PeerTally>) -> Option<Self> {
        let repairs =
            |offered: &rtc::interceptor::RTCPFeedback| offered.typ == "nack" && offered.parameter.is_empty();
        let rtx = info.ssrc_rtx.zip(info.payload_type_rtx);
        info.rtcp_feedback.iter().any(repairs).then(|| Self {
            ssrc: info.ssrc,
            rtx: rtx.map(|(ssrc, payload_type)| Rtx { ssrc, payload_type, next: rand::random() }),
            history: History::new(),
            waiting: VecDeque::new(),
            bytes: Bucket::new(BURST, FLOOR),
            looks: Bucket::new(LOOKS, LOOKS_PER_SECOND),
            due: Instant::now(),
            tally,
        })
    }

    pub(super) fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Keeps a packet that is being sent. To be called in sending order.
    pub(super) fn sent(&mut self, packet: &rtp::Packet) {
        self.bytes.earn(SHARE * packet.payload.len() as f64);
        self.history.keep(packet.clone());
    }

    /// Nothing of what was sent until now is sent again.
    pub(super) fn forget(&mut self) {
        while !self.waiting.is_empty() {
            self.give_up_first();
        }
        self.history = History::new();
    }

    /// Takes what the far end asks for. `pause`: what lies between two repairs of a packet at least.
    pub(super) fn asked(&mut self, nack: &TransportLayerNack, pause: Duration, now: Instant) {
        self.looks.fill(now);
        for sequence in nack.nacks.iter().copied().flatten() {
            if !self.looks.spend(1.0) {
                return;
            }
            let Some(sent) = self.history.find(sequence) else { continue };
            if sent.is_first_wish() {
                self.tally.repairs_wanted.fetch_add(1, Ordering::Relaxed);
            }
            match sent.ask(pause, now) {
                Verdict::Underway => {}
                Verdict::Refused => self.refuse(),
                Verdict::Granted => {
                    if self.waiting.len() == WAITING {
                        self.give_up_first();
                    }
                    self.waiting.push_back(Wish { sequence, since: now });
                }
            }
        }
    }

    /// The next packet that may be sent again now.
    pub(super) fn repair(&mut self, now: Instant) -> Option<rtp::Packet> {
        self.bytes.fill(now);
        while let Some(Wish { sequence, since }) = self.waiting.front() {
            let is_late = now.saturating_duration_since(*since) > LATEST;
            let Some(sent) = self.history.find(*sequence).filter(|_| !is_late) else {
                self.give_up_first();
                continue;
            };
            let bytes = sent.packet.payload.len() as f64;
            if !self.bytes.spend(bytes) {
                self.due = now + self.bytes.wait(bytes);
                return None;
            }
            sent.repaired(now);
            let packet = sent.packet.clone();
            self.waiting.pop_front();
            return Some(match &mut self.rtx {
                Some(rtx) => rtx.wrap(&packet),
                None => packet,
            });
        }
        None
    }

    /// When there is something to send again, if nothing is sent for the first time before.
    pub(super) fn due(&self) -> Option<Instant> {
        (!self.waiting.is_empty()).then_some(self.due)
    }

    fn give_up_first(&mut self) {
        let Some(wish) = self.waiting.pop_front() else { return };
        if let Some(sent) = self.history.find(wish.sequence) {
            sent.give_up();
        }
        self.refuse();
    }

    fn refuse(&self) {
        self.tally.repairs_refused.fetch_add(1, Ordering::Relaxed);
    }
}

impl Rtx {
    /// RFC 4588 4: the packet's own number in front of its payload; time and marker bit as they were.
    fn wrap(&mut self, packet: &rtp::Packet) -> rtp::Packet {
        let mut payload = BytesMut::with_capacity(2 + packet.payload.len());
        payload.put_u16(packet.header.sequence_number);
        payload.put_slice(&packet.payload);
        let header = rtp::Header {
            ssrc: self.ssrc,
            payload_type: self.payload_type,
            sequence_number: self.next,
            ..packet.header.clone()
        };
        self.next = self.next.wrapping_add(1);
        rtp::Packet { header, payload: payload.freeze() }
    }
}
