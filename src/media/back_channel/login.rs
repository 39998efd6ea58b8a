//! Logs in at a camera: by Digest (RFC 7616, 2617, 2069) where it takes that, else by Basic (RFC 7617).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_auth::{DigestClient, PasswordParams, parse_challenges};
use secrecy::{ExposeSecret, SecretString};

/// User and password of a camera, and how it wants them.
pub struct Login {
    user: String,
    password: SecretString,
    scheme: Option<Scheme>,
}

enum Scheme {
    Digest(Box<DigestClient>),
    Basic,
}

impl Login {
    pub fn new((user, password): (String, SecretString)) -> Self {
        Self { user, password, scheme: None }
    }

    /// Takes a camera's challenges (`WWW-Authenticate`). False if it asks for nothing that is known here.
    pub fn learn<'a>(&mut self, challenges: impl Iterator<Item = &'a str>) -> bool {
        // One that is not understood must not hide the others.
        let known: Vec<_> =
            challenges.flat_map(|header| parse_challenges(header).unwrap_or_default()).collect();
        let digest = known.iter().find_map(|challenge| DigestClient::try_from(challenge).ok());
        let takes_basic = known.iter().any(|challenge| challenge.scheme.eq_ignore_ascii_case("Basic"));
        self.scheme = match digest {
            Some(digest) => Some(Scheme::Digest(Box::new(digest))),
            None => takes_basic.then_some(Scheme::Basic),
        };
        self.scheme.is_some()
    }

    /// True if the last challenge says that only its nonce was too old.
    pub fn was_stale(&self) -> bool {
        matches!(&self.scheme, Some(Scheme::Digest(digest)) if digest.stale())
    }

    /// The `Authorization` of a request; `None` before the camera asked for one.
    pub fn authorization(&mut self, method: &str, uri: &str) -> Option<String> {
        let (username, password) = (self.user.as_str(), self.password.expose_secret());
        match self.scheme.as_mut()? {
            Scheme::Digest(digest) => {
                digest.respond(&PasswordParams { username, password, uri, method, body: None }).ok()
            }
            Scheme::Basic => Some(format!("Basic {}", STANDARD.encode(format!("{username}:{password}")))),
        }
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Login").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn answer(challenges: &[&str]) -> Option<String> {
        let mut login = Login::new(("Mufasa".to_owned(), "Circle Of Life".to_owned().into()));
        assert_eq!(login.authorization("DESCRIBE", "rtsp://cam/1"), None, "nothing unasked");
        login.learn(challenges.iter().copied());
        login.authorization("DESCRIBE", "rtsp://cam/1")
    }

    #[test]
    fn the_password_itself_is_sent_only_where_nothing_else_is_taken() {
        let (basic, digest) = (r#"Basic realm="cam""#, r#"Digest realm="cam", nonce="1""#);
        assert_eq!(answer(&[basic]).unwrap(), "Basic TXVmYXNhOkNpcmNsZSBPZiBMaWZl");
        let both = format!("{basic}, {digest}");
        for challenges in [&[basic, digest][..], &[digest, basic], &[&both]] {
            assert!(answer(challenges).unwrap().starts_with("Digest "), "{challenges:?}");
        }
        assert_eq!(answer(&[r#"Bearer realm="cam""#]), None);
        assert_eq!(answer(&["Digest realm=", "\u{7f}"]), None);
    }

    #[test]
    fn an_old_camera_gets_the_digest_of_rfc_2069() {
        // MD5(MD5("Mufasa:a \"b\":Circle Of Life"):n:MD5("DESCRIBE:rtsp://cam/1")).
        let old = answer(&[r#"Digest realm="a \"b\"", nonce="n", stale="FALSE""#]).unwrap();
        assert!(old.contains(r#"response="04f96db44f75582ced5ca0f6515caf8d""#), "{old}");
        assert!(old.contains(r#"realm="a \"b\"""#) && !old.contains("qop"), "{old}");
    }

    #[test]
    fn the_first_digest_that_is_known_is_taken() {
        let unknown = r#"Digest realm="cam", nonce="1", qop="auth", algorithm=SHA3-256"#;
        let sha256 = r#"Digest realm="cam", nonce="2", qop="auth", algorithm=SHA-256"#;
        let md5 = r#"Digest realm="cam", nonce="3", qop="auth", algorithm=MD5"#;
        let taken = answer(&[unknown, sha256, md5]).unwrap();
        assert!(taken.contains("SHA-256") && taken.contains("nc=00000001"), "{taken}");
    }
}
