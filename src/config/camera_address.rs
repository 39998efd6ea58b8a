//! The addresses that a camera may have.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

/// Kinds of addresses that may be opened, and the ports that they mean.
const SCHEMES: [(&str, u16); 4] = [("rtsp", 554), ("rtsps", 322), ("http", 80), ("https", 443)];

/// An address that a camera may have: RTSP or HTTP, at a host that is not forbidden by its number.
///
/// Only [`CameraAddress::parse`] makes one. What a name stands for is not known here; it is judged by
/// [`forbidden`] when it is looked up.
#[derive(Clone)]
pub struct CameraAddress {
    text: SecretString,
    host: String,
    literal: Option<IpAddr>,
    port: u16,
}

impl CameraAddress {
    /// Judges a text.
    ///
    /// # Errors
    /// Says what is wrong, to go behind "the address"; quotes no more of it than its scheme.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.chars().any(|c| c.is_control() || c == ' ') {
            return Err("holds a space or a control character".into());
        }
        let url = Url::parse(text).map_err(|error| format!("is no address ({error})"))?;
        let known = SCHEMES.iter().find(|(scheme, _)| *scheme == url.scheme());
        let Some((_, usual_port)) = known else {
            return Err(format!(
                "scheme {:?} is not allowed, use rtsp, rtsps, http, https or test:",
                url.scheme()
            ));
        };
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or("names no host")?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        let literal = literal(&host).map_err(|()| "names a host that cannot be".to_owned())?;
        // Who opens it reads the text anew, and must find the same host there. IPv6 has many spellings.
        let is_plain = text.to_ascii_lowercase().contains(&host) || matches!(literal, Some(IpAddr::V6(_)));
        if !is_plain || host.contains('%') {
            return Err("names its host in a way that is not plain".into());
        }
        if let Some(why) = literal.and_then(forbidden) {
            return Err(format!("leads to {why}, where no camera is"));
        }
        let port = url.port().unwrap_or(*usual_port);
        Ok(Self { text: text.to_owned().into(), host, literal, port })
    }

    /// The whole address, password included.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.text.expose_secret()
    }

    /// Name or number of the host, lower case, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The host's address if it is given as a number.
    #[must_use]
    pub fn literal(&self) -> Option<IpAddr> {
        self.literal
    }

    /// True for RTSP, with or without TLS.
    #[must_use]
    pub fn is_rtsp(&self) -> bool {
        self.expose().get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("rtsp"))
    }

    /// TCP port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// True if it is surely the same port of the same host.
    #[must_use]
    pub fn is_at(&self, other: &Self) -> bool {
        let same_host = self.host == other.host || (self.is_loopback() && other.is_loopback());
        same_host && self.port == other.port
    }

    /// True if it is surely this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let is_named = self.host == "localhost" || self.host.ends_with(".localhost");
        is_named || self.literal.is_some_and(|ip| ip.to_canonical().is_loopback())
    }
}

impl PartialEq for CameraAddress {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl std::fmt::Debug for CameraAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CameraAddress(***)")
    }
}

/// Every form of a number that resolvers take counts: `2852039166`, `0xa9.254.43518`, `::ffff:169.254.169.254`.
fn literal(host: &str) -> Result<Option<IpAddr>, ()> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(Some(ip));
    }
    match Host::parse(host) {
        Ok(Host::Domain(_)) => Ok(None),
        Ok(Host::Ipv4(ip)) => Ok(Some(ip.into())),
        Ok(Host::Ipv6(ip)) => Ok(Some(ip.into())),
        Err(_) => Err(()),
    }
}

/// Why no camera can be there, for people; `None` if one can. The loopback can have one: an RTSP server
/// on this machine.
#[must_use]
pub fn forbidden(ip: IpAddr) -> Option<&'static str> {
    match ip {
        IpAddr::V4(ip) => forbidden_v4(ip),
        IpAddr::V6(ip) => embedded(ip).map_or_else(|| forbidden_v6(ip), forbidden_v4),
    }
}

fn forbidden_v4(ip: Ipv4Addr) -> Option<&'static str> {
    /// Where clouds tell their machines secrets, other than link-local.
    const METADATA: [Ipv4Addr; 3] =
        [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(192, 0, 0, 192)];
    match ip.octets() {
        [0, ..] => Some("no machine in particular"),
        [169, 254, ..] => Some("a link-local address"),
        [224..=239, ..] => Some("a multicast address"),
        [240..=255, ..] => Some("a reserved address"),
        _ if METADATA.contains(&ip) => Some("a cloud's metadata"),
        _ => None,
    }
}

fn forbidden_v6(ip: Ipv6Addr) -> Option<&'static str> {
    const METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Some("no machine in particular"),
        [first, ..] if first & 0xffc0 == 0xfe80 => Some("a link-local address"),
        [first, ..] if first & 0xff00 == 0xff00 => Some("a multicast address"),
        _ if ip == METADATA => Some("a cloud's metadata"),
        _ => None,
    }
}

/// The IPv4 address that an IPv6 address stands for: mapped, compatible, NAT64 (RFC 6052), 6to4 (RFC 3056).
fn embedded(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn m11_only_addresses_of_cameras_are_taken() {
        for (good, host, port) in [
            ("rtsp://u:p@cam.lan/1", "cam.lan", 554),
            ("rtsps://10.0.0.2:7441/x", "10.0.0.2", 7441),
            ("RTSPS://Cam_1/x", "cam_1", 322),
            ("http://cam/mjpeg", "cam", 80),
            ("https://cam/", "cam", 443),
            ("http://192.168.1.5:8123/", "192.168.1.5", 8123),
            ("rtsp://127.0.0.1:18554/x", "127.0.0.1", 18554),
            ("rtsp://[fd00::5]:8554/x", "fd00::5", 8554),
            ("rtsp://[FD00:0:0::5]/x", "fd00::5", 554),
            ("rtsp://100.64.1.2/x", "100.64.1.2", 554),
            ("rtsp://203.0.113.7/x", "203.0.113.7", 554),
        ] {
            let address = CameraAddress::parse(good).unwrap_or_else(|why| panic!("{good} {why}"));
            assert_eq!((address.host(), address.port(), address.expose()), (host, port, good));
        }
        for bad in [
            "",
            "x",
            "file:///etc/passwd",
            "/etc/passwd",
            "concat:a|b",
            "subfile,,start,0,end,1,,:/x",
            "crypto+http://cam/",
            "data:image/png;base64,AA==",
            "udp://1.2.3.4:5",
            "tcp://10.0.0.2:1",
            "rtmp://10.0.0.2/x",
            "ftp://10.0.0.2/x",
            "rtsp:///x",
            "rtsp://cam/x y",
            "rtsp://cam/\nx",
            "rtsp://%31%36%39.254.169.254/x",
            "http://b\u{fc}cher.example/x",
        ] {
            assert!(CameraAddress::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn m11_no_form_of_a_forbidden_number_is_taken() {
        for host in [
            "169.254.169.254",
            "169.254.1.1",
            "2852039166",
            "0xa9fea9fe",
            "0xa9.254.43518",
            "0251.0376.0251.0376",
            "[::ffff:169.254.169.254]",
            "[::ffff:a9fe:a9fe]",
            "[::a9fe:a9fe]",
            "[64:ff9b::a9fe:a9fe]",
            "[2002:a9fe:a9fe::1]",
            "[fe80::1]",
            "[fd00:ec2::254]",
            "[ff02::1]",
            "[::]",
            "0.0.0.0",
            "0",
            "0.1.2.3",
            "224.0.0.1",
            "239.255.255.250",
            "255.255.255.255",
            "240.0.0.1",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "999.1.1.1",
        ] {
            for scheme in ["rtsp", "rtsps", "http", "https"] {
                let address = format!("{scheme}://u:hunter2@{host}/latest/meta-data");
                let why = CameraAddress::parse(&address).expect_err(&address);
                assert!(!why.contains("hunter2") && !why.contains("latest"), "{why}");
            }
        }
    }

    #[test]
    fn this_machine_is_known_by_all_its_names() {
        for (host, is) in [
            ("127.0.0.1", true),
            ("127.9.9.9", true),
            ("2130706433", true),
            ("[::1]", true),
            ("[::ffff:127.0.0.1]", true),
            ("localhost", true),
            ("x.LocalHost", true),
            ("10.0.0.1", false),
            ("localhost.lan", false),
        ] {
            assert_eq!(CameraAddress::parse(&format!("rtsp://{host}/")).unwrap().is_loopback(), is, "{host}");
        }
    }

    #[test]
    fn an_address_is_not_printed() {
        let address = CameraAddress::parse("rtsp://u:hunter2@cam/").unwrap();
        assert!(!format!("{address:?}").contains("hunter2"));
    }

    proptest::proptest! {
        #[test]
        fn any_text_can_be_judged(text in ".*", host in ".*") {
            CameraAddress::parse(&text).ok();
            CameraAddress::parse(&format!("rtsp://{host}/")).ok();
        }
    }
}
