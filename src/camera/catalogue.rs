//! Which cameras exist: the settings and the hub's cameras laid together. Pure.

use std::collections::BTreeMap;

use super::entity::Entity;
use super::way::Way;
use super::{CameraSummary, EndpointId};
use crate::config::{self, Config, Kind, Prefer, Talk};
use crate::hub::{HubCamera, HubCameraEntity, HubSnapshot, Link};
use crate::media::Source;
use crate::state::Learned;

/// A camera and all that is needed to show it.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownCamera {
    /// What the outside may know. `calls` is left at 0 here.
    pub summary: CameraSummary,
    /// The ways to its picture, best first; a camera without one cannot be shown.
    pub ways: Vec<Way>,
    /// Its speaker may be asked for.
    pub talk: bool,
    /// Its feed stays open.
    pub warm: bool,
    /// The hub is not connected, and there is no way without it.
    pub hub_away: bool,
}

/// All cameras, by endpoint id.
pub type Catalogue = BTreeMap<EndpointId, KnownCamera>;

/// What was learned of the hub's camera entities, by registry id.
pub type Learnings = BTreeMap<String, Learned>;

/// Lays the settings and the hub's last known cameras together. A camera of the hub takes its
/// settings from the first `[[camera]]` whose `entity` is one of its own; a `[[camera]]` with an
/// `id` stands for itself.
#[must_use]
pub fn catalogue(config: &Config, hub: Option<&HubSnapshot>, learned: &Learnings) -> Catalogue {
    let of_hub = hub.into_iter().flat_map(|snapshot| {
        snapshot.cameras.iter().filter_map(|camera| {
            let settings = config.cameras.iter().find(|settings| settings_are_for(settings, camera));
            let id = EndpointId::parse(&camera.endpoint_id)?;
            Some((id.clone(), camera_of_hub(id, camera, settings, &snapshot.link, learned)))
        })
    });
    let own = config.cameras.iter().filter_map(|settings| {
        let id = EndpointId::parse(settings.id.as_deref()?)?;
        Some((id.clone(), own_camera(id, settings)))
    });
    of_hub.chain(own).collect()
}

fn settings_are_for(settings: &config::Camera, camera: &HubCamera) -> bool {
    settings.entity.as_ref().is_some_and(|id| camera.entities.iter().any(|entity| entity.entity_id == *id))
}

fn camera_of_hub(
    id: EndpointId,
    camera: &HubCamera,
    settings: Option<&config::Camera>,
    link: &Link,
    learned: &Learnings,
) -> KnownCamera {
    let ways = ways_of_hub(camera, settings, learned);
    let doorbell = settings
        .and_then(|settings| settings.kind)
        .map_or(camera.bell.is_some(), |kind| kind == Kind::Doorbell);
    let mut available = camera.entities.iter().filter(|entity| entity.available);
    // While the hub is away or still starting, what it said of its entities is not news.
    let unavailable = *link == Link::Running && available.next().is_none();
    let reason = match &ways {
        Err(reason) => Some(reason.clone()),
        Ok(_) if unavailable => Some("the hub says that it is unavailable; look at it in the hub".to_owned()),
        Ok(_) => None,
    };
    let ways = ways.unwrap_or_default();
    let talk = settings.is_none_or(|settings| settings.talk != Talk::None);
    let is_away = matches!(link, Link::None | Link::Down(_) | Link::Refused(_));
    KnownCamera {
        summary: CameraSummary {
            endpoint_id: id,
            name: settings.and_then(|settings| settings.name.clone()).unwrap_or_else(|| camera.name.clone()),
            doorbell,
            manufacturer: camera.manufacturer.clone(),
            model: camera.model.clone(),
            version: camera.version.clone(),
            full_duplex: talk && ways.first().is_some_and(|way| talks(way, learned)),
            motion: camera.motion.as_ref().map(|motion| motion.on),
            reachable: reason.is_none(),
            reason,
            alexa: !ways.is_empty() && settings.is_none_or(|settings| settings.alexa),
            calls: 0,
        },
        hub_away: is_away && ways.iter().all(|way| way.entity().is_some()),
        ways,
        talk,
        warm: settings.is_some_and(|settings| settings.warm),
    }
}

fn own_camera(id: EndpointId, settings: &config::Camera) -> KnownCamera {
    let (ways, reason) = match own_address(settings) {
        Some(Ok(way)) => (vec![way], None),
        Some(Err(reason)) => (Vec::new(), Some(reason)),
        None => {
            let reason = "no address is known for its picture; give it a `source` in the settings (its RTSP \
                          address)";
            (Vec::new(), Some(reason.to_owned()))
        }
    };
    let talk = settings.talk != Talk::None;
    KnownCamera {
        summary: CameraSummary {
            name: settings.name.clone().unwrap_or_else(|| id.as_str().replace('_', " ")),
            endpoint_id: id,
            doorbell: settings.kind == Some(Kind::Doorbell),
            manufacturer: String::new(),
            model: String::new(),
            version: String::new(),
            full_duplex: talk && ways.first().is_some_and(|way| talks(way, &Learnings::new())),
            motion: None,
            reachable: !ways.is_empty(),
            reason,
            alexa: !ways.is_empty() && settings.alexa,
            calls: 0,
        },
        ways,
        talk,
        warm: settings.warm,
        hub_away: false,
    }
}

/// The camera's own address, if the settings name one; or why it cannot be opened.
fn own_address(settings: &config::Camera) -> Option<Result<Way, String>> {
    let parsed = Source::parse(settings.source.as_ref()?);
    Some(
        parsed.map(Way::Own).map_err(|error| format!("the `source` in its settings cannot be used: {error}")),
    )
}

/// Most entities of one camera that are tried.
const ENTITIES: usize = 3;

/// Its own address first, then what the hub offers; or why there is nothing.
fn ways_of_hub(
    camera: &HubCamera,
    settings: Option<&config::Camera>,
    learned: &Learnings,
) -> Result<Vec<Way>, String> {
    let own = settings.and_then(own_address).transpose()?;
    let named = settings.and_then(|settings| settings.entity.as_deref());
    let mut entities: Vec<&HubCameraEntity> = camera.entities.iter().collect();
    // Stable: what the hub said decides where nothing better is known.
    entities.sort_by_key(|entity| {
        let copies = learned.get(&entity.registry_id).map(|learned| learned.copied);
        let rank = match copies {
            Some(true) => 0,
            None => 1,
            Some(false) => 2,
        };
        (!entity.available, named != Some(entity.entity_id.as_str()), rank)
    });
    entities.truncate(ENTITIES);
    let of = |entity: &HubCameraEntity| Entity {
        registry_id: entity.registry_id.clone(),
        entity_id: entity.entity_id.clone(),
    };
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

/// A camera that is not known to have a speaker must not promise one.
fn talks(way: &Way, learned: &Learnings) -> bool {
    match way {
        Way::Own(source) => matches!(source, Source::Test(_)),
        Way::Relay(entity) => learned.get(&entity.registry_id).is_some_and(|learned| learned.talk),
        Way::Hls(_) | Way::Stills(_) => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::hub::{HubSensor, StreamWays};

    fn hub() -> HubSnapshot {
        let sensor = HubSensor { entity_id: "event.front_door".into(), available: true, on: false };
        let camera = |id: &str, entity: &str, name: &str, bell| HubCamera {
            endpoint_id: format!("hub#{id}"),
            name: name.into(),
            manufacturer: "Acme".into(),
            model: "Bell 2".into(),
            version: String::new(),
            entities: vec![HubCameraEntity {
                registry_id: format!("r{id}"),
                entity_id: entity.into(),
                available: false,
                streams: true,
                ways: None,
            }],
            bell,
            motion: None,
        };
        HubSnapshot {
            link: Link::Running,
            version: "2026.11.0".into(),
            cameras: vec![
                camera("1", "camera.front_door", "Front door", Some(sensor)),
                camera("2", "camera.garden", "Garden", None),
            ],
            trouble: None,
        }
    }

    fn config(text: &str) -> Config {
        toml::from_str(text).unwrap()
    }

    fn find<'a>(catalogue: &'a Catalogue, id: &str) -> &'a KnownCamera {
        &catalogue[&EndpointId::parse(id).unwrap()]
    }

    #[test]
    fn the_hubs_word_that_a_camera_is_unavailable_counts_only_while_the_hub_is_running() {
        let config = config("[[camera]]\nentity = 'camera.front_door'\nsource = 'rtsp://10.0.0.2/s'");
        let mut snapshot = hub();
        let known = catalogue(&config, Some(&snapshot), &Learnings::new());
        let door = &find(&known, "hub#1").summary;
        assert!(!door.reachable && door.alexa && door.doorbell && !door.full_duplex);
        assert_eq!(door.name, "Front door");
        snapshot.link = Link::Starting;
        let known = catalogue(&config, Some(&snapshot), &Learnings::new());
        assert!(find(&known, "hub#1").summary.reachable);
    }

    fn entity(id: &str, ways: Option<StreamWays>) -> HubCameraEntity {
        let (registry_id, entity_id) = (format!("r-{id}"), format!("camera.{id}"));
        HubCameraEntity { registry_id, entity_id, available: true, streams: true, ways }
    }

    /// A hub with one camera that has the given entities, and the ways that are found.
    fn ways(
        settings: &str,
        entities: Vec<HubCameraEntity>,
        learned: &[(&str, bool)],
    ) -> (Vec<String>, CameraSummary) {
        let mut snapshot = hub();
        snapshot.cameras.truncate(1);
        snapshot.cameras[0].entities = entities;
        let learned = learned.iter().map(|(id, copied)| {
            (format!("r-{id}"), Learned { copied: *copied, talk: true, ..Learned::default() })
        });
        let known = catalogue(&config(settings), Some(&snapshot), &learned.collect());
        let camera = find(&known, "hub#1");
        let told = |way: &Way| match way.entity() {
            Some(entity) => format!("{} {}", way.name(), entity.entity_id),
            None => way.name().to_owned(),
        };
        (camera.ways.iter().map(told).collect(), camera.summary.clone())
    }

    const ALL: Option<StreamWays> = Some(StreamWays { relay: true, hls: true, two_way_audio: false });
    const HLS: Option<StreamWays> = Some(StreamWays { relay: false, hls: true, two_way_audio: false });

    #[test]
    fn a_camera_that_the_hub_can_show_needs_no_settings() {
        let (found, summary) = ways("", vec![entity("door", ALL)], &[]);
        assert_eq!(
            found,
            ["the hub's relay camera.door", "the hub's stream camera.door", "the hub's stills camera.door"]
        );
        assert!(summary.alexa && summary.reachable && !summary.full_duplex, "{summary:?}");
        let mut stills_only = entity("door", Some(StreamWays::default()));
        stills_only.streams = false;
        assert_eq!(ways("", vec![stills_only], &[]).0, ["the hub's stills camera.door"]);
    }

    #[test]
    fn its_own_address_comes_first_and_a_way_that_is_asked_for_is_the_only_one() {
        let settings = "[[camera]]\nentity = 'camera.door'\nsource = 'rtsp://10.0.0.2/s'\n";
        let (found, _) = ways(settings, vec![entity("door", HLS)], &[]);
        assert_eq!(
            found,
            ["its own address", "the hub's stream camera.door", "the hub's stills camera.door"]
        );
        let pinned = format!("{settings}prefer = 'hls'\n");
        assert_eq!(ways(&pinned, vec![entity("door", HLS)], &[]).0, ["the hub's stream camera.door"]);
        let (none, summary) = ways(&format!("{settings}prefer = 'relay'\n"), vec![entity("door", HLS)], &[]);
        assert!(none.is_empty() && !summary.alexa, "{summary:?}");
        assert!(summary.reason.unwrap().contains("prefer"));
    }

    #[test]
    fn of_a_devices_pictures_the_one_that_is_named_comes_first_then_one_that_can_be_copied() {
        let entities = || vec![entity("main", ALL), entity("middle", ALL), entity("sub", ALL)];
        let first =
            |settings: &str, learned: &[(&str, bool)]| ways(settings, entities(), learned).0[0].clone();
        assert_eq!(first("", &[]), "the hub's relay camera.main");
        assert_eq!(first("", &[("main", false)]), "the hub's relay camera.middle");
        assert_eq!(first("", &[("main", false), ("sub", true)]), "the hub's relay camera.sub");
        let named = "[[camera]]\nentity = 'camera.main'\n";
        assert_eq!(first(named, &[("main", false), ("sub", true)]), "the hub's relay camera.main");
        let mut gone = entities();
        gone[0].available = false;
        assert_eq!(ways(named, gone, &[]).0[0], "the hub's relay camera.middle");
    }

    #[test]
    fn a_relay_that_took_talk_before_promises_it_unless_nobody_may_talk() {
        let talks =
            |settings: &str| ways(settings, vec![entity("door", ALL)], &[("door", true)]).1.full_duplex;
        assert!(talks(""));
        assert!(!talks("[[camera]]\nentity = 'camera.door'\ntalk = 'none'\n"));
    }

    #[test]
    fn without_the_hub_its_cameras_are_away_unless_they_have_an_address_of_their_own() {
        let mut snapshot = hub();
        snapshot.link = Link::Down("closed".into());
        let config = config("[[camera]]\nentity = 'camera.front_door'\nsource = 'rtsp://10.0.0.2/s'");
        let known = catalogue(&config, Some(&snapshot), &Learnings::new());
        assert!(!find(&known, "hub#1").hub_away);
        assert!(find(&known, "hub#2").hub_away);
    }

    #[test]
    fn a_camera_of_the_settings_needs_no_hub() {
        let config = config("[[camera]]\nid = 'front_door'\nkind = 'doorbell'\nsource = 'test:'");
        let known = catalogue(&config, None, &Learnings::new());
        let door = find(&known, "front_door");
        assert_eq!(door.summary.name, "front door");
        assert!(door.summary.doorbell && door.summary.full_duplex);
    }

    #[test]
    fn only_a_source_with_a_speaker_promises_to_talk() {
        let text = "[[camera]]\nid = 'a'\nsource = 'test:'\ntalk = 'none'\n
            [[camera]]\nid = 'b'\nsource = 'rtsp://10.0.0.2/'";
        let known = catalogue(&config(text), None, &Learnings::new());
        assert!(known.values().all(|camera| !camera.summary.full_duplex));
    }
}
