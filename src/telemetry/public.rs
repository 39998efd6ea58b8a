//! Addresses by which a home is found in the internet: not for diagnostics that are shown to others.

use std::net::IpAddr;

/// What stands in the place of a public address.
pub const MASK: &str = "[public address]";

/// True for an address that is one of the internet's.
#[must_use]
pub fn is_public(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let shared = matches!(ip.octets(), [100, 64..=127, ..]);
            let inner = ip.is_private() || ip.is_loopback() || ip.is_link_local() || shared;
            !(inner || ip.is_unspecified() || ip.is_broadcast() || ip.is_multicast() || ip.octets()[0] == 0)
        }
        // Everything that is given out lies in 2000::/3.
        IpAddr::V6(ip) => ip.segments()[0] & 0xe000 == 0x2000,
    }
}

/// The text with [`MASK`] for each public address in it; ports stay.
#[must_use]
pub fn mask_public(text: &str) -> String {
    let of_v4 = |c: char| c.is_ascii_digit() || c == '.';
    let of_v6 = |c: char| c.is_ascii_hexdigit() || c == ':' || c == '.';
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let v6 = run(rest, of_v6);
        let v4 = run(rest, of_v4);
        let found = [v6, v4].into_iter().find(|run| {
            // Neither longer numbers nor names end in an address.
            run.parse().is_ok_and(is_public) && !out.ends_with(|c: char| c.is_ascii_alphanumeric())
        });
        let end = match found {
            Some(run) => {
                out.push_str(MASK);
                run.len()
            }
            None => {
                out.push(first);
                first.len_utf8()
            }
        };
        rest = &rest[end..];
    }
    out
}

/// The characters at the beginning that fit, without what ends a sentence.
fn run(text: &str, fits: impl Fn(char) -> bool) -> &str {
    let end = text.find(|c| !fits(c)).unwrap_or(text.len());
    text[..end].trim_end_matches(['.', ':'])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn public_addresses_are_masked_wherever_they_stand_and_others_stay() {
        for (text, masked) in [
            ("udp 8.8.8.8:3478 said 203.0.113.9.", "udp [public address]:3478 said [public address]."),
            ("turn:1.2.3.4:3478?transport=tcp", "turn:[public address]:3478?transport=tcp"),
            ("[2001:db8::1]:80, 2a00::1:2", "[[public address]]:80, [public address]"),
            ("http://192.168.1.7:8123 10.0.0.1 172.16.3.4 127.0.0.1 100.64.0.1", ""),
            ("0.0.0.0:8099 255.255.255.255 224.0.0.251 169.254.1.1 ::1 fe80::1 fd00::2", ""),
            ("libavformat 59.27.100, version 1.2.3, 12:34:56, 2026-11-28T19:00:00.000Z", ""),
            ("v1.2.3.4 is a version; Grüße :: a:b", ""),
        ] {
            assert_eq!(mask_public(text), if masked.is_empty() { text } else { masked });
        }
    }

    proptest::proptest! {
        #[test]
        fn no_public_address_is_left_in_any_text(before in "[ ,:(\\[\"=a-z]{0,6}", a in 1_u8..=9, b: u8, c: u8, after in "[ ,:)\\]\";]{0,6}") {
            let address = format!("{a}.{b}.{c}.77");
            let text = format!("{before} {address}{after}");
            proptest::prop_assert_eq!(mask_public(&text).contains(&address), a == 10);
        }
    }
}
