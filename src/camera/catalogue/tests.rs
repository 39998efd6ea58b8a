#![allow(clippy::unwrap_used)]
use std::collections::BTreeSet;

use super::*;
use crate::hub::{HubSensor, HubTieable, StreamWays};

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
            name: name.into(),
            available: false,
            streams: true,
            switches: false,
            off: false,
            ways: None,
        }],
        bell,
        motion: None,
    };
    HubSnapshot {
        link: Link::Running,
        version: "2026.11.0".into(),
        external_url: None,
        cameras: vec![
            camera("1", "camera.front_door", "Front door", Some(sensor)),
            camera("2", "camera.garden", "Garden", None),
        ],
        moving: BTreeSet::new(),
        tieable: std::sync::Arc::default(),
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
    HubCameraEntity {
        registry_id,
        entity_id,
        name: id.into(),
        available: true,
        streams: true,
        switches: false,
        off: false,
        ways,
    }
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
        let codec = if *id == "named" { "" } else { "h264" }.to_owned();
        (format!("r-{id}"), Learned { codec, copied: *copied, talk: Some(true), ..Learned::default() })
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
    assert_eq!(found, ["its own address", "the hub's stream camera.door", "the hub's stills camera.door"]);
    let pinned = format!("{settings}prefer = 'hls'\n");
    assert_eq!(ways(&pinned, vec![entity("door", HLS)], &[]).0, ["the hub's stream camera.door"]);
    let (none, summary) = ways(&format!("{settings}prefer = 'relay'\n"), vec![entity("door", HLS)], &[]);
    assert!(none.is_empty() && summary.alexa && !summary.reachable, "{summary:?}");
    assert!(summary.reason.unwrap().contains("prefer"));
}

#[test]
fn of_a_devices_pictures_the_one_that_is_named_comes_first_then_one_that_can_be_copied() {
    let entities = || vec![entity("main", ALL), entity("middle", ALL), entity("sub", ALL)];
    let first = |settings: &str, learned: &[(&str, bool)]| ways(settings, entities(), learned).0[0].clone();
    assert_eq!(first("", &[]), "the hub's relay camera.main");
    assert_eq!(first("", &[("main", false)]), "the hub's relay camera.middle");
    assert_eq!(first("", &[("main", false), ("sub", true)]), "the hub's relay camera.sub");
    let named = "[[camera]]\nentity = 'camera.main'\n";
    assert_eq!(first(named, &[("main", false), ("sub", true)]), "the hub's relay camera.main");
    let mut gone = entities();
    gone[0].available = false;
    assert_eq!(ways(named, gone, &[]).0[0], "the hub's relay camera.middle");
    // A name that the settings gave says nothing of the picture.
    let entities = vec![entity("named", ALL), entity("other", ALL)];
    assert_eq!(ways("", entities, &[("named", false)]).0[0], "the hub's relay camera.named");
}

#[test]
fn a_relay_that_took_talk_before_promises_it_unless_nobody_may_talk() {
    let talks = |settings: &str| ways(settings, vec![entity("door", ALL)], &[("door", true)]).1.full_duplex;
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

#[test]
fn the_settings_go_on_to_mean_a_camera_that_was_renamed() {
    let config = config("[[camera]]\nentity = 'camera.front_door'\nname = 'Porch'\nalexa = false\n");
    let mut snapshot = hub();
    let names: Vec<_> = named(&config, &snapshot).collect();
    assert_eq!(names, [("r1", "camera.front_door")]);
    let learned = Learned { named: "camera.front_door".into(), ..Learned::default() };
    let learned = Learnings::from([("r1".to_owned(), learned)]);
    snapshot.cameras[0].entities[0].entity_id = "camera.hall".into();
    let known = catalogue(&config, Some(&snapshot), &learned);
    let door = &find(&known, "hub#1").summary;
    assert!(door.name == "Porch" && !door.alexa, "{door:?}");
    assert_eq!(known.len(), 2);
    // Another one has that name now: it is the one that the settings mean.
    snapshot.cameras[1].entities[0].entity_id = "camera.front_door".into();
    let known = catalogue(&config, Some(&snapshot), &learned);
    assert_eq!(find(&known, "hub#2").summary.name, "Porch");
    assert_eq!(find(&known, "hub#1").summary.name, "Front door");
}

#[test]
fn a_camera_that_the_hub_does_not_have_is_shown_as_missing_once_the_hub_is_complete() {
    let config = config("[[camera]]\nentity = 'camera.attic'\nsource = 'test:'\nwarm = true\n");
    let mut snapshot = hub();
    let known = catalogue(&config, Some(&snapshot), &Learnings::new());
    let attic = find(&known, "hub#camera:attic");
    assert!(!attic.summary.alexa && !attic.summary.reachable && !attic.warm && attic.ways.is_empty());
    assert!(attic.summary.reason.as_ref().unwrap().contains("camera.attic"));
    snapshot.link = Link::Starting;
    assert_eq!(catalogue(&config, Some(&snapshot), &Learnings::new()).len(), 2);
}

#[test]
fn a_camera_is_found_by_its_id_its_entity_its_old_entity_and_its_name() {
    let config =
        config("[[camera]]\nentity = 'camera.old'\nname = 'Back'\n[[camera]]\nid = 'shed'\nsource = 'test:'");
    let was_named = Learned { named: "camera.old".into(), ..Learned::default() };
    let learned = Learnings::from([("r2".to_owned(), was_named)]);
    let hub = hub();
    let known = catalogue(&config, Some(&hub), &learned);
    for (name, id) in [
        ("hub#1", Some("hub#1")),
        ("camera.front_door", Some("hub#1")),
        ("Front door", Some("hub#1")),
        ("camera.old", Some("hub#2")),
        ("camera.garden", Some("hub#2")),
        ("Back", Some("hub#2")),
        ("shed", Some("shed")),
        ("Garden", None),
        ("", None),
    ] {
        let found = super::find(name, &known, &config, Some(&hub), &learned);
        assert_eq!(found.map(|camera| camera.summary.endpoint_id.as_str()), id, "{name}");
    }
}

#[test]
fn a_camera_is_off_when_one_of_its_pictures_is_off_at_the_hub_or_when_it_is_switched_off_here() {
    let mut snapshot = hub();
    let mut sub = snapshot.cameras[0].entities[0].clone();
    (sub.registry_id, sub.switches, sub.off) = ("sub".into(), true, true);
    snapshot.cameras[0].entities.push(sub);
    let mut known = catalogue(&Config::default(), Some(&snapshot), &Learnings::new());
    let door = find(&known, "hub#1");
    assert!(!door.summary.on);
    assert_eq!(door.switches.iter().map(|entity| entity.registry_id.as_str()).collect::<Vec<_>>(), ["sub"]);
    let garden = find(&known, "hub#2");
    assert!(garden.summary.on && garden.switches.is_empty());
    switch_off(&mut known, &BTreeSet::from(["hub#2".to_owned(), "hub#gone".to_owned()]));
    assert!(!find(&known, "hub#2").summary.on);
}

#[test]
fn a_screen_gets_the_stream_of_the_entity_that_the_settings_name_and_only_if_they_want_one() {
    let mut snapshot = hub();
    snapshot.external_url = url::Url::parse("https://home.example.org").ok();
    let hls = Some(StreamWays { hls: true, ..StreamWays::default() });
    snapshot.cameras[0].entities =
        vec![entity("main", hls), entity("sub", hls), entity("relay_only", Some(StreamWays::default()))];
    let streamed = |settings: &str| {
        let known = catalogue(&config(settings), Some(&snapshot), &Learnings::new());
        let door = find(&known, "hub#1");
        (door.summary.stream.clone(), door.stream.as_ref().map(|stream| stream.entity.entity_id.clone()))
    };
    assert_eq!(streamed("[[camera]]\nentity = 'camera.sub'"), (None, None));
    assert_eq!(streamed("[[camera]]\nentity = 'camera.sub'\nstream = true").1.as_deref(), Some("camera.sub"));
    let other = "[[camera]]\nentity = 'camera.relay_only'\nstream = true";
    assert_eq!(streamed(other).1.as_deref(), Some("camera.main"));
}

#[test]
fn a_camera_of_the_settings_has_the_motion_sensor_that_they_name() {
    let config = config(
        "[[camera]]\nid = 'yard'\nsource = 'test:'\nmotion = 'binary_sensor.yard'\n[[camera]]\nid = 'shed'\nsource = 'test:'",
    );
    let mut snapshot = hub();
    let motion = |snapshot: &HubSnapshot, id: &str| {
        find(&catalogue(&config, Some(snapshot), &Learnings::new()), id).summary.motion
    };
    assert_eq!((motion(&snapshot, "yard"), motion(&snapshot, "shed")), (Some(false), None));
    snapshot.moving.insert("yard".into());
    assert_eq!(motion(&snapshot, "yard"), Some(true));
}

#[test]
fn how_a_camera_is_laid_out_is_told_without_its_address() {
    let config = config(
        "[[camera]]\nentity = 'camera.front_door'\nsource = 'rtsp://me:hunter2@10.0.0.2/s'\nprefer = 'source'\n\
         motion = 'binary_sensor.yard'\n[[camera]]\nid = 'shed'\nsource = 'test:'\nbell = 'event.gone'\nwarm = true",
    );
    let mut snapshot = hub();
    let sensor = |id: &str| HubSensor { entity_id: id.into(), available: true, on: false };
    snapshot.cameras[0].motion = Some(sensor("binary_sensor.yard"));
    let yard = HubTieable {
        entity_id: "binary_sensor.yard".into(),
        name: "Yard <b>motion</b>".into(),
        rings: false,
        sees: true,
    };
    snapshot.tieable = vec![yard].into();
    let why = format!("{}{}H.265", crate::media::why::ANEW, crate::media::why::SENDS);
    let seen = Learned { codec: "hevc".into(), width: 2560, height: 1440, why, ..Learned::default() };
    let known = catalogue(&config, Some(&snapshot), &Learnings::from([("hub#1".into(), seen)]));
    let told = |id: &str| serde_json::to_value(&find(&known, id).details).unwrap();

    let door = told("hub#1");
    assert_eq!(door["table"], serde_json::json!({"entity": "camera.front_door"}));
    assert_eq!(door["entities"], serde_json::json!([{"entity": "camera.front_door", "name": "Front door"}]));
    assert_eq!((&door["ways"][0]["way"], &door["pinned"]), (&"source".into(), &"source".into()));
    assert_eq!((&door["seen"]["why"], &door["seen"]["width"]), (&"codec".into(), &2560.into()));
    let (bell, motion) = (&door["bell"], &door["motion"]);
    assert_eq!((&bell["by_hand"], &bell["name"]), (&false.into(), &"event.front_door".into()));
    assert_eq!((&motion["by_hand"], &motion["name"]), (&true.into(), &"Yard <b>motion</b>".into()));
    assert!(!door.to_string().contains("hunter2") && !door.to_string().contains("10.0.0.2"), "{door}");

    let shed = told("shed");
    assert_eq!((&shed["table"], &shed["warm"]), (&serde_json::json!({"id": "shed"}), &true.into()));
    assert_eq!(
        shed["bell"],
        serde_json::json!({"entity": "event.gone", "name": "event.gone", "available": false, "by_hand": true})
    );
    let garden = told("hub#2");
    assert_eq!((&garden["table"], &garden["hub_name"]), (&serde_json::Value::Null, &"Garden".into()));
    assert_eq!(
        garden["ways"],
        serde_json::json!([{"way": "relay", "entity": "camera.garden"}, {"way": "hls", "entity": "camera.garden"}, {"way": "still", "entity": "camera.garden"}])
    );
}
