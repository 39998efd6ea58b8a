//! One WebRTC peer per call: the offer's gate, the answer's finish, the shared UDP port.
//!
//! Knows nothing of Alexa, the hub or cameras. The `webrtc` and `rtc` crates are used here only.
//!
//! ```text
//! offer text --Offer::parse (gate)--> Offer --Peers::answer--> (Peer, answer text finished)
//!                                                  |
//!                        MediaPort: one UDP socket per bound address for all peers
//! ```

pub mod answer;
mod bucket;
pub mod calling;
pub mod connection;
pub mod depacketizer;
pub mod ice_server;
pub mod local_candidate;
pub mod masked;
pub mod offer;
pub mod packetizer;
mod peer_end;
pub mod port;
mod reception;
pub mod reorder;
mod repair;
mod rtcp;
pub mod turn;

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use crate::error::ErrorKind;
pub use peer_end::PeerEnd;

/// One video picture, cut into RTP payloads once per camera and shared by all its viewers.
#[derive(Debug, Clone)]
pub struct Picture {
    /// RTP payloads in wire order, each at most [`MAX_PAYLOAD`] bytes; the last one carries the marker bit.
    pub payloads: Arc<[Bytes]>,
    /// Timestamp of the camera's timeline, 90 kHz ticks, not wrapped.
    pub timestamp: u64,
    /// An IDR picture with its parameter sets in front: a viewer may start here.
    pub key: bool,
}

impl Picture {
    /// Bytes of all payloads together.
    #[must_use]
    pub fn len(&self) -> usize {
        self.payloads.iter().map(Bytes::len).sum()
    }

    /// True for a picture without any payload.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.payloads.is_empty()
    }
}

/// Largest RTP payload that is sent, in bytes.
pub const MAX_PAYLOAD: usize = 1188;

/// One Opus packet of 20 ms that arrived from the far end.
#[derive(Debug, Clone)]
pub struct TalkPacket {
    /// The Opus packet as it came.
    pub opus: Bytes,
    /// RTP sequence number, to see gaps.
    pub sequence: u16,
    /// RTP timestamp, 48 kHz ticks, wraps.
    pub timestamp: u32,
}

/// What a peer tells its call. Control only; sound goes through [`Answered::talk`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerEvent {
    /// ICE found a working path. `remote` and `local` name it (local: the shared port's address).
    IceConnected {
        /// Address of the far end as we see it.
        remote: Option<std::net::SocketAddr>,
        /// `host`, `srflx`, `prflx` or `relay`: the far end's candidate type.
        remote_kind: String,
        /// `direct`, or `relay` through a TURN server of ours.
        local_kind: &'static str,
    },
    /// DTLS is up: media may flow.
    Connected,
    /// ICE lost consent; it may come back, then with another `IceConnected`.
    Disconnected,
    /// The peer ended for good.
    Ended(PeerEnd),
    /// The far end asks for a key frame.
    KeyFrameWanted(KeyFrameRequest),
    /// The far end is at another address now and has missed what was sent for a while: it needs a key frame.
    Moved,
    /// The far end estimates what it can receive, in kbit/s.
    Remb(u32),
}

/// Which RTCP message asked for a key frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyFrameRequest {
    /// Picture loss indication (RFC 4585 6.3.1).
    Pli,
    /// Full intra request (RFC 5104 4.3.1).
    Fir,
}

/// Counters of one peer since its start; reading them costs nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PeerCounters {
    /// Video and audio RTP packets sent, without retransmissions.
    pub packets_sent: u64,
    /// Bytes of RTP payload sent.
    pub bytes_sent: u64,
    /// Packets sent again after a NACK.
    pub retransmitted: u64,
    /// Different packets that were asked for again.
    pub repairs_wanted: u64,
    /// Wishes for a packet that were not fulfilled: asked for too often, or too much at once.
    pub repairs_refused: u64,
    /// NACK messages received.
    pub nack: u64,
    /// PLI messages received.
    pub pli: u64,
    /// FIR messages received.
    pub fir: u64,
    /// Last REMB in kbit/s, 0 if none came.
    pub remb_kbps: u32,
    /// Opus packets received.
    pub talk_packets: u64,
    /// Talk packets dropped because the reader was slow.
    pub talk_dropped: u64,
    /// Packets of the picture sent, without those sent again.
    pub video_packets: u64,
    /// Bytes of the picture on the wire, headers (IPv4, UDP, RTP, SRTP) and packets sent again included.
    pub video_bytes: u64,
    /// The far end's reports on the picture.
    pub reported: Reported,
    /// The last check of ours that the far end answered.
    pub checked: Option<Measured>,
    /// Checks of the far end's have come: it reaches us.
    pub sought: bool,
}

impl PeerCounters {
    /// The last round trip that was measured: by the far end's report or by our check, whichever is newer.
    #[must_use]
    pub fn round_trip(&self) -> Option<Measured> {
        let Reported { at, round_trip, .. } = self.reported;
        let reported = at.zip(round_trip).map(|(at, round_trip)| Measured { round_trip, at });
        reported.into_iter().chain(self.checked).max_by_key(|measured| measured.at)
    }
}

/// A round trip and when it was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    /// There and back, with what waited in front of the line.
    pub round_trip: std::time::Duration,
    /// When that was known.
    pub at: std::time::Instant,
}

/// What the far end reported of the picture so far (RFC 3550 6.4).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reported {
    /// Reports that came.
    pub reports: u64,
    /// Packets that they speak of.
    pub expected: u64,
    /// Packets that came, those that were sent again included.
    pub received: u64,
    /// Packets that did not come at once, or never.
    pub missing: u64,
    /// When the last report came.
    pub at: Option<std::time::Instant>,
    /// The round trip at that time: that of the line, and what waited in front of it.
    pub round_trip: Option<std::time::Duration>,
}

/// How the answer is to be made.
#[derive(Debug, Clone)]
pub struct AnswerOptions {
    /// Audio is answered `sendrecv` (the camera can talk) or `sendonly`.
    pub talk: bool,
    /// For the log: camera and call.
    pub label: String,
}

/// A peer with its finished answer.
pub struct Answered {
    /// The answer, complete, CRLF line ends.
    pub sdp: String,
    /// The peer; `close` it or it lives on.
    pub peer: Arc<dyn Peer>,
    /// Control events, in order. Bounded; the sender drops `KeyFrameWanted`, `Moved` and `Remb` when it is full,
    /// but never the others. Ends after `Ended`.
    pub events: mpsc::Receiver<PeerEvent>,
    /// Sound from the far end. Bounded; oldest dropped is not possible, so newest is dropped and counted.
    pub talk: mpsc::Receiver<TalkPacket>,
}

/// One end of one call.
///
/// All methods are to be called on the media runtime (see [`connection::Peers`]).
#[async_trait]
pub trait Peer: Send + Sync {
    /// Sends one picture; waits while the transport's queue is full. Before the peer is connected
    /// nothing is sent. `timestamp` is the RTP timestamp for this viewer (90 kHz, wrapped).
    ///
    /// # Errors
    /// When the peer has ended; the caller stops sending.
    async fn send_picture(&self, picture: &Picture, timestamp: u32) -> Result<(), PeerError> {
        self.send_packets(picture, 0..picture.payloads.len(), timestamp).await
    }

    /// Sends some of a picture's packets; all of them must come in order before another picture's.
    ///
    /// # Errors
    /// As with [`Peer::send_picture`].
    async fn send_packets(
        &self,
        picture: &Picture,
        packets: Range<usize>,
        timestamp: u32,
    ) -> Result<(), PeerError>;

    /// Sends one Opus packet of 20 ms. `timestamp`: 48 kHz, wrapped.
    ///
    /// # Errors
    /// When the peer has ended.
    async fn send_sound(&self, opus: &Bytes, timestamp: u32) -> Result<(), PeerError>;

    /// True if the answer has a video section that sends.
    fn has_video(&self) -> bool;

    /// True if the answer has an audio section that sends.
    fn has_audio(&self) -> bool;

    /// Counters up to now.
    fn counters(&self) -> PeerCounters;

    /// How it ended by itself, known before the event that tells it: the stack is taken down in between. `None` while
    /// it goes on, and if it was closed from here.
    fn end(&self) -> Option<PeerEnd>;

    /// Ends the peer within 2 s and frees its place at the port. Idempotent.
    async fn close(&self);
}

/// How a call of ours is to be made: we offer, the far end answers.
#[derive(Debug, Clone, Default)]
pub struct CallOptions {
    /// Sound is offered both ways, so that the far end's speaker can be reached.
    pub talk: bool,
    /// The far end wants a data channel of this name beside sound and picture.
    pub data_channel: Option<String>,
    /// For the log: camera.
    pub label: String,
}

/// A call of ours whose answer is awaited.
pub struct Calling {
    /// The offer, complete: picture to receive (H.264, H.265), sound (Opus, PCMU, PCMA), our candidates.
    pub sdp: String,
    /// The call; it ends with its last handle.
    pub call: Arc<dyn OutgoingCall>,
    /// Control events, in order, as in [`Answered::events`].
    pub events: mpsc::Receiver<PeerEvent>,
    /// What the far end sends, once it is connected. Bounded; when it is full, pictures are left out up
    /// to the next key picture, which is asked for.
    pub media: mpsc::Receiver<Received>,
}

/// One end of a call that we made.
///
/// All methods are to be called on the media runtime.
#[async_trait]
pub trait OutgoingCall: Send + Sync {
    /// Takes the far end's answer. Candidates that came before it were kept.
    ///
    /// # Errors
    /// [`PeerError::Offer`] when the answer cannot be used, or takes no picture of those offered.
    async fn answered(&self, sdp: &str) -> Result<Agreed, PeerError>;

    /// Takes a candidate of the far end's (`candidate:…`, with or without `a=`). Doubles, TCP, IPv6 and
    /// what makes no sense are left out; an empty one ends the list.
    async fn candidate(&self, candidate: &str);

    /// Asks the far end for a key picture (PLI), at most twice a second.
    fn request_key_frame(&self);

    /// Sends 20 ms of sound in the agreed codec. `timestamp`: ticks of its clock, wrapped.
    ///
    /// # Errors
    /// When the call has ended, or the far end takes no sound.
    async fn send_sound(&self, payload: &Bytes, timestamp: u32) -> Result<(), PeerError>;

    /// Ends the call within 2 s. Idempotent.
    async fn close(&self);
}

/// What both ends agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreed {
    /// The picture's codec.
    pub picture: PictureFormat,
    /// The sound's codec, if the far end sends any or takes any.
    pub sound: Option<SoundFormat>,
    /// The far end takes our sound.
    pub talk: bool,
}

/// Codec of a received picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureFormat {
    /// RFC 6184.
    H264,
    /// RFC 7798.
    H265,
}

/// Codec of sound of an outgoing call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SoundFormat {
    /// RFC 7587; 48 kHz clock.
    Opus,
    /// RFC 3551 4.5.14; 8 kHz.
    Pcmu,
    /// RFC 3551 4.5.14; 8 kHz.
    Pcma,
}

/// What came from the far end of a call of ours, in order and without gaps inside a picture.
#[derive(Debug, Clone)]
pub enum Received {
    /// A whole access unit.
    Picture {
        /// Annex B; parameter sets only where the far end sent them.
        data: Bytes,
        /// 90 kHz ticks, not wrapped.
        timestamp: u64,
        /// A decoder may begin here: an IDR (H.264), an IRAP picture or parameter sets (H.265).
        key: bool,
        /// Its share of the bytes that may wait.
        held: Arc<OwnedSemaphorePermit>,
    },
    /// A packet of sound.
    Sound {
        /// The RTP payload.
        payload: Bytes,
        /// Ticks of its codec's clock, not wrapped.
        timestamp: u64,
    },
}

/// What can go wrong with an offer, an answer or a peer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// The offer cannot be used; the text names the first reason.
    #[error("offer cannot be used: {0}")]
    Offer(String),
    /// The WebRTC stack refused.
    #[error("WebRTC: {0}")]
    Stack(String),
    /// No socket to send from.
    #[error("no usable network address to listen on: {0}")]
    Port(String),
    /// The peer has ended.
    #[error("peer has ended")]
    Ended,
}

impl PeerError {
    /// The kind that the edges see.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Offer(_) => ErrorKind::InvalidValue,
            Self::Port(_) | Self::Stack(_) | Self::Ended => ErrorKind::Internal,
        }
    }
}

/// Which addresses are used and offered.
#[derive(Debug, Clone, Default)]
pub struct PortConfig {
    /// UDP port for all calls; 0 = any free port.
    pub udp_port: u16,
    /// IPv4 addresses to bind; empty: all but loopback, link-local and container bridges.
    pub bind: Vec<std::net::Ipv4Addr>,
    /// Addresses to offer in place of our own (1:1 NAT, published port).
    pub advertise: Vec<std::net::Ipv4Addr>,
    /// Offers and answers loopback candidates (demo and tests).
    pub allow_loopback: bool,
    /// Whom TURN servers that are spoken to over TLS have to convince.
    pub tls: Option<Arc<rustls::ClientConfig>>,
}
