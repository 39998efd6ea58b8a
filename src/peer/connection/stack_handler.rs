//! What the WebRTC stack reports of one peer.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use tokio::sync::{Notify, mpsc, watch};
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    PeerConnectionEventHandler, RTCIceConnectionState, RTCIceGatheringState, RTCPeerConnectionState,
};

use crate::peer::rtcp::PeerTally;
use crate::peer::{PeerEnd, TalkPacket};

/// How far the peer is. The latest counts; what lies between two looks may be missed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// All our candidates are in the answer.
    pub(super) gathered: bool,
    /// The state of the path.
    pub(super) path: Path,
    /// DTLS is up, or was.
    pub(super) secured: bool,
    /// The stack gave up or was closed.
    pub(super) over: Option<PeerEnd>,
}

/// The state of the path to the far end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Path {
    /// None found yet.
    #[default]
    Searching,
    /// A checked one.
    Open,
    /// It fell silent.
    Silent,
}

/// Where what the far end sends goes.
pub(super) enum Incoming {
    /// It is talk: Opus packets.
    Talk(mpsc::Sender<TalkPacket>),
    /// Whole tracks, to be read there.
    Tracks(mpsc::Sender<Arc<dyn TrackRemote>>),
}

/// Takes the stack's calls. They come on the driver's task, so nothing here waits.
pub(super) struct StackHandler {
    progress: watch::Sender<Progress>,
    incoming: Incoming,
    tally: Arc<PeerTally>,
    /// Wakes the driver.
    hurry: Arc<Notify>,
}

impl StackHandler {
    pub(super) fn new(
        progress: watch::Sender<Progress>,
        incoming: Incoming,
        tally: Arc<PeerTally>,
        hurry: Arc<Notify>,
    ) -> Self {
        Self { progress, incoming, tally, hurry }
    }

    fn note(&self, change: impl FnOnce(&mut Progress)) {
        self.progress.send_modify(change);
    }
}

#[async_trait]
impl PeerConnectionEventHandler for StackHandler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.note(|progress| progress.gathered = true);
        }
    }

    async fn on_ice_connection_state_change(&self, state: RTCIceConnectionState) {
        match state {
            RTCIceConnectionState::Connected | RTCIceConnectionState::Completed => {
                self.note(|progress| progress.path = Path::Open);
                self.hurry.notify_one();
            }
            RTCIceConnectionState::Disconnected => self.note(|progress| progress.path = Path::Silent),
            RTCIceConnectionState::Failed => self.note(|progress| progress.over = Some(PeerEnd::NoPath)),
            _ => {}
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        match state {
            RTCPeerConnectionState::Connected => self.note(|progress| progress.secured = true),
            RTCPeerConnectionState::Failed => {
                self.note(|progress| _ = progress.over.get_or_insert(PeerEnd::Failed));
            }
            RTCPeerConnectionState::Closed => {
                self.note(|progress| _ = progress.over.get_or_insert(PeerEnd::Closed));
            }
            _ => {}
        }
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        match &self.incoming {
            Incoming::Talk(talk) => {
                tokio::spawn(read_talk(track, talk.clone(), Arc::clone(&self.tally)));
            }
            Incoming::Tracks(tracks) => {
                if tracks.try_send(track).is_err() {
                    tracing::debug!("the far end sends more tracks than it was asked for");
                }
            }
        }
    }
}

async fn read_talk(track: Arc<dyn TrackRemote>, talk: mpsc::Sender<TalkPacket>, tally: Arc<PeerTally>) {
    while let Some(event) = track.poll().await {
        let packet = match event {
            TrackRemoteEvent::OnRtpPacket(packet) => packet,
            TrackRemoteEvent::OnEnded | TrackRemoteEvent::OnError => return,
            _ => continue,
        };
        if packet.payload.is_empty() {
            continue;
        }
        tally.talk_packets.fetch_add(1, Ordering::Relaxed);
        let packet = TalkPacket {
            opus: packet.payload,
            sequence: packet.header.sequence_number,
            timestamp: packet.header.timestamp,
        };
        if talk.try_send(packet).is_err() {
            tally.talk_dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}
