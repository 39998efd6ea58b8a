//! What is kept of a token instead of the token.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// SHA-256 of a token. Equal length for all, so that comparing tells nothing of their lengths.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub(super) fn of(token: &SecretString) -> Self {
        Self::of_text(token.expose_secret())
    }

    pub(super) fn of_text(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    /// As text, to be kept.
    pub(super) fn to_text(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Compares in a time that does not depend on where the difference is.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}
