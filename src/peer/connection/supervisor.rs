//! Watches one peer from its answer to its end, and takes it down.
//!
//! The stack's events are not enough: the far end's goodbye is none, a certificate that does not fit
//! is none, and a driver that broke off sends none. So its state is looked at as well.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rtc::peer_connection::transport::{RTCDtlsTransportState, RTCIceCandidateType};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use webrtc::peer_connection::PeerConnection;
use webrtc::peer_connection::transport::DtlsTransport;

use super::PeerRuntime;
use super::stack_handler::{Path, Progress};
use super::webrtc_peer::Shared;
use crate::peer::{PeerEnd, PeerEvent};

/// The far end has a minute to come; some seconds more, so that whoever counts that minute is first.
const NEVER_CONNECTED: Duration = Duration::from_secs(65);
/// From the first path to the end of the DTLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(15);
/// With the 5 s after which silence is noticed: 30 s without consent (RFC 7675).
const SILENT: Duration = Duration::from_secs(30);
/// How often the state of DTLS is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// Bound for taking the stack down.
const CLOSING: Duration = Duration::from_millis(1500);

/// Runs until the peer has ended; then its place at the port is free.
pub(super) async fn supervise(
    shared: Arc<Shared>,
    runtime: Arc<PeerRuntime>,
    progress: watch::Receiver<Progress>,
    events: mpsc::Sender<PeerEvent>,
    label: String,
) {
    let stop = shared.stop.clone();
    let reason = tokio::select! {
        biased;
        () = stop.cancelled() => None,
        reason = watch_over(&shared, &runtime, progress, &events) => Some(reason),
    };
    tracing::debug!(
        label,
        reason = reason.map_or_else(|| "closed by us".to_owned(), |reason| reason.to_string()),
        "peer ends"
    );
    if let Some(reason) = reason {
        shared.end.get_or_init(|| reason);
    }
    take_down(shared.take_connection(), &runtime).await;
    drop(runtime);
    shared.ended.cancel();
    if let Some(reason) = reason {
        // An unread queue must not keep this task: the closed end of the queue tells as much.
        let _nobody_reads = timeout(CLOSING, events.send(PeerEvent::Ended(reason))).await;
    }
}

/// Closes the stack, by force if it does not obey.
pub(super) async fn take_down(connection: Option<Arc<dyn PeerConnection>>, runtime: &PeerRuntime) {
    if let Some(connection) = connection {
        match timeout(CLOSING, connection.close()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "peer not closed cleanly"),
            Err(_) => tracing::warn!("peer did not close in time"),
        }
    }
    runtime.abort_driver();
    // Its sockets go with it; whoever waits for the end may count on that.
    let _forced = timeout(LOOK, runtime.driver_stopped().cancelled()).await;
}

/// Returns why the peer is over.
async fn watch_over(
    shared: &Shared,
    runtime: &PeerRuntime,
    mut progress: watch::Receiver<Progress>,
    events: &mpsc::Sender<PeerEvent>,
) -> PeerEnd {
    let driver_stopped = runtime.driver_stopped();
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut seen = Progress::default();
    let mut deadline = Some((Instant::now() + NEVER_CONNECTED, PeerEnd::NeverConnected));
    loop {
        let expired = async {
            match deadline {
                Some((at, reason)) => {
                    sleep_until(at).await;
                    reason
                }
                None => pending().await,
            }
        };
        tokio::select! {
            // A refused handshake brings the other ends about, and what is known counts before a time that is over.
            biased;
            () = shared.handshake_refused.cancelled() => return PeerEnd::HandshakeRefused,
            () = driver_stopped.cancelled() => return PeerEnd::BrokeOff,
            changed = progress.changed() => {
                if changed.is_err() {
                    return PeerEnd::BrokeOff;
                }
                let now = *progress.borrow_and_update();
                if let Some(reason) = now.over {
                    return reason;
                }
                tell(shared, runtime, events, seen, now).await;
                deadline = next_deadline(deadline, seen, now);
                seen = now;
            }
            _ = look.tick(), if seen.path != Path::Searching => {
                match dtls_state(shared).await {
                    Some(RTCDtlsTransportState::Closed) => return PeerEnd::FarEnd,
                    Some(RTCDtlsTransportState::Failed) => return PeerEnd::HandshakeFailed,
                    _ => {}
                }
            }
            reason = expired => return reason,
        }
    }
}

async fn tell(
    shared: &Shared,
    runtime: &PeerRuntime,
    events: &mpsc::Sender<PeerEvent>,
    seen: Progress,
    now: Progress,
) {
    // A call that no longer reads its events is about to close the peer.
    if now.path != seen.path {
        let event = match now.path {
            Path::Open => Some(ice_connected(shared, runtime).await),
            Path::Silent => Some(PeerEvent::Disconnected),
            Path::Searching => None,
        };
        if let Some(event) = event {
            let _unread = events.send(event).await;
        }
    }
    if now.secured && !seen.secured {
        shared.set_connected();
        let _unread = events.send(PeerEvent::Connected).await;
    }
}

fn next_deadline(
    current: Option<(Instant, PeerEnd)>,
    seen: Progress,
    now: Progress,
) -> Option<(Instant, PeerEnd)> {
    if now.path == seen.path && now.secured == seen.secured {
        return current;
    }
    match (now.path, now.secured) {
        (Path::Searching, _) => current,
        // A path that comes and goes must not stretch the handshake.
        (_, false) if seen.path != Path::Searching => current,
        (Path::Silent, _) => Some((Instant::now() + SILENT, PeerEnd::NoConsent)),
        (Path::Open, false) => Some((Instant::now() + HANDSHAKE, PeerEnd::NoHandshake)),
        (Path::Open, true) => None,
    }
}

async fn dtls(shared: &Shared) -> Option<Arc<dyn DtlsTransport>> {
    let connection = shared.connection()?;
    for sender in connection.get_senders().await {
        if let Ok(Some(transport)) = sender.transport().await {
            return Some(transport);
        }
    }
    for receiver in connection.get_receivers().await {
        if let Ok(Some(transport)) = receiver.transport().await {
            return Some(transport);
        }
    }
    None
}

async fn dtls_state(shared: &Shared) -> Option<RTCDtlsTransportState> {
    dtls(shared).await?.state().await.ok()
}

async fn ice_connected(shared: &Shared, runtime: &PeerRuntime) -> PeerEvent {
    let pair = match dtls(shared).await {
        Some(transport) => transport.ice_transport().get_selected_candidate_pair().await.ok().flatten(),
        None => None,
    };
    let Some(pair) = pair else {
        return PeerEvent::IceConnected {
            remote: None,
            remote_kind: "prflx".to_owned(),
            local_kind: "direct",
        };
    };
    let remote = pair.remote();
    let kind = match remote.typ {
        RTCIceCandidateType::Host => "host",
        RTCIceCandidateType::Srflx => "srflx",
        RTCIceCandidateType::Relay => "relay",
        _ => "prflx",
    };
    let address = remote.address.parse().ok().map(|ip| SocketAddr::new(ip, remote.port));
    let is_relay = pair.local().address.parse().is_ok_and(|inner| runtime.is_relay(inner));
    let local_kind = if is_relay { "relay" } else { "direct" };
    PeerEvent::IceConnected { remote: address, remote_kind: kind.to_owned(), local_kind }
}
