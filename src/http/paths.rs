//! What people should know of our ways to the network.

use std::net::SocketAddrV4;

use crate::config::Config;
use crate::peer::port::{Nat, Paths};

/// What stands in the way of calls, and what to do about it.
pub(super) fn advice(paths: &Paths, config: &Config) -> Vec<String> {
    let is_relayed = paths.servers.iter().any(|server| server.relayed.is_some());
    let mut all: Vec<String> = paths
        .servers
        .iter()
        .filter(|server| server.server.starts_with("turn"))
        .filter_map(|server| {
            Some(format!("the TURN server {} is of no use: {}", server.server, server.error.as_ref()?))
        })
        .collect();
    let is_symmetric = paths.sockets.iter().any(|socket| socket.nat == Nat::AddressDependent);
    if is_symmetric && !is_relayed && config.webrtc.advertise.is_empty() {
        all.push(
            "the router gives each far end another port (a symmetric NAT), so that far ends which take answers only \
             cannot be reached; if calls do not connect, name a TURN server in webrtc.turn, or forward the UDP port and \
             put the public address into webrtc.advertise"
                .to_owned(),
        );
    }
    if config.supervised && config.webrtc.advertise.is_empty() && !is_relayed && is_hidden(paths) {
        all.push(format!(
            "webrtc.advertise: is empty, and no STUN server told the outer address, so far ends are reached only if they \
             answer whoever calls; put this machine's address in your network there, and publish the UDP port {}",
            config.webrtc.udp_port
        ));
    }
    all
}

/// True if far ends are told addresses of the supervisor's inner network alone.
fn is_hidden(paths: &Paths) -> bool {
    let inner = |address: SocketAddrV4| matches!(address.ip().octets(), [172, 30, 32 | 33, _]);
    let sockets = &paths.sockets;
    !sockets.is_empty() && sockets.iter().all(|socket| inner(socket.address) && socket.mapped.is_none())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::peer::port::{ServerPath, SocketPath};

    fn paths(address: &str, mapped: Option<&str>, nat: Nat) -> Paths {
        let parsed = |text: &str| text.parse().unwrap();
        let socket = SocketPath { address: parsed(address), mapped: mapped.map(parsed), nat };
        Paths { sockets: vec![socket], servers: Vec::new() }
    }

    fn server(paths: &mut Paths, server: &str, relayed: Option<&str>, error: Option<&str>) {
        let relayed = relayed.map(|text| text.parse().unwrap());
        paths.servers.push(ServerPath { server: server.into(), relayed, error: error.map(str::to_owned) });
    }

    #[test]
    fn a_symmetric_nat_is_told_unless_a_relay_helps() {
        let mut paths = paths("192.168.1.2:8555", Some("203.0.113.5:40000"), Nat::AddressDependent);
        let config = Config::default();
        assert!(advice(&paths, &config)[0].contains("webrtc.turn"));
        server(&mut paths, "turn:turn.example:3478", Some("203.0.113.9:50000"), None);
        assert_eq!(advice(&paths, &config), [""; 0]);
    }

    #[test]
    fn a_turn_server_of_no_use_is_named_with_its_reason() {
        let mut paths = paths("192.168.1.2:8555", None, Nat::Unknown);
        server(&mut paths, "turns:turn.example:5349", None, Some("the password is wrong"));
        server(&mut paths, "stun:stun.example:3478", None, Some("does not answer"));
        let told = advice(&paths, &Config::default());
        assert_eq!(told, ["the TURN server turns:turn.example:5349 is of no use: the password is wrong"]);
    }

    #[test]
    fn an_add_on_that_only_its_supervisor_knows_is_told_so_until_a_server_sees_it() {
        let config = Config { supervised: true, ..Config::default() };
        assert!(advice(&paths("172.30.33.5:8555", None, Nat::Unknown), &config)[0].contains("8555"));
        let seen = paths("172.30.33.5:8555", Some("203.0.113.5:8555"), Nat::Present);
        assert_eq!(advice(&seen, &config), [""; 0]);
    }
}
