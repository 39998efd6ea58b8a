//! What is wrong with the simulated hub at the moment.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// Faults that last until they are taken back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Every token is refused. Open connections stay.
    pub refuse_tokens: bool,
    /// Connections stay open, and nothing is read or said: a half-open link.
    pub silent: bool,
    /// Connections are accepted, and not even a head is read.
    pub deaf: bool,
    /// Every new connection is closed at once.
    pub close_at_once: bool,
    /// All clients' address is banned: 403 to everything.
    pub ban: bool,
    /// From a client's token to the answer, ms.
    pub auth_delay_ms: u64,
    /// From a command to its answer, ms.
    pub answer_delay_ms: u64,
    /// Commands of these types are unknown, as at an older hub.
    pub unknown_commands: BTreeSet<String>,
    /// Switching a camera on or off fails.
    pub cameras_cannot_switch: bool,
    /// `camera/stream` fails.
    pub no_streams: bool,
    /// Streams that run bring nothing new.
    pub stalled_streams: bool,
    /// Still pictures cannot be had.
    pub no_stills: bool,
    /// Candidates of WebRTC sessions come before the answer.
    pub candidates_first: bool,
    /// Every result is followed by another one of the same id.
    pub doubled_results: bool,
    /// The hub has no skill of its own: nobody set it up.
    pub no_skill: bool,
    /// From a directive to the answer of the hub's own skill, ms.
    pub skill_delay_ms: u64,
    /// What the hub's own skill answers to every directive in place of an event.
    pub skill_says: Option<String>,
    /// Error texts hold the client's token.
    pub tokens_in_errors: bool,
}
