use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The endpoints that Alexa knows: by id, the print of how each was described to it last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Reported(BTreeMap<String, String>);
