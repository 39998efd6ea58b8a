//! What is seen of a simulated hub.

use std::collections::HashMap;
use std::time::Instant;

use serde_json::Value;

use super::{Faults, Flavour, SimHub};

impl SimHub {
    /// Which hub it stands for.
    #[must_use]
    pub fn flavour(&self) -> Flavour {
        self.core.office().flavour
    }

    /// How far it is with starting: `NOT_RUNNING`, `STARTING`, `RUNNING`.
    #[must_use]
    pub fn phase(&self) -> &'static str {
        self.core.office().world.phase.word()
    }

    /// Clients that are logged in now.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.core.office().clients()
    }

    /// When each WebSocket was opened, logged in or not.
    #[must_use]
    pub fn connects(&self) -> Vec<Instant> {
        self.core.office().connects.clone()
    }

    /// How often a command of this type came.
    #[must_use]
    pub fn commands(&self, kind: &str) -> u64 {
        self.core.office().commands.get(kind).copied().unwrap_or_default()
    }

    /// How often commands of each type came.
    #[must_use]
    pub fn all_commands(&self) -> HashMap<String, u64> {
        self.core.office().commands.clone()
    }

    /// Services that were called, and for which entities, oldest first.
    #[must_use]
    pub fn services(&self) -> Vec<(String, Vec<String>)> {
        self.core.office().services.clone()
    }

    /// Tokens that were refused, over WebSocket or HTTP.
    #[must_use]
    pub fn failed_logins(&self) -> u32 {
        self.core.office().failed_logins
    }

    /// What the programs behind a camera's WebRTC sessions reported, oldest first; the last thousand.
    #[must_use]
    pub fn relay_reports(&self, entity_id: &str) -> Vec<Value> {
        self.core.office().relays.reports(entity_id)
    }

    /// What came to the hub's own skill, oldest first: the bearer of each directive, and its body.
    #[must_use]
    pub fn directives(&self) -> Vec<(String, Vec<u8>)> {
        self.core.office().directives.clone()
    }

    /// Streams that are made now.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.core.office().streams.count()
    }

    /// An entity's state at this moment.
    #[must_use]
    pub fn state(&self, entity_id: &str) -> Option<String> {
        Some(self.core.office().world.entity(entity_id)?.state.as_ref()?.value.clone())
    }

    /// What is wrong with the hub.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.core.office().faults.clone()
    }
}
