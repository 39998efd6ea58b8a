//! What is under way.

use std::collections::{BTreeMap, HashSet};

use super::list::Values;
use super::parcel::ParcelId;
use super::presses::HeldPress;
use super::registration::Told;

/// ChangeReports that are under way at once, each of another endpoint.
const MOST_CHANGES: usize = 4;

/// What a parcel under way is about.
#[derive(Debug)]
pub(super) enum Flight {
    Press(HeldPress),
    Change { endpoint_id: String, changed: Values },
    Registration(Told),
}

/// All parcels under way. Presses, changes and registration do not wait for each other.
#[derive(Debug, Default)]
pub(super) struct Flights(BTreeMap<ParcelId, Flight>);

impl Flights {
    pub(super) fn insert(&mut self, id: ParcelId, flight: Flight) {
        self.0.insert(id, flight);
    }

    pub(super) fn remove(&mut self, id: ParcelId) -> Option<Flight> {
        self.0.remove(&id)
    }

    /// Endpoints with a press under way.
    pub(super) fn pressed(&self) -> HashSet<&str> {
        let pressed = self.0.values().filter_map(|flight| match flight {
            Flight::Press(press) => Some(press.endpoint_id.as_str()),
            Flight::Change { .. } | Flight::Registration(_) => None,
        });
        pressed.collect()
    }

    /// Endpoints with a ChangeReport under way.
    pub(super) fn changing(&self) -> HashSet<&str> {
        let changing = self.0.values().filter_map(|flight| match flight {
            Flight::Change { endpoint_id, .. } => Some(endpoint_id.as_str()),
            Flight::Press(_) | Flight::Registration(_) => None,
        });
        changing.collect()
    }

    /// One more ChangeReport may go.
    pub(super) fn takes_change(&self) -> bool {
        self.changing().len() < MOST_CHANGES
    }

    /// Another report of which endpoints there are may go.
    pub(super) fn takes_registration(&self) -> bool {
        !self.0.values().any(|flight| matches!(flight, Flight::Registration(_)))
    }
}
