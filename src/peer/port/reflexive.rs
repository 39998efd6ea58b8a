//! What STUN servers say of our sockets: the address that a NAT gives them. Asked ahead of time and
//! over and over, so that no answer waits and no mapping runs out.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, SocketAddrV4};
use std::time::{Duration, Instant};

use rtc::stun::message::{BINDING_REQUEST, BINDING_SUCCESS, Getter, Message, TransactionId};
use rtc::stun::xoraddr::XorMappedAddress;

use super::bases::BaseId;
use super::paths::Nat;
use crate::peer::local_candidate::sendable;
use crate::peer::turn::WAITS;

/// NATs keep a mapping for 30 s and more.
const KEEP: Duration = Duration::from_secs(25);

/// A request to be sent.
pub(super) type Request = (BaseId, SocketAddr, Vec<u8>);

/// All servers and what they said. Reads no clock and no socket.
#[derive(Debug, Default)]
pub(super) struct Reflexive {
    servers: Vec<Server>,
}

#[derive(Debug)]
struct Server {
    /// `host:port`.
    name: String,
    address: Option<SocketAddr>,
    /// Why there is no address.
    unknown: Option<String>,
    asks: HashMap<BaseId, Ask>,
}

/// One socket at one server.
#[derive(Debug)]
struct Ask {
    id: [u8; 12],
    /// Times that the request was sent.
    sent: usize,
    /// When to send next.
    at: Instant,
    mapped: Option<SocketAddrV4>,
    /// The last request was not answered.
    silent: bool,
}

impl Reflexive {
    /// Adds a server.
    pub(super) fn add(&mut self, name: &str) {
        let name = name.to_owned();
        self.servers.push(Server { name, address: None, unknown: None, asks: HashMap::new() });
    }

    /// Takes a server out, and what it said.
    pub(super) fn remove(&mut self, name: &str) {
        self.servers.retain(|server| server.name != name);
    }

    /// Says where a server is, or why nobody knows. One that was known stays where it was.
    pub(super) fn locate(&mut self, name: &str, address: Result<SocketAddr, String>) {
        let Some(server) = self.servers.iter_mut().find(|server| server.name == name) else { return };
        match address {
            Ok(address) => {
                if server.address.replace(address) != Some(address) {
                    server.asks.clear();
                }
                server.unknown = None;
            }
            Err(why) => server.unknown = Some(why),
        }
    }

    /// When to call [`due`](Self::due) next.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.servers.iter().flat_map(|server| server.asks.values()).map(|ask| ask.at).min()
    }

    /// Forgets sockets that are not among `hosts`, and returns the requests that are due.
    pub(super) fn due(&mut self, hosts: &[(BaseId, SocketAddrV4)], now: Instant) -> Vec<Request> {
        let mut requests = Vec::new();
        for server in &mut self.servers {
            let Some(to) = server.address else { continue };
            server.asks.retain(|id, _| hosts.iter().any(|(host, _)| host == id));
            // Loopback reaches nobody else, and nobody else reaches loopback.
            let hosts = hosts.iter().filter(|(_, host)| host.ip().is_loopback() == to.ip().is_loopback());
            for (host, _) in hosts {
                let ask = server.asks.entry(*host).or_insert_with(|| Ask::new(now));
                if let Some(request) = ask.due(now) {
                    requests.push((*host, to, request));
                }
            }
        }
        requests
    }

    /// Takes a response; false if nobody asked for it there.
    pub(super) fn answered(&mut self, base: BaseId, from: SocketAddr, datagram: &[u8], now: Instant) -> bool {
        let asked = self.servers.iter_mut().filter(|server| server.address == Some(from));
        let mut asks = asked.filter_map(|server| server.asks.get_mut(&base));
        let mut response = Message::new();
        response.raw = datagram.to_vec();
        if response.decode().is_err() {
            return false;
        }
        let id = response.transaction_id.0;
        let Some(ask) = asks.find(|ask| ask.sent > 0 && ask.id == id) else { return false };
        let mut mapped = XorMappedAddress::default();
        let read = response.typ == BINDING_SUCCESS && mapped.get_from(&response).is_ok();
        ask.mapped = match mapped.ip {
            IpAddr::V4(ip) if read => sendable(SocketAddrV4::new(ip, mapped.port)),
            _ => None,
        };
        ask.silent = ask.mapped.is_none();
        ask.sent = 0;
        ask.at = now + KEEP;
        true
    }

    /// The address that a NAT gives this socket, as the first server that knows says.
    pub(super) fn mapped(&self, base: BaseId) -> Option<SocketAddrV4> {
        self.said_of(base).next().map(|(_, mapped)| mapped)
    }

    /// What is in front of this socket.
    pub(super) fn nat(&self, base: BaseId, own: SocketAddrV4) -> Nat {
        let said: Vec<_> = self.said_of(base).collect();
        let Some((_, first)) = said.first() else { return Nat::Unknown };
        if said.iter().any(|(_, other)| other != first) {
            return Nat::AddressDependent;
        }
        // Two names of one server are one.
        let is_sure = said.iter().any(|(server, _)| said.iter().any(|(other, _)| server.ip() != other.ip()));
        match *first == own {
            true => Nat::None,
            false if is_sure => Nat::AddressIndependent,
            false => Nat::Present,
        }
    }

    /// Each server, and what is wrong with it.
    pub(super) fn servers(&self) -> impl Iterator<Item = (&str, Option<String>)> {
        self.servers.iter().map(|server| {
            let is_silent = !server.asks.is_empty() && server.asks.values().all(|ask| ask.silent);
            let error = match (&server.address, &server.unknown) {
                (None, Some(why)) => Some(why.clone()),
                _ => is_silent.then(|| "it does not answer".to_owned()),
            };
            (server.name.as_str(), error)
        })
    }

    fn said_of(&self, base: BaseId) -> impl Iterator<Item = (SocketAddr, SocketAddrV4)> {
        self.servers.iter().filter_map(move |server| Some((server.address?, server.asks.get(&base)?.mapped?)))
    }
}

impl Ask {
    fn new(now: Instant) -> Self {
        Self { id: [0; 12], sent: 0, at: now, mapped: None, silent: false }
    }

    fn due(&mut self, now: Instant) -> Option<Vec<u8>> {
        if self.at > now {
            return None;
        }
        let Some(wait) = WAITS.get(self.sent) else {
            // The mapping may be gone, and somebody else's by now.
            (self.mapped, self.silent, self.sent) = (None, true, 0);
            self.at = now + KEEP;
            return None;
        };
        if self.sent == 0 {
            self.id = rand::random();
        }
        self.sent += 1;
        self.at = now + *wait;
        let mut request = Message::new();
        request.build(&[Box::new(BINDING_REQUEST), Box::new(TransactionId(self.id))]).ok()?;
        Some(request.raw)
    }
}
