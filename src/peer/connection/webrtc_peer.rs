//! The peer that the WebRTC stack drives.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use tokio_util::sync::CancellationToken;
use webrtc::peer_connection::PeerConnection;

use super::Peers;
use super::outgoing::Outgoing;
use crate::peer::rtcp::PeerTally;
use crate::peer::{Peer, PeerCounters, PeerEnd, PeerError, Picture};

/// What the peer and its supervisor share.
pub(super) struct Shared {
    connection: Mutex<Option<Arc<dyn PeerConnection>>>,
    video: Option<Outgoing>,
    audio: Option<Outgoing>,
    tally: Arc<PeerTally>,
    connected: AtomicBool,
    /// Our side broke off the handshake; cancelled before the far end can know.
    pub(super) handshake_refused: CancellationToken,
    /// How the peer ended by itself.
    pub(super) end: OnceLock<PeerEnd>,
    /// Somebody wants the peer to end.
    pub(super) stop: CancellationToken,
    /// The peer has ended and its place at the port is free.
    pub(super) ended: CancellationToken,
}

impl Shared {
    pub(super) fn new(
        connection: Arc<dyn PeerConnection>,
        video: Option<Outgoing>,
        audio: Option<Outgoing>,
        tally: Arc<PeerTally>,
        handshake_refused: CancellationToken,
    ) -> Self {
        Self {
            connection: Mutex::new(Some(connection)),
            video,
            audio,
            tally,
            connected: AtomicBool::new(false),
            handshake_refused,
            end: OnceLock::new(),
            stop: CancellationToken::new(),
            ended: CancellationToken::new(),
        }
    }

    /// The stack's connection, until the peer has ended.
    pub(super) fn connection(&self) -> Option<Arc<dyn PeerConnection>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes the stack's connection away, so that nothing keeps it in memory.
    pub(super) fn take_connection(&self) -> Option<Arc<dyn PeerConnection>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// From now on packets go out.
    pub(super) fn set_connected(&self) {
        self.connected.store(true, Ordering::Relaxed);
    }

    /// What is said goes out as this payload type.
    pub(super) fn speak_as(&self, payload_type: u8) {
        if let Some(audio) = &self.audio {
            audio.set_payload_type(payload_type);
        }
    }

    /// Sends one packet of sound.
    pub(super) async fn send_sound(&self, payload: &Bytes, timestamp: u32) -> Result<(), PeerError> {
        // The marker bit would mean a new talk spurt, and sound never pauses.
        self.send(self.audio.as_ref(), std::slice::from_ref(payload), timestamp, false).await
    }

    async fn send(
        &self,
        outgoing: Option<&Outgoing>,
        payloads: &[Bytes],
        timestamp: u32,
        mark_last: bool,
    ) -> Result<(), PeerError> {
        if self.stop.is_cancelled() || self.ended.is_cancelled() {
            return Err(PeerError::Ended);
        }
        match outgoing {
            Some(outgoing) if self.connected.load(Ordering::Relaxed) => {
                outgoing.send(payloads, timestamp, mark_last).await
            }
            _ => Ok(()),
        }
    }
}

/// One end of one call. Dropping the last handle ends it like `close`, only that nobody waits.
pub(super) struct WebRtcPeer {
    shared: Arc<Shared>,
    /// The port must outlive its peers.
    _peers: Peers,
}

impl WebRtcPeer {
    pub(super) fn new(shared: Arc<Shared>, peers: Peers) -> Self {
        Self { shared, _peers: peers }
    }
}

#[async_trait]
impl Peer for WebRtcPeer {
    async fn send_packets(
        &self,
        picture: &Picture,
        packets: Range<usize>,
        timestamp: u32,
    ) -> Result<(), PeerError> {
        let is_whole = packets.end >= picture.payloads.len();
        let payloads = picture.payloads.get(packets).unwrap_or_default();
        self.shared.send(self.shared.video.as_ref(), payloads, timestamp, is_whole).await
    }

    async fn send_sound(&self, opus: &Bytes, timestamp: u32) -> Result<(), PeerError> {
        self.shared.send_sound(opus, timestamp).await
    }

    fn has_video(&self) -> bool {
        self.shared.video.is_some()
    }

    fn has_audio(&self) -> bool {
        self.shared.audio.is_some()
    }

    fn counters(&self) -> PeerCounters {
        self.shared.tally.snapshot()
    }

    fn end(&self) -> Option<PeerEnd> {
        // The supervisor hears of a refusal later than the far end may.
        let refused = || self.shared.handshake_refused.is_cancelled().then_some(PeerEnd::HandshakeRefused);
        self.shared.end.get().copied().or_else(refused)
    }

    async fn close(&self) {
        self.shared.stop.cancel();
        self.shared.ended.cancelled().await;
    }
}

impl Drop for WebRtcPeer {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}
