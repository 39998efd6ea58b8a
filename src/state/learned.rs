//! What calls taught us of a camera entity of the hub.

use serde::{Deserialize, Serialize};

/// What calls taught us of a camera entity of the hub.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Learned {
    /// FFmpeg's name of its codec, as it was last seen.
    pub codec: String,
    /// Its picture can be passed on as it is.
    pub copied: bool,
    /// Its speaker can be reached through the hub's relay.
    pub talk: bool,
    /// What the settings call it: its entity id when they named it, whatever the hub calls it since.
    pub named: String,
}
