//! The registries: when they are read, and what the hub keeps from us.

use super::*;
use crate::hub::model::lists;
use crate::hub::ties::TiedCamera;

/// The recording subscribed to `state_changed`; the model hears the same as diffs.
fn as_diff(changed: &Value) -> Value {
    let id = changed["data"]["entity_id"].as_str().unwrap();
    let new = &changed["data"]["new_state"];
    let state = json!({"s": new["state"], "a": new["attributes"], "lc": 1.0});
    if new.is_null() {
        json!({"r": [id]})
    } else if changed["data"]["old_state"].is_null() {
        json!({"a": {id: state}})
    } else {
        json!({"c": {id: {"+": state}}})
    }
}

#[test]
fn renames_and_switching_off_and_on_keep_the_recorded_endpoints() {
    const GARDEN: &str = "hub#414897381ed355b424d9819ed688016c";
    const ATTIC: &str = "hub#06dadae2729b5b31000e0dbdfec017ed";
    let mut play = Play::running();
    play.entities(&json!({"a": {
        "camera.garden": {"s": "idle", "a": {"friendly_name": "Garden", "supported_features": 2}},
        "camera.attic": {"s": "idle", "a": {"friendly_name": "Attic"}}}}));
    play.pass(Duration::from_secs(1));
    play.seen.clear();

    let mut display = play.answers[Step::Display.command()].clone().unwrap();
    let mut ids = json!({"camera.garden": {"id": "dae866453876c45d719dfffe6aca78e9"},
        "camera.garden2": {"id": "dae866453876c45d719dfffe6aca78e9"}});
    ids["camera.attic"] = json!({"id": "2efaa3e7a6ba8b1d8860e6e8c6263290"});
    play.answers.insert(Step::Ids.command(), Ok(ids));
    let attic = display["entities"]
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["ei"] == "camera.attic")
        .unwrap()
        .clone();
    let mut names = Vec::new();
    for message in Transcript::read("registry-events").messages() {
        let event = &message["event"];
        match event["event_type"].as_str() {
            Some("state_changed") => play.entities(&as_diff(event)),
            Some("entity_registry_updated") => {
                // The hub's list changes together with its event.
                let data = &event["data"];
                let entries = display["entities"].as_array_mut().unwrap();
                if let Some(old) = data["old_entity_id"].as_str() {
                    entries.iter_mut().find(|entry| entry["ei"] == old).unwrap()["ei"] =
                        data["entity_id"].clone();
                }
                match data["changes"].get("disabled_by") {
                    Some(Value::Null) => entries.retain(|entry| entry["ei"] != "camera.attic"),
                    Some(_) => entries.push(attic.clone()),
                    None => {}
                }
                play.answers.insert(Step::Display.command(), Ok(display.clone()));
                play.registry_event(event);
            }
            _ => continue,
        }
        play.pass(Duration::from_millis(40));
        names.extend(play.snapshot().cameras.iter().map(|camera| camera.name.clone()));
    }
    play.pass(Duration::from_secs(5));

    // Renamed and back, never gone, never another endpoint.
    assert!(
        play.seen.iter().all(|snapshot| snapshot.cameras.iter().any(|camera| camera.endpoint_id == GARDEN))
    );
    let endpoints: std::collections::BTreeSet<_> = play
        .seen
        .iter()
        .flat_map(|snapshot| &snapshot.cameras)
        .map(|camera| camera.endpoint_id.as_str())
        .collect();
    assert_eq!(endpoints.into_iter().collect::<Vec<_>>(), [ATTIC, FRONT_DOOR, GARDEN]);
    let garden = play.snapshot().cameras.iter().find(|camera| camera.endpoint_id == GARDEN).unwrap();
    assert_eq!((garden.name.as_str(), garden.entities[0].entity_id.as_str()), ("Garden", "camera.garden"));
    assert_eq!(garden.entities[0].registry_id, "dae866453876c45d719dfffe6aca78e9");
    // Switched on again, but not loaded yet.
    let attic = play.snapshot().cameras.iter().find(|camera| camera.endpoint_id == ATTIC).unwrap();
    assert!(!attic.entities[0].available && !attic.entities[0].streams);
}

#[test]
fn a_disabled_camera_is_gone_once_the_lists_are_read_anew() {
    let mut play = Play::running();
    play.entities(&json!({"a": {"camera.attic": {"s": "idle"}}}));
    play.pass(Duration::from_secs(3));
    assert_eq!(play.snapshot().cameras.len(), 2);
    let lists = play.count(Step::Devices.command());
    play.registry_event(&json!({"event_type": "entity_registry_updated"}));
    play.entities(&json!({"r": ["camera.attic"]}));
    play.pass(lists::READ_AFTER - Duration::from_millis(1));
    assert_eq!(play.snapshot().cameras.len(), 2);
    play.pass(Duration::from_millis(1));
    assert_eq!(play.snapshot().cameras.len(), 1);
    assert_eq!(play.count(Step::Devices.command()), lists + 1);
}

#[test]
fn a_storm_of_registry_events_reads_the_lists_once_in_a_while_and_still_shows_cameras() {
    let mut play = Play::running();
    play.pass(Duration::from_secs(5));
    let lists = play.count(Step::Devices.command());
    for count in 0..300 {
        play.registry_event(&json!({"event_type": "device_registry_updated"}));
        if count == 10 {
            play.entities(&json!({"a": {"camera.attic": {"s": "idle"}}}));
        }
        play.pass(Duration::from_millis(100));
    }
    assert_eq!(play.snapshot().cameras.len(), 2);
    assert!(play.count(Step::Devices.command()) - lists <= 16);
}

#[test]
fn lists_that_fail_are_read_again_and_the_old_ones_stay_good() {
    let mut play = Play::running();
    play.pass(Duration::from_secs(5));
    play.answers.insert(Step::Devices.command(), Err("unknown_error"));
    play.registry_event(&json!({"event_type": "device_registry_updated"}));
    play.pass(Duration::from_secs(30));
    assert_eq!(play.snapshot().cameras[0].model, "Doorbell One");
    let devices = json!([{"id": "171e7e4086c9be014edc68ee4b4688ec", "model": "Doorbell Two"}]);
    play.answers.insert(Step::Devices.command(), Ok(devices));
    play.pass(Duration::from_secs(6));
    assert_eq!(play.snapshot().cameras[0].model, "Doorbell Two");
}

#[test]
fn a_hub_that_does_not_tell_of_changes_is_read_every_five_minutes_and_that_is_told() {
    let mut play = Play::new();
    play.answers.insert("subscribe_events", Err("unauthorized"));
    play.connect();
    play.entities(&Transcript::read("subscribe-entities").events(2)[0]);
    play.pass(Duration::from_secs(1));
    let trouble = play.snapshot().trouble.clone().unwrap();
    assert!(trouble.contains("entity_registry_updated (unauthorized)"), "{trouble}");
    assert_eq!((&play.snapshot().link, play.closed.clone()), (&Link::Running, None));

    // Nobody says that the device is another now.
    let devices = json!([{"id": "171e7e4086c9be014edc68ee4b4688ec", "model": "Doorbell Two"}]);
    play.answers.insert(Step::Devices.command(), Ok(devices));
    play.pass(lists::FOLLOW_AGAIN - Duration::from_secs(2));
    assert_eq!(play.snapshot().cameras[0].model, "Doorbell One");
    play.pass(Duration::from_secs(3));
    assert_eq!(play.snapshot().cameras[0].model, "Doorbell Two");
    assert_eq!(play.count("subscribe_events"), 4, "asked twice, five minutes apart");

    play.answers.remove("subscribe_events");
    play.pass(lists::FOLLOW_AGAIN);
    assert_eq!((&play.snapshot().trouble, play.count("subscribe_events")), (&None, 6));
    play.registry_event(&json!({"event_type": "device_registry_updated"}));
    let lists = play.count(Step::Devices.command());
    play.pass(Duration::from_secs(2));
    assert_eq!(play.count(Step::Devices.command()), lists + 1, "from here on changes are heard of");
}

#[test]
fn lists_that_the_hub_withholds_are_named_and_cameras_are_shown_without_them() {
    let mut play = Play::new();
    play.answers.insert(Step::Devices.command(), Err("unauthorized"));
    play.connect();
    play.entities(&Transcript::read("subscribe-entities").events(2)[0]);
    assert_eq!(play.snapshot().cameras[0].model, "");
    assert_eq!(play.snapshot().cameras[0].endpoint_id, FRONT_DOOR);
    let trouble = play.snapshot().trouble.clone().unwrap();
    assert!(trouble.contains("config/device_registry/list (unauthorized)"), "{trouble}");
}

#[test]
fn a_bell_that_is_tied_to_a_camera_of_our_own_rings_there_too_and_goes_on_to_when_it_is_renamed() {
    let (old, new) = ("event.front_door_doorbell", "event.porch");
    let (camera, bell) = (TiedCamera::Own("yard".into()), Some(old.into()));
    let mut play = Play::tied(vec![HandTie { camera, bell, motion: None }]);
    let ring = |bell: &str, second: u8| {
        let stamp = format!("2026-11-22T14:50:{second}.000+00:00");
        json!({"c": {bell: {"+": {"s": stamp, "lc": 1_795_359_000 + u64::from(second)}}}})
    };
    play.entities(&ring(old, 44));
    assert_eq!(play.rung(), [("yard", Cause::Bell), (FRONT_DOOR, Cause::Bell)]);

    play.registry_event(&json!({"event_type": "entity_registry_updated", "data":
        {"action": "update", "entity_id": new, "old_entity_id": old, "changes": {"entity_id": old}}}));
    play.entities(&json!({"r": [old]}));
    play.entities(&json!({"a": {new: {"s": "unknown", "a": {"device_class": "doorbell"}}}}));
    play.entities(&ring(new, 45));
    assert_eq!(play.rung()[2..], [("yard", Cause::Bell)]);
}

#[test]
fn what_was_tied_by_hand_stays_tied_when_it_is_renamed() {
    let tie = HandTie {
        camera: TiedCamera::OfHub("camera.front_door".into()),
        bell: Some("event.front_door_doorbell".into()),
        motion: Some("binary_sensor.front_door_occupancy".into()),
    };
    let mut play = Play::tied(vec![tie]);
    for (from, to) in [
        ("camera.front_door", "camera.porch"),
        ("event.front_door_doorbell", "event.porch"),
        ("binary_sensor.front_door_occupancy", "binary_sensor.porch"),
    ] {
        play.registry_event(&json!({"event_type": "entity_registry_updated", "data":
            {"action": "update", "entity_id": to, "old_entity_id": from, "changes": {"entity_id": from}}}));
    }
    // As the hub gave them, without record in its lists: only the hand's tie holds them together.
    play.answers.insert(Step::Display.command(), Ok(json!({"entities": []})));
    play.entities(&json!({"r": ["camera.front_door"]}));
    play.entities(&json!({"a": {"camera.porch": {"s": "idle"}, "event.porch": {"s": "unknown"}}}));
    play.pass(Duration::from_secs(5));
    let porch = &play.snapshot().cameras[0];
    assert_eq!(porch.entities[0].entity_id, "camera.porch");
    assert_eq!(porch.bell.as_ref().unwrap().entity_id, "event.porch");
    assert_eq!(porch.motion.as_ref().unwrap().entity_id, "binary_sensor.porch");
}
