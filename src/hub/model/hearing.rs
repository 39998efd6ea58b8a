//! What follows from what the hub says.

use std::time::Instant;

use serde_json::{Value, json};
use url::Url;

use super::commands::Why;
use super::{CONFIG_AGAIN, CONFIG_EVERY, Model, Stage};
use crate::hub::protocol::{Incoming, Refusal};
use crate::hub::registries::Registries;
use crate::hub::states::DOMAINS;
use crate::hub::{HubError, HubSnapshot, Link};

/// Longest address that is kept, bytes.
const LONGEST_URL: usize = 1024;

impl Model {
    pub(super) fn take(&mut self, message: Incoming, now: Instant) {
        match (self.stage, message) {
            (Stage::Greeting, Incoming::AuthRequired) => self.commands.authenticate(),
            (Stage::Greeting, Incoming::AuthOk(version)) => self.begin(version, now),
            (Stage::Greeting, Incoming::AuthInvalid) => {
                self.refused = true;
                self.commands.close("the hub refused the token");
            }
            (Stage::Open, Incoming::Pong(id)) => drop(self.commands.answered(id)),
            (Stage::Open, Incoming::Result { id, outcome }) => match self.commands.answered(id) {
                Some(why) => self.answered(why, outcome, now),
                None => self.complaints.add("the answer to a question that nobody asked", now),
            },
            (Stage::Open, Incoming::Event { id, event }) if Some(id) == self.entities_id => {
                self.entities_changed(&event, now);
            }
            (Stage::Open, Incoming::Event { id, event }) if self.lists.hears(id) => {
                let name = |key: &str| event.get("data").and_then(|data| data.get(key)?.as_str());
                if let (Some(from), Some(to)) = (name("old_entity_id"), name("entity_id")) {
                    self.home.renamed(from, to);
                }
                self.lists.are_stale(now);
            }
            (Stage::Open, Incoming::Event { id, event }) if self.lines.event(id, &event) => {}
            _ => self.complaints.add("a message that does not belong here", now),
        }
    }

    fn begin(&mut self, version: String, now: Instant) {
        self.stage = Stage::Open;
        self.refused = false;
        self.pulse.greeted(now);
        // First of all, so that the hub's answers to the rest come packed.
        let packed = json!({"features": {"coalesce_messages": 1}});
        self.commands.send("supported_features", packed, Why::Courtesy, now);
        // Before the lists, so that nothing changes unseen between them and the first event.
        self.lists.follow(&mut self.commands, now);
        self.subscribe_entities(true, now);
        self.commands.send("get_config", json!({}), Why::Config, now);
        self.lists.read(&mut self.commands, now);
        let (cameras, external_url) = (self.home.kept().to_vec(), self.home.external_url().cloned());
        let before = self.board.shown();
        let (moving, tieable) = (before.moving.clone(), before.tieable.clone());
        let starting = HubSnapshot::without_cameras(Link::Starting);
        self.board.show(HubSnapshot { version, external_url, cameras, moving, tieable, ..starting });
    }

    fn subscribe_entities(&mut self, filtered: bool, now: Instant) {
        let fields = if filtered { json!({"include": {"domains": DOMAINS}}) } else { json!({}) };
        let why = Why::Entities { filtered };
        self.entities_id = self.commands.send("subscribe_entities", fields, why, now);
    }

    fn answered(&mut self, why: Why, outcome: Result<Value, Refusal>, now: Instant) {
        match (why, outcome) {
            (Why::Ask(ticket), outcome) => self.replies.push((ticket, outcome.map_err(HubError::from))),
            // Filters are younger than the subscription.
            (Why::Entities { filtered: true }, Err(refusal)) if refusal.code == "invalid_format" => {
                self.subscribe_entities(false, now);
            }
            (Why::Entities { .. }, Err(refusal)) => {
                self.commands.close(&format!("the hub does not tell its entities: {}", refusal.code));
            }
            (Why::Follow(event_type), outcome) => {
                if self.lists.follows(event_type, outcome.err(), now) {
                    self.board.soon(now);
                }
            }
            (Why::Config, outcome) => {
                let told = |key: &str| outcome.as_ref().ok()?.get(key)?.as_str();
                // Only a hub that says so is still starting.
                let is_running = told("state").is_none_or(|state| state == "RUNNING");
                let external_url = told("external_url").filter(|url| url.len() <= LONGEST_URL);
                let external_url = external_url.and_then(|url| Url::parse(url).ok());
                let is_news = self.home.is_configured(is_running, external_url);
                self.config_at = Some(now + if is_running { CONFIG_AGAIN } else { CONFIG_EVERY });
                if is_news {
                    self.board.at_once(now);
                }
            }
            (Why::List(step), outcome) => {
                if let Some(read) = self.lists.answered(step, outcome, &mut self.commands, now) {
                    self.listed(read, now);
                }
            }
            (Why::Line(line), outcome) => self.lines.answered(line, outcome.map_err(HubError::from)),
            (Why::Ways(entity_id), outcome) => {
                if self.capabilities.answered(&entity_id, outcome, now) {
                    self.board.soon(now);
                }
                self.ask_ways(now);
            }
            (Why::Courtesy | Why::Entities { .. }, _) => {}
        }
    }

    fn listed(&mut self, read: Result<Registries, HubError>, now: Instant) {
        match read {
            Ok(registries) => {
                self.home.list(registries);
                self.capabilities.doubt(now);
            }
            // What was read before stays good until it can be read again.
            Err(trouble) => self.complaints.add(&trouble.to_string(), now),
        }
        if self.lists.thaw(now) {
            self.renew(now);
        }
    }

    fn entities_changed(&mut self, event: &Value, now: Instant) {
        let heard = self.home.hear(event);
        if heard.is_faulty {
            self.complaints.add("entities that make no sense", now);
        }
        if heard.is_first {
            self.board.at_once(now);
        } else if heard.shows {
            self.board.soon(now);
        }
        for entity_id in heard.fresh {
            self.capabilities.doubt_one(&entity_id, now);
        }
        if let Some(stamped) = heard.stamped {
            self.hub_clock.heard(stamped, now);
        }
        for pressed in heard.pressed {
            let at = self.hub_clock.ours(pressed.stamp, now);
            self.bells.pressed(pressed, at, &self.board.shown().cameras, self.home.ties(), now);
        }
    }
}
