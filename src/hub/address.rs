//! The hub's address as people write it.

use url::Url;

use crate::config::camera_address::CameraAddress;

/// The port of a hub whose address has none.
const USUAL_PORT: u16 = 8123;

/// Takes what people copy out of a browser, `homeassistant.local:8123/lovelace/0`, and gives the hub's
/// base address. Without a scheme it is `http` and, without a port, the hub's usual one.
#[must_use]
pub fn base_address(text: &str) -> Option<Url> {
    let text = text.trim().trim_matches(['"', '\'', '<', '>']);
    if text.is_empty() || text.len() > 1024 {
        return None;
    }
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (Some(scheme.to_ascii_lowercase()), rest),
        None => (None, text.trim_start_matches('/')),
    };
    let secure = match scheme.as_deref() {
        None | Some("http" | "ws") => false,
        Some("https" | "wss") => true,
        Some(_) => return None,
    };
    let authority = rest.split(['/', '?', '#']).next()?;
    // A password there would end in logs of others.
    if authority.contains('@') {
        return None;
    }
    let mut url = Url::parse(&format!("{}://{authority}/", if secure { "https" } else { "http" })).ok()?;
    let host = url.host_str()?.to_owned();
    let port = url.port_or_known_default()?;
    CameraAddress::parse(&format!("http://{host}:{port}/")).ok()?;
    if scheme.is_none() && !has_port(authority) {
        url.set_port(Some(USUAL_PORT)).ok()?;
    }
    Some(url)
}

/// Also where it is the scheme's own port, which a parsed address does not show.
fn has_port(authority: &str) -> bool {
    authority.rsplit(']').next().unwrap_or_default().contains(':')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_people_paste_becomes_the_hubs_base_address() {
        for (pasted, address) in [
            ("homeassistant.local:8123/lovelace/0", "http://homeassistant.local:8123/"),
            ("homeassistant.local", "http://homeassistant.local:8123/"),
            ("homeassistant.local:80", "http://homeassistant.local/"),
            (" http://192.168.1.5:8123 ", "http://192.168.1.5:8123/"),
            ("HTTPS://Home.example.org/", "https://home.example.org/"),
            ("https://home.example.org/config/dashboard?edit=1#x", "https://home.example.org/"),
            ("ws://hub:8123/api/websocket", "http://hub:8123/"),
            ("wss://hub/api/websocket", "https://hub/"),
            ("http://homeassistant.local", "http://homeassistant.local/"),
            ("[fd00::5]", "http://[fd00::5]:8123/"),
            ("[fd00::5]:8124", "http://[fd00::5]:8124/"),
            ("\"http://hub:8123\"", "http://hub:8123/"),
            ("//hub:8123/", "http://hub:8123/"),
        ] {
            assert_eq!(base_address(pasted).unwrap().as_str(), address, "{pasted}");
        }
    }

    #[test]
    fn what_is_no_address_of_a_hub_is_refused() {
        for text in [
            "",
            "   ",
            "ftp://hub/",
            "file:///etc/passwd",
            "http://",
            "http:///x",
            "http://user:secret@hub:8123/",
            "hub:99999",
            "hub port",
            "http://169.254.169.254/",
            "0xa9.254.43518",
            "http://0.0.0.0:8123",
            "224.0.0.1",
            "[fe80::1]",
            "a long token that was pasted into the wrong field",
        ] {
            assert_eq!(base_address(text), None, "{text}");
        }
        assert_eq!(base_address(&"h".repeat(5000)), None);
    }
}
