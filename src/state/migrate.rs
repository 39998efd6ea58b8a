//! The formats that `state.json` has had. What is merely added needs no new one: an older version keeps what it does
//! not know. A record of a call needs none at all: what a version does not know of it is left out, and no call
//! depends on the record of another.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::config::formats::{FormatError, Formats};

/// Says in which format the file is; one without it is of the first.
const FORMAT: &str = "format";

/// What `state.json` holds, before it is looked at.
pub(super) type Document = Map<String, Value>;

impl Default for Formats<Document> {
    /// There was no other one yet.
    fn default() -> Self {
        Self::new(&[])
    }
}

/// Brings a state to today's format, and gives the format that it was in.
///
/// # Errors
/// When that is none that is known here.
pub(super) fn raise(document: &mut Document, formats: Formats<Document>) -> Result<u64, FormatError> {
    let from = formats.known(document.get(FORMAT).map_or(Some(1), Value::as_u64))?;
    formats.raise(document, from);
    document.insert(FORMAT.to_owned(), formats.today().into());
    Ok(from)
}

/// What was left here when an older version took over, with all that this one changed since: it began with `before`
/// and left `after`.
pub(super) fn merge(mut left: Document, before: &Document, after: &Document) -> Document {
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for key in keys.into_iter().filter(|key| before.get(*key) != after.get(*key)) {
        match after.get(key) {
            Some(value) => drop(left.insert(key.clone(), value.clone())),
            None => drop(left.remove(key)),
        }
    }
    left
}
