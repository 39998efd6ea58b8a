//! Peers: from an offer that passed the gate to a running connection on the shared port.

mod call;
mod outgoing;
mod stack;
mod stack_handler;
mod strangers;
mod supervisor;
mod tracks;
mod webrtc_peer;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use rand::distr::{Alphanumeric, SampleString};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{mpsc, watch};
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::peer_connection::{PeerConnection, RTCSessionDescription};

use super::answer::{self, AnswerFacts};
use super::ice_server::IceServer;
use super::local_candidate::LocalCandidate;
use super::offer::Offer;
use super::port::{MediaPort, Paths, PeerRuntime, PortCounters, Ways};
use super::rtcp::{PeerTally, RESERVED_EVENTS};
use super::{AnswerOptions, Answered, CallOptions, Calling, PeerError, PortConfig};
use outgoing::Outgoing;
use stack_handler::{Incoming, Progress, StackHandler};
use webrtc_peer::{Shared, WebRtcPeer};

/// Characters of the ICE name fragment: 95 bits, so that nobody guesses another call's.
const UFRAG: usize = 16;
/// Characters of the ICE password: 190 bits.
const PASSWORD: usize = 32;
/// Events that may wait for the call.
const EVENTS: usize = RESERVED_EVENTS + 48;
/// Talk packets that may wait for the call: one second.
const TALK: usize = 50;
/// Host candidates need no network, so this is only reached when something is broken.
const GATHERING: Duration = Duration::from_secs(1);

/// The peers of all calls and the port that they share. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Peers {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    port: MediaPort,
    /// Far ends on this machine may be dialled.
    allow_loopback: bool,
}

impl Peers {
    /// Opens the port. To be called on the media runtime, which reads it and runs all peers.
    ///
    /// # Errors
    /// [`PeerError::Port`] when a configured address or the port number cannot be had.
    pub fn open(config: &PortConfig) -> Result<Self, PeerError> {
        let port = MediaPort::open(config)?;
        Ok(Self { inner: Arc::new(Inner { port, allow_loopback: config.allow_loopback }) })
    }

    /// The addresses that are bound and there now, all with the same port number.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.inner.port.addresses()
    }

    /// From now on these STUN and TURN servers help calls, and no others. Calls that a server of before
    /// relays go on. May be called from any thread.
    pub fn use_servers(&self, servers: Vec<IceServer>) {
        self.inner.port.use_servers(servers);
    }

    /// How far ends can reach us, as far as it is known now.
    #[must_use]
    pub fn paths(&self) -> Paths {
        self.inner.port.paths()
    }

    /// What the port did since it was opened, and what it holds now.
    #[must_use]
    pub fn port_counters(&self) -> PortCounters {
        self.inner.port.counters()
    }

    /// Answers an offer: the answer is complete and its candidates are live when this returns. The
    /// caller may give up waiting; what was begun is then taken down.
    ///
    /// # Errors
    /// [`PeerError::Offer`] when the WebRTC stack cannot use the offer, [`PeerError::Stack`] when it
    /// fails otherwise.
    pub async fn answer(&self, offer: &Offer, options: AnswerOptions) -> Result<Answered, PeerError> {
        let own: Vec<_> = self.addresses().iter().map(SocketAddr::ip).collect();
        let offer = offer.clone().without(&own);
        // In a task of its own, because the stack's driver would live on when it is started and
        // then nobody waits for it any more.
        let establishing = tokio::spawn(establish(self.clone(), offer, options));
        match establishing.await {
            Ok(answered) => answered,
            Err(_) => Err(PeerError::Stack("answering broke off".into())),
        }
    }
}

impl Peers {
    /// Makes a call of ours: the offer is complete and its candidates are live when this returns.
    ///
    /// # Errors
    /// [`PeerError::Stack`] when the WebRTC stack fails.
    pub async fn call(&self, options: CallOptions) -> Result<Calling, PeerError> {
        // In a task of its own, as for an answer.
        let calling = tokio::spawn(call::call(self.clone(), options));
        calling.await.unwrap_or_else(|_| Err(PeerError::Stack("calling broke off".into())))
    }
}

async fn establish(peers: Peers, offer: Offer, options: AnswerOptions) -> Result<Answered, PeerError> {
    let Ways { candidates, inner } = peers.inner.port.ways();
    if inner.is_empty() {
        return Err(no_network());
    }
    let (ufrag, password) = credentials();
    let runtime = Arc::new(peers.inner.port.runtime(ufrag.clone(), password.clone()));
    let tally = Arc::new(PeerTally::new(runtime.meter()));
    let (events, event_receiver) = mpsc::channel(EVENTS);
    let (talk, talk_receiver) = mpsc::channel(TALK);
    let (progress, progress_receiver) = watch::channel(Progress::default());
    let handler =
        Arc::new(StackHandler::new(progress, Incoming::Talk(talk), Arc::clone(&tally), runtime.hurry()));

    let builder =
        stack::builder(&offer, &ufrag, password.expose_secret(), Arc::clone(&tally), events.clone())?
            .with_runtime(Arc::clone(&runtime) as Arc<dyn webrtc::runtime::Runtime>)
            .with_handler(handler)
            .with_udp_addrs(inner);
    let connection: Arc<dyn PeerConnection> = Arc::new(builder.build().await.map_err(stack_error)?);
    let negotiated =
        negotiate(candidates, &offer, &options, connection.as_ref(), progress_receiver.clone()).await;
    let Negotiated { sdp, video, audio } = match negotiated {
        Ok(negotiated) => negotiated,
        Err(error) => {
            supervisor::take_down(Some(connection), &runtime).await;
            return Err(error);
        }
    };

    let shared = Arc::new(Shared::new(connection, video, audio, tally, runtime.handshake_refused()));
    tokio::spawn(supervisor::supervise(
        Arc::clone(&shared),
        runtime,
        progress_receiver,
        events,
        options.label,
    ));
    let peer = Arc::new(WebRtcPeer::new(shared, peers));
    Ok(Answered { sdp, peer, events: event_receiver, talk: talk_receiver })
}

struct Negotiated {
    sdp: String,
    video: Option<Outgoing>,
    audio: Option<Outgoing>,
}

async fn negotiate(
    candidates: Vec<LocalCandidate>,
    offer: &Offer,
    options: &AnswerOptions,
    connection: &dyn PeerConnection,
    mut progress: watch::Receiver<Progress>,
) -> Result<Negotiated, PeerError> {
    let description =
        RTCSessionDescription::offer(offer.normalised().to_owned()).map_err(|error| offer_error(&error))?;
    connection.set_remote_description(description).await.map_err(|error| offer_error(&error))?;

    let [video_ssrc, rtx_ssrc, audio_ssrc] = ssrcs();
    let cname = Alphanumeric.sample_string(&mut rand::rng(), UFRAG);
    let video = Outgoing::video(offer, video_ssrc, rtx_ssrc, &cname);
    let audio = Outgoing::audio(offer, audio_ssrc, &cname);
    for outgoing in [&video, &audio].into_iter().flatten() {
        let track = Arc::clone(outgoing.track()) as Arc<dyn TrackLocal>;
        connection.add_track(track).await.map_err(stack_error)?;
    }
    let talk = options.talk && offer.offers_talk();
    if !talk {
        stack::refuse_talk(connection).await.map_err(stack_error)?;
    }
    let answer = connection.create_answer(None).await.map_err(stack_error)?;
    connection.set_local_description(answer).await.map_err(stack_error)?;
    let gathering = progress.wait_for(|progress| progress.gathered);
    let gathered = tokio::time::timeout(GATHERING, gathering).await.is_ok_and(|gathered| gathered.is_ok());
    if !gathered {
        return Err(PeerError::Stack("the candidates were not gathered in time".into()));
    }
    let local = connection
        .local_description()
        .await
        .ok_or_else(|| PeerError::Stack("no answer after it was made".into()))?;

    let facts = AnswerFacts {
        video_ssrc: video.as_ref().map(Outgoing::ssrc),
        rtx_ssrc: video.as_ref().and_then(Outgoing::rtx_ssrc),
        audio_ssrc: audio.as_ref().map(Outgoing::ssrc),
        cname,
        talk,
        candidates,
    };
    Ok(Negotiated { sdp: answer::finish(offer, &local.sdp, &facts)?, video, audio })
}

fn credentials() -> (String, SecretString) {
    // The thread's generator is a cryptographic one, seeded by the system.
    let mut random = rand::rng();
    let ufrag = Alphanumeric.sample_string(&mut random, UFRAG);
    (ufrag, Alphanumeric.sample_string(&mut random, PASSWORD).into())
}

/// Different ones, none of them 0, which some receivers take for none.
fn ssrcs() -> [u32; 3] {
    loop {
        let [first, second, third] = std::array::from_fn(|_| rand::rng().random_range(1..u32::MAX));
        if first != second && second != third && third != first {
            return [first, second, third];
        }
    }
}

fn no_network() -> PeerError {
    PeerError::Port("this machine is in no network now".into())
}

fn stack_error(error: webrtc::error::Error) -> PeerError {
    PeerError::Stack(error.to_string())
}

fn offer_error(error: &webrtc::error::Error) -> PeerError {
    PeerError::Offer(format!("the WebRTC stack refuses it: {error}"))
}
