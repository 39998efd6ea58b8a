//! How the hub's cameras can be streamed, and which are to be asked about. Pure.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::protocol::Refusal;
use super::states::States;
use super::{HubCamera, StreamWays};

/// Questions that wait for the hub at once.
const MOST_ASKED: usize = 8;
/// A camera that could not be asked about is asked about again after this long, then after twice as
/// long each time.
const AGAIN: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// What was read this long ago is read again when the registries change.
const STALE: Duration = Duration::from_secs(60);
/// The first version with `camera/webrtc/offer`.
const RELAYS: (u32, u32) = (2024, 11);

/// What is known of each camera entity, by entity id. Outlives the link.
#[derive(Debug, Default)]
pub struct Capabilities {
    known: BTreeMap<String, Known>,
    /// The hub has no such question; its attributes answer it.
    unknown_command: bool,
}

#[derive(Debug)]
struct Known {
    ways: Option<StreamWays>,
    available: bool,
    asked_at: Option<Instant>,
    /// The hub has the question.
    waits: bool,
    ask_at: Option<Instant>,
    pause: Duration,
}

impl Capabilities {
    /// A new link: everything is asked again, and what was known holds meanwhile.
    pub fn begin_anew(&mut self) {
        self.unknown_command = false;
        for known in self.known.values_mut() {
            (known.waits, known.asked_at, known.ask_at) = (false, None, None);
        }
    }

    /// Takes up the cameras as they are. Only what is available can be asked about.
    pub fn follow(&mut self, cameras: &[HubCamera], now: Instant) {
        let entities: BTreeMap<&str, bool> = cameras
            .iter()
            .flat_map(|camera| &camera.entities)
            .map(|entity| (entity.entity_id.as_str(), entity.available))
            .collect();
        self.known.retain(|entity_id, _| entities.contains_key(entity_id.as_str()));
        for (entity_id, available) in entities {
            let known = self.known.entry(entity_id.to_owned()).or_insert(Known {
                ways: None,
                available: false,
                asked_at: None,
                waits: false,
                ask_at: None,
                pause: AGAIN,
            });
            let came_back = available && !known.available;
            known.available = available;
            if came_back || (available && known.asked_at.is_none() && known.ask_at.is_none()) {
                known.ask_at = Some(now);
                known.pause = AGAIN;
            }
        }
    }

    /// The registries have changed: a camera may have been set up anew.
    pub fn doubt(&mut self, now: Instant) {
        for known in self.known.values_mut().filter(|known| known.available) {
            if known.asked_at.is_some_and(|at| now >= at + STALE) {
                known.ask_at.get_or_insert(now);
            }
        }
    }

    /// This one was set up anew.
    pub fn doubt_one(&mut self, entity_id: &str, now: Instant) {
        if let Some(known) = self.known.get_mut(entity_id) {
            (known.ask_at, known.pause) = (Some(now), AGAIN);
        }
    }

    /// Entities to ask about now.
    pub fn due(&mut self, now: Instant) -> Vec<String> {
        if self.unknown_command {
            return Vec::new();
        }
        let room = MOST_ASKED.saturating_sub(self.known.values().filter(|known| known.waits).count());
        let due = self
            .known
            .iter_mut()
            .filter(|(_, known)| known.available && !known.waits && known.ask_at.is_some_and(|at| at <= now));
        due.take(room)
            .map(|(entity_id, known)| {
                (known.waits, known.ask_at, known.asked_at) = (true, None, Some(now));
                entity_id.clone()
            })
            .collect()
    }

    /// When [`Capabilities::due`] has something to say, if no answer comes before.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        let waiting = self.known.values().filter(|known| known.waits).count();
        if self.unknown_command || waiting >= MOST_ASKED {
            return None;
        }
        self.known
            .values()
            .filter(|known| known.available && !known.waits)
            .filter_map(|known| known.ask_at)
            .min()
    }

    /// The hub's answer. True if it changes what is known.
    pub fn answered(&mut self, entity_id: &str, outcome: Result<Value, Refusal>, now: Instant) -> bool {
        if outcome.as_ref().is_err_and(|refusal| refusal.code == "unknown_command") {
            self.unknown_command = true;
            return true;
        }
        // Renamed or gone since.
        let Some(known) = self.known.get_mut(entity_id) else { return false };
        known.waits = false;
        match outcome.ok().as_ref().and_then(ways) {
            Some(ways) => {
                known.pause = AGAIN;
                known.ways.replace(ways) != Some(ways)
            }
            // It is switched off, or not ready: that says nothing of how it streams.
            None => {
                known.ask_at = Some(now + known.pause);
                known.pause = (known.pause * 2).min(LONGEST_PAUSE);
                false
            }
        }
    }

    /// Writes what is known into the cameras.
    pub fn write(&self, cameras: &mut [HubCamera], states: &States, version: &str) {
        for entity in cameras.iter_mut().flat_map(|camera| &mut camera.entities) {
            entity.ways = if self.unknown_command {
                let state = states.get(&entity.entity_id);
                state.and_then(|state| state.stream_type.as_deref()).map(|kind| StreamWays {
                    relay: kind == "web_rtc" && at_least(version, RELAYS),
                    hls: kind == "hls",
                    two_way_audio: false,
                })
            } else {
                self.known.get(&entity.entity_id).and_then(|known| known.ways).or(entity.ways)
            };
        }
    }
}

fn ways(answer: &Value) -> Option<StreamWays> {
    let kinds = answer.get("frontend_stream_types")?.as_array()?;
    let has = |kind: &str| kinds.iter().any(|known| known == kind);
    let two_way_audio = answer.get("two_way_audio").and_then(Value::as_bool).unwrap_or_default();
    Some(StreamWays { relay: has("web_rtc"), hls: has("hls"), two_way_audio })
}

fn at_least(version: &str, least: (u32, u32)) -> bool {
    let mut numbers = version.split('.').map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(year)), Some(Ok(month))) => (year, month) >= least,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::hub::HubCameraEntity;

    fn cameras(available: bool) -> Vec<HubCamera> {
        let entity = |n: usize| HubCameraEntity {
            registry_id: format!("r{n}"),
            entity_id: format!("camera.c{n}"),
            name: String::new(),
            available,
            streams: true,
            switches: false,
            off: false,
            ways: None,
        };
        vec![HubCamera {
            endpoint_id: "hub#1".into(),
            name: String::new(),
            manufacturer: String::new(),
            model: String::new(),
            version: String::new(),
            entities: (0..20).map(entity).collect(),
            bell: None,
            motion: None,
        }]
    }

    fn no(code: &str) -> Result<Value, Refusal> {
        Err(Refusal { code: code.into(), message: String::new() })
    }

    #[test]
    fn every_available_camera_is_asked_about_a_few_at_a_time() {
        let (mut known, now) = (Capabilities::default(), Instant::now());
        known.follow(&cameras(false), now);
        assert!(known.due(now).is_empty() && known.next().is_none());
        known.follow(&cameras(true), now);
        let first = known.due(now);
        assert_eq!(first.len(), MOST_ASKED);
        assert!(known.due(now).is_empty());
        let mut asked = first;
        let yes = json!({"frontend_stream_types": ["web_rtc"]});
        while let Some(entity) = asked.pop() {
            assert!(known.answered(&entity, Ok(yes.clone()), now));
            asked.extend(known.due(now));
        }
        let mut written = cameras(true);
        known.write(&mut written, &States::default(), "2026.11.0");
        let relay = StreamWays { relay: true, ..StreamWays::default() };
        assert!(written[0].entities.iter().all(|entity| entity.ways == Some(relay)));
    }

    #[test]
    fn a_camera_that_is_off_is_asked_about_again_later_and_keeps_what_was_known() {
        let (mut known, now) = (Capabilities::default(), Instant::now());
        known.follow(&cameras(true), now);
        let entity = known.due(now).remove(0);
        known.answered(&entity, Ok(json!({"frontend_stream_types": ["hls"]})), now);
        known.begin_anew();
        known.follow(&cameras(true), now);
        assert!(known.due(now).contains(&entity));
        assert!(!known.answered(&entity, no("home_assistant_error"), now));
        let mut written = cameras(true);
        known.write(&mut written, &States::default(), "2026.11.0");
        assert!(written[0].entities[0].ways.unwrap().hls);
        assert!(known.next().is_none_or(|at| at <= now + AGAIN));
    }

    #[test]
    fn a_hub_without_the_question_answers_it_by_its_attribute() {
        let (mut known, now) = (Capabilities::default(), Instant::now());
        known.follow(&cameras(true), now);
        let entity = known.due(now).remove(0);
        assert!(known.answered(&entity, no("unknown_command"), now));
        assert!(known.due(now).is_empty());
        let mut states = States::default();
        states.apply(&json!({"a": {"camera.c0": {"s": "idle", "a": {"frontend_stream_type": "web_rtc"}},
                                   "camera.c1": {"s": "idle", "a": {"frontend_stream_type": "hls"}}}}));
        for (version, relay) in [("2024.11.3", true), ("2024.10.0", false), ("", false)] {
            let mut written = cameras(true);
            known.write(&mut written, &states, version);
            let ways: Vec<_> = written[0].entities.iter().map(|entity| entity.ways).collect();
            assert_eq!(ways[0], Some(StreamWays { relay, ..StreamWays::default() }));
            assert!(ways[1].unwrap().hls);
            assert_eq!(ways[2], None);
        }
    }
}
