#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::*;

/// A home: states as `[entity id, state, class]`, short registry entries, devices.
pub(in crate::hub) fn home(states: &[[&str; 3]], entities: Value, devices: Value) -> (States, Registries) {
    let mut merged = States::default();
    for [id, state, class] in states {
        let attributes =
            json!({"friendly_name": format!("Name of {id}"), "device_class": class, "supported_features": 2});
        merged.apply(&json!({"a": {*id: {"s": state, "a": attributes, "lc": 1.0}}}));
    }
    let entities = Registries::read_display(&json!({"entities": entities})).unwrap();
    (merged, Registries { entities, devices: Registries::read_devices(&devices).unwrap() })
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
fn what_can_be_switched_and_what_is_off_is_told_of_each_picture() {
    let (mut states, registries) =
        home(&[["camera.a", "off", ""], ["camera.b", "idle", ""]], json!([]), json!([]));
    states.apply(&json!({"c": {"camera.a": {"+": {"a": {"supported_features": 3}}}}}));
    let told: Vec<_> = cameras(&states, &registries, &[])
        .iter()
        .map(|camera| (camera.entities[0].switches, camera.entities[0].off, camera.entities[0].available))
        .collect();
    assert_eq!(told, [(true, true, true), (false, false, true)]);
}
