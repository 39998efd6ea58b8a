//! The port: one UDP socket per bound address for all peers.
//!
//! Each peer is given a runtime of its own whose sockets are ends of the shared ones. The peer takes
//! a throw-away address for its own and never learns the shared one, so candidates and statistics
//! inside the WebRTC stack name the throw-away address: never show them.
//!
//! ```text
//! SharedSocket --reader--> Table --Inbox--> VirtualSocket <--> driver of one peer
//!      ^                                        |
//!      +---- one call per picture <--Outbox-----+
//! ```

mod base;
mod bases;
mod budget;
mod counters;
mod inbox;
mod interfaces;
mod meter;
mod outbox;
mod paths;
mod peer_runtime;
mod reflexive;
mod relay;
mod remote;
mod resolve;
mod servers;
mod shared_socket;
mod stun;
mod table;
mod virtual_socket;
mod ways;

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustls::ClientConfig;
use secrecy::SecretString;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

pub use counters::{DroppedCounters, PortCounters, UnsentCounters};
pub(in crate::peer) use meter::Meter;
pub use paths::{Nat, Paths, ServerPath, SocketPath};
pub(in crate::peer) use peer_runtime::PeerRuntime;
pub(in crate::peer) use ways::Ways;

#[cfg(test)]
pub(in crate::peer) use stun::tests::message as stun_message;

use super::ice_server::IceServer;
use super::{PeerError, PortConfig};
use base::Base;
use bases::{BaseId, Bases};
use counters::Tally;
use outbox::Outbox;
use reflexive::Reflexive;
use remote::Proof;
use servers::Servers;
use shared_socket::ReceiveBuffers;
use table::{Stray, Table};

/// Longest datagram that a peer reads, in bytes.
const MAX_DATAGRAM: usize = 2000;
/// Batches read in a row before others on the thread get their turn.
const BATCHES_IN_A_ROW: u32 = 16;
/// Pause after a socket error, so that a broken socket costs no whole core.
const ERROR_PAUSE: Duration = Duration::from_millis(20);

/// The bases that all peers share. Dropping it ends the reading; peers must be gone by then.
#[derive(Debug)]
pub struct MediaPort {
    core: Arc<PortCore>,
    advertise: Vec<Ipv4Addr>,
}

/// What the port's parts share.
#[derive(Debug)]
pub(super) struct PortCore {
    bases: Bases,
    table: Mutex<Table>,
    tally: Arc<Tally>,
    servers: Mutex<Servers>,
    reflexive: Mutex<Reflexive>,
    /// There may be something to ask the STUN servers.
    ask_servers: Notify,
    /// Outboxes that hold something, for the flusher.
    unflushed: Mutex<Vec<Arc<Outbox>>>,
    flush: Notify,
    /// For TURN servers that are spoken to over TLS.
    tls: Option<Arc<ClientConfig>>,
    /// The media runtime.
    runtime: Handle,
    tasks: Mutex<Vec<AbortHandle>>,
}

impl MediaPort {
    /// Binds the sockets and starts reading. To be called on the media runtime. Without configured
    /// addresses it follows those that the machine has, even if that is none now.
    ///
    /// # Errors
    /// [`PeerError::Port`] when a configured address or the port number cannot be had.
    pub fn open(config: &PortConfig) -> Result<Self, PeerError> {
        let core = Arc::new(PortCore {
            bases: Bases::default(),
            table: Mutex::default(),
            tally: Arc::default(),
            servers: Mutex::default(),
            reflexive: Mutex::default(),
            ask_servers: Notify::new(),
            unflushed: Mutex::default(),
            flush: Notify::new(),
            tls: config.tls.clone(),
            runtime: Handle::current(),
            tasks: Mutex::default(),
        });
        interfaces::open(&core, config)?;
        core.spawn(flush_collected(Arc::clone(&core)));
        core.spawn(servers::ask(Arc::clone(&core)));
        Ok(Self { core, advertise: config.advertise.clone() })
    }

    /// The addresses that are bound and there, loopback last.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.core.bases.addresses()
    }

    /// What a new call can be reached by now.
    pub(in crate::peer) fn ways(&self) -> Ways {
        Ways::now(&self.core, &self.advertise)
    }

    /// From now on these STUN and TURN servers help calls, and no others.
    pub(in crate::peer) fn use_servers(&self, servers: Vec<IceServer>) {
        self.core.servers().replace(&self.core, servers);
    }

    /// What is known of the ways to the network.
    pub(in crate::peer) fn paths(&self) -> Paths {
        let servers = self.core.servers().paths(&self.core);
        let reflexive = self.core.reflexive();
        let socket = |(id, address): (BaseId, SocketAddrV4)| SocketPath {
            address,
            mapped: reflexive.mapped(id),
            nat: reflexive.nat(id, address),
        };
        Paths { sockets: self.core.bases.hosts().into_iter().map(socket).collect(), servers }
    }

    /// What the port did and what it holds.
    #[must_use]
    pub fn counters(&self) -> PortCounters {
        let sizes = self.core.table().sizes();
        PortCounters {
            live_ufrags: sizes.ufrags as u64,
            live_addresses: sizes.addresses as u64,
            live_transactions: sizes.transactions as u64,
            ..self.core.tally.snapshot()
        }
    }

    /// How many peers and sockets of peers hold the port in memory.
    #[cfg(test)]
    pub(in crate::peer) fn holders(&self) -> usize {
        Arc::strong_count(&self.core)
    }

    /// A runtime for one peer with these ICE credentials.
    pub(in crate::peer) fn runtime(&self, ufrag: String, password: SecretString) -> PeerRuntime {
        PeerRuntime::new(Arc::clone(&self.core), ufrag, password)
    }
}

impl Drop for MediaPort {
    fn drop(&mut self) {
        for (_, base) in self.core.bases.all() {
            if let Some(relay) = base.relay() {
                relay.release(&self.core.tally);
            }
        }
        self.core.tasks().iter().for_each(AbortHandle::abort);
    }
}

impl PortCore {
    /// Runs on the media runtime until the port is dropped.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        let task = self.runtime.spawn(task).abort_handle();
        let mut tasks = self.tasks();
        tasks.retain(|task| !task.is_finished());
        tasks.push(task.clone());
        task
    }

    /// The machine has other addresses than before.
    fn network_changed(&self) {
        self.ask_servers.notify_one();
        for (_, base) in self.bases.all() {
            if let Some(relay) = base.relay() {
                relay.network_changed(&self.tally);
            }
        }
    }

    fn tasks(&self) -> MutexGuard<'_, Vec<AbortHandle>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn servers(&self) -> MutexGuard<'_, Servers> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reflexive(&self) -> MutexGuard<'_, Reflexive> {
        self.reflexive.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unflushed(&self) -> MutexGuard<'_, Vec<Arc<Outbox>>> {
        self.unflushed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the outbox flushed when the tasks that are running now have had their turn: by then the
    /// whole picture is in it.
    fn flush_soon(&self, outbox: &Arc<Outbox>) {
        self.unflushed().push(Arc::clone(outbox));
        self.flush.notify_one();
    }

    fn receive(&self, base: BaseId, from: SocketAddr, datagram: &[u8]) {
        self.tally.received.one();
        if datagram.len() > MAX_DATAGRAM {
            return self.tally.too_long.one();
        }
        let now = Instant::now();
        let route = self.table().route(base, from, datagram, now);
        match route {
            Ok(route) => {
                if route.rebound {
                    self.tally.rebound.one();
                }
                if route.proof == Proof::Signed {
                    route.inbox.sought.get_or_init(|| now);
                }
                let (from, moved) = route.inbox.remote.source(from, route.proof, now);
                if moved {
                    self.tally.moved.one();
                }
                if !route.inbox.push(from, datagram) {
                    self.tally.queue_full.one();
                }
            }
            // No peer asked; then perhaps the port itself.
            Err(Stray::UnsolicitedResponse) if self.reflexive().answered(base, from, datagram, now) => {
                self.ask_servers.notify_one();
            }
            Err(stray) => self.count(stray),
        }
    }

    fn count(&self, stray: Stray) {
        let tally = &self.tally;
        match stray {
            Stray::UnknownKind => &tally.unknown_kind,
            Stray::MalformedStun => &tally.malformed_stun,
            Stray::UnknownUfrag => &tally.unknown_ufrag,
            Stray::BadIntegrity => &tally.bad_integrity,
            Stray::UnsolicitedResponse => &tally.unsolicited_response,
            Stray::ResponseFromElsewhere => &tally.response_from_elsewhere,
            Stray::UnknownAddress => &tally.unknown_address,
        }
        .one();
    }
}

async fn read(core: Arc<PortCore>, id: BaseId) {
    let Some(base) = core.bases.by_id(id) else { return };
    let Base::Host(socket) = &*base else { return };
    let mut buffers = ReceiveBuffers::new();
    let mut batches = 0;
    loop {
        let received = socket.receive(&mut buffers, |from, datagram| core.receive(id, from, datagram)).await;
        if let Err(error) = received {
            tracing::warn!(address = %socket.address(), kind = ?error.kind(), "the media port cannot read");
            tokio::time::sleep(ERROR_PAUSE).await;
        }
        batches += 1;
        if batches % BATCHES_IN_A_ROW == 0 {
            tokio::task::yield_now().await;
        }
    }
}

async fn flush_collected(core: Arc<PortCore>) {
    let mut outboxes = Vec::new();
    loop {
        core.flush.notified().await;
        std::mem::swap(&mut outboxes, &mut *core.unflushed());
        for outbox in outboxes.drain(..) {
            outbox.flush();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn loopback(udp_port: u16) -> PortConfig {
        let bind = vec![Ipv4Addr::LOCALHOST, Ipv4Addr::new(127, 0, 0, 2)];
        PortConfig { udp_port, bind, allow_loopback: true, ..PortConfig::default() }
    }

    #[tokio::test]
    async fn all_addresses_have_the_same_port_number() {
        let port = MediaPort::open(&loopback(0)).unwrap();
        let addresses = port.addresses();
        assert_eq!(addresses.len(), 2);
        assert_eq!(addresses[0].port(), addresses[1].port());
        assert_ne!(addresses[0].port(), 0);
    }

    #[tokio::test]
    async fn a_taken_port_is_a_plain_error_with_the_address_in_it() {
        let port = MediaPort::open(&loopback(0)).unwrap();
        let taken = port.addresses()[0];
        let error = MediaPort::open(&loopback(taken.port())).unwrap_err();
        assert!(error.to_string().contains(&taken.to_string()), "{error}");
    }

    #[tokio::test]
    async fn a_dropped_port_is_free_again() {
        let port = MediaPort::open(&loopback(0)).unwrap();
        let number = port.addresses()[0].port();
        drop(port);
        let again = async {
            while MediaPort::open(&loopback(number)).is_err() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), again).await.unwrap();
    }

    #[tokio::test]
    async fn without_named_addresses_loopback_is_used_only_when_allowed() {
        let config = PortConfig { allow_loopback: true, ..PortConfig::default() };
        let addresses = MediaPort::open(&config).unwrap().addresses();
        assert!(addresses.iter().any(|address| address.ip().is_loopback()));
        let config = PortConfig::default();
        if let Ok(port) = MediaPort::open(&config) {
            assert!(port.addresses().iter().all(|address| !address.ip().is_loopback()));
        }
    }
}
