//! What the port reads of a STUN message (RFC 8489): enough to tell whose it is.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];
const HEADER: usize = 20;
const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const INTEGRITY_LENGTH: usize = 20;
/// RFC 8489 14.3; longer ones cannot be ours.
const MAX_USERNAME: usize = 513;

/// A STUN transaction id.
pub(in crate::peer) type TransactionId = [u8; 12];

/// What kind of STUN message it is. Only Binding (method 1) exists here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StunKind {
    /// Binding request.
    Request,
    /// Binding indication: keeps a path open, carries no proof of who sent it.
    Indication,
    /// Binding success or error response.
    Response,
}

/// A view into one well-formed STUN Binding message.
#[derive(Debug, Clone, Copy)]
pub(super) struct StunView<'a> {
    message: &'a [u8],
    kind: StunKind,
    username: Option<&'a [u8]>,
    integrity_at: Option<usize>,
}

impl<'a> StunView<'a> {
    /// Reads a datagram whose first byte says STUN. `None` when it is malformed or no Binding message.
    pub(super) fn parse(message: &'a [u8]) -> Option<Self> {
        let header = message.get(..HEADER)?;
        let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
        if header[4..8] != MAGIC_COOKIE || length % 4 != 0 || message.len() != HEADER + length {
            return None;
        }
        let kind = match u16::from_be_bytes([header[0], header[1]]) {
            0x0001 => StunKind::Request,
            0x0011 => StunKind::Indication,
            0x0101 | 0x0111 => StunKind::Response,
            _ => return None,
        };
        let mut view = Self { message, kind, username: None, integrity_at: None };
        let mut at = HEADER;
        while at < message.len() {
            let head = message.get(at..at + 4)?;
            let name = u16::from_be_bytes([head[0], head[1]]);
            let size = usize::from(u16::from_be_bytes([head[2], head[3]]));
            let value = message.get(at + 4..at + 4 + size)?;
            match name {
                // Nothing behind the proof counts, or it could be added by anybody.
                USERNAME if view.integrity_at.is_none() && view.username.is_none() => {
                    if size > MAX_USERNAME {
                        return None;
                    }
                    view.username = Some(value);
                }
                MESSAGE_INTEGRITY if view.integrity_at.is_none() => {
                    if size != INTEGRITY_LENGTH {
                        return None;
                    }
                    view.integrity_at = Some(at);
                }
                _ => {}
            }
            at += 4 + size.next_multiple_of(4);
        }
        Some(view)
    }

    /// What kind of message it is.
    pub(super) fn kind(&self) -> StunKind {
        self.kind
    }

    /// The transaction id.
    pub(super) fn transaction(&self) -> TransactionId {
        let mut id = [0; 12];
        id.copy_from_slice(&self.message[8..HEADER]);
        id
    }

    /// The user name fragment of the side that receives a request: the part before the colon.
    pub(super) fn local_ufrag(&self) -> Option<&'a str> {
        let name = std::str::from_utf8(self.username?).ok()?;
        name.split_once(':').map(|(local, _)| local)
    }

    /// True if MESSAGE-INTEGRITY is there and was made with this password. Compared in constant time.
    pub(super) fn is_signed_with(&self, password: &[u8]) -> bool {
        let Some(at) = self.integrity_at else { return false };
        let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(password) else { return false };
        // The length field is taken as if the message ended with this attribute (RFC 8489 14.5).
        let Ok(covered) = u16::try_from(at + 4 + INTEGRITY_LENGTH - HEADER) else { return false };
        mac.update(&self.message[..2]);
        mac.update(&covered.to_be_bytes());
        mac.update(&self.message[4..at]);
        mac.verify_slice(&self.message[at + 4..at + 4 + INTEGRITY_LENGTH]).is_ok()
    }
}

#[cfg(test)]
pub(in crate::peer) mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

    /// A Binding message as a stranger or a real far end would write it.
    pub(in crate::peer) fn message(
        kind: u16,
        transaction: TransactionId,
        username: Option<&str>,
        password: Option<&[u8]>,
    ) -> Vec<u8> {
        let mut bytes = kind.to_be_bytes().to_vec();
        bytes.extend([0, 0]);
        bytes.extend(MAGIC_COOKIE);
        bytes.extend(transaction);
        if let Some(name) = username {
            bytes.extend(USERNAME.to_be_bytes());
            bytes.extend(u16::try_from(name.len()).unwrap().to_be_bytes());
            bytes.extend(name.as_bytes());
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        let signed = password.map_or(0, |_| 24);
        let length = u16::try_from(bytes.len() - HEADER + signed).unwrap();
        bytes[2..4].copy_from_slice(&length.to_be_bytes());
        if let Some(password) = password {
            let mut mac = Hmac::<Sha1>::new_from_slice(password).unwrap();
            mac.update(&bytes);
            let proof = mac.finalize().into_bytes();
            bytes.extend(MESSAGE_INTEGRITY.to_be_bytes());
            bytes.extend([0, 20]);
            bytes.extend(proof);
        }
        bytes
    }

    #[test]
    fn a_request_signed_with_the_right_password_is_known_by_its_local_ufrag() {
        let bytes = message(1, [7; 12], Some("ours:theirs"), Some(b"secret"));
        let view = StunView::parse(&bytes).unwrap();
        assert_eq!(view.kind(), StunKind::Request);
        assert_eq!(view.local_ufrag(), Some("ours"));
        assert_eq!(view.transaction(), [7; 12]);
        assert!(view.is_signed_with(b"secret"));
        assert!(!view.is_signed_with(b"other"));
    }

    #[test]
    fn a_request_without_integrity_is_never_signed() {
        let bytes = message(1, [7; 12], Some("ours:theirs"), None);
        assert!(!StunView::parse(&bytes).unwrap().is_signed_with(b""));
    }

    #[test]
    fn a_user_name_behind_the_proof_does_not_count() {
        let mut bytes = message(1, [7; 12], None, Some(b"secret"));
        bytes.extend(USERNAME.to_be_bytes());
        bytes.extend([0, 4]);
        bytes.extend(b"a:bc");
        let length = u16::try_from(bytes.len() - HEADER).unwrap();
        bytes[2..4].copy_from_slice(&length.to_be_bytes());
        assert_eq!(StunView::parse(&bytes).unwrap().local_ufrag(), None);
    }

    proptest! {
        #[test]
        fn no_datagram_upsets_the_reader(mut bytes in proptest::collection::vec(any::<u8>(), 0..120), framed: bool) {
            if framed && bytes.len() >= HEADER {
                bytes.truncate(bytes.len() / 4 * 4);
                let length = u16::try_from(bytes.len() - HEADER).unwrap();
                bytes[..2].copy_from_slice(&[0, 1]);
                bytes[2..4].copy_from_slice(&length.to_be_bytes());
                bytes[4..8].copy_from_slice(&MAGIC_COOKIE);
            }
            if let Some(view) = StunView::parse(&bytes) {
                let _ = view.local_ufrag();
                prop_assert!(!view.is_signed_with(b"secret"));
            }
        }

        #[test]
        fn a_single_flipped_bit_breaks_the_proof(bit in 0usize..8, at in 20usize..60) {
            let mut bytes = message(1, [7; 12], Some("ours:theirs-ufrag"), Some(b"secret"));
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            let signed = StunView::parse(&bytes).is_some_and(|view| view.is_signed_with(b"secret"));
            prop_assert!(!signed);
        }
    }
}
