//! One stream of RTP packets to the far end.

use std::sync::Arc;

use bytes::Bytes;
use rtc::media_stream::MediaStreamTrack;
use rtc::rtp;
use rtc::rtp_transceiver::rtp_sender::{RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind};
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
    payload_type: u8,
    /// Sequence number of the next packet. Held while a picture is sent, so that no other gets between.
    next: Mutex<u16>,
}

impl Outgoing {
    /// The picture's stream, if the offer wants one.
    pub(super) fn video(offer: &Offer, ssrc: u32, cname: &str) -> Option<Self> {
        Self::new(offer.video()?, RtpCodecKind::Video, ssrc, cname)
    }

    /// The sound's stream, if the offer wants one.
    pub(super) fn audio(offer: &Offer, ssrc: u32, cname: &str) -> Option<Self> {
        Self::new(offer.audio()?, RtpCodecKind::Audio, ssrc, cname)
    }

    fn new(section: &Section, kind: RtpCodecKind, ssrc: u32, cname: &str) -> Option<Self> {
        if !section.direction.receives() {
            return None;
        }
        let codec = section.codec.as_ref()?;
        let encoding = RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() },
            codec: stack::codec(codec, kind),
            ..Default::default()
        };
        let name = kind.to_string();
        let track = MediaStreamTrack::new(cname.to_owned(), name.clone(), name, kind, vec![encoding]);
        Some(Self {
            track: Arc::new(TrackLocalStaticRTP::new(track)),
            ssrc,
            payload_type: codec.payload_type,
            next: Mutex::new(rand::random()),
        })
    }

    pub(super) fn track(&self) -> &Arc<TrackLocalStaticRTP> {
        &self.track
    }

    pub(super) fn ssrc(&self) -> u32 {
        self.ssrc
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
                payload_type: self.payload_type,
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
