//! One stream of RTP packets to the far end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use bytes::Bytes;
use rtc::media_stream::MediaStreamTrack;
use rtc::rtp;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodingParameters, RTCRtpEncodingParameters, RTCRtpRtxParameters, RtpCodecKind,
};
use tokio::sync::Mutex;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;

use super::stack;
use crate::peer::PeerError;
use crate::peer::offer::{Offer, Section};

/// A track of ours: numbers its packets and hands them to the stack in order.
pub(super) struct Outgoing {
    track: Arc<TrackLocalStaticRTP>,
    ssrc: u32,
    rtx_ssrc: Option<u32>,
    /// Of a call of ours it is known only once the far end has answered.
    payload_type: AtomicU8,
    /// Sequence number of the next packet. Held while a picture is sent, so that no other gets between.
    next: Mutex<u16>,
}

impl Outgoing {
    /// The picture's stream, if the offer wants one. What is sent again has `rtx_ssrc`, if the offer has
    /// a payload type for it.
    pub(super) fn video(offer: &Offer, ssrc: u32, rtx_ssrc: u32, cname: &str) -> Option<Self> {
        let section = offer.video()?;
        let rtx = section.codec.as_ref()?.rtx.map(|_| rtx_ssrc);
        Self::new(section, RtpCodecKind::Video, ssrc, rtx, cname)
    }

    /// The sound's stream, if the offer wants one.
    pub(super) fn audio(offer: &Offer, ssrc: u32, cname: &str) -> Option<Self> {
        Self::new(offer.audio()?, RtpCodecKind::Audio, ssrc, None, cname)
    }

    fn new(
        section: &Section,
        kind: RtpCodecKind,
        ssrc: u32,
        rtx_ssrc: Option<u32>,
        cname: &str,
    ) -> Option<Self> {
        if !section.direction.receives() {
            return None;
        }
        let codec = section.codec.as_ref()?;
        Some(Self::of((stack::codec(codec, kind), codec.payload_type), kind, ssrc, rtx_ssrc, cname))
    }

    /// What is said in a call of ours.
    pub(super) fn speech(ssrc: u32, cname: &str) -> Self {
        Self::of(stack::speech(), RtpCodecKind::Audio, ssrc, None, cname)
    }

    fn of(
        (codec, payload_type): (RTCRtpCodec, u8),
        kind: RtpCodecKind,
        ssrc: u32,
        rtx_ssrc: Option<u32>,
        cname: &str,
    ) -> Self {
        let rtx = rtx_ssrc.map(|ssrc| RTCRtpRtxParameters { ssrc });
        let encoding = RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), rtx, ..Default::default() },
            codec,
            ..Default::default()
        };
        let name = kind.to_string();
        let track = MediaStreamTrack::new(cname.to_owned(), name.clone(), name, kind, vec![encoding]);
        Self {
            track: Arc::new(TrackLocalStaticRTP::new(track)),
            ssrc,
            rtx_ssrc,
            payload_type: AtomicU8::new(payload_type),
            next: Mutex::new(rand::random()),
        }
    }

    /// From now on packets have this payload type.
    pub(super) fn set_payload_type(&self, payload_type: u8) {
        self.payload_type.store(payload_type, Ordering::Relaxed);
    }

    pub(super) fn track(&self) -> &Arc<TrackLocalStaticRTP> {
        &self.track
    }

    pub(super) fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// SSRC of what is sent again, if that is a stream of its own.
    pub(super) fn rtx_ssrc(&self) -> Option<u32> {
        self.rtx_ssrc
    }

    /// Sends payloads in order under one timestamp, with the marker bit on the last if asked for.
    /// Waits while the stack's queue is full.
    ///
    /// # Errors
    /// [`PeerError::Ended`] when the stack is gone.
    pub(super) async fn send(
        &self,
        payloads: &[Bytes],
        timestamp: u32,
        mark_last: bool,
    ) -> Result<(), PeerError> {
        let mut next = self.next.lock().await;
        for (index, payload) in payloads.iter().enumerate() {
            let header = rtp::Header {
                version: 2,
                marker: mark_last && index + 1 == payloads.len(),
                payload_type: self.payload_type.load(Ordering::Relaxed),
                sequence_number: *next,
                timestamp,
                ssrc: self.ssrc,
                ..Default::default()
            };
            *next = next.wrapping_add(1);
            let packet = rtp::Packet { header, payload: payload.clone() };
            // The error's text would hold the whole packet.
            self.track.write_rtp(packet).await.map_err(|_| PeerError::Ended)?;
        }
        Ok(())
    }
}
