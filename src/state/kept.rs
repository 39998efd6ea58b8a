//! What `state.json` holds: small, secret, and always whole.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::Rng;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Checked, Grant, KnownLogin, Learned, UserLink};

/// What `state.json` holds. No `Debug`: there are tokens in it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Kept {
    /// See [`super::migrate`].
    pub(super) format: u64,
    /// Made at the first start; 32 random bytes, base64url.
    pub(super) door_token: String,
    pub(super) links: Vec<UserLink>,
    /// A user was linked once: from then on only an admin opens linking.
    pub(super) was_linked: bool,
    /// Of the hub's camera entities by registry id, of cameras by endpoint id.
    pub(super) learned: BTreeMap<String, Learned>,
    /// Endpoint ids of cameras that are switched off here, because the hub cannot.
    pub(super) switched_off: BTreeSet<String>,
    /// Logins of linked users that had a good token, oldest first.
    pub(super) logins: Vec<KnownLogin>,
    /// To send events to Alexa.
    pub(super) grant: Option<Grant>,
    /// What Alexa was told of endpoints; only who tells it reads this.
    pub(super) reported: Value,
    pub(super) checked: Checked,
    /// What a newer version added to this format; kept, so that going back and forth loses nothing.
    #[serde(flatten)]
    other: Map<String, Value>,
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            format: 1,
            door_token: String::new(),
            links: Vec::new(),
            was_linked: false,
            learned: BTreeMap::new(),
            switched_off: BTreeSet::new(),
            logins: Vec::new(),
            grant: None,
            reported: Value::Null,
            checked: Checked::default(),
            other: Map::new(),
        }
    }
}

impl Kept {
    /// That of a house without a past, with a door token of its own.
    pub(super) fn fresh(format: u64) -> Self {
        let mut bytes = [0u8; 32];
        rand::rng().fill_bytes(&mut bytes);
        Self { format, door_token: URL_SAFE_NO_PAD.encode(bytes), ..Self::default() }
    }

    pub(super) fn to_text(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).unwrap_or_default()
    }
}
