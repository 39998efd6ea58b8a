//! What survives a restart.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The endpoints that Alexa knows: by id, the print of how each was described to it last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Reported(BTreeMap<String, String>);

impl Reported {
    pub(super) fn knows(&self, id: &str, print: &str) -> bool {
        self.0.get(id).is_some_and(|known| known == print)
    }

    pub(super) fn contains(&self, id: &str) -> bool {
        self.0.contains_key(id)
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }

    pub(super) fn added(&mut self, id: String, print: String) {
        self.0.insert(id, print);
    }

    pub(super) fn deleted(&mut self, id: &str) {
        self.0.remove(id);
    }

    /// Alexa may know the endpoints, but nobody knows how they were described to it.
    pub(super) fn doubt(&mut self) {
        self.0.values_mut().for_each(String::clear);
    }
}
