#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::*;
use crate::hub::entity::cameras;
use crate::hub::entity::tests::home;
use crate::hub::{HubCamera, HubSensor};

fn bells(cameras: &[HubCamera]) -> Vec<(&str, Option<&str>)> {
    cameras
        .iter()
        .map(|camera| (camera.endpoint_id.as_str(), camera.bell.as_ref().map(|bell| bell.entity_id.as_str())))
        .collect()
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
        camera: TiedCamera::OfHub("camera.a".into()),
        bell: Some("input_button.bell".into()),
        motion: Some("binary_sensor.later".into()),
    };
    let cameras = cameras(&states, &registries, std::slice::from_ref(&tie));
    let sensor = |id: &str, available| Some(HubSensor { entity_id: id.into(), available, on: false });
    assert_eq!(cameras[0].bell, sensor("input_button.bell", true));
    assert_eq!(cameras[0].motion, sensor("binary_sensor.later", false));
    let button = states.get("input_button.bell").unwrap();
    assert_eq!(cause("input_button.bell", button, &registries, &[tie]), Some(Cause::Rule));
    assert_eq!(cause("input_button.bell", button, &registries, &[]), None);
}

#[test]
fn motion_is_surer_than_occupancy_and_neither_a_bell_nor_an_event_is_a_sensor_of_it() {
    let entities = json!([{"ei": "camera.a", "di": "d"}, {"ei": "binary_sensor.a_doorbell", "di": "d"},
        {"ei": "binary_sensor.b", "di": "d"}, {"ei": "binary_sensor.c", "di": "d"}, {"ei": "event.m", "di": "d"}]);
    let all = [
        ["camera.a", "idle", ""],
        ["event.m", "unknown", "motion"],
        ["binary_sensor.a_doorbell", "off", "motion"],
        ["binary_sensor.b", "on", "occupancy"],
        ["binary_sensor.c", "on", "motion"],
    ];
    for (count, expected) in [(5, Some("binary_sensor.c")), (4, Some("binary_sensor.b")), (3, None)] {
        let (states, registries) = home(&all[..count], entities.clone(), json!([{"id": "d"}]));
        let motion = cameras(&states, &registries, &[])[0].motion.clone();
        let seen = motion.as_ref().map(|motion| (motion.entity_id.as_str(), motion.on));
        assert_eq!(seen, expected.map(|expected| (expected, true)));
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

#[test]
fn motion_is_tied_as_bells_are_by_device_then_family_then_area_then_not_at_all() {
    let devices = json!([{"id": "cam", "area_id": "porch"}, {"id": "other", "area_id": "yard"}, {"id": "child", "parent_device_id": "cam"}]);
    let entities = json!([{"ei": "camera.a", "di": "cam"}, {"ei": "camera.b", "di": "other"},
        {"ei": "binary_sensor.own", "di": "cam"}, {"ei": "binary_sensor.child", "di": "child"},
        {"ei": "binary_sensor.porch", "ai": "porch"}, {"ei": "binary_sensor.yard", "ai": "yard"},
        {"ei": "binary_sensor.yard2", "ai": "yard"}]);
    let sensors = ["own", "child", "porch", "yard", "yard2"].map(|name| format!("binary_sensor.{name}"));
    let motion = |there: &[usize]| -> Vec<Option<String>> {
        let mut all = vec![["camera.a", "idle", ""], ["camera.b", "idle", ""]];
        all.extend(there.iter().map(|index| [sensors[*index].as_str(), "off", "motion"]));
        let (states, registries) = home(&all, entities.clone(), devices.clone());
        let cameras = cameras(&states, &registries, &[]);
        cameras.into_iter().map(|camera| camera.motion.map(|motion| motion.entity_id)).collect()
    };
    let own = |index: usize| Some(sensors[index].clone());
    assert_eq!(motion(&[0, 1, 2, 3]), [own(0), own(3)]);
    assert_eq!(motion(&[1, 2]), [own(1), None]);
    assert_eq!(motion(&[2]), [own(2), None]);
    assert_eq!(motion(&[3, 4]), [None, None], "two in one area: nobody knows whose");
}

#[test]
fn whatever_may_be_tied_by_hand_is_named_and_what_the_hub_knows_it_for_is_told() {
    let all = [
        ["camera.a", "idle", ""],
        ["event.door_bell", "unknown", "doorbell"],
        ["event.remote", "unknown", "button"],
        ["binary_sensor.yard", "off", "motion"],
        ["binary_sensor.leak", "off", "moisture"],
        ["input_button.show_drive", "unknown", ""],
    ];
    let (states, registries) = home(&all, json!([]), json!([]));
    let found = tieable(&states, &registries);
    let told: Vec<_> =
        found.iter().map(|one| (one.entity_id.as_str(), one.rings, one.sees, one.may_see())).collect();
    assert_eq!(
        told,
        [
            ("binary_sensor.leak", false, false, true),
            ("binary_sensor.yard", false, true, true),
            ("event.door_bell", true, false, false),
            ("event.remote", false, false, false),
            ("input_button.show_drive", false, false, false),
        ]
    );
    // What nobody gave a name is called after its entity id.
    assert_eq!(found[4].name, "show drive");
}
