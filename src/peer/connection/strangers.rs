//! Streams that the far end's answer did not name, as RFC 8829 allows: the stack drops their packets
//! until it is told whose they are.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use rtc::interceptor::{Interceptor, Packet, Slot, StreamInfo, TaggedPacket};
use rtc::sansio::Protocol;
use rtc::shared::error::Error;
use tokio::sync::mpsc;
use tokio::time::timeout;
use webrtc::peer_connection::{PeerConnection, RTCSessionDescription};

use super::call::Signalling;
use super::stack::format_of;
use super::webrtc_peer::Shared;

/// On the wire's side of all that mind streams.
const SLOT: usize = 3_400;
/// Those that wait to be told; more of them come again.
const WAITING: usize = 4;
/// Strangers are told no more often than this.
const TOLD: Duration = Duration::from_millis(20);
const NEGOTIATION: Duration = Duration::from_secs(2);

/// The first packet of an unnamed stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stranger {
    payload_type: u8,
    ssrc: u32,
}

/// Notices strangers among the packets that come.
pub(super) struct Strangers {
    known: Vec<u32>,
    tell: mpsc::Sender<Stranger>,
    /// When one was told last: whoever is of no use must not cost much.
    told_at: Option<Instant>,
    read_queue: VecDeque<TaggedPacket>,
    write_queue: VecDeque<TaggedPacket>,
}

impl Strangers {
    /// The interceptor, and what it notices.
    pub(super) fn new() -> (Self, mpsc::Receiver<Stranger>) {
        let (tell, told) = mpsc::channel(WAITING);
        let (read_queue, write_queue) = (VecDeque::new(), VecDeque::new());
        (Self { known: Vec::new(), tell, told_at: None, read_queue, write_queue }, told)
    }

    /// Its place in the chain.
    pub(super) fn slot() -> Slot {
        Slot::from(SLOT)
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Strangers {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, msg: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtp(packet) = &msg.message.packet {
            let (ssrc, payload_type) = (packet.header.ssrc, packet.header.payload_type);
            if !self.known.contains(&ssrc) && self.told_at.is_none_or(|at| at.elapsed() >= TOLD) {
                self.told_at = Some(Instant::now());
                let _comes_again = self.tell.try_send(Stranger { payload_type, ssrc });
            }
        }
        self.read_queue.push_back(msg);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.read_queue.pop_front()
    }

    fn handle_write(&mut self, msg: TaggedPacket) -> Result<(), Error> {
        self.write_queue.push_back(msg);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.write_queue.pop_front()
    }
}

impl Interceptor for Strangers {
    fn bind_local_stream(&mut self, _info: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _info: &StreamInfo) {}

    fn bind_remote_stream(&mut self, info: &StreamInfo) {
        if !self.known.contains(&info.ssrc) {
            self.known.push(info.ssrc);
        }
    }

    fn unbind_remote_stream(&mut self, info: &StreamInfo) {
        self.known.retain(|ssrc| *ssrc != info.ssrc);
    }
}

/// Introduces strangers to the stack, at most one for each section of the answer, until the call ends.
pub(super) async fn introduce(
    mut strangers: mpsc::Receiver<Stranger>,
    signalling: Arc<std::sync::Mutex<Signalling>>,
    shared: Arc<Shared>,
) {
    let ended = shared.ended.clone();
    while let Some(Some(stranger)) = ended.run_until_cancelled(strangers.recv()).await {
        let named = {
            let signalling = signalling.lock().unwrap_or_else(PoisonError::into_inner);
            signalling.answer.clone().and_then(|mut answer| {
                let kind = format_of(stranger.payload_type)?;
                answer.name(kind, stranger.ssrc).then_some(answer)
            })
        };
        let (Some(answer), Some(connection)) = (named, shared.connection()) else { continue };
        let again = timeout(NEGOTIATION, negotiate_again(connection.as_ref(), answer.normalised()));
        match ended.run_until_cancelled(again).await {
            Some(Ok(Ok(()))) => {
                signalling.lock().unwrap_or_else(PoisonError::into_inner).answer = Some(answer);
            }
            Some(Ok(Err(error))) => tracing::debug!(%error, "a stream without a name stays unheard"),
            Some(Err(_elapsed)) => tracing::debug!("a stream without a name stays unheard for now"),
            None => return,
        }
    }
}

/// Between us and the stack alone: the far end said all that it has to say.
async fn negotiate_again(connection: &dyn PeerConnection, answer: String) -> webrtc::error::Result<()> {
    let offer = connection.create_offer(None).await?;
    connection.set_local_description(offer).await?;
    connection.set_remote_description(RTCSessionDescription::answer(answer)?).await
}
