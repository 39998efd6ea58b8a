//! One reading of the hub's registries, which takes several questions.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::HubError;
use super::protocol::Refusal;
use super::registries::{Device, EntityEntry, Registries};

/// A question of the reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The entities in short; without their registry ids.
    Display,
    /// The cameras' registry ids.
    Ids,
    /// The entities in full, where the hub is too old for the two above.
    Full,
    /// The devices.
    Devices,
}

impl Step {
    /// The hub's name for it.
    #[must_use]
    pub fn command(self) -> &'static str {
        match self {
            Self::Display => "config/entity_registry/list_for_display",
            Self::Ids => "config/entity_registry/get_entries",
            Self::Full => "config/entity_registry/list",
            Self::Devices => "config/device_registry/list",
        }
    }
}

/// What is known so far.
#[derive(Debug, Default)]
pub struct Listing {
    entities: HashMap<String, EntityEntry>,
    entities_done: bool,
    devices: HashMap<String, Device>,
    devices_done: bool,
    /// What the hub does not show us, and its codes.
    withheld: Vec<(Step, String)>,
    /// What went wrong and may go right another time.
    trouble: Option<HubError>,
}

impl Listing {
    /// Takes an answer in; says what to ask next.
    pub fn answered(
        &mut self,
        step: Step,
        outcome: Result<Value, Refusal>,
    ) -> Option<(Step, Map<String, Value>)> {
        let is_unknown = outcome.as_ref().is_err_and(|refusal| refusal.code == "unknown_command");
        if is_unknown && matches!(step, Step::Display | Step::Ids) {
            return Some((Step::Full, Map::new()));
        }
        let mut next = None;
        let read = match (step, outcome) {
            // What this hub never tells us counts as empty: cameras are shown without it.
            (step, Err(refusal)) if is_unknown || refusal.code == "unauthorized" => {
                self.withheld.push((step, refusal.code));
                Ok(())
            }
            (_, Err(refusal)) => Err(refusal.into()),
            (Step::Display, Ok(list)) => Registries::read_display(&list).map(|entities| {
                let cameras: Vec<_> = entities.keys().filter(|id| id.starts_with("camera.")).collect();
                if !cameras.is_empty() {
                    next = Some((Step::Ids, Map::from_iter([("entity_ids".to_owned(), json!(cameras))])));
                }
                self.entities = entities;
            }),
            (Step::Ids, Ok(entries)) => {
                Registries::add_ids(&mut self.entities, &entries);
                Ok(())
            }
            (Step::Full, Ok(list)) => Registries::read_full(&list).map(|entities| self.entities = entities),
            (Step::Devices, Ok(list)) => {
                Registries::read_devices(&list).map(|devices| self.devices = devices)
            }
        };
        match step {
            Step::Devices => self.devices_done = true,
            _ => self.entities_done = next.is_none(),
        }
        self.trouble = self.trouble.take().or(read.err());
        next
    }

    /// All answers are in.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.entities_done && self.devices_done
    }

    /// What the hub does not show us, and its codes.
    #[must_use]
    pub fn withheld(&self) -> &[(Step, String)] {
        &self.withheld
    }

    /// What was read.
    ///
    /// # Errors
    /// When a list could not be read this time.
    pub fn finish(self) -> Result<Registries, HubError> {
        match self.trouble {
            Some(trouble) => Err(trouble),
            None => Ok(Registries { entities: self.entities, devices: self.devices }),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn refused(code: &str) -> Result<Value, Refusal> {
        Err(Refusal { code: code.into(), message: String::new() })
    }

    #[test]
    fn an_older_hub_is_asked_for_the_full_list() {
        let mut listing = Listing::default();
        let (step, _) = listing.answered(Step::Display, refused("unknown_command")).unwrap();
        assert_eq!(step, Step::Full);
        let full = json!([{"entity_id": "camera.a", "id": "r1", "device_id": "d1"}]);
        assert!(listing.answered(Step::Full, Ok(full)).is_none());
        assert!(!listing.is_complete());
        assert!(listing.answered(Step::Devices, Ok(json!([{"id": "d1", "name": "Door"}]))).is_none());
        assert!(listing.is_complete());
        let registries = listing.finish().unwrap();
        assert_eq!(registries.entities["camera.a"].registry_id.as_deref(), Some("r1"));
        assert_eq!(registries.devices["d1"].name.as_deref(), Some("Door"));
    }

    #[test]
    fn what_may_go_right_another_time_is_an_error_and_what_is_never_told_is_empty() {
        for (code, is_error) in [("unknown_error", true), ("unauthorized", false), ("unknown_command", false)]
        {
            let mut listing = Listing::default();
            listing.answered(Step::Display, Ok(json!({"entities": []})));
            listing.answered(Step::Devices, refused(code));
            assert!(listing.is_complete());
            assert_eq!(listing.finish().is_err(), is_error, "{code}");
        }
    }
}
