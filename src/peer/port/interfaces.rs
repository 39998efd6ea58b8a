//! Which local addresses the port listens on when the settings name none.

use std::net::{IpAddr, Ipv4Addr};

use crate::peer::PeerError;

/// Interfaces of container and virtual machine bridges: nobody at a door is behind one.
const BRIDGES: [&str; 5] = ["docker", "br-", "veth", "hassio", "virbr"];

/// All IPv4 addresses of this machine but link-local ones and those of container bridges; loopback
/// only if asked for.
///
/// # Errors
/// When the interfaces cannot be listed.
pub(super) fn usable_addresses(allow_loopback: bool) -> Result<Vec<Ipv4Addr>, PeerError> {
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
