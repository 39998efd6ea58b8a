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

mod counters;
mod handshake;
mod inbox;
mod interfaces;
mod outbox;
mod peer_runtime;
mod remote;
mod shared_socket;
mod stun;
mod table;
mod virtual_socket;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use secrecy::SecretString;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

pub use counters::{DroppedCounters, PortCounters, UnsentCounters};
pub(in crate::peer) use peer_runtime::PeerRuntime;

#[cfg(test)]
pub(in crate::peer) use stun::tests::message as stun_message;

use super::{PeerError, PortConfig};
use counters::Tally;
use outbox::Outbox;
use shared_socket::{ReceiveBuffers, SharedSocket};
use table::{Stray, Table};

/// Longest datagram that a peer reads, in bytes.
const MAX_DATAGRAM: usize = 2000;
/// Batches read in a row before others on the thread get their turn.
const BATCHES_IN_A_ROW: u32 = 16;
/// Tries to find a port number that is free on every address.
const TRIES: usize = 20;
/// Pause after a socket error, so that a broken socket costs no whole core.
const ERROR_PAUSE: Duration = Duration::from_millis(20);

/// The sockets that all peers share. Dropping it ends the reading; peers must be gone
/// by then.
#[derive(Debug)]
pub struct MediaPort {
    core: Arc<PortCore>,
    tasks: Vec<JoinHandle<()>>,
}

/// What the port's parts share.
#[derive(Debug)]
pub(super) struct PortCore {
    sockets: Vec<Arc<SharedSocket>>,
    table: Mutex<Table>,
    tally: Arc<Tally>,
    /// Outboxes that hold something, for the flusher.
    unflushed: Mutex<Vec<Arc<Outbox>>>,
    flush: Notify,
}

impl MediaPort {
    /// Binds the sockets and starts reading. To be called on the media runtime.
    ///
    /// # Errors
    /// [`PeerError::Port`] when a configured address or the port number cannot be had, or when no
    /// address is left.
    pub fn open(config: &PortConfig) -> Result<Self, PeerError> {
        let sockets = bind_all(config)?;
        let core = Arc::new(PortCore {
            sockets: sockets.into_iter().map(Arc::new).collect(),
            table: Mutex::default(),
            tally: Arc::default(),
            unflushed: Mutex::default(),
            flush: Notify::new(),
        });
        let mut tasks = vec![tokio::spawn(flush_collected(Arc::clone(&core)))];
        for index in 0..core.sockets.len() {
            tasks.push(tokio::spawn(read(Arc::clone(&core), index)));
        }
        Ok(Self { core, tasks })
    }

    /// The bound addresses, loopback last.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.core.sockets.iter().map(|socket| SocketAddr::V4(socket.address())).collect()
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
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl PortCore {
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

    fn receive(&self, socket: usize, from: SocketAddr, datagram: &[u8]) {
        self.tally.received.one();
        if datagram.len() > MAX_DATAGRAM {
            return self.tally.too_long.one();
        }
        let now = Instant::now();
        let route = self.table().route(socket, from, datagram, now);
        match route {
            Ok(route) => {
                if route.rebound {
                    self.tally.rebound.one();
                }
                let (from, moved) = route.inbox.remote.source(from, route.proof, now);
                if moved {
                    self.tally.moved.one();
                }
                if !route.inbox.push(from, datagram) {
                    self.tally.queue_full.one();
                }
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

async fn read(core: Arc<PortCore>, index: usize) {
    let Some(socket) = core.sockets.get(index) else { return };
    let mut buffers = ReceiveBuffers::new();
    let mut batches = 0;
    loop {
        let received =
            socket.receive(&mut buffers, |from, datagram| core.receive(index, from, datagram)).await;
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

fn bind_all(config: &PortConfig) -> Result<Vec<SharedSocket>, PeerError> {
    let named: Vec<Ipv4Addr> = config.bind.iter().copied().filter(|ip| !ip.is_unspecified()).collect();
    // Addresses found by looking may vanish between looking and binding; named ones are a wish.
    let must_have = !named.is_empty();
    let addresses = if must_have { named } else { interfaces::usable_addresses(config.allow_loopback)? };
    let mut last = PeerError::Port("no usable IPv4 address".into());
    let tries = if config.udp_port == 0 { TRIES } else { 1 };
    for _ in 0..tries {
        match bind_each(&addresses, config.udp_port, must_have) {
            Ok(sockets) if sockets.is_empty() => return Err(last),
            Ok(sockets) => return Ok(sockets),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn bind_each(addresses: &[Ipv4Addr], port: u16, must_have: bool) -> Result<Vec<SharedSocket>, PeerError> {
    let mut sockets: Vec<SharedSocket> = Vec::new();
    for ip in addresses {
        // With any free port the first address draws the number and the others follow.
        let port = sockets.first().map_or(port, |first| first.address().port());
        match SharedSocket::bind(SocketAddrV4::new(*ip, port)) {
            Ok(socket) => sockets.push(socket),
            Err(error) if !must_have && error.kind() == io::ErrorKind::AddrNotAvailable => {
                tracing::warn!(address = %ip, "address vanished, not used for calls");
            }
            Err(error) => return Err(PeerError::Port(format!("UDP {ip}:{port}: {error}"))),
        }
    }
    Ok(sockets)
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
