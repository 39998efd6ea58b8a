//! How a peer ended.

/// How a peer ended for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PeerEnd {
    /// It said goodbye.
    #[error("closed by the far end")]
    FarEnd,
    /// No path was found in a minute.
    #[error("the far end never connected")]
    NeverConnected,
    /// All paths were tried in vain, or the one in use broke.
    #[error("ICE failed")]
    NoPath,
    /// The far end fell silent (RFC 7675).
    #[error("no consent from the far end")]
    NoConsent,
    /// The far end did not take part in the handshake.
    #[error("DTLS did not come about")]
    NoHandshake,
    /// The handshake failed.
    #[error("DTLS failed")]
    HandshakeFailed,
    /// The handshake broke off: a certificate that was not offered, among others.
    #[error("DTLS refused, the certificate may not be the offered one")]
    HandshakeRefused,
    /// The stack gave up.
    #[error("the connection failed")]
    Failed,
    /// The stack stopped without a word.
    #[error("the connection broke off")]
    BrokeOff,
    /// It was closed from here.
    #[error("the connection was closed")]
    Closed,
}
