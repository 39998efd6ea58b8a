//! The conversation with the hub and what came of it: a state machine without sockets or clock.
//!
//! The bridge feeds it what the hub says, and the time; it says what to send, when to be woken,
//! which presses there were, and how the hub's cameras stand. The token never passes through it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::capabilities::Capabilities;
use super::entity::{self, HandTie};
use super::lines::{LineId, LineNews, Lines};
use super::listing::{Listing, Step};
use super::protocol::{self, Incoming, Refusal};
use super::registries::Registries;
use super::states::{DOMAINS, States};
use super::{HubCamera, HubError, HubSnapshot, Link, Press, press};

/// From the open socket to `auth_ok`.
const GREETING: Duration = Duration::from_secs(10);
const PING_EVERY: Duration = Duration::from_secs(30);
/// Silence after a ping that ends the link.
const PING_GRACE: Duration = Duration::from_secs(10);
/// For what the link itself asks of the hub; a big hub that starts is slow.
const OWN_DEADLINE: Duration = Duration::from_secs(30);
/// For what others ask through the link.
const ASK_DEADLINE: Duration = Duration::from_secs(10);
/// Between looks at whether the hub has started.
const CONFIG_EVERY: Duration = Duration::from_secs(2);
/// From the first registry event to the new lists: one change comes as several events.
const RELIST_AFTER: Duration = Duration::from_millis(300);
/// Between two readings of the lists, however much changes.
const RELIST_EVERY: Duration = Duration::from_secs(2);
/// After a reading that failed.
const RELIST_AGAIN: Duration = Duration::from_secs(5);
/// Longest time for which cameras are not shown anew because the lists are about to be.
const LONGEST_FREEZE: Duration = Duration::from_secs(10);
/// Between two snapshots.
const PUBLISH_EVERY: Duration = Duration::from_millis(100);
/// How long a press waits for its bell's camera to be known.
const HOLD: Duration = Duration::from_secs(15);
/// Presses that wait so at once.
const MOST_HELD: usize = 16;
/// Between two lines in the log about what the hub sent.
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);
/// Asks of others that may wait for the hub at once.
const MOST_ASKS: usize = 64;
/// Largest command, bytes; the hub itself takes 4 MiB.
const LARGEST_COMMAND: usize = 256 * 1024;

/// What the bridge has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outgoing {
    /// Send the frame that shows the token.
    Auth,
    /// Send this frame.
    Text(String),
    /// Close the link for this reason.
    Close(String),
}

/// Name of an ask, given by whoever asks.
pub type Ticket = u64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Closed,
    Greeting,
    Open,
}

/// Why a command was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Why {
    /// Nothing depends on the answer.
    Courtesy,
    Entities {
        filtered: bool,
    },
    Config,
    List(Step),
    Ask(Ticket),
    /// How this camera entity can be streamed.
    Ways(String),
    Line(LineId),
}

/// The merged state of the link and of the hub behind it.
#[derive(Debug)]
pub struct Model {
    ties: Vec<HandTie>,
    stage: Stage,
    refused: bool,
    last_id: u64,
    pending: BTreeMap<u64, (Why, Instant)>,
    entities_id: Option<u64>,
    registry_ids: Vec<u64>,
    outgoing: Vec<Outgoing>,
    replies: Vec<(Ticket, Result<Value, HubError>)>,
    presses: Vec<Press>,
    /// Presses of bells that no camera shown so far has: entity id, moment, and when it was heard.
    held: Vec<(String, String, Instant)>,

    greeting_until: Option<Instant>,
    ping_at: Option<Instant>,
    alive_until: Option<Instant>,
    config_at: Option<Instant>,
    relist_at: Option<Instant>,
    listed_at: Option<Instant>,
    frozen_at: Option<Instant>,
    publish_at: Option<Instant>,
    published_at: Option<Instant>,

    states: States,
    states_seen: bool,
    registries: Registries,
    listed: bool,
    listing: Option<Listing>,
    running: bool,
    /// Cameras of the time before the hub was lost, kept until it is complete again.
    kept: Vec<HubCamera>,
    published: Arc<HubSnapshot>,

    capabilities: Capabilities,
    lines: Lines,

    complaints: u64,
    complain_at: Option<Instant>,
}

impl Model {
    /// A link that is not connected yet.
    #[must_use]
    pub fn new(ties: Vec<HandTie>) -> Self {
        let snapshot = HubSnapshot {
            link: Link::Down("connecting".into()),
            version: String::new(),
            cameras: Vec::new(),
        };
        Self {
            ties,
            stage: Stage::Closed,
            refused: false,
            last_id: 0,
            pending: BTreeMap::new(),
            entities_id: None,
            registry_ids: Vec::new(),
            outgoing: Vec::new(),
            replies: Vec::new(),
            presses: Vec::new(),
            held: Vec::new(),
            greeting_until: None,
            ping_at: None,
            alive_until: None,
            config_at: None,
            relist_at: None,
            listed_at: None,
            frozen_at: None,
            publish_at: None,
            published_at: None,
            states: States::default(),
            states_seen: false,
            registries: Registries::default(),
            listed: false,
            listing: None,
            running: false,
            kept: Vec::new(),
            published: Arc::new(snapshot),
            capabilities: Capabilities::default(),
            lines: Lines::default(),
            complaints: 0,
            complain_at: None,
        }
    }

    /// How the hub stands. The same `Arc` as before if nothing changed.
    #[must_use]
    pub fn snapshot(&self) -> &Arc<HubSnapshot> {
        &self.published
    }

    /// The hub refused the token on this or the last connection.
    #[must_use]
    pub fn refused(&self) -> bool {
        self.refused
    }

    /// What is to be done now, in order.
    pub fn outgoing(&mut self) -> Vec<Outgoing> {
        std::mem::take(&mut self.outgoing)
    }

    /// Answers to asks.
    pub fn replies(&mut self) -> Vec<(Ticket, Result<Value, HubError>)> {
        std::mem::take(&mut self.replies)
    }

    /// Presses since the last call.
    pub fn presses(&mut self) -> Vec<Press> {
        std::mem::take(&mut self.presses)
    }

    /// The socket is open; the hub speaks first.
    pub fn on_open(&mut self, now: Instant) {
        self.stage = Stage::Greeting;
        self.greeting_until = Some(now + GREETING);
    }

    /// The socket is closed, or could not be opened. With `forbidden`, the hub turned us away
    /// before it heard us, which only its owner can change.
    pub fn on_lost(&mut self, reason: &str, forbidden: bool) {
        self.refused |= forbidden;
        let link = if self.refused {
            let reason = if forbidden { reason } else { "the hub refused the token" };
            Link::Refused(reason.to_owned())
        } else {
            Link::Down(reason.to_owned())
        };
        for (why, _) in std::mem::take(&mut self.pending).into_values() {
            if let Why::Ask(ticket) = why {
                self.replies.push((ticket, Err(HubError::Down("the link was lost".into()))));
            }
        }
        self.lines.lost();
        self.capabilities.begin_anew();
        let last = HubSnapshot { link, ..HubSnapshot::clone(&self.published) };
        let fresh = Self::new(std::mem::take(&mut self.ties));
        *self = Self {
            refused: self.refused,
            replies: std::mem::take(&mut self.replies),
            presses: std::mem::take(&mut self.presses),
            capabilities: std::mem::take(&mut self.capabilities),
            lines: std::mem::take(&mut self.lines),
            kept: last.cameras.clone(),
            published: self.published.clone(),
            complaints: self.complaints,
            complain_at: self.complain_at,
            ..fresh
        };
        self.publish(last);
    }

    /// A text frame of the hub.
    pub fn on_message(&mut self, text: &str, now: Instant) {
        self.alive_until = None;
        let frame = protocol::parse(text);
        for fault in &frame.faults {
            self.complain(&fault.to_string(), now);
        }
        for message in frame.messages {
            self.take(message, now);
        }
        self.publish_if_due(now);
    }

    /// A frame that is no text, but a sign of life.
    pub fn on_other_frame(&mut self) {
        self.alive_until = None;
    }

    /// Asks the hub something for somebody else; the reply comes out of [`Model::replies`].
    pub fn ask(&mut self, ticket: Ticket, kind: &str, fields: Map<String, Value>, now: Instant) {
        let waiting = self.pending.values().filter(|(why, _)| matches!(why, Why::Ask(_))).count();
        let trouble = match self.stage {
            Stage::Open if waiting < MOST_ASKS => None,
            Stage::Open => Some(HubError::Down("too many questions at once".into())),
            _ => Some(HubError::Down("not connected".into())),
        };
        let trouble = trouble.or_else(|| {
            let id = self.send(kind, fields, Why::Ask(ticket), now, ASK_DEADLINE);
            id.is_none().then(|| HubError::Protocol("no answer: the command is too large".into()))
        });
        if let Some(trouble) = trouble {
            self.replies.push((ticket, Err(trouble)));
        }
    }

    /// Opens a session at a camera of the hub; what becomes of it comes out of [`Model::line_news`].
    pub fn open_line(&mut self, line: LineId, fields: Map<String, Value>, now: Instant) {
        let trouble = match self.stage {
            Stage::Open if self.lines.has_room() => None,
            Stage::Open => Some(HubError::Down("too many sessions at once".into())),
            _ => Some(HubError::Down("not connected".into())),
        };
        if let Some(trouble) = trouble {
            return self.lines.end(line, trouble);
        }
        match self.send("camera/webrtc/offer", fields, Why::Line(line), now, ASK_DEADLINE) {
            Some(id) => self.lines.open(id, line),
            None => self.lines.end(line, HubError::Protocol("no answer: the offer is too large".into())),
        }
    }

    /// Whoever opened the session has left.
    pub fn close_line(&mut self, line: LineId, now: Instant) {
        if let Some(id) = self.lines.hang_up(line) {
            self.send_object("unsubscribe_events", json!({"subscription": id}), Why::Courtesy, now);
        }
    }

    /// What became of sessions, in order.
    pub fn line_news(&mut self) -> Vec<(LineId, LineNews)> {
        self.lines.news()
    }

    /// When [`Model::on_timeout`] wants to be called, if nothing happens before.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        let timers = [
            self.greeting_until,
            self.ping_at,
            self.alive_until,
            self.config_at,
            self.relist_at.filter(|_| self.listing.is_none()),
            self.publish_at.filter(|_| self.frozen_at.is_none()),
            self.capabilities.next().filter(|_| self.stage == Stage::Open),
        ];
        let deadlines = self.pending.values().map(|(_, deadline)| *deadline);
        timers.into_iter().flatten().chain(deadlines).min()
    }

    /// Time has passed.
    pub fn on_timeout(&mut self, now: Instant) {
        let due = |timer: &mut Option<Instant>| timer.take_if(|at| *at <= now).is_some();
        if due(&mut self.greeting_until) {
            self.close("the hub did not greet");
        }
        if due(&mut self.alive_until) {
            self.close("the hub has fallen silent");
        }
        if due(&mut self.ping_at) {
            self.send("ping", Map::new(), Why::Courtesy, now, OWN_DEADLINE);
            self.alive_until = Some(now + PING_GRACE);
            self.ping_at = Some(now + PING_EVERY);
        }
        if due(&mut self.config_at) {
            self.send("get_config", Map::new(), Why::Config, now, OWN_DEADLINE);
        }
        if self.listing.is_none() && due(&mut self.relist_at) {
            self.list(now);
        }
        let late: Vec<u64> =
            self.pending.iter().filter(|(_, (_, deadline))| *deadline <= now).map(|(id, _)| *id).collect();
        for id in late {
            match self.pending.remove(&id) {
                Some((Why::Ask(ticket), _)) => {
                    self.replies.push((ticket, Err(HubError::Down("no answer in time".into()))));
                }
                Some((Why::Line(line), _)) => {
                    self.close_line(line, now);
                    self.lines.end(line, HubError::Down("no answer in time".into()));
                }
                Some((Why::Ways(entity_id), _)) => {
                    let late = Refusal { code: "timeout".into(), message: String::new() };
                    self.capabilities.answered(&entity_id, Err(late), now);
                }
                Some((Why::Courtesy, _)) | None => {}
                Some(_) => self.close("the hub did not answer in time"),
            }
        }
        self.ask_ways(now);
        self.publish_if_due(now);
    }

    fn ask_ways(&mut self, now: Instant) {
        if self.stage != Stage::Open {
            return;
        }
        for entity_id in self.capabilities.due(now) {
            let mut fields = Map::new();
            fields.insert("entity_id".into(), entity_id.clone().into());
            self.send("camera/capabilities", fields, Why::Ways(entity_id), now, ASK_DEADLINE);
        }
    }

    fn take(&mut self, message: Incoming, now: Instant) {
        match (self.stage, message) {
            (Stage::Greeting, Incoming::AuthRequired) => self.outgoing.push(Outgoing::Auth),
            (Stage::Greeting, Incoming::AuthOk(version)) => self.begin(version, now),
            (Stage::Greeting, Incoming::AuthInvalid) => {
                self.refused = true;
                self.close("the hub refused the token");
            }
            (Stage::Open, Incoming::Pong(id)) => {
                self.pending.remove(&id);
            }
            (Stage::Open, Incoming::Result { id, outcome }) => match self.pending.remove(&id) {
                Some((why, _)) => self.answered(why, outcome, now),
                None => self.complain("the answer to a question that nobody asked", now),
            },
            (Stage::Open, Incoming::Event { id, event }) if Some(id) == self.entities_id => {
                self.entities_changed(&event, now);
            }
            (Stage::Open, Incoming::Event { id, .. }) if self.registry_ids.contains(&id) => {
                self.frozen_at.get_or_insert(now);
                let earliest = self.listed_at.map_or(now, |at| at + RELIST_EVERY);
                self.relist_at.get_or_insert(earliest.max(now + RELIST_AFTER));
            }
            (Stage::Open, Incoming::Event { id, event }) if self.lines.event(id, &event) => {}
            _ => self.complain("a message that does not belong here", now),
        }
    }

    fn begin(&mut self, version: String, now: Instant) {
        self.stage = Stage::Open;
        self.refused = false;
        self.greeting_until = None;
        self.ping_at = Some(now + PING_EVERY);
        // First of all, so that the hub's answers to the rest come packed.
        self.send_object(
            "supported_features",
            json!({"features": {"coalesce_messages": 1}}),
            Why::Courtesy,
            now,
        );
        // Before the lists, so that nothing changes unseen between them and the first event.
        for event_type in ["entity_registry_updated", "device_registry_updated"] {
            let id =
                self.send_object("subscribe_events", json!({"event_type": event_type}), Why::Courtesy, now);
            self.registry_ids.extend(id);
        }
        self.subscribe_entities(true, now);
        self.send("get_config", Map::new(), Why::Config, now, OWN_DEADLINE);
        self.list(now);
        let cameras = self.kept.clone();
        self.publish(HubSnapshot { link: Link::Starting, version, cameras });
    }

    fn subscribe_entities(&mut self, filtered: bool, now: Instant) {
        let fields = if filtered { json!({"include": {"domains": DOMAINS}}) } else { json!({}) };
        self.entities_id = self.send_object("subscribe_entities", fields, Why::Entities { filtered }, now);
    }

    fn list(&mut self, now: Instant) {
        self.listing = Some(Listing::default());
        self.listed_at = Some(now);
        for step in [Step::Display, Step::Devices] {
            self.send(step.command(), Map::new(), Why::List(step), now, OWN_DEADLINE);
        }
    }

    fn answered(&mut self, why: Why, outcome: Result<Value, Refusal>, now: Instant) {
        match (why, outcome) {
            (Why::Ask(ticket), outcome) => self.replies.push((ticket, outcome.map_err(HubError::from))),
            // Filters are younger than the subscription.
            (Why::Entities { filtered: true }, Err(refusal)) if refusal.code == "invalid_format" => {
                self.subscribe_entities(false, now);
            }
            (Why::Entities { .. }, Err(refusal)) => {
                self.close(&format!("the hub does not tell its entities: {}", refusal.code));
            }
            (Why::Config, outcome) => {
                let state =
                    outcome.as_ref().ok().and_then(|config| config.get("state")).and_then(Value::as_str);
                // Only a hub that says so is still starting.
                self.running = state.is_none_or(|state| state == "RUNNING");
                self.config_at = (!self.running).then_some(now + CONFIG_EVERY);
                self.publish_at = Some(now);
            }
            (Why::List(step), outcome) => self.listed_one(step, outcome, now),
            (Why::Line(line), outcome) => self.lines.answered(line, outcome.map_err(HubError::from)),
            (Why::Ways(entity_id), outcome) => {
                if self.capabilities.answered(&entity_id, outcome, now) {
                    let earliest = self.published_at.map_or(now, |at| at + PUBLISH_EVERY);
                    self.publish_at.get_or_insert(earliest);
                }
                self.ask_ways(now);
            }
            (Why::Courtesy | Why::Entities { .. }, _) => {}
        }
    }

    fn listed_one(&mut self, step: Step, outcome: Result<Value, Refusal>, now: Instant) {
        let Some(mut listing) = self.listing.take() else { return };
        if let Some((step, fields)) = listing.answered(step, outcome) {
            self.send(step.command(), fields, Why::List(step), now, OWN_DEADLINE);
        }
        if !listing.is_complete() {
            self.listing = Some(listing);
            return;
        }
        match listing.finish() {
            Ok(registries) => {
                self.registries = registries;
                self.listed = true;
                self.capabilities.doubt(now);
            }
            // What was read before stays good until it can be read again.
            Err(trouble) => {
                self.complain(&trouble.to_string(), now);
                self.relist_at.get_or_insert(now + RELIST_AGAIN);
            }
        }
        // A change during the reading keeps the freeze, but not for ever.
        let is_stale = self.relist_at.is_some();
        if !is_stale || self.frozen_at.is_some_and(|at| now >= at + LONGEST_FREEZE) {
            self.frozen_at = is_stale.then_some(now);
            self.rebuild(now);
        }
    }

    fn entities_changed(&mut self, event: &Value, now: Instant) {
        let applied = self.states.apply(event);
        if applied.faults > 0 {
            self.complain("entities that make no sense", now);
        }
        // The first event ends the first reading, even if it is empty.
        if !self.states_seen {
            self.states_seen = true;
            self.publish_at = Some(now);
        } else if applied.others
            || applied.changes.iter().any(|change| entity::matters(change, &self.registries, &self.ties))
        {
            let earliest = self.published_at.map_or(now, |at| at + PUBLISH_EVERY);
            self.publish_at.get_or_insert(earliest);
        }
        for change in applied.changes {
            if !entity::may_ring(&change.entity_id, &change.after, &self.registries, &self.ties) {
                continue;
            }
            let Some(at) = press::moment(&change) else { continue };
            if self.publish_at.is_some() && self.frozen_at.is_none() {
                // The bell may be as new as its first ring.
                self.rebuild(now);
            }
            if !self.ring(&change.entity_id, &at) && self.held.len() < MOST_HELD {
                self.held.push((change.entity_id, at, now));
            }
        }
    }

    /// Rings at every camera that the bell is tied to; false if there is none.
    fn ring(&mut self, bell: &str, at: &str) -> bool {
        let before = self.presses.len();
        for camera in &self.published.cameras {
            if camera.bell.as_ref().is_some_and(|sensor| sensor.entity_id == bell) {
                self.presses.push(Press { endpoint_id: camera.endpoint_id.clone(), at: at.to_owned() });
            }
        }
        self.presses.len() > before
    }

    fn publish_if_due(&mut self, now: Instant) {
        if self.frozen_at.is_none() && self.publish_at.is_some_and(|at| at <= now) {
            self.rebuild(now);
        }
    }

    fn rebuild(&mut self, now: Instant) {
        self.publish_at = None;
        if self.stage != Stage::Open {
            return;
        }
        let is_synced = self.states_seen && self.listed;
        let is_complete = is_synced && self.running;
        let mut cameras =
            if is_synced { entity::cameras(&self.states, &self.registries, &self.ties) } else { Vec::new() };
        if is_complete {
            self.kept.clear();
        } else {
            keep(&mut cameras, &self.kept);
        }
        self.capabilities.follow(&cameras, now);
        self.capabilities.write(&mut cameras, &self.states, &self.published.version);
        self.ask_ways(now);
        self.published_at = Some(now);
        let link = if is_complete { Link::Running } else { Link::Starting };
        self.publish(HubSnapshot { link, version: self.published.version.clone(), cameras });
        for (bell, at, since) in std::mem::take(&mut self.held) {
            if now <= since + HOLD && !self.ring(&bell, &at) {
                self.held.push((bell, at, since));
            }
        }
    }

    fn publish(&mut self, snapshot: HubSnapshot) {
        if *self.published != snapshot {
            self.published = Arc::new(snapshot);
        }
    }

    fn close(&mut self, reason: &str) {
        self.outgoing.push(Outgoing::Close(reason.to_owned()));
    }

    fn send_object(&mut self, kind: &str, fields: Value, why: Why, now: Instant) -> Option<u64> {
        let Value::Object(fields) = fields else { return None };
        self.send(kind, fields, why, now, OWN_DEADLINE)
    }

    /// The id of the command, or nothing if it is too large to be sent.
    fn send(
        &mut self,
        kind: &str,
        fields: Map<String, Value>,
        why: Why,
        now: Instant,
        within: Duration,
    ) -> Option<u64> {
        let id = self.last_id + 1;
        let text = protocol::command(id, kind, fields);
        if text.len() > LARGEST_COMMAND && matches!(why, Why::Ask(_) | Why::Line(_)) {
            return None;
        }
        self.last_id = id;
        self.pending.insert(id, (why, now + within));
        self.outgoing.push(Outgoing::Text(text));
        Some(id)
    }

    fn complain(&mut self, fault: &str, now: Instant) {
        self.complaints += 1;
        if self.complain_at.is_none_or(|at| at <= now) {
            tracing::warn!(count = self.complaints, fault, "the hub sent something that makes no sense");
            self.complaints = 0;
            self.complain_at = Some(now + COMPLAIN_EVERY);
        }
    }
}

/// Adds what was known before and is not there (yet). A hub that starts tells its entities bit by
/// bit, so nothing that is missing is gone.
fn keep(cameras: &mut Vec<HubCamera>, kept: &[HubCamera]) {
    for old in kept {
        match cameras.iter_mut().find(|camera| camera.endpoint_id == old.endpoint_id) {
            Some(camera) => {
                let is_missing = |entity: &&super::HubCameraEntity| {
                    camera.entities.iter().all(|known| known.registry_id != entity.registry_id)
                };
                let missing: Vec<_> = old.entities.iter().filter(is_missing).cloned().collect();
                camera.entities.extend(missing);
                camera.bell = camera.bell.take().or_else(|| old.bell.clone());
                camera.motion = camera.motion.take().or_else(|| old.motion.clone());
            }
            None => cameras.push(old.clone()),
        }
    }
    cameras.sort_by(|a, b| a.endpoint_id.cmp(&b.endpoint_id));
}

#[cfg(test)]
mod tests;
