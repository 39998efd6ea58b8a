//! An offer or answer (RFC 8866, RFC 8839) as it may be shown to others: without what opens a connection or tells
//! where somebody lives. What is not known to be harmless is left out.

use crate::telemetry::public::{is_public, mask_public};
use crate::telemetry::redact::MASK;

/// Attributes whose values tell of media and nothing else.
const HARMLESS: [&str; 29] = [
    "bundle-only",
    "candidate",
    "end-of-candidates",
    "extmap",
    "extmap-allow-mixed",
    "fmtp",
    "framerate",
    "group",
    "ice-lite",
    "ice-options",
    "imageattr",
    "inactive",
    "max-message-size",
    "maxptime",
    "mid",
    "ptime",
    "recvonly",
    "rid",
    "rtcp",
    "rtcp-fb",
    "rtcp-mux",
    "rtcp-rsize",
    "rtpmap",
    "sctp-port",
    "sendonly",
    "sendrecv",
    "setup",
    "simulcast",
    "ssrc-group",
];

/// Longest text that is kept, bytes.
const LONGEST: usize = 32 * 1024;

/// The masked text.
#[must_use]
pub fn masked(sdp: &str) -> String {
    let sdp = &sdp[..sdp.floor_char_boundary(LONGEST)];
    sdp.lines().map(|text| line(text.trim_end()) + "\n").collect()
}

fn line(line: &str) -> String {
    match line.split_once('=') {
        Some(("a", attribute)) => format!("a={}", self::attribute(attribute)),
        Some(("v" | "o" | "s" | "c" | "b" | "t" | "m", _)) => mask_public(line),
        Some((kind, _)) if kind.len() == 1 => format!("{kind}={MASK}"),
        _ => MASK.to_owned(),
    }
}

fn attribute(attribute: &str) -> String {
    let Some((name, value)) = attribute.split_once(':') else {
        let known = HARMLESS.contains(&attribute);
        return if known { attribute.to_owned() } else { MASK.to_owned() };
    };
    match (name, value.split_once(' ')) {
        ("candidate", _) => format!("{name}:{}", candidate(value)),
        // The hash tells whether two ends mean the same certificate; its kind is all that a fault needs.
        ("fingerprint", Some((hash, _))) => format!("{name}:{hash} {MASK}"),
        ("ssrc", Some((number, _))) => format!("{name}:{number} {MASK}"),
        _ if HARMLESS.contains(&name) => format!("{name}:{}", mask_public(value)),
        _ => format!("{}:{MASK}", if name.chars().all(is_of_name) { name } else { MASK }),
    }
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_lowercase() || c == '-'
}

/// `foundation component transport priority address port typ kind [raddr address rport port]`, and none of the
/// extensions behind.
fn candidate(value: &str) -> String {
    let words: Vec<&str> = value.split_ascii_whitespace().collect();
    let [_, component, transport, priority, address, port, "typ", kind, rest @ ..] = &words[..] else {
        return MASK.to_owned();
    };
    let mut text = format!("{MASK} {component} {transport} {priority} {} {port} typ {kind}", host(address));
    if let ["raddr", address, "rport", port, ..] = rest {
        text += &format!(" raddr {} rport {port}", host(address));
    }
    text
}

/// An address of the own network is needed to find a fault; a name may be anybody's.
fn host(address: &str) -> &str {
    match address.parse() {
        Ok(ip) if !is_public(ip) => address,
        _ => MASK,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const OFFER: &str = "v=0\r\no=- 1 2 IN IP4 8.8.4.4\r\ns=-\r\nt=0 0\r\ne=canary@example.com\r\n\
        m=video 50000 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 192.168.1.9\r\na=ice-ufrag:canaryA\r\na=ice-pwd:canaryB\r\n\
        a=fingerprint:sha-256 CA:NA:RY\r\na=crypto:1 AES inline:canaryC\r\na=rtpmap:96 H264/90000\r\n\
        a=fmtp:96 profile-level-id=42e01f\r\na=sendrecv\r\na=ssrc:17 cname:canaryD\r\na=msid:canaryE canaryF\r\n\
        a=candidate:1 1 UDP 99 192.168.1.9 50000 typ host generation 0 ufrag canaryA\r\n\
        a=candidate:2 1 UDP 98 8.8.4.4 50000 typ srflx raddr 192.168.1.9 rport 50000\r\n\
        a=candidate:canary 1 UDP 98 canary.local 5 typ host\r\na=candidate:broken canary\r\na=x-canary:canaryG\r\n\
        a=canary\r\nk=clear:canaryH\r\ncanary\r\n";

    #[test]
    fn an_offer_tells_of_media_and_of_the_own_network_but_not_how_to_join_the_call() {
        let shown = masked(OFFER);
        assert!(!shown.to_lowercase().replace("x-canary", "").contains("canary"), "{shown}");
        assert!(!shown.contains("8.8.4.4") && !shown.contains("CA:NA:RY"), "{shown}");
        for kept in [
            "m=video 50000 UDP/TLS/RTP/SAVPF 96\n",
            "c=IN IP4 192.168.1.9\n",
            "a=ice-ufrag:***\n",
            "a=fingerprint:sha-256 ***\n",
            "a=fmtp:96 profile-level-id=42e01f\n",
            "a=sendrecv\n",
            "a=ssrc:17 ***\n",
            "a=candidate:*** 1 UDP 99 192.168.1.9 50000 typ host\n",
            "a=candidate:*** 1 UDP 98 *** 50000 typ srflx raddr 192.168.1.9 rport 50000\n",
        ] {
            assert!(shown.contains(kept), "{kept} in {shown}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_it_and_no_password_is_left(
            text in "(a=ice-pwd:|a=|m=|:| |=|\r|\n|\\PC){0,40}", pwd in "[A-Z]{22,40}",
        ) {
            let shown = masked(&format!("{text}\r\na=ice-pwd:{pwd}\r\n{text}"));
            proptest::prop_assert!(!shown.contains(&pwd), "{}", shown);
        }
    }
}
