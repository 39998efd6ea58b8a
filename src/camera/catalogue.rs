//! Which cameras exist: the settings and the hub's cameras laid together. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::details::Details;
use super::entity::Entity;
use super::screen_stream::{self, StreamSource};
use super::sentence::Sentence;
use super::talk::Talk;
use super::way::Way;
use super::{CameraSummary, EndpointId};
use crate::config::{self, Config, Kind, Prefer};
use crate::hub::{HubCamera, HubCameraEntity, HubSnapshot, Link};
use crate::media::{Source, TroubleKind};
use crate::state::Learned;

/// A camera and all that is needed to show it.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownCamera {
    /// What the outside may know. `calls` and `events` are filled in by the Registry.
    pub summary: CameraSummary,
    /// The ways to its picture, best first; a camera without one cannot be shown.
    pub ways: Vec<Way>,
    /// The kind of way that the settings want.
    pub prefer: Prefer,
    /// How one talks to it.
    pub talk: Talk,
    /// Its feed stays open.
    pub warm: bool,
    /// Entities that the hub switches; without any the switch is ours.
    pub switches: Vec<Entity>,
    /// Where its stream for screens comes from.
    pub stream: Option<StreamSource>,
    /// The hub is not connected, and there is no way without it.
    pub hub_away: bool,
    /// What people may want to know or change of it.
    pub details: Details,
    /// What kind of trouble keeps it from being shown; `None` if it can be reached.
    pub lack: Option<TroubleKind>,
}

impl KnownCamera {
    /// Its session has something to do without being asked.
    #[must_use]
    pub fn has_work(&self) -> bool {
        self.warm
            || !self.talk.looks.is_empty()
            || self.stream.as_ref().is_some_and(|stream| stream.is_unknown)
    }
}

/// All cameras, by endpoint id.
pub type Catalogue = BTreeMap<EndpointId, KnownCamera>;

/// What was learned of the hub's camera entities, by registry id.
pub type Learnings = BTreeMap<String, Learned>;

/// Lays the settings and the hub's last known cameras together. A camera of the hub takes its
/// settings from the first `[[camera]]` whose `entity` is one of its own; a `[[camera]]` with an
/// `id` stands for itself. An `entity` that the hub does not have is shown as what it is.
#[must_use]
pub fn catalogue(config: &Config, hub: Option<&HubSnapshot>, learned: &Learnings) -> Catalogue {
    let cameras = hub.map(|snapshot| snapshot.cameras.as_slice()).unwrap_or_default();
    let meant: Vec<_> = config.cameras.iter().map(|settings| meant(settings, cameras, learned)).collect();
    let of_hub = cameras.iter().filter_map(|camera| {
        let of = |entity: &&HubCameraEntity| camera.entities.contains(entity);
        let settings = config.cameras.iter().zip(&meant).find(|(_, entity)| entity.as_ref().is_some_and(of));
        let settings = settings.map(|(settings, entity)| (settings, *entity));
        let id = EndpointId::parse(&camera.endpoint_id)?;
        let mut known = camera_of_hub(id.clone(), camera, settings, hub, learned);
        if settings.is_some_and(|(settings, _)| settings.stream) {
            let named = settings.and_then(|(_, named)| named);
            let external_url = hub.and_then(|snapshot| snapshot.external_url.as_ref());
            let (stream, source) = screen_stream::judge(streamed(camera, named), external_url, learned);
            (known.summary.stream, known.stream) = (Some(stream), source);
        }
        Some((id, known))
    });
    let own = config.cameras.iter().filter_map(|settings| {
        let id = EndpointId::parse(settings.id.as_deref()?)?;
        Some((id.clone(), own_camera(id, settings, hub, learned)))
    });
    let is_complete = hub.is_some_and(|snapshot| snapshot.link == Link::Running);
    let missing = config.cameras.iter().zip(&meant).filter_map(|(settings, entity)| {
        let name = settings.entity.as_ref().filter(|_| is_complete && entity.is_none())?;
        let id = EndpointId::parse(&format!("hub#{}", name.replace('.', ":")))?;
        Some((id.clone(), missing_camera(id, name, settings)))
    });
    of_hub.chain(own).chain(missing).collect()
}

/// Switches cameras off, by endpoint id.
pub fn switch_off(catalogue: &mut Catalogue, switched_off: &BTreeSet<String>) {
    for camera in catalogue.values_mut() {
        camera.summary.on &= !switched_off.contains(camera.summary.endpoint_id.as_str());
    }
}

/// The camera that people mean by an endpoint id, by an entity of the hub's, by an entity that the settings
/// name, or by a name; of several with that name the first.
#[must_use]
pub fn find<'a>(
    name: &str,
    catalogue: &'a Catalogue,
    config: &Config,
    hub: Option<&HubSnapshot>,
    learned: &Learnings,
) -> Option<&'a KnownCamera> {
    let cameras = hub.map(|snapshot| snapshot.cameras.as_slice()).unwrap_or_default();
    let by_entity = || {
        let mut settings = config.cameras.iter();
        let settings = settings.find(|settings| settings.entity.as_deref() == Some(name));
        let meant = settings.and_then(|settings| meant(settings, cameras, learned));
        let entity = called(name, cameras).or(meant)?;
        let camera = cameras.iter().find(|camera| camera.entities.contains(entity))?;
        catalogue.get(&EndpointId::parse(&camera.endpoint_id)?)
    };
    let by_id = EndpointId::parse(name).and_then(|id| catalogue.get(&id));
    by_id.or_else(by_entity).or_else(|| catalogue.values().find(|camera| camera.summary.name == name))
}

/// The hub's entities that the settings name, and the names: to be remembered, because the settings go on
/// to mean the same entity when it is renamed.
pub fn named<'a>(config: &'a Config, hub: &'a HubSnapshot) -> impl Iterator<Item = (&'a str, &'a str)> {
    let names = config.cameras.iter().filter_map(|settings| settings.entity.as_deref());
    names.filter_map(|name| Some((called(name, &hub.cameras)?.registry_id.as_str(), name)))
}

fn called<'a>(name: &str, cameras: &'a [HubCamera]) -> Option<&'a HubCameraEntity> {
    cameras.iter().flat_map(|camera| &camera.entities).find(|entity| entity.entity_id == name)
}

/// The entity that the settings mean: the one of that name, or the one that had it when it was last seen.
fn meant<'a>(
    settings: &config::Camera,
    cameras: &'a [HubCamera],
    learned: &Learnings,
) -> Option<&'a HubCameraEntity> {
    let name = settings.entity.as_deref()?;
    let had_it = |entity: &&HubCameraEntity| {
        learned.get(&entity.registry_id).is_some_and(|learned| learned.named == name)
    };
    called(name, cameras).or_else(|| cameras.iter().flat_map(|camera| &camera.entities).find(had_it))
}

/// A camera of the settings that the hub does not have.
fn missing_camera(id: EndpointId, name: &str, settings: &config::Camera) -> KnownCamera {
    let reason =
        format!("the hub has no {name}; look how it is called there, and name it so in the settings");
    let mut camera = own_camera(id, settings, None, &Learnings::new());
    camera.summary.name = settings.name.clone().unwrap_or_else(|| name.to_owned());
    (camera.ways, camera.warm, camera.details.ways) = (Vec::new(), false, Vec::new());
    (camera.summary.reachable, camera.summary.alexa, camera.summary.full_duplex) = (false, false, false);
    camera.talk = Talk::none(Sentence::new("missing", "the hub does not have it"));
    camera.summary.talk = camera.talk.summary();
    camera.summary.reason = Some(reason);
    camera.lack = Some(TroubleKind::Hub);
    camera
}

fn camera_of_hub(
    id: EndpointId,
    camera: &HubCamera,
    settings: Option<(&config::Camera, Option<&HubCameraEntity>)>,
    hub: Option<&HubSnapshot>,
    learned: &Learnings,
) -> KnownCamera {
    let link = hub.map_or(&Link::None, |snapshot| &snapshot.link);
    let (settings, named) = settings.map_or((None, None), |(settings, entity)| (Some(settings), entity));
    let ways = ways_of_hub(camera, settings, named, learned);
    let doorbell = settings
        .and_then(|settings| settings.kind)
        .map_or(camera.bell.is_some(), |kind| kind == Kind::Doorbell);
    let mut available = camera.entities.iter().filter(|entity| entity.available);
    // While the hub is away or still starting, what it said of its entities is not news.
    let unavailable = *link == Link::Running && available.next().is_none();
    let (lack, reason) = match &ways {
        Err(reason) => (Some(TroubleKind::Settings), Some(reason.clone())),
        Ok(_) if unavailable => {
            let reason = "the hub says that it is unavailable; look at it in the hub";
            (Some(TroubleKind::Hub), Some(reason.to_owned()))
        }
        Ok(_) => (None, None),
    };
    let ways = ways.unwrap_or_default();
    let own = settings.and_then(own_address).and_then(Result::ok);
    let likely =
        doorbell || camera.entities.iter().any(|entity| entity.ways.is_some_and(|ways| ways.two_way_audio));
    let talk = Talk::judge(settings, id.as_str(), &ways, own.as_ref(), likely, learned);
    let is_away = matches!(link, Link::None | Link::Down(_) | Link::Refused(_));
    KnownCamera {
        summary: CameraSummary {
            endpoint_id: id,
            name: settings.and_then(|settings| settings.name.clone()).unwrap_or_else(|| camera.name.clone()),
            doorbell,
            manufacturer: camera.manufacturer.clone(),
            model: camera.model.clone(),
            version: camera.version.clone(),
            full_duplex: talk.is_full_duplex(),
            talk: talk.summary(),
            motion: camera.motion.as_ref().map(|motion| motion.on),
            reachable: reason.is_none(),
            reason,
            // A way that is not there now may come back: for Alexa the camera is away, not gone.
            alexa: settings.is_none_or(|settings| settings.alexa),
            events: false,
            // Off is meant for the whole device, whichever of its pictures it was said of.
            on: !camera.entities.iter().any(|entity| entity.off),
            stream: None,
            calls: 0,
        },
        switches: camera.entities.iter().filter(|one| one.switches || one.off).map(of).collect(),
        stream: None,
        hub_away: is_away && ways.iter().all(|way| way.entity().is_some()),
        details: Details::of_hub(camera, settings, &ways, hub, learned),
        lack,
        ways,
        prefer: settings.map_or(Prefer::Auto, |settings| settings.prefer),
        talk,
        warm: settings.is_some_and(|settings| settings.warm),
    }
}

fn own_camera(
    id: EndpointId,
    settings: &config::Camera,
    hub: Option<&HubSnapshot>,
    learned: &Learnings,
) -> KnownCamera {
    let (ways, reason) = match own_address(settings) {
        Some(Ok(source)) => (vec![Way::Own(source)], None),
        Some(Err(reason)) => (Vec::new(), Some(reason)),
        None => {
            let reason = "no address is known for its picture; give it a `source` in the settings (its RTSP \
                          address)";
            (Vec::new(), Some(reason.to_owned()))
        }
    };
    let own = own_address(settings).and_then(Result::ok);
    let talk = Talk::judge(Some(settings), id.as_str(), &ways, own.as_ref(), true, learned);
    let lack = reason.is_some().then_some(TroubleKind::Settings);
    let motion = settings.motion.as_ref().and(hub).map(|hub| hub.moving.contains(id.as_str()));
    KnownCamera {
        details: Details::own(id.as_str(), settings, &ways, hub, learned),
        summary: CameraSummary {
            name: settings.name.clone().unwrap_or_else(|| id.as_str().replace('_', " ")),
            endpoint_id: id,
            doorbell: settings.kind.map_or(settings.bell.is_some(), |kind| kind == Kind::Doorbell),
            manufacturer: String::new(),
            model: String::new(),
            version: String::new(),
            full_duplex: talk.is_full_duplex(),
            talk: talk.summary(),
            motion,
            reachable: !ways.is_empty(),
            reason,
            alexa: !ways.is_empty() && settings.alexa,
            events: false,
            on: true,
            stream: None,
            calls: 0,
        },
        ways,
        prefer: settings.prefer,
        talk,
        warm: settings.warm,
        switches: Vec::new(),
        stream: None,
        hub_away: false,
        lack,
    }
}

/// The camera's own address, if the settings name one; or why it cannot be opened.
fn own_address(settings: &config::Camera) -> Option<Result<Source, String>> {
    let parsed = Source::parse(settings.source.as_ref()?);
    Some(parsed.map_err(|error| format!("the `source` in its settings cannot be used: {error}")))
}

/// Most entities of one camera that are tried.
const ENTITIES: usize = 3;

/// Its own address first, then what the hub offers; or why there is nothing.
fn ways_of_hub(
    camera: &HubCamera,
    settings: Option<&config::Camera>,
    named: Option<&HubCameraEntity>,
    learned: &Learnings,
) -> Result<Vec<Way>, String> {
    let own = settings.and_then(own_address).transpose()?.map(Way::Own);
    let mut entities: Vec<&HubCameraEntity> = camera.entities.iter().collect();
    // Stable: what the hub said decides where nothing better is known.
    entities.sort_by_key(|entity| {
        // One that was only named has not been opened yet.
        let opened = learned.get(&entity.registry_id).filter(|learned| !learned.codec.is_empty());
        let copies = opened.map(|learned| learned.copied);
        let rank = match copies {
            Some(true) => 0,
            None => 1,
            Some(false) => 2,
        };
        (!entity.available, named != Some(*entity), rank)
    });
    entities.truncate(ENTITIES);
    // What the hub has not said yet is tried: a no comes quickly.
    let relays = entities.iter().filter(|entity| entity.ways.map_or(entity.streams, |ways| ways.relay));
    let streams = entities.iter().filter(|entity| entity.ways.map_or(entity.streams, |ways| ways.hls));
    let all = own
        .into_iter()
        .chain(relays.map(|entity| Way::Relay(of(entity))))
        .chain(streams.map(|entity| Way::Hls(of(entity))))
        // Every camera of the hub has a still picture.
        .chain(entities.first().map(|entity| Way::Stills(of(entity))));
    let prefer = settings.map_or(Prefer::Auto, |settings| settings.prefer);
    let ways: Vec<Way> = all.filter(|way| way.is(prefer)).collect();
    if ways.is_empty() {
        return Err(match prefer {
            Prefer::Source => {
                "`prefer` in its settings wants its own address, but there is no `source`; give it one".into()
            }
            _ => "the hub offers no such way to its picture as `prefer` in its settings wants; take \
                  another, or leave it out"
                .into(),
        });
    }
    Ok(ways)
}

fn of(entity: &HubCameraEntity) -> Entity {
    Entity { registry_id: entity.registry_id.clone(), entity_id: entity.entity_id.clone() }
}

/// The entity whose stream a screen gets: the one that the settings name, or the first one that has one.
fn streamed<'a>(camera: &'a HubCamera, named: Option<&'a HubCameraEntity>) -> Option<&'a HubCameraEntity> {
    let streams = |entity: &&HubCameraEntity| entity.ways.map_or(entity.streams, |ways| ways.hls);
    named.filter(streams).or_else(|| camera.entities.iter().find(streams))
}

#[cfg(test)]
mod tests;
