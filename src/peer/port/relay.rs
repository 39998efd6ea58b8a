//! A relayed address at a TURN server, held ahead of time and shared by all calls.

#[cfg(test)]
pub(in crate::peer) mod coturn;
mod link;

#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use secrecy::SecretString;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::bases::BaseId;
use super::counters::Tally;
use super::port_core::PortCore;
use crate::peer::ice_server::TurnTransport;
use crate::peer::turn::TurnClient;
use link::{Link, Receiver};

/// From the loss of an allocation to the next try, doubled each time.
const PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// An allocation that lasted for so long makes the next pause short again.
const STEADY: Duration = Duration::from_secs(60);
/// How often a relay that is no longer wanted looks whether calls still use it.
const LOOK: Duration = Duration::from_secs(1);

/// Where a TURN server is and who we are there.
#[derive(Debug)]
pub(super) struct TurnServer {
    /// `host:port`.
    pub(super) address: String,
    pub(super) transport: TurnTransport,
    pub(super) username: String,
    pub(super) password: SecretString,
}

/// One server's allocation, made again whenever it is lost.
#[derive(Debug)]
pub(super) struct Relay {
    server: TurnServer,
    inner_ip: Ipv4Addr,
    session: Mutex<Option<Session>>,
    error: Mutex<Option<String>>,
    /// The session's deadline moved.
    changed: Notify,
    network_changed: Notify,
    retired: CancellationToken,
}

/// A link to the server and what is agreed on over it.
#[derive(Debug)]
struct Session {
    client: TurnClient,
    link: Link,
}

impl Session {
    /// Sends what the client has to say. True if there was anything.
    fn flush(&mut self, tally: &Tally) -> bool {
        let mut any = false;
        while let Some(message) = self.client.poll_message() {
            self.link.send(&message, message.len(), tally);
            any = true;
        }
        any
    }
}

impl Relay {
    pub(super) fn new(id: BaseId, server: TurnServer) -> Self {
        let [.., high, low] = id.to_be_bytes();
        Self {
            server,
            // Of a block that nobody gives to an interface.
            inner_ip: Ipv4Addr::new(127, 83, high, low),
            session: Mutex::default(),
            error: Mutex::default(),
            changed: Notify::new(),
            network_changed: Notify::new(),
            retired: CancellationToken::new(),
        }
    }

    fn session(&self) -> MutexGuard<'_, Option<Session>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The IP address of the throw-away socket that stands for this relay in a peer.
    pub(super) fn inner_ip(&self) -> Ipv4Addr {
        self.inner_ip
    }

    /// Where far ends reach us, and from where the server sees us; `None` while there is no
    /// allocation, or when it is not wanted for new calls.
    pub(super) fn relayed(&self) -> Option<(SocketAddrV4, Option<SocketAddrV4>)> {
        if self.retired.is_cancelled() {
            return None;
        }
        self.session().as_ref().and_then(|session| Some((session.client.relayed()?, session.client.mapped())))
    }

    /// Why there is no allocation.
    pub(super) fn error(&self) -> Option<String> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_error(&self, error: Option<String>) {
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = error;
    }

    /// Datagrams that one call can send.
    pub(super) fn max_segments(&self) -> usize {
        self.session().as_ref().map_or(1, |session| session.link.max_segments())
    }

    /// Asks the server to relay to and from this far end, if it does not yet.
    pub(super) fn permit(&self, to: SocketAddr, tally: &Tally) {
        if let Some(session) = &mut *self.session() {
            session.client.permit(to, Instant::now());
            if session.flush(tally) {
                self.changed.notify_one();
            }
        }
    }

    /// Sends datagrams of `segment` bytes each (the last may be shorter) through the server.
    pub(super) fn send(&self, to: SocketAddr, contents: &[u8], segment: usize, tally: &Tally) {
        let mut session = self.session();
        let Some(session) = &mut *session else { return tally.refused.one() };
        let now = Instant::now();
        // Checks are few; DTLS and media come once a path is chosen.
        let channel = !matches!(contents, [0..=3, ..]);
        let mut wrapped = Vec::with_capacity(contents.len() + contents.len() / 8 + 64);
        let mut first = 0;
        for datagram in contents.chunks(segment.max(1)) {
            if !session.client.wrap(to, datagram, channel, now, &mut wrapped) {
                tally.refused.one();
            } else if first == 0 {
                first = wrapped.len();
            }
        }
        if first > 0 {
            session.link.send(&wrapped, first, tally);
        }
        if session.flush(tally) {
            self.changed.notify_one();
        }
    }

    /// The network is another one: looks whether the allocation is still ours, or tries again at once.
    pub(super) fn network_changed(&self, tally: &Tally) {
        if let Some(session) = &mut *self.session() {
            session.client.refresh(Instant::now());
            session.flush(tally);
            self.changed.notify_one();
        } else {
            self.network_changed.notify_one();
        }
    }

    /// No new call shall use it; it is given up when those that do have ended.
    pub(super) fn retire(&self) {
        self.retired.cancel();
    }

    /// Gives the allocation up now.
    pub(super) fn release(&self, tally: &Tally) {
        self.retired.cancel();
        if let Some(mut session) = self.session().take() {
            session.client.release(Instant::now());
            session.flush(tally);
        }
    }

    fn receive(&self, core: &PortCore, id: BaseId, message: &[u8]) {
        let received = {
            let mut session = self.session();
            let Some(session) = &mut *session else { return };
            let received = session.client.receive(message, Instant::now());
            if session.flush(&core.tally) {
                self.changed.notify_one();
            }
            received
        };
        if let Some((from, datagram)) = received {
            core.receive(id, from, &datagram);
        }
    }
}

/// Holds the allocation until the relay is retired and no call uses it any more.
pub(super) async fn hold(core: Arc<PortCore>, id: BaseId, relay: Arc<Relay>) {
    let mut pause = PAUSE;
    loop {
        let (lasted, why) = hold_one(&core, id, &relay).await;
        relay.session().take();
        if is_over(&core, id, &relay) {
            return;
        }
        tracing::warn!(server = relay.server.address, why, "the TURN server is of no use now");
        relay.set_error(Some(why));
        if lasted > STEADY {
            pause = PAUSE;
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = relay.network_changed.notified() => {}
            () = retired(&core, id, &relay) => return,
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// One link from its making to its end: how long its allocation lasted, and why it is no more.
async fn hold_one(core: &PortCore, id: BaseId, relay: &Relay) -> (Duration, String) {
    let never = Duration::ZERO;
    let server = &relay.server;
    let (link, mut receiver) = match link::open(&server.address, server.transport, core.tls.clone()).await {
        Ok(opened) => opened,
        Err(why) => return (never, why),
    };
    let stream = server.transport != TurnTransport::Udp;
    let client =
        TurnClient::allocate(server.username.clone(), server.password.clone(), stream, Instant::now());
    let mut session = match client {
        Ok(client) => Session { client, link },
        Err(why) => return (never, why.to_string()),
    };
    session.flush(&core.tally);
    *relay.session() = Some(session);
    let mut since = None;
    let why = loop {
        let at = match &*relay.session() {
            None => break "it was given up".to_owned(),
            Some(session) => {
                if let Some(why) = session.client.failure() {
                    break why.to_string();
                }
                if since.is_none()
                    && let Some(relayed) = session.client.relayed()
                {
                    tracing::info!(server = server.address, %relayed, "the TURN server relays for us");
                    since = Some(Instant::now());
                    relay.set_error(None);
                }
                session.client.deadline()
            }
        };
        let due = async {
            match at {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            read = read(&mut receiver, core, id, relay) => if let Err(why) = read { break why },
            () = relay.changed.notified() => {}
            () = due => tick(core, relay),
            () = retired(core, id, relay) => break "it was given up".to_owned(),
        }
    };
    receiver.finish().await;
    (since.map_or(never, |since: Instant| since.elapsed()), why)
}

async fn read(receiver: &mut Receiver, core: &PortCore, id: BaseId, relay: &Relay) -> Result<(), String> {
    receiver.read(|message| relay.receive(core, id, message)).await
}

fn tick(core: &PortCore, relay: &Relay) {
    if let Some(session) = &mut *relay.session() {
        session.client.tick(Instant::now());
        session.flush(&core.tally);
    }
}

/// Comes back when the relay is retired and no call uses it any more; it is released then.
async fn retired(core: &PortCore, id: BaseId, relay: &Relay) {
    relay.retired.cancelled().await;
    while !is_over(core, id, relay) {
        tokio::time::sleep(LOOK).await;
    }
}

fn is_over(core: &PortCore, id: BaseId, relay: &Relay) -> bool {
    let is_over = relay.retired.is_cancelled() && core.bases.remove_unused(id);
    if is_over {
        relay.release(&core.tally);
    }
    is_over
}
