//! A call of ours: we offer, the far end answers and sends.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use rand::distr::{Alphanumeric, SampleString};
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use rtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};
use secrecy::ExposeSecret;
use tokio::sync::{Notify, mpsc, watch};
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::peer_connection::{PeerConnection, RTCIceCandidateInit, RTCSessionDescription};

use super::outgoing::Outgoing;
use super::stack_handler::{Incoming, Progress, StackHandler};
use super::strangers::{Strangers, introduce};
use super::tracks::Tracks;
use super::webrtc_peer::Shared;
use super::{EVENTS, GATHERING, Peers, credentials, no_network, stack, stack_error, supervisor};
use crate::peer::calling::{self, Answer};
use crate::peer::offer::Candidate;
use crate::peer::rtcp::PeerTally;
use crate::peer::{Agreed, CallOptions, Calling, OutgoingCall, PeerError};

/// Candidates that come before the answer and are kept for it.
const MOST_EARLY: usize = 40;
/// Pictures and packets of sound that wait for whoever called.
const MEDIA: usize = 256;

/// Makes the call's offer.
pub(super) async fn call(peers: Peers, options: CallOptions) -> Result<Calling, PeerError> {
    let addresses = peers.addresses();
    if addresses.is_empty() {
        return Err(no_network());
    }
    let (ufrag, password) = credentials();
    let runtime = Arc::new(peers.inner.port.runtime(ufrag.clone(), password.clone()));
    let tally = Arc::new(PeerTally::new(runtime.meter()));
    let (events, event_receiver) = mpsc::channel(EVENTS);
    let (tracks, track_receiver) = mpsc::channel(8);
    let (progress, progress_receiver) = watch::channel(Progress::default());
    let handler =
        Arc::new(StackHandler::new(progress, Incoming::Tracks(tracks), Arc::clone(&tally), runtime.hurry()));
    let (strangers, noticed) = Strangers::new();
    let password = password.expose_secret();
    let builder = stack::calling_builder(&ufrag, password, Arc::clone(&tally), events.clone(), strangers)?
        .with_runtime(Arc::clone(&runtime) as Arc<dyn webrtc::runtime::Runtime>)
        .with_handler(handler)
        .with_udp_addrs(addresses.iter().map(|bound| SocketAddr::new(bound.ip(), 0)).collect());
    let connection: Arc<dyn PeerConnection> = Arc::new(builder.build().await.map_err(stack_error)?);
    let offered = offer(&addresses, &options, connection.as_ref(), progress_receiver.clone()).await;
    let (sdp, speech) = match offered {
        Ok(offered) => offered,
        Err(error) => {
            supervisor::take_down(Some(connection), &runtime).await;
            return Err(error);
        }
    };
    let shared = Arc::new(Shared::new(connection, None, speech, tally, runtime.handshake_refused()));
    tokio::spawn(supervisor::supervise(
        Arc::clone(&shared),
        runtime,
        progress_receiver,
        events,
        options.label,
    ));
    let key_wanted = Arc::new(Notify::new());
    let (media, media_receiver) = mpsc::channel(MEDIA);
    let signalling = Arc::<Mutex<Signalling>>::default();
    let tracks = Tracks {
        tracks: track_receiver,
        media,
        key_wanted: Arc::clone(&key_wanted),
        shared: Arc::clone(&shared),
        signalling: Arc::clone(&signalling),
    };
    tokio::spawn(tracks.run());
    tokio::spawn(introduce(noticed, Arc::clone(&signalling), Arc::clone(&shared)));
    let call = Arc::new(RtcCall { shared, key_wanted, signalling, peers });
    Ok(Calling { sdp, call, events: event_receiver, media: media_receiver })
}

async fn offer(
    addresses: &[SocketAddr],
    options: &CallOptions,
    connection: &dyn PeerConnection,
    mut progress: watch::Receiver<Progress>,
) -> Result<(String, Option<Outgoing>), PeerError> {
    let mut speech = None;
    if options.talk {
        let cname = Alphanumeric.sample_string(&mut rand::rng(), 16);
        let [ssrc, ..] = super::ssrcs();
        let outgoing = Outgoing::speech(ssrc, &cname);
        let track = Arc::clone(outgoing.track()) as Arc<dyn TrackLocal>;
        let init = direction(RTCRtpTransceiverDirection::Sendrecv);
        let sound = connection.add_transceiver_from_track(track, init).await.map_err(stack_error)?;
        // The track's own codec would be the only one.
        let codecs = stack::calling_codecs(RtpCodecKind::Audio);
        sound.set_codec_preferences(codecs).await.map_err(stack_error)?;
        speech = Some(outgoing);
    } else {
        let init = direction(RTCRtpTransceiverDirection::Recvonly);
        connection.add_transceiver_from_kind(RtpCodecKind::Audio, init).await.map_err(stack_error)?;
    }
    let init = direction(RTCRtpTransceiverDirection::Recvonly);
    connection.add_transceiver_from_kind(RtpCodecKind::Video, init).await.map_err(stack_error)?;
    if let Some(name) = &options.data_channel {
        connection.create_data_channel(name, None).await.map_err(stack_error)?;
    }
    let offer = connection.create_offer(None).await.map_err(stack_error)?;
    connection.set_local_description(offer).await.map_err(stack_error)?;
    let gathering = progress.wait_for(|progress| progress.gathered);
    if !tokio::time::timeout(GATHERING, gathering).await.is_ok_and(|gathered| gathered.is_ok()) {
        return Err(PeerError::Stack("the candidates were not gathered in time".into()));
    }
    let local = connection
        .local_description()
        .await
        .ok_or_else(|| PeerError::Stack("no offer after it was made".into()))?;
    Ok((calling::finish(&local.sdp, addresses), speech))
}

fn direction(direction: RTCRtpTransceiverDirection) -> Option<RTCRtpTransceiverInit> {
    Some(RTCRtpTransceiverInit { direction, streams: Vec::new(), send_encodings: Vec::new() })
}

/// What the far end has said.
#[derive(Default)]
pub(super) struct Signalling {
    /// Its answer, once the stack has taken it.
    pub(super) answer: Option<Answer>,
    /// Candidates that came before the answer.
    early: Vec<Candidate>,
    /// Those that the stack knows.
    known: Vec<Candidate>,
}

/// Our end of the call. Dropping the last handle ends it like `close`, only that nobody waits.
struct RtcCall {
    shared: Arc<Shared>,
    key_wanted: Arc<Notify>,
    signalling: Arc<Mutex<Signalling>>,
    /// The port must outlive its peers.
    peers: Peers,
}

impl RtcCall {
    fn signalling(&self) -> MutexGuard<'_, Signalling> {
        self.signalling.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn add(&self, candidate: &Candidate) {
        let Some(connection) = self.shared.connection() else { return };
        let init = RTCIceCandidateInit {
            candidate: format!("candidate:{candidate}"),
            // The hub's relay names none that is of use; all sections share one path.
            sdp_mid: Some("0".to_owned()),
            sdp_mline_index: Some(0),
            ..Default::default()
        };
        if let Err(error) = connection.add_ice_candidate(init).await {
            tracing::debug!(%error, "a candidate is of no use");
        }
    }
}

#[async_trait]
impl OutgoingCall for RtcCall {
    async fn answered(&self, sdp: &str) -> Result<Agreed, PeerError> {
        let answer = Answer::parse(sdp)?;
        let connection = self.shared.connection().ok_or(PeerError::Ended)?;
        let refused = |error: webrtc::error::Error| {
            PeerError::Offer(format!("the WebRTC stack refuses the answer: {error}"))
        };
        let description = RTCSessionDescription::answer(answer.normalised()).map_err(refused)?;
        connection.set_remote_description(description).await.map_err(refused)?;
        let agreed = answer.agreed();
        if let Some(payload_type) = answer.sound_type() {
            self.shared.speak_as(payload_type);
        }
        let mut early: Vec<Candidate> = answer.candidates(self.peers.inner.allow_loopback).collect();
        {
            let mut signalling = self.signalling();
            signalling.answer = Some(answer);
            early.append(&mut signalling.early);
        }
        for candidate in early {
            let is_new = {
                let mut signalling = self.signalling();
                let is_new = !signalling.known.contains(&candidate);
                signalling.known.push(candidate.clone());
                is_new
            };
            if is_new {
                self.add(&candidate).await;
            }
        }
        Ok(agreed)
    }

    async fn candidate(&self, candidate: &str) {
        let value = candidate.trim().trim_start_matches("a=").trim_start_matches("candidate:");
        let Some(candidate) = Candidate::parse(value, self.peers.inner.allow_loopback) else { return };
        let is_new = {
            let mut signalling = self.signalling();
            let answered = signalling.answer.is_some();
            let list = if answered { &mut signalling.known } else { &mut signalling.early };
            let is_new = list.len() < MOST_EARLY && !list.contains(&candidate);
            if is_new {
                list.push(candidate.clone());
            }
            is_new && answered
        };
        if is_new {
            self.add(&candidate).await;
        }
    }

    fn request_key_frame(&self) {
        self.key_wanted.notify_one();
    }

    async fn send_sound(&self, payload: &Bytes, timestamp: u32) -> Result<(), PeerError> {
        if !self.signalling().answer.as_ref().is_some_and(|answer| answer.agreed().talk) {
            return Err(PeerError::Ended);
        }
        self.shared.send_sound(payload, timestamp).await
    }

    async fn close(&self) {
        self.shared.stop.cancel();
        self.shared.ended.cancelled().await;
    }
}

impl Drop for RtcCall {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}
