//! How a camera is laid out: what people may want to know or change of it. Pure.

use serde::Serialize;

use super::catalogue::Learnings;
use super::way::{Way, WayKind};
use crate::config::{self, Prefer};
use crate::hub::{HubCamera, HubSensor, HubSnapshot};
use crate::media::why;

/// How a camera is laid out. Holds no secret: of its own address no more than that there is one.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Details {
    /// The hub's pictures of it, best first; none for a camera that no hub knows.
    pub entities: Vec<Named>,
    /// What the hub calls it.
    pub hub_name: Option<String>,
    /// The `[[camera]]` that its settings are from; `None`: only the hub knows it.
    pub table: Option<Table>,
    /// The ways to its picture, best first.
    pub ways: Vec<WayDetail>,
    /// The only way that its settings allow.
    pub pinned: Option<WayKind>,
    /// Its picture, as it was last seen.
    pub seen: Option<Seen>,
    /// Its feed stays open.
    pub warm: bool,
    /// Its bell.
    pub bell: Option<Tie>,
    /// Its motion sensor.
    pub motion: Option<Tie>,
}

/// An entity of the hub.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Named {
    /// Entity id.
    pub entity: String,
    /// What people call it.
    pub name: String,
}

/// What names a `[[camera]]` among the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Table {
    /// A camera of our own.
    Id(String),
    /// Settings for one of the hub's, by the entity that they name.
    Entity(String),
}

/// A way to its picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WayDetail {
    /// Which.
    pub way: WayKind,
    /// The hub's entity that it leads to.
    pub entity: Option<String>,
}

/// A picture that was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// FFmpeg's name of its codec.
    pub codec: String,
    /// Pixels; 0 while unknown.
    pub width: u32,
    /// Pixels; 0 while unknown.
    pub height: u32,
    /// It is passed on as it is.
    pub copied: bool,
    /// Why it is, or has to be encoded anew: a code of [`why::code`].
    pub why: &'static str,
    /// The same in words; may be of the camera's making.
    pub detail: String,
}

/// A bell or a motion sensor of the hub, and whose idea it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tie {
    /// Entity id.
    pub entity: String,
    /// What people call it; its entity id if the hub does not have it.
    pub name: String,
    /// The hub has it, and it works.
    pub available: bool,
    /// The settings name it; else it was found.
    pub by_hand: bool,
}

impl Details {
    /// Of a camera that the hub knows.
    #[must_use]
    pub fn of_hub(
        camera: &HubCamera,
        settings: Option<&config::Camera>,
        ways: &[Way],
        hub: Option<&HubSnapshot>,
        learned: &Learnings,
    ) -> Self {
        let named = |settings: &config::Camera| settings.entity.clone().map(Table::Entity);
        let tie = |sensor: Option<&HubSensor>, by_hand: bool| {
            sensor.map(|sensor| Tie::of(&sensor.entity_id, sensor.available, by_hand, hub))
        };
        let by_hand = |key: fn(&config::Camera) -> bool| settings.is_some_and(key);
        let entities = camera.entities.iter();
        Self {
            entities: entities
                .map(|one| Named { entity: one.entity_id.clone(), name: one.name.clone() })
                .collect(),
            hub_name: Some(camera.name.clone()),
            table: settings.and_then(named),
            bell: tie(camera.bell.as_ref(), by_hand(|settings| settings.bell.is_some())),
            motion: tie(camera.motion.as_ref(), by_hand(|settings| settings.motion.is_some())),
            ..Self::common(&camera.endpoint_id, settings, ways, learned)
        }
    }

    /// Of a camera that is in the settings alone.
    #[must_use]
    pub fn own(
        endpoint_id: &str,
        settings: &config::Camera,
        ways: &[Way],
        hub: Option<&HubSnapshot>,
        learned: &Learnings,
    ) -> Self {
        let is_there = |entity: &str| tieable(hub, entity).is_some();
        let tie = |entity: &Option<String>| {
            entity.as_ref().map(|entity| Tie::of(entity, is_there(entity), true, hub))
        };
        let entity = settings.entity.clone().map(Table::Entity);
        Self {
            table: settings.id.clone().map(Table::Id).or(entity),
            bell: tie(&settings.bell),
            motion: tie(&settings.motion),
            ..Self::common(endpoint_id, Some(settings), ways, learned)
        }
    }

    fn common(
        endpoint_id: &str,
        settings: Option<&config::Camera>,
        ways: &[Way],
        learned: &Learnings,
    ) -> Self {
        let entity = |way: &Way| way.entity().map(|entity| entity.entity_id.clone());
        let seen = ways.iter().find_map(|way| {
            let id = way.entity().map_or(endpoint_id, |entity| &entity.registry_id);
            let known = learned.get(id).filter(|known| !known.codec.is_empty())?;
            Some(Seen {
                codec: known.codec.clone(),
                width: known.width,
                height: known.height,
                copied: known.copied,
                why: why::code(&known.why),
                detail: known.why.clone(),
            })
        });
        Self {
            ways: ways.iter().map(|way| WayDetail { way: way.kind(), entity: entity(way) }).collect(),
            pinned: settings.and_then(|settings| pinned(settings.prefer)),
            seen,
            warm: settings.is_some_and(|settings| settings.warm),
            ..Self::default()
        }
    }
}

impl Tie {
    fn of(entity: &str, available: bool, by_hand: bool, hub: Option<&HubSnapshot>) -> Self {
        let name = tieable(hub, entity).unwrap_or(entity).to_owned();
        Self { entity: entity.to_owned(), name, available, by_hand }
    }
}

/// What the hub calls an entity that a camera may be tied to.
fn tieable<'a>(hub: Option<&'a HubSnapshot>, entity: &str) -> Option<&'a str> {
    let all = hub.map(|hub| &*hub.tieable).unwrap_or_default();
    all.iter().find(|one| one.entity_id == entity).map(|one| one.name.as_str())
}

fn pinned(prefer: Prefer) -> Option<WayKind> {
    match prefer {
        Prefer::Auto => None,
        Prefer::Source => Some(WayKind::Source),
        Prefer::Relay => Some(WayKind::Relay),
        Prefer::Hls => Some(WayKind::Hls),
        Prefer::Still => Some(WayKind::Still),
    }
}
