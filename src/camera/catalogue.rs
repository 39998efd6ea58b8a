//! Which cameras exist: the settings and the hub's cameras laid together. Pure.

use std::collections::BTreeMap;

use secrecy::ExposeSecret;

use super::{CameraSummary, EndpointId};
use crate::config::{self, Config, Kind, Talk};
use crate::hub::{HubCamera, HubSnapshot, Link};
use crate::media::Source;

/// A camera and all that is needed to show it.
#[derive(Debug, Clone)]
pub struct KnownCamera {
    /// What the outside may know. `calls` is left at 0 here.
    pub summary: CameraSummary,
    /// Where its picture comes from; a camera without one cannot be shown.
    pub source: Option<Source>,
    /// Its feed stays open.
    pub warm: bool,
}

impl KnownCamera {
    /// True if nothing that a running session depends on differs.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        let address = |camera: &Self| match &camera.source {
            Some(Source::Address(address)) => Some(address.expose_secret().to_owned()),
            Some(Source::Test(pattern)) => Some(format!("{pattern:?}")),
            Some(Source::Fetched(fetch)) => Some(fetch.name().to_owned()),
            None => None,
        };
        self.summary == other.summary && self.warm == other.warm && address(self) == address(other)
    }
}

/// All cameras, by endpoint id.
pub type Catalogue = BTreeMap<EndpointId, KnownCamera>;

/// Lays the settings and the hub's last known cameras together. A camera of the hub takes its
/// settings from the first `[[camera]]` whose `entity` is one of its own; a `[[camera]]` with an
/// `id` stands for itself.
#[must_use]
pub fn catalogue(config: &Config, hub: Option<&HubSnapshot>) -> Catalogue {
    let running = hub.is_some_and(|snapshot| snapshot.link == Link::Running);
    let of_hub = hub.into_iter().flat_map(|snapshot| &snapshot.cameras).filter_map(|camera| {
        let settings = config.cameras.iter().find(|settings| settings_are_for(settings, camera));
        let id = EndpointId::parse(&camera.endpoint_id)?;
        Some((id.clone(), camera_of_hub(id, camera, settings, running)))
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
    running: bool,
) -> KnownCamera {
    let source = source(settings);
    let doorbell = settings
        .and_then(|settings| settings.kind)
        .map_or(camera.bell.is_some(), |kind| kind == Kind::Doorbell);
    // While the hub is away or still starting, what it said of its entities is not news.
    let unavailable = running && !camera.entities.iter().any(|entity| entity.available);
    let reason = match &source {
        Err(reason) => Some(reason.clone()),
        Ok(_) if unavailable => Some("the hub says that it is unavailable; look at it in the hub".to_owned()),
        Ok(_) => None,
    };
    let source = source.ok();
    KnownCamera {
        summary: CameraSummary {
            endpoint_id: id,
            name: settings.and_then(|settings| settings.name.clone()).unwrap_or_else(|| camera.name.clone()),
            doorbell,
            manufacturer: camera.manufacturer.clone(),
            model: camera.model.clone(),
            version: camera.version.clone(),
            full_duplex: can_talk(source.as_ref(), settings),
            motion: camera.motion.as_ref().map(|motion| motion.on),
            reachable: reason.is_none(),
            reason,
            alexa: source.is_some() && settings.is_none_or(|settings| settings.alexa),
            calls: 0,
        },
        source,
        warm: settings.is_some_and(|settings| settings.warm),
    }
}

fn own_camera(id: EndpointId, settings: &config::Camera) -> KnownCamera {
    let (source, reason) = match source(Some(settings)) {
        Ok(source) => (Some(source), None),
        Err(reason) => (None, Some(reason)),
    };
    KnownCamera {
        summary: CameraSummary {
            name: settings.name.clone().unwrap_or_else(|| id.as_str().replace('_', " ")),
            endpoint_id: id,
            doorbell: settings.kind == Some(Kind::Doorbell),
            manufacturer: String::new(),
            model: String::new(),
            version: String::new(),
            full_duplex: can_talk(source.as_ref(), Some(settings)),
            motion: None,
            reachable: source.is_some(),
            reason,
            alexa: source.is_some() && settings.alexa,
            calls: 0,
        },
        source,
        warm: settings.warm,
    }
}

/// The camera's own address; or why there is none that can be opened.
fn source(settings: Option<&config::Camera>) -> Result<Source, String> {
    match settings.and_then(|settings| settings.source.as_ref()) {
        None => {
            Err("no address is known for its picture; give it a `source` in the settings (its RTSP address)"
                .into())
        }
        Some(address) => Source::parse(address)
            .map_err(|error| format!("the `source` in its settings cannot be used: {error}")),
    }
}

/// Only the test source has a speaker so far: a camera that cannot talk must not promise it.
fn can_talk(source: Option<&Source>, settings: Option<&config::Camera>) -> bool {
    matches!(source, Some(Source::Test(_))) && settings.is_none_or(|settings| settings.talk != Talk::None)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::hub::{HubCameraEntity, HubSensor};

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
        let known = catalogue(&config, Some(&snapshot));
        let door = &find(&known, "hub#1").summary;
        assert!(!door.reachable && door.alexa && door.doorbell && !door.full_duplex);
        assert_eq!(door.name, "Front door");
        snapshot.link = Link::Starting;
        let known = catalogue(&config, Some(&snapshot));
        assert!(find(&known, "hub#1").summary.reachable);
    }

    #[test]
    fn a_camera_of_the_hub_without_an_address_is_listed_with_what_to_do_but_kept_from_alexa() {
        let known = catalogue(&Config::default(), Some(&hub()));
        let garden = &find(&known, "hub#2").summary;
        assert!(!garden.reachable && !garden.alexa);
        assert!(garden.reason.as_ref().unwrap().contains("source"));
    }

    #[test]
    fn a_camera_of_the_settings_needs_no_hub() {
        let config = config("[[camera]]\nid = 'front_door'\nkind = 'doorbell'\nsource = 'test:'");
        let known = catalogue(&config, None);
        let door = find(&known, "front_door");
        assert_eq!(door.summary.name, "front door");
        assert!(door.summary.doorbell && door.summary.full_duplex);
    }

    #[test]
    fn only_a_source_with_a_speaker_promises_to_talk() {
        let text = "[[camera]]\nid = 'a'\nsource = 'test:'\ntalk = 'none'\n
            [[camera]]\nid = 'b'\nsource = 'rtsp://10.0.0.2/'";
        let known = catalogue(&config(text), None);
        assert!(known.values().all(|camera| !camera.summary.full_duplex));
    }
}
