//! The port: one UDP socket per address, and one allocation per TURN server, for all peers.
//!
//! Each peer is given a runtime of its own whose sockets are ends of the shared bases. The peer takes
//! a throw-away address for its own and never learns the shared one, so candidates and statistics
//! inside the WebRTC stack name the throw-away address: never show them.
//!
//! ```text
//! Base --reader--> Table --Inbox--> VirtualSocket <--> driver of one peer
//!  ^                                     |
//!  +-- one call per picture <--Outbox----+
//! ```

mod base;
mod bases;
mod budget;
mod counters;
mod handshake;
mod inbox;
mod interfaces;
mod meter;
mod outbox;
mod paths;
mod peer_runtime;
mod port_core;
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

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;

use secrecy::SecretString;

pub use counters::{DroppedCounters, PortCounters, UnsentCounters};
pub(in crate::peer) use meter::Meter;
pub use paths::{Nat, Paths, ServerPath, SocketPath};
pub(in crate::peer) use peer_runtime::PeerRuntime;
pub(in crate::peer) use ways::Ways;

#[cfg(test)]
pub(in crate::peer) use relay::coturn::Coturn;
#[cfg(test)]
pub(in crate::peer) use stun::tests::message as stun_message;

use super::ice_server::IceServer;
use super::{PeerError, PortConfig};
use bases::BaseId;
use port_core::PortCore;

/// The bases that all peers share. Dropping it ends the reading; peers must be gone by then.
#[derive(Debug)]
pub struct MediaPort {
    core: Arc<PortCore>,
    advertise: Vec<Ipv4Addr>,
}

impl MediaPort {
    /// Binds the sockets and starts reading. To be called on the media runtime. Without configured
    /// addresses it follows those that the machine has, even if that is none now.
    ///
    /// # Errors
    /// [`PeerError::Port`] when a configured address or the port number cannot be had.
    pub fn open(config: &PortConfig) -> Result<Self, PeerError> {
        let core = PortCore::start(config.tls.clone());
        interfaces::open(&core, config)?;
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

    /// Has all addresses of this machine vanish.
    #[cfg(test)]
    pub(in crate::peer) fn lose_addresses(&self) {
        self.core.bases.set_present(Vec::new());
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
        self.core.stop();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::time::Duration;

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
