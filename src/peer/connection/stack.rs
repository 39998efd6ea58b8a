//! How the WebRTC stack is set up for one peer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rtc::ice::mdns::MulticastDnsMode;
use rtc::interceptor::{NackGeneratorBuilder, Registry, Slot};
use rtc::peer_connection::configuration::interceptor_registry::configure_rtcp_reports;
use rtc::peer_connection::configuration::media_engine::{
    MIME_TYPE_H264, MIME_TYPE_HEVC, MIME_TYPE_OPUS, MIME_TYPE_PCMA, MIME_TYPE_PCMU, MIME_TYPE_RTX,
    MediaEngine,
};
use rtc::peer_connection::configuration::setting_engine::{SettingEngine, SettingEngineBuilder};
use rtc::peer_connection::transport::RTCDtlsRole;
use rtc::rtp_transceiver::RTCRtpTransceiverDirection;
use rtc::rtp_transceiver::rtp_sender::{RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RtpCodecKind};
use tokio::sync::mpsc;
use webrtc::peer_connection::{PeerConnection, PeerConnectionBuilder};

use super::stack_error;
use super::strangers::Strangers;
use crate::peer::calling::Kind;
use crate::peer::offer::{Codec, Offer};
use crate::peer::repair::Repair;
use crate::peer::rtcp::{self, PeerTally, RtcpTap};
use crate::peer::{PeerError, PeerEvent, PictureFormat, SoundFormat};

/// Missing packets are asked for this often.
const NACKS: Duration = Duration::from_millis(40);
/// How often one is asked for: after that the picture has been given up.
const MOST_NACKS: u16 = 4;
/// Silence after which the path counts as lost (RFC 7675 leaves it 30 s to come back, see the supervisor).
const DISCONNECTED: Duration = Duration::from_secs(5);
/// Longer than any end that the supervisor puts to it: the stack's own limit counts from the answer
/// on, and a far end has a minute to come.
const FAILED: Duration = Duration::from_secs(90);
/// A path is checked this often, which also measures the round trip.
const KEEPALIVE: Duration = Duration::from_secs(1);
/// A NAT in front of us must be kept open for the far end's checks for some time.
const CHECK_INTERVAL: Duration = Duration::from_millis(200);
const CHECKS_PER_PAIR: u16 = 75;

/// A builder that lacks runtime, handler and addresses.
pub(super) fn builder(
    offer: &Offer,
    ufrag: &str,
    password: &str,
    tally: Arc<PeerTally>,
    events: mpsc::Sender<PeerEvent>,
) -> Result<PeerConnectionBuilder<SocketAddr>, PeerError> {
    let registry = Registry::new()
        .with(rtcp::slot(), RtcpTap::new(Arc::clone(&tally), events))
        .with(Slot::NackResponder, Repair::new(tally));
    Ok(PeerConnectionBuilder::new()
        .with_setting_engine(settings(ufrag, password))
        .with_media_engine(media_engine(offer)?)
        .with_interceptor_registry(configure_rtcp_reports(registry)))
}

/// The same for a call of ours, in which the far end sends the picture.
pub(super) fn calling_builder(
    ufrag: &str,
    password: &str,
    tally: Arc<PeerTally>,
    events: mpsc::Sender<PeerEvent>,
    strangers: Strangers,
) -> Result<PeerConnectionBuilder<SocketAddr>, PeerError> {
    let mut engine = MediaEngine::default();
    for kind in [RtpCodecKind::Video, RtpCodecKind::Audio] {
        for parameters in calling_codecs(kind) {
            engine.register_codec(parameters, kind).map_err(stack_error)?;
        }
    }
    let registry = Registry::new()
        .with(rtcp::slot(), RtcpTap::new(tally, events))
        .with(Strangers::slot(), strangers)
        .with(
            Slot::NackGenerator,
            NackGeneratorBuilder::new().with_interval(NACKS).with_max_nacks_per_packet(MOST_NACKS).build(),
        );
    Ok(PeerConnectionBuilder::new()
        .with_setting_engine(settings(ufrag, password))
        .with_media_engine(engine)
        .with_interceptor_registry(configure_rtcp_reports(registry)))
}

/// What a call of ours offers, best first: payload type, codec, parameters.
const CALLING: [(u8, Kind, &str); 7] = [
    (102, Kind::Picture(PictureFormat::H264), H264_BASELINE),
    (
        104,
        Kind::Picture(PictureFormat::H264),
        "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f",
    ),
    (
        106,
        Kind::Picture(PictureFormat::H264),
        "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=640029",
    ),
    (108, Kind::Picture(PictureFormat::H265), ""),
    (111, Kind::Sound(SoundFormat::Opus), "minptime=10;useinbandfec=1"),
    (0, Kind::Sound(SoundFormat::Pcmu), ""),
    (8, Kind::Sound(SoundFormat::Pcma), ""),
];
const H264_BASELINE: &str = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f";

/// What a payload type of a call of ours stands for.
pub(super) fn format_of(payload_type: u8) -> Option<Kind> {
    CALLING.iter().find(|(number, ..)| *number == payload_type).map(|(_, kind, _)| *kind)
}

/// Codec and payload type of what is said in a call of ours, before the far end has chosen.
pub(super) fn speech() -> (RTCRtpCodec, u8) {
    (calling_codec(Kind::Sound(SoundFormat::Opus), "minptime=10;useinbandfec=1"), 111)
}

/// What a call of ours offers of one kind, best first.
pub(super) fn calling_codecs(kind: RtpCodecKind) -> Vec<RTCRtpCodecParameters> {
    let fits = |of: &Kind| matches!(of, Kind::Picture(_)) == (kind == RtpCodecKind::Video);
    let offered = CALLING.iter().filter(|(_, of, _)| fits(of));
    let parameters = |(payload_type, of, fmtp): &(u8, Kind, &str)| RTCRtpCodecParameters {
        rtp_codec: calling_codec(*of, fmtp),
        payload_type: *payload_type,
    };
    offered.map(parameters).collect()
}

fn calling_codec(kind: Kind, fmtp: &str) -> RTCRtpCodec {
    let feedback =
        |typ: &str, parameter: &str| RTCPFeedback { typ: typ.to_owned(), parameter: parameter.to_owned() };
    let (mime_type, clock_rate, channels) = match kind {
        Kind::Picture(PictureFormat::H264) => (MIME_TYPE_H264, 90_000, 0),
        Kind::Picture(PictureFormat::H265) => (MIME_TYPE_HEVC, 90_000, 0),
        Kind::Sound(SoundFormat::Opus) => (MIME_TYPE_OPUS, 48_000, 2),
        Kind::Sound(SoundFormat::Pcmu) => (MIME_TYPE_PCMU, 8_000, 0),
        Kind::Sound(SoundFormat::Pcma) => (MIME_TYPE_PCMA, 8_000, 0),
    };
    let rtcp_feedback = match kind {
        Kind::Picture(_) => vec![feedback("nack", ""), feedback("nack", "pli"), feedback("ccm", "fir")],
        Kind::Sound(_) => Vec::new(),
    };
    RTCRtpCodec {
        mime_type: mime_type.to_owned(),
        clock_rate,
        channels,
        sdp_fmtp_line: fmtp.to_owned(),
        rtcp_feedback,
    }
}

fn settings(ufrag: &str, password: &str) -> SettingEngine {
    SettingEngineBuilder::new()
        .with_ice_credentials(ufrag.to_owned(), password.to_owned())
        .with_ice_timeouts(Some(DISCONNECTED), Some(FAILED), Some(KEEPALIVE))
        .with_ice_connection_attempts(Some(CHECK_INTERVAL), Some(CHECKS_PER_PAIR))
        .with_network_types(vec![rtc::ice::network_type::NetworkType::Udp4])
        // Names are never looked up, and no multicast socket is opened.
        .with_multicast_dns_mode(MulticastDnsMode::Disabled)
        // Which addresses there are was decided when the port was opened.
        .with_include_loopback_candidate(true)
        .with_answering_dtls_role(RTCDtlsRole::Client)
        .build()
}

/// Knows the codecs that the gate picked and no other, with the offer's numbers and parameters.
fn media_engine(offer: &Offer) -> Result<MediaEngine, PeerError> {
    let mut engine = MediaEngine::default();
    let sections = [(offer.video(), RtpCodecKind::Video), (offer.audio(), RtpCodecKind::Audio)];
    for (section, kind) in sections {
        let Some(offered) = section.and_then(|section| section.codec.as_ref()) else { continue };
        let parameters =
            RTCRtpCodecParameters { rtp_codec: codec(offered, kind), payload_type: offered.payload_type };
        engine.register_codec(parameters, kind).map_err(stack_error)?;
        if let Some(payload_type) = offered.rtx {
            let parameters = RTCRtpCodecParameters { rtp_codec: rtx(offered), payload_type };
            engine.register_codec(parameters, kind).map_err(stack_error)?;
        }
    }
    Ok(engine)
}

/// The codec of a codec's packets when they are sent again.
fn rtx(of: &Codec) -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: MIME_TYPE_RTX.to_owned(),
        clock_rate: 90_000,
        sdp_fmtp_line: format!("apt={}", of.payload_type),
        ..Default::default()
    }
}

/// The stack's form of a codec.
pub(super) fn codec(offered: &Codec, kind: RtpCodecKind) -> RTCRtpCodec {
    let (mime_type, clock_rate, channels) = match kind {
        RtpCodecKind::Audio => (MIME_TYPE_OPUS, 48_000, 2),
        _ => (MIME_TYPE_H264, 90_000, 0),
    };
    let feedback = |text: &&str| {
        let (kind, parameter) = text.split_once(' ').unwrap_or((text, ""));
        RTCPFeedback { typ: kind.to_owned(), parameter: parameter.to_owned() }
    };
    RTCRtpCodec {
        mime_type: mime_type.to_owned(),
        clock_rate,
        channels,
        sdp_fmtp_line: offered.fmtp.clone().unwrap_or_default(),
        rtcp_feedback: offered.feedback.iter().map(feedback).collect(),
    }
}

/// Answers sound one way: what the far end says is not wanted.
pub(super) async fn refuse_talk(connection: &dyn PeerConnection) -> webrtc::error::Result<()> {
    for transceiver in connection.get_transceivers().await {
        if transceiver.sender().await?.is_some() {
            transceiver.set_direction(RTCRtpTransceiverDirection::Sendonly).await?;
        }
    }
    Ok(())
}
