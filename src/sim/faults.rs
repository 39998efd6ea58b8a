//! What is wrong with the simulated hub at the moment.

use std::time::Duration;

/// Faults that last until they are taken back.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// Every token is refused.
    pub(super) refuse_tokens: bool,
    /// Connections stay open, and nothing is read or said.
    pub(super) silent: bool,
    /// Connections are accepted, and not even a head is read.
    pub(super) deaf: bool,
    /// Every new connection is closed at once.
    pub(super) close_at_once: bool,
    /// All clients' address is banned.
    pub(super) ban: bool,
    /// From a client's token to the answer.
    pub(super) auth_delay: Duration,
    /// `camera/stream` fails.
    pub(super) no_streams: bool,
    /// Every result is followed by another one of the same id.
    pub(super) reuse_ids: bool,
    /// Error texts hold the client's token.
    pub(super) echo_tokens: bool,
}
