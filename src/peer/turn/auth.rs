//! Long-term credentials (RFC 8489 9.2) on messages to one server.

use std::fmt;
use std::sync::Arc;

use rtc::crypto::RTCCryptoProvider;
use rtc::stun::attributes::{ATTR_NONCE, ATTR_REALM, ATTR_USERNAME};
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{CLASS_REQUEST, Message, MessageType, Method, Setter, TransactionId};
use rtc::stun::textattrs::TextAttribute;
use secrecy::{ExposeSecret, SecretSlice, SecretString};

use super::TurnError;

/// Signs requests once the server has said how.
pub(super) struct Auth {
    username: String,
    password: SecretString,
    crypto: Arc<dyn RTCCryptoProvider>,
    challenge: Option<Challenge>,
}

/// What the server wants to be part of each signature.
struct Challenge {
    realm: String,
    nonce: String,
    key: SecretSlice<u8>,
}

impl Auth {
    pub(super) fn new(username: String, password: SecretString) -> Result<Self, TurnError> {
        let crypto = rtc::crypto::default_provider().map_err(|_| TurnError::Malformed)?;
        Ok(Self { username, password, crypto, challenge: None })
    }

    /// Takes realm and nonce from an error response. False if it names none.
    pub(super) fn learn(&mut self, response: &Message) -> bool {
        let text = |attribute| TextAttribute::get_from_as(response, attribute).ok().map(|found| found.text);
        let Some(nonce) = text(ATTR_NONCE) else { return false };
        let before = self.challenge.take().map(|challenge| challenge.realm);
        let Some(realm) = text(ATTR_REALM).or(before) else { return false };
        let key = MessageIntegrity::long_term_integrity_key(
            self.username.clone(),
            realm.clone(),
            self.password.expose_secret().to_owned(),
            self.crypto.crypto(),
        );
        let Ok(key) = key else { return false };
        self.challenge = Some(Challenge { realm, nonce, key: key.into() });
        true
    }

    /// A request, signed if the server has asked for that.
    pub(super) fn request(
        &self,
        method: Method,
        attributes: &[&dyn Setter],
    ) -> Result<(TransactionId, Vec<u8>), TurnError> {
        let id = TransactionId(rand::random());
        let mut message = Message::new();
        let mut written = message.build(&[Box::new(MessageType::new(method, CLASS_REQUEST)), Box::new(id)]);
        for attribute in attributes {
            written = written.and_then(|()| attribute.add_to(&mut message));
        }
        if let Some(Challenge { realm, nonce, key }) = &self.challenge {
            let texts = [(ATTR_USERNAME, &self.username), (ATTR_REALM, realm), (ATTR_NONCE, nonce)];
            for (name, text) in texts {
                let text = TextAttribute::new(name, text.clone());
                written = written.and_then(|()| text.add_to(&mut message));
            }
            let integrity =
                MessageIntegrity::new_raw_integrity_with_provider(key.expose_secret(), self.crypto.crypto());
            written = written.and_then(|()| integrity.add_to(&mut message));
        }
        written.map(|()| (id, message.raw)).map_err(|_| TurnError::Malformed)
    }

    /// True if the server, or somebody else with the password, wrote this response.
    pub(super) fn is_genuine(&self, response: &mut Message) -> bool {
        match &self.challenge {
            Some(Challenge { key, .. }) => {
                MessageIntegrity::check(response, key.expose_secret(), self.crypto.crypto()).is_ok()
            }
            // A server that wants no credentials signs nothing.
            None => true,
        }
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Auth").finish_non_exhaustive()
    }
}
