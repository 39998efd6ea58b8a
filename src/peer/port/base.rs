//! What datagrams leave from and arrive at (RFC 8445 4: the base of a candidate).

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;

use super::counters::Tally;
use super::relay::Relay;
use super::shared_socket::SharedSocket;

/// One of the port's ways to the network, shared by all peers.
#[derive(Debug)]
pub(super) enum Base {
    /// A socket of this machine.
    Host(SharedSocket),
    /// An allocation at a TURN server.
    Relay(Arc<Relay>),
}

impl Base {
    /// The IP address of the throw-away socket that stands for this base in a peer.
    pub(super) fn inner_ip(&self) -> Ipv4Addr {
        match self {
            Self::Host(socket) => *socket.address().ip(),
            Self::Relay(relay) => relay.inner_ip(),
        }
    }

    /// The address of the socket, if it is one of this machine.
    pub(super) fn host(&self) -> Option<SocketAddrV4> {
        match self {
            Self::Host(socket) => Some(socket.address()),
            Self::Relay(_) => None,
        }
    }

    /// The TURN server's side, if it is one.
    pub(super) fn relay(&self) -> Option<&Arc<Relay>> {
        match self {
            Self::Host(_) => None,
            Self::Relay(relay) => Some(relay),
        }
    }

    /// Datagrams that one system call can send.
    pub(super) fn max_segments(&self) -> usize {
        match self {
            Self::Host(socket) => socket.max_segments(),
            Self::Relay(relay) => relay.max_segments(),
        }
    }

    /// Sends datagrams of `segment` bytes each (the last may be shorter) without waiting.
    pub(super) fn send(&self, to: SocketAddr, contents: &[u8], segment: usize, tally: &Tally) {
        match self {
            Self::Host(socket) => socket.send(to, contents, segment, tally),
            Self::Relay(relay) => relay.send(to, contents, segment, tally),
        }
    }
}
