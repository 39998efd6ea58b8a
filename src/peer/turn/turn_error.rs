//! What can go wrong at a TURN server.

/// Why there is no relayed address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TurnError {
    /// No response.
    #[error("it does not answer")]
    Silent,
    /// 401 or 441 to signed requests.
    #[error("it refuses the user name or the password")]
    Credentials,
    /// 437: the server and we do not agree on whether there is an allocation.
    #[error("it knows nothing of our allocation any more")]
    Mismatch,
    /// 486 or 508.
    #[error("it has no room for another relayed address")]
    Full,
    /// Any other error response.
    #[error("it refuses to relay (error {0})")]
    Refused(u16),
    /// A message that cannot be read, or written.
    #[error("it speaks no TURN that we understand")]
    Malformed,
}
