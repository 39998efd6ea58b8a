//! How the far end's transport is secured and authenticated.

use super::PeerError;

/// ICE credentials, certificate fingerprint and DTLS role of the offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transport {
    /// ICE user fragment.
    pub ufrag: String,
    /// ICE password.
    pub pwd: String,
    /// SHA-256 of the far end's certificate: hexadecimal pairs with colons, upper case.
    pub fingerprint: String,
    /// Who starts DTLS.
    pub setup: Setup,
}

/// The offered `a=setup`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setup {
    /// The far end leaves it to us, also when it says nothing.
    Actpass,
    /// The far end starts.
    Active,
    /// The far end waits.
    Passive,
}

impl Setup {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Actpass => "actpass",
            Self::Active => "active",
            Self::Passive => "passive",
        }
    }
}

/// The attributes from which a [`Transport`] is made, as one section (or the session) states them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Stated<'a> {
    pub ufrag: Option<&'a str>,
    pub pwd: Option<&'a str>,
    /// The SHA-256 one, whatever its place in the list.
    pub fingerprint: Option<&'a str>,
    /// A fingerprint of another kind was there.
    pub foreign_fingerprint: bool,
    pub setup: Option<&'a str>,
}

impl<'a> Stated<'a> {
    pub(super) fn read(attributes: &[(&'a str, &'a str)]) -> Self {
        let mut stated = Self::default();
        for (name, value) in attributes {
            let value = value.trim();
            match *name {
                "ice-ufrag" => stated.ufrag = stated.ufrag.or(Some(value)),
                "ice-pwd" => stated.pwd = stated.pwd.or(Some(value)),
                "setup" => stated.setup = stated.setup.or(Some(value)),
                "fingerprint" => match value.split_once(' ') {
                    Some((kind, digest)) if kind.eq_ignore_ascii_case("sha-256") => {
                        stated.fingerprint = stated.fingerprint.or(Some(digest.trim()));
                    }
                    _ => stated.foreign_fingerprint = true,
                },
                _ => {}
            }
        }
        stated
    }

    /// What is missing here comes from `wider` (the session, or another section of the bundle).
    pub(super) fn or(self, wider: Self) -> Self {
        Self {
            ufrag: self.ufrag.or(wider.ufrag),
            pwd: self.pwd.or(wider.pwd),
            fingerprint: self.fingerprint.or(wider.fingerprint),
            foreign_fingerprint: self.foreign_fingerprint || wider.foreign_fingerprint,
            setup: self.setup.or(wider.setup),
        }
    }

    pub(super) fn check(self) -> Result<Transport, PeerError> {
        let refuse = |reason: &str| PeerError::Offer(reason.to_owned());
        let fingerprint = match self.fingerprint {
            Some(digest) if is_sha256(digest) => digest.to_ascii_uppercase(),
            Some(_) => return Err(refuse("malformed fingerprint")),
            None if self.foreign_fingerprint => return Err(refuse("no fingerprint of the kind sha-256")),
            None => return Err(refuse("no fingerprint")),
        };
        let ufrag = self.ufrag.ok_or_else(|| refuse("no ice-ufrag"))?;
        let pwd = self.pwd.ok_or_else(|| refuse("no ice-pwd"))?;
        if !(4..=256).contains(&ufrag.len()) || !ufrag.bytes().all(super::is_ice_char) {
            return Err(refuse("malformed ice-ufrag"));
        }
        if !(22..=256).contains(&pwd.len()) || !pwd.bytes().all(super::is_ice_char) {
            return Err(refuse("malformed ice-pwd"));
        }
        let setup = match self.setup {
            None | Some("actpass") => Setup::Actpass,
            Some("active") => Setup::Active,
            Some("passive") => Setup::Passive,
            Some(_) => return Err(refuse("setup is none of actpass, active and passive")),
        };
        Ok(Transport { ufrag: ufrag.to_owned(), pwd: pwd.to_owned(), fingerprint, setup })
    }
}

fn is_sha256(digest: &str) -> bool {
    let mut pairs = 0;
    for pair in digest.split(':') {
        if pair.len() != 2 || !pair.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return false;
        }
        pairs += 1;
    }
    pairs == 32
}
