//! An ICE candidate of ours, as an answer names it.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddrV4};

/// Where a far end may reach us (RFC 8445 5.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalCandidate {
    /// How it came about.
    pub kind: LocalKind,
    /// What the far end sends to.
    pub address: SocketAddrV4,
    /// Of a mapped or relayed address: what lies behind it.
    pub related: SocketAddrV4,
}

/// The type of a candidate of ours, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LocalKind {
    /// A socket of this machine.
    Host,
    /// What a NAT makes of it.
    ServerReflexive,
    /// At a TURN server.
    Relayed,
}

impl LocalCandidate {
    /// A socket of this machine.
    #[must_use]
    pub fn host(address: SocketAddrV4) -> Self {
        Self { kind: LocalKind::Host, address, related: address }
    }

    /// The value of its `a=candidate:` line (RFC 8839 5.1); `index` is its place among ours.
    pub(super) fn line(&self, index: usize) -> String {
        let foundation = index + 1;
        let (kind, preference) = match self.kind {
            LocalKind::Host => ("host", HOST_PREFERENCE),
            LocalKind::ServerReflexive => ("srflx", 100),
            LocalKind::Relayed => ("relay", 0),
        };
        let (ip, port) = (self.address.ip(), self.address.port());
        let mut line = format!("{foundation} 1 UDP {} {ip} {port} typ {kind}", priority(preference, index));
        if self.kind != LocalKind::Host {
            let (ip, port) = (self.related.ip(), self.related.port());
            // Writing to a String cannot fail.
            let _infallible = write!(line, " raddr {ip} rport {port}");
        }
        line
    }
}

/// Type preference of a host candidate (RFC 8445 5.1.2.2).
pub(super) const HOST_PREFERENCE: u32 = 126;

/// RFC 8445 5.1.2.1 for component 1; those in front win.
pub(super) fn priority(type_preference: u32, index: usize) -> u32 {
    let local_preference = 65_535 - u32::try_from(index.min(65_535)).unwrap_or(65_535);
    (type_preference << 24) + (local_preference << 8) + 255
}

/// An address that a far end could send to: what a server says of our own may be anything.
pub(super) fn sendable(address: SocketAddrV4) -> Option<SocketAddrV4> {
    let ip: &Ipv4Addr = address.ip();
    let never = ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast() || address.port() == 0;
    (!never).then_some(address)
}
