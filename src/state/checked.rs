//! What was tried from the pages, and what came of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What was tried from the pages, and what came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Checked {
    /// Looks at cameras, by endpoint id.
    pub cameras: BTreeMap<String, CheckedCamera>,
    /// The last try of the door from here.
    pub door: Option<CheckedDoor>,
}

/// A look at a camera.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CheckedCamera {
    /// When, RFC 3339, UTC.
    pub at: String,
    /// A call would have shown a picture.
    pub fit: bool,
    /// What was found, as the page puts it into words, without secrets.
    pub says: Value,
}

/// A try of the door's public address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CheckedDoor {
    /// The address.
    pub url: String,
    /// When, RFC 3339, UTC.
    pub at: String,
    /// What came of it; `reached` if all was well.
    pub code: String,
}
