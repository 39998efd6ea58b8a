//! The endpoints that Alexa may know, how they stand, and what Alexa was told of that.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::parcel::ParcelId;
use crate::alexa::discovery::{self, Description, MAX_ENDPOINTS};
use crate::alexa::endpoint::{Endpoint, EndpointState, Property};

/// The current list. It is whole: what is not in it is no endpoint.
#[derive(Debug, Default)]
pub(super) struct List {
    entries: BTreeMap<String, Entry>,
    /// When the list came; `None` before the first.
    sampled: Option<OffsetDateTime>,
}

#[derive(Debug)]
pub(super) struct Entry {
    description: Description,
    pub(super) print: String,
    state: EndpointState,
    told: [Told; Property::ALL.len()],
    /// The last ChangeReport, so that endpoints take turns.
    pub(super) last_parcel: ParcelId,
}

/// What Alexa was told of a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    Never,
    /// A report may have arrived, or not.
    Unsure,
    Value(bool),
}

/// Values of properties.
pub(super) type Values = Vec<(Property, bool)>;

impl List {
    /// Takes the whole list: the first of each id, and no more than a customer may have. True if
    /// endpoints came or went or are described in another way.
    pub(super) fn replace(&mut self, endpoints: Vec<Endpoint>, sampled: OffsetDateTime) -> bool {
        self.sampled = Some(sampled);
        let mut before = std::mem::take(&mut self.entries);
        let mut changed = false;
        for endpoint in endpoints {
            let id = &endpoint.description.endpoint_id;
            if self.entries.len() == MAX_ENDPOINTS || self.entries.contains_key(id) {
                continue;
            }
            let id = id.clone();
            let entry = match before.remove(&id) {
                Some(mut entry) => {
                    changed |= entry.replace(endpoint);
                    entry
                }
                None => {
                    changed = true;
                    Entry::new(endpoint)
                }
            };
            self.entries.insert(id, entry);
        }
        changed || !before.is_empty()
    }

    /// When the list came; `None` before the first.
    pub(super) fn sampled(&self) -> Option<OffsetDateTime> {
        self.sampled
    }

    pub(super) fn contains(&self, id: &str) -> bool {
        self.entries.contains_key(id)
    }

    pub(super) fn get(&self, id: &str) -> Option<&Entry> {
        self.entries.get(id)
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut Entry> {
        self.entries.get_mut(id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &Entry)> {
        self.entries.iter()
    }

    /// Alexa was told nothing of how the endpoints stand.
    pub(super) fn forget_told(&mut self) {
        self.entries.values_mut().for_each(|entry| entry.told = [Told::Never; Property::ALL.len()]);
    }
}

impl Entry {
    fn new(endpoint: Endpoint) -> Self {
        Self {
            print: print(&endpoint.description),
            description: endpoint.description,
            state: endpoint.state,
            told: [Told::Never; Property::ALL.len()],
            last_parcel: 0,
        }
    }

    /// True if the description is another one.
    fn replace(&mut self, endpoint: Endpoint) -> bool {
        self.state = endpoint.state;
        for property in Property::ALL {
            if self.state.get(property).is_none() {
                self.tell(property, Told::Never);
            }
        }
        if self.description == endpoint.description {
            return false;
        }
        let before = std::mem::replace(&mut self.print, print(&endpoint.description));
        self.description = endpoint.description;
        self.print != before
    }

    /// As Discover and AddOrUpdateReport tell it.
    pub(super) fn described(&self) -> Value {
        discovery::endpoint(&self.description)
    }

    /// Alexa knows nothing of a value, or another one.
    pub(super) fn has_changes(&self) -> bool {
        Property::ALL.into_iter().any(|property| {
            let value = self.state.get(property);
            value.is_some_and(|value| self.told[property as usize] != Told::Value(value))
        })
    }

    /// The values of which Alexa knows nothing or others, and those that it knows. A property of
    /// which it never heard is in neither until the endpoint is `described` to it as it is now.
    pub(super) fn changes(&self, described: bool) -> (Values, Values) {
        let (mut changed, mut unchanged) = (Values::new(), Values::new());
        for property in Property::ALL {
            let Some(value) = self.state.get(property) else { continue };
            match self.told[property as usize] {
                Told::Value(told) if told == value => unchanged.push((property, value)),
                Told::Never if !described => {}
                _ => changed.push((property, value)),
            }
        }
        (changed, unchanged)
    }

    pub(super) fn tell(&mut self, property: Property, told: Told) {
        self.told[property as usize] = told;
    }
}

/// Tells one way of describing an endpoint from another, also after a restart.
fn print(description: &Description) -> String {
    let told = discovery::endpoint(description).to_string();
    URL_SAFE_NO_PAD.encode(&Sha256::digest(told.as_bytes())[..16])
}
