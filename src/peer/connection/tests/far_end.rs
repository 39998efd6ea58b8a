//! The other side of a call for these tests: the WebRTC stack as offerer with a socket of its own.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::interceptor_registry::register_default_interceptors;
use rtc::peer_connection::configuration::media_engine::{
    MIME_TYPE_H264, MIME_TYPE_OPUS, MIME_TYPE_RTX, MediaEngine,
};
use rtc::peer_connection::configuration::setting_engine::SettingEngineBuilder;
use rtc::rtp_transceiver::rtp_sender::{
    RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters,
    RtpCodecKind,
};
use rtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};
use rtc::{rtcp, rtp};
use tokio::net::UdpSocket;
use tokio::sync::{Mutex, Notify, mpsc, oneshot, watch};
use tokio::time::timeout;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceGatheringState,
    RTCPeerConnectionState, RTCSessionDescription, Registry,
};

pub(super) const DEADLINE: Duration = Duration::from_secs(20);
const TALK_SSRC: u32 = 77;

/// The offerer.
pub(super) struct FarEnd {
    connection: Arc<dyn PeerConnection>,
    talk: Arc<TrackLocalStaticRTP>,
    pub(super) packets: Mutex<mpsc::UnboundedReceiver<rtp::Packet>>,
    tracks: Arc<Mutex<HashMap<u32, Arc<dyn TrackRemote>>>>,
    state: watch::Receiver<RTCPeerConnectionState>,
}

struct Handler {
    gathered: watch::Sender<bool>,
    state: watch::Sender<RTCPeerConnectionState>,
    packets: mpsc::UnboundedSender<rtp::Packet>,
    tracks: Arc<Mutex<HashMap<u32, Arc<dyn TrackRemote>>>>,
}

#[async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        self.gathered.send_replace(state == RTCIceGatheringState::Complete);
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.state.send_replace(state);
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let (packets, tracks) = (self.packets.clone(), Arc::clone(&self.tracks));
        tokio::spawn(async move {
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(packet) = event {
                    tracks.lock().await.insert(packet.header.ssrc, Arc::clone(&track));
                    packets.send(packet).ok();
                }
            }
        });
    }
}

fn codec(kind: RtpCodecKind) -> RTCRtpCodec {
    let feedback = |typ: &str, parameter: &str| RTCPFeedback { typ: typ.into(), parameter: parameter.into() };
    match kind {
        RtpCodecKind::Audio => RTCRtpCodec {
            mime_type: MIME_TYPE_OPUS.into(),
            clock_rate: 48_000,
            channels: 2,
            ..Default::default()
        },
        _ => RTCRtpCodec {
            mime_type: MIME_TYPE_H264.into(),
            clock_rate: 90_000,
            sdp_fmtp_line: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f".into(),
            rtcp_feedback: vec![feedback("nack", ""), feedback("nack", "pli"), feedback("ccm", "fir")],
            ..Default::default()
        },
    }
}

impl FarEnd {
    pub(super) async fn new() -> Self {
        Self::with(MediaEngine::default()).await
    }

    /// One that offers a stream of its own (payload type 100) for what is sent again.
    pub(super) async fn with_rtx() -> Self {
        let mut engine = MediaEngine::default();
        let rtp_codec = RTCRtpCodec {
            mime_type: MIME_TYPE_RTX.into(),
            clock_rate: 90_000,
            sdp_fmtp_line: "apt=99".into(),
            ..Default::default()
        };
        let parameters = RTCRtpCodecParameters { rtp_codec, payload_type: 100 };
        engine.register_codec(parameters, RtpCodecKind::Video).unwrap();
        Self::with(engine).await
    }

    async fn with(mut engine: MediaEngine) -> Self {
        for (kind, payload_type) in [(RtpCodecKind::Video, 99), (RtpCodecKind::Audio, 96)] {
            let parameters = RTCRtpCodecParameters { rtp_codec: codec(kind), payload_type };
            engine.register_codec(parameters, kind).unwrap();
        }
        let registry = register_default_interceptors(Registry::new(), &mut engine).unwrap();
        let (gathered, mut all_gathered) = watch::channel(false);
        let (state, state_receiver) = watch::channel(RTCPeerConnectionState::New);
        let (packets, packet_receiver) = mpsc::unbounded_channel();
        let tracks = Arc::default();
        let handler = Handler { gathered, state, packets, tracks: Arc::clone(&tracks) };
        let connection = PeerConnectionBuilder::<SocketAddr>::new()
            .with_media_engine(engine)
            .with_interceptor_registry(registry)
            .with_setting_engine(SettingEngineBuilder::new().with_include_loopback_candidate(true).build())
            .with_handler(Arc::new(handler))
            .with_udp_addrs(vec!["127.0.0.1:0".parse().unwrap()])
            .build()
            .await
            .unwrap();
        let encoding = RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(TALK_SSRC), ..Default::default() },
            codec: codec(RtpCodecKind::Audio),
            ..Default::default()
        };
        let track = MediaStreamTrack::new(
            "far".into(),
            "talk".into(),
            "talk".into(),
            RtpCodecKind::Audio,
            vec![encoding],
        );
        let talk = Arc::new(TrackLocalStaticRTP::new(track));
        connection.add_track(Arc::clone(&talk) as Arc<dyn TrackLocal>).await.unwrap();
        let receive = RTCRtpTransceiverInit {
            direction: RTCRtpTransceiverDirection::Recvonly,
            streams: Vec::new(),
            send_encodings: Vec::new(),
        };
        connection.add_transceiver_from_kind(RtpCodecKind::Video, Some(receive)).await.unwrap();
        let offer = connection.create_offer(None).await.unwrap();
        connection.set_local_description(offer).await.unwrap();
        timeout(DEADLINE, all_gathered.wait_for(|done| *done)).await.unwrap().unwrap();
        Self {
            connection: Arc::new(connection),
            talk,
            packets: Mutex::new(packet_receiver),
            tracks,
            state: state_receiver,
        }
    }

    pub(super) async fn offer(&self) -> String {
        self.connection.local_description().await.unwrap().sdp
    }

    pub(super) async fn take_answer(&self, sdp: &str) {
        let answer = RTCSessionDescription::answer(sdp.to_owned()).unwrap();
        self.connection.set_remote_description(answer).await.unwrap();
    }

    pub(super) async fn connected(&self) {
        let mut state = self.state.clone();
        let connected = state.wait_for(|state| *state == RTCPeerConnectionState::Connected);
        timeout(DEADLINE, connected).await.expect("the far end connects").unwrap();
    }

    pub(super) async fn say(&self, sequence_number: u16) {
        let header = rtp::Header {
            version: 2,
            payload_type: 96,
            sequence_number,
            timestamp: u32::from(sequence_number) * 960,
            ssrc: TALK_SSRC,
            ..Default::default()
        };
        let packet = rtp::Packet { header, payload: Bytes::from_static(&[0xf8, 0xff, 0xfe]) };
        self.talk.write_rtp(packet).await.unwrap();
    }

    /// The next packet of `ssrc`.
    pub(super) async fn packet_of(&self, ssrc: u32) -> rtp::Packet {
        let mut packets = self.packets.lock().await;
        loop {
            let packet = timeout(DEADLINE, packets.recv()).await.expect("a packet arrives").unwrap();
            if packet.header.ssrc == ssrc {
                return packet;
            }
        }
    }

    pub(super) async fn feedback(&self, about: u32, packets: Vec<Box<dyn rtcp::Packet>>) {
        let track = Arc::clone(&self.tracks.lock().await[&about]);
        track.write_rtcp(packets).await.unwrap();
    }

    pub(super) async fn close(&self) {
        self.connection.close().await.unwrap();
    }
}

/// The SSRC that a section of the answer announces.
pub(super) fn ssrc_of(answer: &str, kind: &str) -> u32 {
    let section = answer.split("m=").find(|section| section.starts_with(kind)).unwrap();
    let line = section.lines().find_map(|line| line.strip_prefix("a=ssrc:")).unwrap();
    line.split(' ').next().unwrap().parse().unwrap()
}

/// A stretch of network between a far end and our port that can lose packets and change its address. Runs in a thread of
/// its own, until the process ends: it sees a datagram as soon as another machine would, and not when its sender rests.
pub(super) struct Relay {
    /// What the offer shall name: what we send there reaches the far end.
    pub(super) towards_far: SocketAddr,
    /// What the answer shall name: what the far end sends there reaches us.
    pub(super) towards_us: SocketAddr,
    moved: Arc<Notify>,
}

impl Relay {
    /// `lose` sees each datagram from us to the far end.
    pub(super) async fn start(
        far: SocketAddr,
        us: SocketAddr,
        mut lose: impl FnMut(&[u8]) -> bool + Send + 'static,
    ) -> Self {
        let moved = Arc::new(Notify::new());
        let notified = Arc::clone(&moved);
        let (bound, addresses) = oneshot::channel();
        let carry = async move {
            let mut near_side = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let far_side = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            bound.send([&near_side, &far_side].map(|side| side.local_addr().unwrap())).unwrap();
            let (mut from_us, mut from_far) = (vec![0; 2000], vec![0; 2000]);
            loop {
                tokio::select! {
                    () = notified.notified() => near_side = UdpSocket::bind("127.0.0.1:0").await.unwrap(),
                    Ok((length, _)) = near_side.recv_from(&mut from_us) => {
                        if !lose(&from_us[..length]) {
                            far_side.send_to(&from_us[..length], far).await.ok();
                        }
                    }
                    Ok((length, _)) = far_side.recv_from(&mut from_far) => {
                        near_side.send_to(&from_far[..length], us).await.ok();
                    }
                }
            }
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        std::thread::spawn(move || runtime.block_on(carry));
        let [towards_far, towards_us] = addresses.await.unwrap();
        Self { towards_far, towards_us, moved }
    }

    /// Gives the far end another address, as a NAT may do at any time.
    pub(super) fn change_address(&self) {
        self.moved.notify_one();
    }
}
