//! Which local addresses the port listens on: those that the settings name, or whatever the machine
//! has, now and later.

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use super::base::Base;
use super::port_core::{PortCore, read};
use super::shared_socket::SharedSocket;
use crate::peer::{PeerError, PortConfig};

/// How often the machine's addresses are looked at.
const LOOK: Duration = Duration::from_secs(2);
/// Sockets at most; a machine with more addresses than that is no home's.
const MOST: usize = 32;
/// Tries to find a port number that is free on every address.
const TRIES: usize = 20;

/// Interfaces of container and virtual machine bridges: nobody at a door is behind one.
const BRIDGES: [&str; 5] = ["docker", "br-", "veth", "hassio", "virbr"];

/// Binds the first sockets, and follows the machine's addresses if the settings name none.
///
/// # Errors
/// [`PeerError::Port`] when a configured address or the port number cannot be had.
pub(super) fn open(core: &Arc<PortCore>, config: &PortConfig) -> Result<(), PeerError> {
    let named: Vec<Ipv4Addr> = config.bind.iter().copied().filter(|ip| !ip.is_unspecified()).collect();
    let follows = named.is_empty();
    // Addresses found by looking may vanish between looking and binding; named ones are a wish.
    let addresses = if follows { usable_addresses(config.allow_loopback)? } else { named };
    let sockets = bind_all(&addresses, config.udp_port, !follows)?;
    let port = sockets.first().map_or(config.udp_port, |first| first.address().port());
    sockets.into_iter().for_each(|socket| take(core, socket));
    core.bases.set_present(addresses);
    if follows {
        core.spawn(follow(Arc::clone(core), config.allow_loopback, port));
    }
    Ok(())
}

/// Reads a new socket and has it known.
fn take(core: &Arc<PortCore>, socket: SharedSocket) {
    let id = core.bases.number();
    core.bases.add(id, Base::Host(socket));
    core.spawn(read(Arc::clone(core), id));
}

/// Looks at the machine's addresses for ever: a new one gets a socket, one that is gone is no longer
/// offered, and its socket waits for it to come back.
async fn follow(core: Arc<PortCore>, allow_loopback: bool, mut port: u16) {
    let mut complained = HashSet::new();
    loop {
        tokio::time::sleep(LOOK).await;
        let Ok(addresses) = usable_addresses(allow_loopback) else { continue };
        for ip in &addresses {
            let bases = core.bases.all();
            let hosts: Vec<_> = bases.iter().filter_map(|(_, base)| base.host()).collect();
            if hosts.len() >= MOST || hosts.iter().any(|host| host.ip() == ip) {
                continue;
            }
            match SharedSocket::bind(SocketAddrV4::new(*ip, port)) {
                Ok(socket) => {
                    port = socket.address().port();
                    complained.remove(ip);
                    take(&core, socket);
                }
                // It may be there only in part yet, or be gone again: the next look tells.
                Err(error) if complained.insert(*ip) => {
                    tracing::warn!(address = %ip, port, %error, "a new address cannot be used for calls");
                }
                Err(_) => {}
            }
        }
        if core.bases.set_present(addresses) {
            tracing::info!(addresses = ?core.bases.addresses(), "this machine's addresses have changed");
            core.network_changed();
        }
    }
}

fn bind_all(addresses: &[Ipv4Addr], port: u16, must_have: bool) -> Result<Vec<SharedSocket>, PeerError> {
    let mut bound = bind_each(addresses, port, must_have);
    for _ in 1..if port == 0 { TRIES } else { 1 } {
        if bound.is_ok() {
            break;
        }
        bound = bind_each(addresses, port, must_have);
    }
    bound
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

/// All IPv4 addresses of this machine but link-local ones and those of container bridges; loopback
/// only if asked for.
///
/// # Errors
/// When the interfaces cannot be listed.
fn usable_addresses(allow_loopback: bool) -> Result<Vec<Ipv4Addr>, PeerError> {
    let interfaces = if_addrs::get_if_addrs()
        .map_err(|error| PeerError::Port(format!("the network interfaces cannot be listed: {error}")))?;
    let mut addresses = Vec::new();
    for interface in interfaces {
        if let IpAddr::V4(address) = interface.ip()
            && is_usable(&interface.name, address, allow_loopback)
            && !addresses.contains(&address)
        {
            addresses.push(address);
        }
    }
    // Loopback last: candidates are offered in this order.
    addresses.sort_by_key(Ipv4Addr::is_loopback);
    Ok(addresses)
}

fn is_usable(interface: &str, address: Ipv4Addr, allow_loopback: bool) -> bool {
    if address.is_loopback() {
        return allow_loopback && address == Ipv4Addr::LOCALHOST;
    }
    !address.is_unspecified()
        && !address.is_link_local()
        && !address.is_multicast()
        && !BRIDGES.iter().any(|bridge| interface.starts_with(bridge))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bridges_of_containers_link_local_and_loopback_are_left_out() {
        let lan = Ipv4Addr::new(192, 168, 1, 4);
        assert!(is_usable("eth0", lan, false));
        assert!(is_usable("wlan0", Ipv4Addr::new(172, 20, 0, 4), false));
        for bridge in ["docker0", "br-1f2e", "veth12ab", "hassio", "virbr0"] {
            assert!(!is_usable(bridge, Ipv4Addr::new(172, 17, 0, 1), false), "{bridge}");
        }
        assert!(!is_usable("eth0", Ipv4Addr::new(169, 254, 3, 4), false));
        assert!(!is_usable("lo", Ipv4Addr::LOCALHOST, false));
        assert!(is_usable("lo", Ipv4Addr::LOCALHOST, true));
        assert!(!is_usable("lo", Ipv4Addr::new(127, 0, 0, 53), true));
    }
}
