//! Two answers to Discover laid together. Pure.

use std::collections::HashSet;

use serde_json::Value;

use crate::alexa::discovery::MAX_ENDPOINTS;
use crate::hub::HubCamera;
use crate::hub::ties::HandTie;

/// What we know of the cameras when Alexa looks for devices.
pub(super) struct Known<'a> {
    /// The hub's cameras.
    pub(super) of_hub: &'a [HubCamera],
    /// The hub has told all its cameras.
    pub(super) complete: bool,
    /// Bells and motion that the settings tie.
    pub(super) ties: &'a [HandTie],
    /// Endpoint ids of cameras that we keep from Alexa.
    pub(super) kept: &'a HashSet<String>,
}

/// Endpoints of the hub's skill that ours take the place of.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Covered {
    /// By endpoint id.
    ids: HashSet<String>,
    /// Whatever camera it is: what is found once Alexa remembers, so nothing is told that may be ours.
    cameras: bool,
}

impl Covered {
    /// What the endpoints of our answer cover: their own ids, each picture of a camera that we do not
    /// keep from Alexa, and its bell and its motion sensor where we tell Alexa of them ourselves.
    pub(super) fn by(ours: &Value, known: &Known<'_>) -> Self {
        let shared = known.of_hub.iter().filter(|camera| !known.kept.contains(&camera.endpoint_id));
        let pictures = shared.flat_map(|camera| &camera.entities);
        let mut covered: HashSet<String> = pictures.map(|entity| hubs_id(&entity.entity_id)).collect();
        for endpoint in endpoints(ours) {
            let Some(id) = id_of(endpoint) else { continue };
            covered.insert(id.to_owned());
            let camera = known.of_hub.iter().find(|camera| camera.endpoint_id == id);
            let tied = || known.ties.iter().filter(|tie| tie.camera.own() == Some(id));
            if has(endpoint, "Alexa.DoorbellEventSource") {
                let bell = camera.and_then(|camera| camera.bell.as_ref()).map(|bell| &bell.entity_id);
                // A button that is pressed for other reasons, too, stays.
                let bells = bell.into_iter().chain(tied().filter_map(|tie| tie.bell.as_ref()));
                covered.extend(bells.filter(|bell| !bell.starts_with("input_button.")).map(|id| hubs_id(id)));
            }
            if has(endpoint, "Alexa.MotionSensor") {
                let motion = camera.and_then(|camera| camera.motion.as_ref()).map(|motion| &motion.entity_id);
                let motions = motion.into_iter().chain(tied().filter_map(|tie| tie.motion.as_ref()));
                covered.extend(motions.map(|id| hubs_id(id)));
            }
        }
        Self { ids: covered, cameras: !known.complete }
    }

    fn has(&self, id: &str) -> bool {
        self.ids.contains(id) || (self.cameras && id.starts_with("camera#"))
    }
}

/// The endpoints of the hub's answer; nothing if it holds no list of them.
pub(super) fn endpoints_of(mut event: Value) -> Option<Vec<Value>> {
    match event.pointer_mut("/event/payload/endpoints")?.take() {
        Value::Array(endpoints) => Some(endpoints),
        _ => None,
    }
}

/// Adds the hub's endpoints behind ours, as many as Alexa takes, without those that are covered.
pub(super) fn add(ours: &mut Value, theirs: Vec<Value>, covered: &Covered) {
    let Some(Value::Array(all)) = ours.pointer_mut("/event/payload/endpoints") else { return };
    let is_free = |endpoint: &Value| id_of(endpoint).is_some_and(|id| !covered.has(id));
    let before = all.len();
    let mut free = theirs.into_iter().filter(is_free);
    all.extend(free.by_ref().take(MAX_ENDPOINTS.saturating_sub(before)));
    let left = free.count();
    if left > 0 {
        tracing::warn!(
            left,
            "Alexa takes 300 endpoints; the hub shares more, and the last ones are left out"
        );
    }
}

fn endpoints(event: &Value) -> impl Iterator<Item = &Value> {
    event.pointer("/event/payload/endpoints").and_then(Value::as_array).into_iter().flatten()
}

fn id_of(endpoint: &Value) -> Option<&str> {
    endpoint.get("endpointId").and_then(Value::as_str)
}

fn has(endpoint: &Value, interface: &str) -> bool {
    let all = endpoint.get("capabilities").and_then(Value::as_array).into_iter().flatten();
    all.into_iter().any(|capability| capability.get("interface").and_then(Value::as_str) == Some(interface))
}

/// How the hub's skill names an entity.
fn hubs_id(entity_id: &str) -> String {
    entity_id.replace('.', "#")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::hub::ties::TiedCamera;
    use crate::hub::{HubCameraEntity, HubSensor};

    fn camera(id: &str, pictures: &[&str], bell: Option<&str>, motion: Option<&str>) -> HubCamera {
        let sensor = |id: &str| HubSensor { entity_id: id.into(), available: true, on: false };
        let entity = |id: &&str| HubCameraEntity {
            registry_id: (*id).into(),
            entity_id: (*id).into(),
            name: String::new(),
            available: true,
            streams: true,
            ways: None,
            switches: false,
            off: false,
        };
        HubCamera {
            endpoint_id: id.into(),
            name: String::new(),
            manufacturer: String::new(),
            model: String::new(),
            version: String::new(),
            entities: pictures.iter().map(entity).collect(),
            bell: bell.map(sensor),
            motion: motion.map(sensor),
        }
    }

    fn answer(endpoints: &[(&str, &[&str])]) -> Value {
        let endpoint = |(id, interfaces): &(&str, &[&str])| {
            let capability = |name: &&str| json!({"type": "AlexaInterface", "interface": name});
            json!({"endpointId": id, "capabilities": interfaces.iter().map(capability).collect::<Vec<_>>()})
        };
        json!({"event": {"payload": {"endpoints": endpoints.iter().map(endpoint).collect::<Vec<_>>()}}})
    }

    fn merged(mut ours: Value, theirs: &Value, known: &Known<'_>) -> Vec<String> {
        let covered = Covered::by(&ours, known);
        add(&mut ours, endpoints_of(theirs.clone()).unwrap(), &covered);
        endpoints(&ours).filter_map(id_of).map(str::to_owned).collect()
    }

    const BELL: &str = "Alexa.DoorbellEventSource";
    const MOTION: &str = "Alexa.MotionSensor";

    #[test]
    fn what_we_tell_of_takes_the_place_of_what_the_hub_tells_of_it() {
        let cameras = [
            camera("hub#a", &["camera.a", "camera.a_sub"], Some("event.a"), Some("binary_sensor.a")),
            camera("hub#private", &["camera.private"], None, None),
        ];
        let tie =
            HandTie { camera: TiedCamera::Own("yard".into()), bell: Some("event.yard".into()), motion: None };
        let kept = HashSet::from(["hub#private".to_owned()]);
        let known = Known { of_hub: &cameras, complete: true, ties: &[tie], kept: &kept };
        let theirs = answer(
            &[
                "camera#a",
                "camera#a_sub",
                "camera#private",
                "event#a",
                "binary_sensor#a",
                "event#yard",
                "light#x",
                "yard",
            ]
            .map(|id| (id, &[][..])),
        );
        assert_eq!(
            merged(answer(&[("hub#a", &[BELL, MOTION]), ("yard", &[BELL])]), &theirs, &known),
            ["hub#a", "yard", "camera#private", "light#x"]
        );
        // What we do not tell Alexa of ourselves the hub goes on to tell.
        assert_eq!(
            merged(answer(&[("hub#a", &[BELL]), ("yard", &[])]), &theirs, &known),
            ["hub#a", "yard", "camera#private", "binary_sensor#a", "event#yard", "light#x"]
        );
    }

    #[test]
    fn a_camera_that_is_ours_but_not_told_yet_is_not_told_by_the_hub_either() {
        let cameras = [camera("hub#a", &["camera.a"], None, None)];
        let theirs = answer(&["camera#a", "camera#new", "light#x"].map(|id| (id, &[][..])));
        let kept = HashSet::new();
        let told = |of_hub, complete| {
            merged(answer(&[]), &theirs, &Known { of_hub, complete, ties: &[], kept: &kept })
        };
        assert_eq!(told(&cameras, true), ["camera#new", "light#x"]);
        assert_eq!(told(&[], false), ["light#x"]);
    }

    #[test]
    fn a_button_of_the_home_stays_though_it_rings_for_a_camera() {
        let cameras = [camera("hub#a", &["camera.a"], Some("input_button.a"), None)];
        let known = Known { of_hub: &cameras, complete: true, ties: &[], kept: &HashSet::new() };
        let theirs = answer(&[("input_button#a", &[])]);
        assert_eq!(merged(answer(&[("hub#a", &[BELL])]), &theirs, &known), ["hub#a", "input_button#a"]);
    }

    #[test]
    fn no_more_than_alexa_takes_are_told_ours_first() {
        let many: Vec<Value> = (0..400).map(|n| json!({"endpointId": format!("light#{n}")})).collect();
        let mut theirs = json!({"event": {"payload": {"endpoints": many}}});
        theirs["event"]["payload"]["endpoints"][0] = json!("odd");
        theirs["event"]["payload"]["endpoints"][1] = json!({"endpointId": 7});
        let known = Known { of_hub: &[], complete: true, ties: &[], kept: &HashSet::new() };
        let all = merged(answer(&[("hub#a", &[])]), &theirs, &known);
        assert_eq!((all.len(), all[0].as_str(), all[1].as_str()), (300, "hub#a", "light#2"));
    }
}
