//! How far ends can reach us, for people.

use std::net::SocketAddrV4;

use serde::Serialize;

/// What is known of our ways to the network now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Paths {
    /// Our sockets on addresses that this machine has now.
    pub sockets: Vec<SocketPath>,
    /// The STUN and TURN servers in use.
    pub servers: Vec<ServerPath>,
}

/// One of our sockets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SocketPath {
    /// Its own address.
    pub address: SocketAddrV4,
    /// Its address as the first STUN server that answers sees it.
    pub mapped: Option<SocketAddrV4>,
    /// What is in front of it.
    pub nat: Nat,
}

/// What is between a socket and the internet (RFC 4787 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Nat {
    /// No STUN server has answered.
    Unknown,
    /// Nothing: servers see our own address.
    None,
    /// A NAT; it takes two servers to tell its kind.
    Present,
    /// A NAT that gives us one address for all: far ends can reach us.
    AddressIndependent,
    /// A "symmetric" NAT, which gives us another address for each far end: many far ends can reach us
    /// only through a TURN server.
    AddressDependent,
}

/// One server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServerPath {
    /// Its URL, without credentials.
    pub server: String,
    /// Of a TURN server: where far ends reach us through it.
    pub relayed: Option<SocketAddrV4>,
    /// What was wrong with it last, if it is of no use now.
    pub error: Option<String>,
}
