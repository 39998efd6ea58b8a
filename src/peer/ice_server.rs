//! A STUN or TURN server, as settings and hubs name it.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// Longest address, user name or password that is taken, in bytes (RFC 8489 14.3 has 513 for names).
const LONGEST: usize = 512;

/// How a TURN server is spoken to. What it relays is UDP in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnTransport {
    /// `turn:host`.
    Udp,
    /// `turn:host?transport=tcp`.
    Tcp,
    /// `turns:host`: TLS over TCP.
    Tls,
}

/// A server that helps calls through a NAT. Its credentials are in no text of it.
#[derive(Clone)]
pub enum IceServer {
    /// Tells which public address our packets have (RFC 8489).
    Stun {
        /// `host:port`.
        address: String,
    },
    /// Relays a call's packets (RFC 8656).
    Turn {
        /// `host:port`.
        address: String,
        /// How it is spoken to.
        transport: TurnTransport,
        /// User name.
        username: String,
        /// Password.
        password: SecretString,
    },
}

/// Why a server cannot be used. Quotes no credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IceServerError {
    /// The URL is no server's.
    #[error("is not stun:host:port, turn:host:port or turns:host:port")]
    Url,
    /// STUN over TLS, TURN over DTLS and the like.
    #[error("is a kind of server that is not supported")]
    Unsupported,
    /// A TURN server without user name or password.
    #[error("a TURN server needs a user name and a password of at most {LONGEST} bytes")]
    Credentials,
}

impl IceServer {
    /// Reads `stun:host[:port]`, `turn:host[:port][?transport=udp|tcp]` or
    /// `turns:host[:port][?transport=tcp]` (RFC 7064, RFC 7065). STUN servers need no credentials.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(
        url: &str,
        username: Option<&str>,
        password: Option<&SecretString>,
    ) -> Result<Self, IceServerError> {
        let (scheme, rest) = url.split_once(':').ok_or(IceServerError::Url)?;
        let (server, query) =
            rest.split_once('?').map_or((rest, None), |(server, query)| (server, Some(query)));
        let transport = match query.map(|query| query.strip_prefix("transport=")) {
            None => None,
            Some(Some(transport)) => Some(transport),
            Some(None) => return Err(IceServerError::Url),
        };
        let transport = match (scheme.to_ascii_lowercase().as_str(), transport) {
            ("stun", None) => return Self::stun(server),
            ("turn", None | Some("udp")) => TurnTransport::Udp,
            ("turn", Some("tcp")) => TurnTransport::Tcp,
            ("turns", None | Some("tcp")) => TurnTransport::Tls,
            ("stun" | "stuns" | "turn" | "turns", _) => return Err(IceServerError::Unsupported),
            _ => return Err(IceServerError::Url),
        };
        let port = if transport == TurnTransport::Tls { 5349 } else { 3478 };
        let address = address(server, port)?;
        let fits = |text: &str| !text.is_empty() && text.len() <= LONGEST;
        let username = username.filter(|name| fits(name)).ok_or(IceServerError::Credentials)?;
        let password =
            password.filter(|password| fits(password.expose_secret())).ok_or(IceServerError::Credentials)?;
        Ok(Self::Turn { address, transport, username: username.to_owned(), password: password.clone() })
    }

    /// A STUN server from `host[:port]`.
    ///
    /// # Errors
    /// When it is neither.
    pub fn stun(server: &str) -> Result<Self, IceServerError> {
        Ok(Self::Stun { address: address(server, 3478)? })
    }

    /// Its `host:port`.
    #[must_use]
    pub fn address(&self) -> &str {
        match self {
            Self::Stun { address } | Self::Turn { address, .. } => address,
        }
    }
}

/// `host:port`, with the default port where none is named.
fn address(server: &str, default: u16) -> Result<String, IceServerError> {
    let bare_host = server.ends_with(']') || !server.contains(':');
    let (host, port) = match server.rsplit_once(':') {
        Some((host, port)) if !bare_host => {
            // `parse` alone would take a sign in front.
            let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
            (host, port.parse().ok().filter(|port| is_number && *port != 0).ok_or(IceServerError::Url)?)
        }
        _ => (server, default),
    };
    if host.len() > LONGEST || url::Host::parse(host).is_err() {
        return Err(IceServerError::Url);
    }
    Ok(format!("{host}:{port}"))
}

impl fmt::Display for IceServer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stun { address } => write!(out, "stun:{address}"),
            Self::Turn { address, transport, .. } => match transport {
                TurnTransport::Udp => write!(out, "turn:{address}"),
                TurnTransport::Tcp => write!(out, "turn:{address}?transport=tcp"),
                TurnTransport::Tls => write!(out, "turns:{address}"),
            },
        }
    }
}

impl fmt::Debug for IceServer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl PartialEq for IceServer {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Stun { address: ours }, Self::Stun { address: theirs }) => ours == theirs,
            (
                Self::Turn { address, transport, username, password },
                Self::Turn { address: at, transport: by, username: name, password: secret },
            ) => {
                (address, transport, username) == (at, by, name)
                    && password.expose_secret() == secret.expose_secret()
            }
            _ => false,
        }
    }
}

impl Eq for IceServer {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

    fn parse(url: &str) -> Result<String, IceServerError> {
        IceServer::parse(url, Some("name"), Some(&"secret".into())).map(|server| server.to_string())
    }

    #[test]
    fn urls_of_both_specifications_are_read_with_their_default_ports() {
        for (url, as_read) in [
            ("stun:stun.example.org", "stun:stun.example.org:3478"),
            ("stun:192.0.2.1:80", "stun:192.0.2.1:80"),
            ("turn:turn.example.org", "turn:turn.example.org:3478"),
            ("turn:turn.example.org:443?transport=udp", "turn:turn.example.org:443"),
            ("turn:turn.example.org?transport=tcp", "turn:turn.example.org:3478?transport=tcp"),
            ("turns:turn.example.org", "turns:turn.example.org:5349"),
            ("TURNS:turn.example.org:443?transport=tcp", "turns:turn.example.org:443"),
            ("stun:[2001:db8::1]", "stun:[2001:db8::1]:3478"),
        ] {
            assert_eq!(parse(url).as_deref(), Ok(as_read), "{url}");
        }
    }

    #[test]
    fn what_is_no_server_or_none_that_we_can_use_is_refused() {
        for url in [
            "",
            "stun",
            "stun:",
            "http://example.org",
            "turn:host:0",
            "turn:host:x",
            "turn:host:+5",
            "turn:a b",
        ] {
            assert_eq!(parse(url), Err(IceServerError::Url), "{url}");
        }
        for url in ["stuns:example.org", "turns:example.org?transport=udp", "turn:example.org?transport=sctp"]
        {
            assert_eq!(parse(url), Err(IceServerError::Unsupported), "{url}");
        }
        assert_eq!(IceServer::parse("turn:example.org", None, None), Err(IceServerError::Credentials));
        let empty = SecretString::from("");
        assert_eq!(
            IceServer::parse("turn:example.org", Some("name"), Some(&empty)),
            Err(IceServerError::Credentials)
        );
    }

    #[test]
    fn no_text_of_a_server_holds_its_credentials() {
        let server =
            IceServer::parse("turn:example.org", Some("1763999:guest"), Some(&"hidden".into())).unwrap();
        let texts = format!("{server} {server:?}");
        assert!(!texts.contains("hidden") && !texts.contains("guest"), "{texts}");
    }

    #[test]
    fn servers_differ_by_their_credentials_too() {
        let turn = |password: &str| IceServer::parse("turn:a", Some("name"), Some(&password.into())).unwrap();
        assert_eq!(turn("one"), turn("one"));
        assert_ne!(turn("one"), turn("two"));
    }

    proptest! {
        #[test]
        fn no_url_upsets_the_reader(url in "(stun|turn|turns)?:?[-a-z0-9.:\\[\\]?=%]{0,40}|\\PC{0,40}") {
            if let Ok(server) = IceServer::parse(&url, Some("name"), Some(&"secret".into())) {
                prop_assert_eq!(parse(&server.to_string()), Ok(server.to_string()));
            }
        }
    }
}
