#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::*;

/// A home: states as `[entity id, state, class]`, short registry entries, devices.
fn home(states: &[[&str; 3]], entities: Value, devices: Value) -> (States, Registries) {
    let mut merged = States::default();
    for [id, state, class] in states {
        let attributes =
            json!({"friendly_name": format!("Name of {id}"), "device_class": class, "supported_features": 2});
        merged.apply(&json!({"a": {*id: {"s": state, "a": attributes, "lc": 1.0}}}));
    }
    let entities = Registries::read_display(&json!({"entities": entities})).unwrap();
    (merged, Registries { entities, devices: Registries::read_devices(&devices).unwrap() })
}

fn bells(cameras: &[HubCamera]) -> Vec<(&str, Option<&str>)> {
    cameras
        .iter()
        .map(|camera| (camera.endpoint_id.as_str(), camera.bell.as_ref().map(|bell| bell.entity_id.as_str())))
        .collect()
}

#[test]
fn a_device_with_several_pictures_is_one_camera_with_the_best_first_and_the_devices_name() {
    let (mut states, registries) = home(
        &[
            ["camera.sub", "idle", ""],
            ["camera.main", "idle", ""],
            ["camera.aux", "unavailable", ""],
            ["camera.old", "idle", ""],
        ],
        json!([{"ei": "camera.sub", "di": "d"}, {"ei": "camera.main", "di": "d"}, {"ei": "camera.aux", "di": "d"},
            {"ei": "camera.old", "di": "d", "hb": true}]),
        json!([{"id": "d", "name": "Porch", "name_by_user": "Front door", "model": "M", "sw_version": "3"}]),
    );
    states.apply(&json!({"c": {"camera.main": {"+": {"a": {"supported_features": 0}}}}}));
    let cameras = cameras(&states, &registries, &[]);
    assert_eq!(cameras.len(), 1);
    assert_eq!((cameras[0].name.as_str(), cameras[0].version.as_str()), ("Front door", "3"));
    let order: Vec<_> = cameras[0].entities.iter().map(|entity| entity.entity_id.as_str()).collect();
    assert_eq!(order, ["camera.sub", "camera.old", "camera.main", "camera.aux"]);
}

#[test]
fn a_camera_without_device_or_record_is_known_by_what_it_has() {
    let (states, mut registries) =
        home(&[["camera.a", "idle", ""], ["camera.b", "idle", ""]], json!([{"ei": "camera.a"}]), json!([]));
    Registries::add_ids(&mut registries.entities, &json!({"camera.a": {"id": "r/1"}}));
    let ids: Vec<_> =
        cameras(&states, &registries, &[]).into_iter().map(|camera| camera.endpoint_id).collect();
    assert_eq!(ids, ["hub#camera:b", "hub#r_1"]);
}

#[test]
fn the_bell_of_the_same_device_wins_and_surer_kinds_come_first() {
    let devices = json!([{"id": "d", "area_id": "x"}, {"id": "e", "area_id": "x"}]);
    let entities = json!([{"ei": "camera.a", "di": "d"}, {"ei": "binary_sensor.v", "di": "d", "tk": "visitor"},
        {"ei": "binary_sensor.a_button", "di": "d"}, {"ei": "event.far", "di": "e"},
        {"ei": "binary_sensor.battery_ding", "di": "d"}]);
    let mut all = vec![
        ["camera.a", "idle", ""],
        ["binary_sensor.a_button", "off", ""],
        ["binary_sensor.battery_ding", "off", "battery"],
        ["event.far", "unknown", "doorbell"],
    ];
    let (states, registries) = home(&all, entities.clone(), devices.clone());
    assert_eq!(bells(&cameras(&states, &registries, &[])), [("hub#d", Some("binary_sensor.a_button"))]);
    all.push(["binary_sensor.v", "off", ""]);
    let (states, registries) = home(&all, entities, devices);
    assert_eq!(bells(&cameras(&states, &registries, &[])), [("hub#d", Some("binary_sensor.v"))]);
}

#[test]
fn a_bell_rings_for_the_only_camera_of_its_family() {
    for link in ["parent_device_id", "via_device_id"] {
        let devices =
            json!([{"id": "box"}, {"id": "cam", link: "box"}, {"id": "cam2"}, {"id": "button", link: "box"}]);
        let all = [["camera.a", "idle", ""], ["camera.b", "idle", ""], ["event.bell", "unknown", "doorbell"]];
        let entities = json!([{"ei": "camera.a", "di": "cam"}, {"ei": "camera.b", "di": "cam2"}, {"ei": "event.bell", "di": "button"}]);
        let (states, mut registries) = home(&all, entities, devices);
        assert_eq!(
            bells(&cameras(&states, &registries, &[])),
            [("hub#cam", Some("event.bell")), ("hub#cam2", None)]
        );
        // Two cameras in the family: nobody knows whose bell it is.
        registries.devices.get_mut("cam2").unwrap().via = Some("box".into());
        assert_eq!(
            bells(&cameras(&states, &registries, &[])),
            match link {
                "parent_device_id" => [("hub#cam", Some("event.bell")), ("hub#cam2", None)],
                _ => [("hub#cam", None), ("hub#cam2", None)],
            }
        );
    }
}

#[test]
fn a_bell_rings_for_the_only_camera_of_its_area_if_it_is_the_only_bell_there() {
    let devices = json!([{"id": "cam", "area_id": "porch"}, {"id": "other", "area_id": "yard"}]);
    let entities = json!([{"ei": "camera.a", "di": "cam"}, {"ei": "camera.b", "di": "other"},
        {"ei": "event.bell", "ai": "porch"}, {"ei": "event.bell2", "ai": "porch"}, {"ei": "binary_sensor.x_button", "ai": "yard"}]);
    let mut all = vec![
        ["camera.a", "idle", ""],
        ["camera.b", "idle", ""],
        ["event.bell", "unknown", "doorbell"],
        ["binary_sensor.x_button", "off", ""],
    ];
    let (states, registries) = home(&all, entities.clone(), devices.clone());
    assert_eq!(
        bells(&cameras(&states, &registries, &[])),
        [("hub#cam", Some("event.bell")), ("hub#other", None)]
    );
    all.push(["event.bell2", "unknown", "doorbell"]);
    let (states, registries) = home(&all, entities, devices);
    assert_eq!(bells(&cameras(&states, &registries, &[])), [("hub#cam", None), ("hub#other", None)]);
}

#[test]
fn what_the_user_tied_comes_first_and_need_not_exist_yet() {
    let (states, registries) = home(
        &[
            ["camera.a", "idle", ""],
            ["event.own", "unknown", "doorbell"],
            ["input_button.bell", "unknown", ""],
        ],
        json!([{"ei": "camera.a", "di": "d"}, {"ei": "event.own", "di": "d"}]),
        json!([{"id": "d"}]),
    );
    let tie = HandTie {
        camera: "camera.a".into(),
        bell: Some("input_button.bell".into()),
        motion: Some("binary_sensor.later".into()),
    };
    let cameras = cameras(&states, &registries, std::slice::from_ref(&tie));
    let sensor = |id: &str, available| Some(HubSensor { entity_id: id.into(), available, on: false });
    assert_eq!(cameras[0].bell, sensor("input_button.bell", true));
    assert_eq!(cameras[0].motion, sensor("binary_sensor.later", false));
    let button = states.get("input_button.bell").unwrap();
    assert!(may_ring("input_button.bell", button, &registries, &[tie]));
    assert!(!may_ring("input_button.bell", button, &registries, &[]));
}

#[test]
fn motion_is_surer_than_occupancy_and_a_bell_is_no_motion() {
    let entities = json!([{"ei": "camera.a", "di": "d"}, {"ei": "binary_sensor.a_doorbell", "di": "d"},
        {"ei": "binary_sensor.b", "di": "d"}, {"ei": "binary_sensor.c", "di": "d"}, {"ei": "event.m", "di": "d"}]);
    let all = [
        ["camera.a", "idle", ""],
        ["binary_sensor.a_doorbell", "off", "motion"],
        ["binary_sensor.b", "on", "occupancy"],
        ["binary_sensor.c", "on", "motion"],
        ["event.m", "unknown", "motion"],
    ];
    for (count, expected) in [(5, "binary_sensor.c"), (3, "binary_sensor.b")] {
        let (states, registries) = home(&all[..count], entities.clone(), json!([{"id": "d"}]));
        let motion = cameras(&states, &registries, &[])[0].motion.clone().unwrap();
        assert_eq!((motion.entity_id.as_str(), motion.on), (expected, true));
    }
}

#[test]
fn what_never_shows_in_a_camera_does_not_matter() {
    let (mut states, registries) = home(
        &[
            ["camera.a", "idle", ""],
            ["binary_sensor.door", "off", "door"],
            ["binary_sensor.m", "off", "motion"],
        ],
        json!([]),
        json!([]),
    );
    let mut matter = |id: &str, plus: Value| {
        let applied = states.apply(&json!({"c": {id: {"+": plus}}}));
        matters(&applied.changes[0], &registries, &[])
    };
    assert!(matter("camera.a", json!({"s": "unavailable"})));
    assert!(matter("binary_sensor.m", json!({"s": "on"})));
    assert!(!matter("binary_sensor.door", json!({"s": "on"})));
    // It becomes something else, and back.
    assert!(matter("binary_sensor.door", json!({"a": {"device_class": "motion"}})));
    assert!(matter("binary_sensor.door", json!({"a": {"device_class": "door"}})));
}
