//! One ICE candidate of the far end, after the filter.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};

/// A candidate to which connectivity checks may be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    foundation: String,
    priority: u32,
    /// Where the far end says it can be reached.
    pub address: SocketAddrV4,
    kind: &'static str,
}

impl Candidate {
    /// Reads the value of an `a=candidate:` attribute; `None` for whatever must never be dialled:
    /// all but UDP, component 1 and a literal IPv4 address of an ordinary host.
    ///
    /// A name is never looked up: whoever writes the offer would choose our DNS queries.
    #[must_use]
    pub fn parse(value: &str, allow_loopback: bool) -> Option<Self> {
        let mut words = value.split_ascii_whitespace();
        let foundation = words.next()?;
        let component = words.next()?;
        let transport = words.next()?;
        let priority = words.next()?.parse().ok()?;
        let host: Ipv4Addr = words.next()?.parse().ok()?;
        let port: u16 = words.next()?.parse().ok()?;
        if words.next()? != "typ" {
            return None;
        }
        let kind = match words.next()? {
            "host" => "host",
            "srflx" => "srflx",
            "prflx" => "prflx",
            "relay" => "relay",
            _ => return None,
        };
        if component != "1" || !transport.eq_ignore_ascii_case("udp") {
            return None;
        }
        if !dialable(host, allow_loopback) || !ordinary_port(port) {
            return None;
        }
        let sane =
            !foundation.is_empty() && foundation.len() <= 32 && foundation.bytes().all(super::is_ice_char);
        let foundation = if sane { foundation.to_owned() } else { "1".to_owned() };
        Some(Self { foundation, priority, address: SocketAddrV4::new(host, port), kind })
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { foundation, priority, address, kind } = self;
        write!(out, "{foundation} 1 udp {priority} {} {} typ {kind}", address.ip(), address.port())?;
        if *kind != "host" {
            // The grammar wants a related address; the real one concerns nobody.
            write!(out, " raddr 0.0.0.0 rport 0")?;
        }
        Ok(())
    }
}

/// The metadata service of a cloud that does not keep it in 169.254.0.0/16.
const METADATA: Ipv4Addr = Ipv4Addr::new(100, 100, 100, 200);

fn dialable(host: Ipv4Addr, allow_loopback: bool) -> bool {
    if host.is_loopback() {
        return allow_loopback;
    }
    // 0.0.0.0/8 is "this host" to many stacks; 240.0.0.0/4 holds broadcast and nothing that answers.
    let [first, ..] = host.octets();
    first != 0 && first < 240 && !host.is_multicast() && !host.is_link_local() && host != METADATA
}

/// Nobody gathers candidates on the ports of well-known services; checks sent there would only
/// make us a tool against them. 443 is what relays behind strict firewalls use.
fn ordinary_port(port: u16) -> bool {
    port >= 1024 || port == 443
}
