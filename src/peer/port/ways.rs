//! What a new call can be reached by.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use super::bases::BaseId;
use super::port_core::PortCore;
use crate::peer::local_candidate::{LocalCandidate, LocalKind};

/// What one peer can be reached by.
#[derive(Debug, Clone, Default)]
pub(in crate::peer) struct Ways {
    /// What an answer names, best first.
    pub(in crate::peer) candidates: Vec<LocalCandidate>,
    /// The throw-away sockets that the stack is to open.
    pub(in crate::peer) inner: Vec<SocketAddr>,
}

impl Ways {
    /// Those that there are now. Nothing is waited for.
    pub(super) fn now(core: &PortCore, advertise: &[Ipv4Addr]) -> Self {
        let hosts = core.bases.hosts();
        let mut candidates = candidates(&hosts, advertise, |id| core.reflexive().mapped(id));
        let mut inner: Vec<_> = hosts.iter().map(|(_, host)| SocketAddr::from((*host.ip(), 0))).collect();
        for (_, base) in core.bases.all() {
            let Some((address, mapped)) = base.relay().and_then(|relay| relay.relayed()) else { continue };
            let related = mapped.unwrap_or(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0));
            candidates.push(LocalCandidate { kind: LocalKind::Relayed, address, related });
            inner.push(SocketAddr::from((base.inner_ip(), 0)));
        }
        candidates.sort_by_key(|candidate| candidate.kind);
        Self { candidates, inner }
    }
}

/// Our own addresses and what NATs make of them. The advertised ones stand in place of both: they are
/// in front of a NAT that somebody has configured. Loopback stays, it is there only when asked for.
fn candidates(
    hosts: &[(BaseId, SocketAddrV4)],
    advertise: &[Ipv4Addr],
    mapped: impl Fn(BaseId) -> Option<SocketAddrV4>,
) -> Vec<LocalCandidate> {
    let port = hosts.first().map(|(_, first)| first.port());
    let advertised =
        port.into_iter().flat_map(|port| advertise.iter().map(move |ip| SocketAddrV4::new(*ip, port)));
    let mut candidates: Vec<_> = advertised.map(LocalCandidate::host).collect();
    for (id, host) in hosts {
        if !advertise.is_empty() && !host.ip().is_loopback() {
            continue;
        }
        candidates.push(LocalCandidate::host(*host));
        let kind = LocalKind::ServerReflexive;
        let mapped = mapped(*id).filter(|mapped| mapped != host);
        candidates.extend(mapped.map(|address| LocalCandidate { kind, address, related: *host }));
    }
    candidates
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn named(advertise: &[Ipv4Addr]) -> Vec<(LocalKind, String)> {
        let hosts = [(1, "192.168.1.4:8555"), (2, "203.0.113.9:8555"), (3, "127.0.0.1:8555")];
        let hosts = hosts.map(|(id, address)| (id, address.parse().unwrap()));
        let mapped = |id| match id {
            1 => Some("203.0.113.5:40000".parse().unwrap()),
            2 => Some("203.0.113.9:8555".parse().unwrap()),
            _ => None,
        };
        let candidates = candidates(&hosts, advertise, mapped);
        candidates.into_iter().map(|candidate| (candidate.kind, candidate.address.to_string())).collect()
    }

    #[test]
    fn a_socket_behind_a_nat_is_named_by_both_of_its_addresses_and_one_without_by_its_own() {
        use LocalKind::{Host, ServerReflexive};
        let expected = [
            (Host, "192.168.1.4:8555"),
            (ServerReflexive, "203.0.113.5:40000"),
            (Host, "203.0.113.9:8555"),
            (Host, "127.0.0.1:8555"),
        ];
        assert_eq!(named(&[]), expected.map(|(kind, address)| (kind, address.to_owned())));
    }

    #[test]
    fn advertised_addresses_stand_in_place_of_our_own_and_of_what_stun_says() {
        let named = named(&[Ipv4Addr::new(198, 51, 100, 7)]);
        let expected = ["198.51.100.7:8555", "127.0.0.1:8555"];
        assert_eq!(named, expected.map(|address| (LocalKind::Host, address.to_owned())));
    }
}
