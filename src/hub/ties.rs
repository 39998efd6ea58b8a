//! Which bell and which motion sensor belong to which camera. Pure.
//!
//! One belongs to the camera of the same device; else to the only camera of the same family of
//! devices; else to the only camera in the same area, if it is the only one of its kind there. What the
//! user tied by hand comes before all that.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::entity::{Group, object_name};
use super::registries::Registries;
use super::states::{Change, EntityState, States};
use super::{Cause, HubTieable};

/// The camera of a tie made by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TiedCamera {
    /// One of the hub's, by the id of one of its entities.
    OfHub(String),
    /// One that the hub does not know, by its endpoint id.
    Own(String),
}

impl TiedCamera {
    /// The endpoint id of one that the hub does not know.
    #[must_use]
    pub fn own(&self) -> Option<&str> {
        match self {
            Self::Own(endpoint_id) => Some(endpoint_id),
            Self::OfHub(_) => None,
        }
    }
}

/// A tie made by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandTie {
    /// The camera.
    pub camera: TiedCamera,
    /// Entity id of its bell: an event, a binary sensor or an input button.
    pub bell: Option<String>,
    /// Entity id of its motion sensor: a binary sensor.
    pub motion: Option<String>,
}

/// Ties bells and motion to the cameras.
pub(super) fn tie<'a>(
    groups: &mut BTreeMap<String, Group<'a>>,
    states: &'a States,
    registries: &'a Registries,
    by_hand: &'a [HandTie],
) {
    let bells: Slot = |group| &mut group.bell;
    let motions: Slot = |group| &mut group.motion;
    tie_by_hand(groups, by_hand);
    for (slot, rank) in [(bells, bell_rank as Rank), (motions, motion_rank)] {
        let candidates = candidates(states, registries, rank);
        tie_by_device(groups, &candidates, slot);
        for through_via in [false, true] {
            tie_by_family(groups, registries, &candidates, through_via, slot);
        }
        tie_by_area(groups, registries, &candidates, slot);
    }
}

/// What cameras may be tied to by hand, in order of entity id.
#[must_use]
pub fn tieable(states: &States, registries: &Registries) -> Vec<HubTieable> {
    let all = ["binary_sensor", "event", "input_button"].into_iter().flat_map(|domain| states.of(domain));
    let tieable = |(entity_id, state): (&str, &EntityState)| HubTieable {
        entity_id: entity_id.to_owned(),
        name: state.name.clone().unwrap_or_else(|| object_name(entity_id)),
        rings: bell_rank(entity_id, state, registries).is_some_and(|rank| rank < UNSURE),
        sees: motion_rank(entity_id, state, registries).is_some(),
    };
    all.map(tieable).collect()
}

/// A bell or a motion sensor; a lower rank is a surer one.
struct Candidate<'a> {
    entity_id: &'a str,
    device: Option<&'a str>,
    rank: u8,
}

/// Rank from which on a bell is too unsure to be tied to anything but its own device's camera.
const UNSURE: u8 = 3;

fn candidates<'a>(states: &'a States, registries: &'a Registries, rank: Rank) -> Vec<Candidate<'a>> {
    let mut found: Vec<_> = states
        .of("binary_sensor")
        .chain(states.of("event"))
        .filter_map(|(entity_id, state)| {
            let rank = rank(entity_id, state, registries)?;
            Some((!state.available(), Candidate { entity_id, device: registries.device_of(entity_id), rank }))
        })
        .collect();
    found.sort_by_key(|(unavailable, candidate)| (candidate.rank, *unavailable, candidate.entity_id));
    found.into_iter().map(|(_, candidate)| candidate).collect()
}

/// What a press of this entity would come of; nothing if it can be none.
#[must_use]
pub fn cause(
    entity_id: &str,
    state: &EntityState,
    registries: &Registries,
    ties: &[HandTie],
) -> Option<Cause> {
    if bell_rank(entity_id, state, registries).is_some() {
        return Some(Cause::Bell);
    }
    ties.iter().any(|tie| tie.bell.as_deref() == Some(entity_id)).then_some(Cause::Rule)
}

/// Whether a change of this entity can show in a camera at all. Most entities of a home are none of
/// ours, and they are the ones that change most.
#[must_use]
pub fn matters(change: &Change, registries: &Registries, ties: &[HandTie]) -> bool {
    let id = change.entity_id.as_str();
    let is_ours = |state| bell_rank(id, state, registries).or(motion_rank(id, state, registries)).is_some();
    id.starts_with("camera.")
        || is_ours(&change.before)
        || is_ours(&change.after)
        || ties.iter().any(|tie| [&tie.bell, &tie.motion].into_iter().any(|tied| tied.as_deref() == Some(id)))
}

/// How sure it is that an entity is a bell.
fn bell_rank(entity_id: &str, state: &EntityState, registries: &Registries) -> Option<u8> {
    match entity_id.split_once('.')?.0 {
        "event" => return (state.class.as_deref() == Some("doorbell")).then_some(0),
        "binary_sensor" => {}
        _ => return None,
    }
    let key = registries.entities.get(entity_id).and_then(|entry| entry.translation_key.as_deref());
    if key == Some("visitor") {
        return Some(1);
    }
    let named = |ends: &[&str]| ends.iter().any(|end| entity_id.ends_with(end));
    match state.class.as_deref() {
        // A button's battery, or whether it is connected, rings for nobody.
        None | Some("occupancy" | "motion" | "sound") if named(&["_doorbell", "_ding", "_visitor"]) => {
            Some(2)
        }
        None | Some("occupancy" | "motion" | "sound") if named(&["_button"]) => Some(UNSURE),
        _ => None,
    }
}

/// How sure it is that an entity sees motion. An event of motion is no sensor of it: it says when motion
/// began and never when it ended, so nobody could be told that there is none.
fn motion_rank(entity_id: &str, state: &EntityState, registries: &Registries) -> Option<u8> {
    let may_be = entity_id.starts_with("binary_sensor.") && bell_rank(entity_id, state, registries).is_none();
    match state.class.as_deref().filter(|_| may_be)? {
        "motion" => Some(0),
        "occupancy" => Some(1),
        _ => None,
    }
}

/// How sure it is that an entity is one; nothing if it is none.
type Rank = fn(&str, &EntityState, &Registries) -> Option<u8>;

/// The place in a camera for a bell, or for a motion sensor.
type Slot = for<'g, 'a> fn(&'g mut Group<'a>) -> &'g mut Option<&'a str>;

fn tie_by_hand<'a>(groups: &mut BTreeMap<String, Group<'a>>, ties: &'a [HandTie]) {
    for tie in ties {
        let TiedCamera::OfHub(camera) = &tie.camera else { continue };
        let of_tie =
            |group: &&mut Group<'_>| group.pictures.iter().any(|picture| picture.entity_id == *camera);
        if let Some(group) = groups.values_mut().find(of_tie) {
            group.bell = tie.bell.as_deref().or(group.bell);
            group.motion = tie.motion.as_deref().or(group.motion);
        }
    }
}

fn tie_by_device<'a>(groups: &mut BTreeMap<String, Group<'a>>, candidates: &[Candidate<'a>], slot: Slot) {
    let mut best: HashMap<&str, &'a str> = HashMap::new();
    for candidate in candidates {
        if let Some(device) = candidate.device {
            best.entry(device).or_insert(candidate.entity_id);
        }
    }
    for group in groups.values_mut() {
        let own = group.device.and_then(|device| best.get(device).copied());
        let slot = slot(group);
        *slot = slot.or(own);
    }
}

/// Entities that are not anybody's yet.
fn free<'c, 'a>(
    groups: &mut BTreeMap<String, Group<'a>>,
    candidates: &'c [Candidate<'a>],
    slot: Slot,
) -> Vec<&'c Candidate<'a>> {
    let taken: HashSet<_> = groups.values_mut().filter_map(|group| *slot(group)).collect();
    let camera_devices: HashSet<_> = groups.values().filter_map(|group| group.device).collect();
    // What sits on a camera's own device is that camera's spare one, not a neighbour's first.
    let is_free = |candidate: &&Candidate<'_>| {
        candidate.rank < UNSURE
            && !taken.contains(candidate.entity_id)
            && candidate.device.is_none_or(|device| !camera_devices.contains(device))
    };
    candidates.iter().filter(is_free).collect()
}

/// Ties the only free candidate of each key to the only camera of that key.
fn tie_by_key<'a, K: std::hash::Hash + Eq>(
    groups: &mut BTreeMap<String, Group<'a>>,
    candidates: &[&Candidate<'a>],
    slot: Slot,
    key_of_group: impl Fn(&Group<'a>) -> Option<K>,
    key_of_candidate: impl Fn(&Candidate<'a>) -> Option<K>,
) {
    let mut by_key: HashMap<K, (usize, Vec<&'a str>)> = HashMap::new();
    for group in groups.values() {
        if let Some(key) = key_of_group(group) {
            by_key.entry(key).or_default().0 += 1;
        }
    }
    for candidate in candidates {
        if let Some((_, found)) = key_of_candidate(candidate).and_then(|key| by_key.get_mut(&key)) {
            found.push(candidate.entity_id);
        }
    }
    for group in groups.values_mut() {
        let only = match key_of_group(group).and_then(|key| by_key.get(&key)) {
            Some((1, found)) if found.len() == 1 => found.first().copied(),
            _ => None,
        };
        let slot = slot(group);
        *slot = slot.or(only);
    }
}

fn tie_by_family<'a>(
    groups: &mut BTreeMap<String, Group<'a>>,
    registries: &'a Registries,
    candidates: &[Candidate<'a>],
    through_via: bool,
    slot: Slot,
) {
    let free = free(groups, candidates, slot);
    let head = |device: Option<&'a str>| device.map(|device| registries.head_of(device, through_via));
    tie_by_key(groups, &free, slot, |group| head(group.device), |candidate| head(candidate.device));
}

fn tie_by_area<'a>(
    groups: &mut BTreeMap<String, Group<'a>>,
    registries: &'a Registries,
    candidates: &[Candidate<'a>],
    slot: Slot,
) {
    let free = free(groups, candidates, slot);
    let area_of_group = |group: &Group<'a>| {
        let picture = group.pictures.first()?;
        registries.area_of(picture.entity_id)
    };
    tie_by_key(groups, &free, slot, area_of_group, |candidate| registries.area_of(candidate.entity_id));
}

#[cfg(test)]
mod tests;
