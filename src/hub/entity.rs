//! From the hub's states and registries to cameras, one per device, however many pictures it has.
//! Pure.

use std::collections::BTreeMap;

use super::registries::{Device, Registries};
use super::states::{EntityState, States};
use super::ties::{self, HandTie};
use super::{HubCamera, HubCameraEntity, HubSensor};

/// Bit of a camera's `supported_features`: it can be switched on and off.
const ON_OFF: u64 = 1;
/// Bit of a camera's `supported_features`: it can stream.
const STREAM: u64 = 2;

/// Every camera, in order of endpoint id.
#[must_use]
pub fn cameras(states: &States, registries: &Registries, hand_ties: &[HandTie]) -> Vec<HubCamera> {
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    for (entity_id, state) in states.of("camera") {
        let device = registries.device_of(entity_id);
        let registry_id = registries.entities.get(entity_id).and_then(|entry| entry.registry_id.as_deref());
        // A camera that the hub keeps no record of has nothing but its entity id.
        let registry_id = registry_id.map_or_else(|| entity_id.replace('.', ":"), str::to_owned);
        let endpoint_id = endpoint_id(device.unwrap_or(&registry_id));
        let group = groups.entry(endpoint_id).or_insert_with(|| Group::of(device));
        group.pictures.push(Picture { entity_id, registry_id, state });
    }
    for group in groups.values_mut() {
        group.pictures.sort_by_cached_key(|picture| {
            let hidden = registries.entities.get(picture.entity_id).is_some_and(|entry| entry.hidden);
            let streams = picture.state.features & STREAM != 0;
            (!picture.state.available(), !streams, hidden, picture.entity_id)
        });
    }

    ties::tie(&mut groups, states, registries, hand_ties);
    groups.into_iter().map(|(endpoint_id, group)| group.finish(endpoint_id, states, registries)).collect()
}

pub(super) struct Picture<'a> {
    pub(super) entity_id: &'a str,
    registry_id: String,
    state: &'a EntityState,
}

/// A device with its pictures, or a picture without device.
pub(super) struct Group<'a> {
    pub(super) device: Option<&'a str>,
    pub(super) pictures: Vec<Picture<'a>>,
    pub(super) bell: Option<&'a str>,
    pub(super) motion: Option<&'a str>,
}

impl<'a> Group<'a> {
    fn of(device: Option<&'a str>) -> Self {
        Self { device, pictures: Vec::new(), bell: None, motion: None }
    }

    fn finish(self, endpoint_id: String, states: &States, registries: &Registries) -> HubCamera {
        let nothing = Device::default();
        let device = self.device.and_then(|id| registries.devices.get(id)).unwrap_or(&nothing);
        let picture_name = self.pictures.iter().find_map(|picture| picture.state.name.clone());
        // With several pictures each one's name tells the pictures apart, not the cameras.
        let name = if self.pictures.len() == 1 {
            picture_name.or_else(|| device.name.clone())
        } else {
            device.name.clone().or(picture_name)
        };
        let name = name.or_else(|| Some(object_name(self.pictures.first()?.entity_id)));
        let sensor = |entity_id: &str| {
            let state = states.get(entity_id);
            HubSensor {
                entity_id: entity_id.to_owned(),
                available: state.is_some_and(EntityState::available),
                on: false,
            }
        };
        let motion = self.motion.map(|entity_id| HubSensor {
            on: states.get(entity_id).is_some_and(|state| state.state == "on"),
            ..sensor(entity_id)
        });
        HubCamera {
            endpoint_id,
            name: name.unwrap_or_default(),
            manufacturer: device.manufacturer.clone(),
            model: device.model.clone(),
            version: device.version.clone(),
            bell: self.bell.map(sensor),
            motion,
            entities: self
                .pictures
                .into_iter()
                .map(|picture| HubCameraEntity {
                    entity_id: picture.entity_id.to_owned(),
                    name: picture.state.name.clone().unwrap_or_else(|| object_name(picture.entity_id)),
                    available: picture.state.available(),
                    streams: picture.state.features & STREAM != 0,
                    switches: picture.state.features & ON_OFF != 0,
                    off: picture.state.off(),
                    ways: None,
                    registry_id: picture.registry_id,
                })
                .collect(),
        }
    }
}

/// `front door` of `camera.front_door`: what something is called that nobody gave a name.
pub(super) fn object_name(entity_id: &str) -> String {
    entity_id.split_once('.').map_or(entity_id, |(_, object)| object).replace('_', " ")
}

/// `hub#` and the id, within what Alexa allows in an endpoint id.
fn endpoint_id(id: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || "_-=#;:?@&".contains(c) { c } else { '_' };
    format!("hub#{}", id.chars().take(250).map(allowed).collect::<String>())
}

#[cfg(test)]
pub(super) mod tests;
