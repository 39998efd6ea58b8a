//! Sentences for people out of closed lists: in English, and for whoever speaks other languages.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

/// A sentence for people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Sentence {
    /// Its stable name among those of its kind.
    pub code: &'static str,
    /// What its words leave open. A way is named by its [`super::way::WayKind`].
    pub values: BTreeMap<&'static str, Value>,
    /// Its English.
    pub text: String,
}

impl Sentence {
    /// A sentence whose words leave nothing open.
    #[must_use]
    pub fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self { code, values: BTreeMap::new(), text: text.into() }
    }

    /// Something that the house did not say first: a camera's, the hub's, or FFmpeg's own words.
    #[must_use]
    pub fn quoted(text: impl Into<String>) -> Self {
        Self::new("quoted", text)
    }

    /// Adds what its words leave open.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Serialize) -> Self {
        self.values.insert(name, serde_json::json!(value));
        self
    }
}

impl std::fmt::Display for Sentence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// Several in one line.
#[must_use]
pub fn joined(sentences: &[Sentence]) -> String {
    sentences.iter().map(|sentence| sentence.text.as_str()).collect::<Vec<_>>().join("; ")
}
