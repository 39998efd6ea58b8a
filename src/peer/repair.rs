//! Repair: packets that the far end asks for (NACK, RFC 4585 6.2.1) are sent again.
//!
//! The stack's own responder sends whatever is asked for, at once and as often as it is asked. Far ends
//! ask for what is merely late, ask again before a repair can have come, and on a thin line ask for all
//! at once: that fills the rest of the line with doubles. So here a packet's repairs are counted and kept
//! a round trip apart, and all together leave at a rate that follows the stream's own.

mod history;
mod stream;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rtc::interceptor::{Attribute, AttributedPacket, Interceptor, Packet, StreamInfo, TaggedPacket};
use rtc::rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;
use rtc::sansio::Protocol;
use rtc::shared::TransportContext;
use rtc::shared::error::Error;

use super::rtcp::PeerTally;
use stream::Stream;

/// What lies between two repairs of one packet while the round trip is unknown.
const USUAL_PAUSE: Duration = Duration::from_millis(50);
/// The same at least and at most, whatever the round trip.
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A repair that comes after this time is too late for any picture, and only fills the line.
const USELESS: Duration = Duration::from_millis(1_500);

/// The interceptor. It stands in the slot of the stack's responder.
pub(super) struct Repair {
    tally: Arc<PeerTally>,
    /// The picture's: sound is offered without NACK.
    stream: Option<Stream>,
    /// Moves of the far end that are taken into account.
    moves: u64,
    read_queue: VecDeque<TaggedPacket>,
    write_queue: VecDeque<TaggedPacket>,
}

impl Repair {
    pub(super) fn new(tally: Arc<PeerTally>) -> Self {
        Self { tally, stream: None, moves: 0, read_queue: VecDeque::new(), write_queue: VecDeque::new() }
    }

    /// A far end that is elsewhere now has missed what was sent for a while, asks for a part of it, and gets a new
    /// picture: the old packets would take that one's place on the line, and whoever puts packets in order would begin
    /// with them again.
    fn follow(&mut self) {
        let moves = self.tally.moves();
        if std::mem::replace(&mut self.moves, moves) != moves
            && let Some(stream) = &mut self.stream
        {
            stream.forget();
        }
    }

    /// Sends again what may leave now.
    fn release(&mut self, now: Instant) {
        let Some(stream) = &mut self.stream else { return };
        while let Some(packet) = stream.repair(now) {
            self.write_queue.push_back(TaggedPacket {
                now,
                transport: TransportContext::default(),
                message: AttributedPacket::new(Packet::Rtp(packet)).with(Attribute::Retransmission),
            });
        }
    }
}

/// A far end asks again when a round trip has passed; its clock and ours need not agree to the last bit.
fn pause(round_trip: Duration) -> Duration {
    (round_trip * 7 / 8).clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Repair {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, msg: TaggedPacket) -> Result<(), Error> {
        self.follow();
        if let (Packet::Rtcp(packets), Some(stream)) = (&msg.message.packet, &mut self.stream) {
            let round_trip = self.tally.round_trip();
            let pause = round_trip.map_or(USUAL_PAUSE, pause);
            let is_useful = round_trip.is_none_or(|round_trip| round_trip < USELESS);
            for packet in packets.iter().filter(|_| is_useful) {
                if let Some(nack) = packet.as_any().downcast_ref::<TransportLayerNack>()
                    && nack.media_ssrc == stream.ssrc()
                {
                    stream.asked(nack, pause, msg.now);
                }
            }
            self.release(msg.now);
        }
        self.read_queue.push_back(msg);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.read_queue.pop_front()
    }

    fn handle_write(&mut self, msg: TaggedPacket) -> Result<(), Error> {
        self.follow();
        let now = msg.now;
        if let (Packet::Rtp(packet), Some(stream)) = (&msg.message.packet, &mut self.stream)
            && packet.header.ssrc == stream.ssrc()
        {
            stream.sent(packet);
        }
        self.write_queue.push_back(msg);
        self.release(now);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.write_queue.pop_front()
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        self.release(now);
        Ok(())
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        self.stream.as_ref().and_then(Stream::due)
    }
}

impl Interceptor for Repair {
    fn bind_local_stream(&mut self, info: &StreamInfo) {
        if let Some(stream) = Stream::new(info, Arc::clone(&self.tally)) {
            self.stream = Some(stream);
        }
    }

    fn unbind_local_stream(&mut self, info: &StreamInfo) {
        self.stream.take_if(|stream| stream.ssrc() == info.ssrc);
    }

    fn bind_remote_stream(&mut self, _info: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _info: &StreamInfo) {}
}
