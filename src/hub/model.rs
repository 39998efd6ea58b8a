//! The conversation with the hub and what came of it: a state machine without sockets or clock.
//!
//! | part | what it holds |
//! |---|---|
//! | `hearing` | what follows from what the hub says |
//! | `commands` | what is said to the hub, and what it still has to answer |
//! | `pulse` | whether the hub still lives |
//! | `lists` | when the registries are read |
//! | `home` | what is known: states, registries, cameras of before |
//! | `bells` | presses, and for which camera |
//! | `hub_clock` | how the hub's clock stands to ours |
//! | `board` | the last snapshot, and when the next one is due |
//!
//! The bridge feeds it what the hub says, and the time; it says what to send, when to be woken,
//! which presses there were, and how the hub's cameras stand. The token never passes through it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::capabilities::Capabilities;
use super::lines::{LineId, LineNews, Lines};
use super::protocol::{self, Refusal};
use super::ties::HandTie;
use super::{HubError, HubSnapshot, Link};
use bells::Bells;
use board::Board;
use commands::{Commands, Why};
use complaints::Complaints;
use home::Home;
use hub_clock::HubClock;
use lists::Lists;
use pulse::{Beat, Pulse};

mod bells;
mod board;
mod commands;
mod complaints;
mod hearing;
mod home;
mod hub_clock;
mod lists;
mod pulse;

pub use bells::Ring;
pub use commands::{Outgoing, Ticket};

/// Between looks at whether the hub has started.
const CONFIG_EVERY: Duration = Duration::from_secs(2);
/// Between looks at where a hub that runs is reached from the internet, which it tells nobody by itself.
const CONFIG_AGAIN: Duration = Duration::from_secs(300);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Closed,
    Greeting,
    Open,
}

/// The merged state of the link and of the hub behind it.
#[derive(Debug)]
pub struct Model {
    stage: Stage,
    refused: bool,
    commands: Commands,
    replies: Vec<(Ticket, Result<Value, HubError>)>,
    pulse: Pulse,
    /// The subscription to states.
    entities_id: Option<u64>,
    config_at: Option<Instant>,
    lists: Lists,
    home: Home,
    capabilities: Capabilities,
    lines: Lines,
    bells: Bells,
    hub_clock: HubClock,
    board: Board,
    complaints: Complaints,
}

impl Model {
    /// A link that is not connected yet.
    #[must_use]
    pub fn new(ties: Vec<HandTie>) -> Self {
        Self {
            stage: Stage::Closed,
            refused: false,
            commands: Commands::default(),
            replies: Vec::new(),
            pulse: Pulse::default(),
            entities_id: None,
            config_at: None,
            lists: Lists::default(),
            home: Home::new(ties),
            capabilities: Capabilities::default(),
            lines: Lines::default(),
            bells: Bells::default(),
            hub_clock: HubClock::default(),
            board: Board::new(),
            complaints: Complaints::default(),
        }
    }

    /// How the hub stands. The same `Arc` as before if nothing changed.
    #[must_use]
    pub fn snapshot(&self) -> &Arc<HubSnapshot> {
        self.board.shown()
    }

    /// The hub refused the token, or us, on this connection or the one that was just lost.
    #[must_use]
    pub fn refused(&self) -> bool {
        self.refused
    }

    /// What is to be done now, in order.
    pub fn outgoing(&mut self) -> Vec<Outgoing> {
        self.commands.outgoing()
    }

    /// Answers to asks.
    pub fn replies(&mut self) -> Vec<(Ticket, Result<Value, HubError>)> {
        std::mem::take(&mut self.replies)
    }

    /// Presses since the last call.
    pub fn presses(&mut self) -> Vec<Ring> {
        self.bells.presses()
    }

    /// What became of sessions, in order.
    pub fn line_news(&mut self) -> Vec<(LineId, LineNews)> {
        self.lines.news()
    }

    /// The socket is open; the hub speaks first.
    pub fn on_open(&mut self, now: Instant) {
        self.stage = Stage::Greeting;
        self.pulse.opened(now);
    }

    /// The socket is closed, or could not be opened. With `forbidden`, the hub turned us away
    /// before it heard us, which only its owner can change.
    pub fn on_lost(&mut self, reason: &str, forbidden: bool) {
        // What was heard on an earlier connection does not count.
        self.refused &= !matches!(self.stage, Stage::Closed);
        self.stage = Stage::Closed;
        self.refused |= forbidden;
        for why in self.commands.lost() {
            if let Why::Ask(ticket) = why {
                self.replies.push((ticket, Err(HubError::Down("the link was lost".into()))));
            }
        }
        (self.pulse, self.lists) = (Pulse::default(), Lists::default());
        (self.entities_id, self.config_at) = (None, None);
        self.home.lost(self.board.shown().cameras.clone());
        self.capabilities.begin_anew();
        self.lines.lost();
        self.bells.lost();
        self.hub_clock = HubClock::default();
        self.board.lost(match (self.refused, forbidden) {
            (true, true) => Link::Refused(reason.to_owned()),
            (true, false) => Link::Refused("the hub refused the token".into()),
            (false, _) => Link::Down(reason.to_owned()),
        });
    }

    /// A text frame of the hub.
    pub fn on_message(&mut self, text: &str, now: Instant) {
        self.pulse.lives();
        let frame = protocol::parse(text);
        for fault in &frame.faults {
            self.complaints.add(&fault.to_string(), now);
        }
        for message in frame.messages {
            self.take(message, now);
        }
        self.renew_if_due(now);
    }

    /// A frame that is no text, but a sign of life.
    pub fn on_other_frame(&mut self) {
        self.pulse.lives();
    }

    /// Asks the hub something for somebody else; the reply comes out of [`Model::replies`].
    pub fn ask(&mut self, ticket: Ticket, kind: &str, fields: Map<String, Value>, now: Instant) {
        let trouble = match self.stage {
            Stage::Open if !self.commands.has_room() => HubError::Down("too many questions at once".into()),
            Stage::Open => match self.commands.send(kind, Value::Object(fields), Why::Ask(ticket), now) {
                Some(_) => return,
                None => HubError::Protocol("no answer: the command is too large".into()),
            },
            _ => HubError::Down("not connected".into()),
        };
        self.replies.push((ticket, Err(trouble)));
    }

    /// What is tied by hand from now on, in the place of what was before.
    pub fn tie_by_hand(&mut self, ties: Vec<HandTie>, now: Instant) {
        self.home.tie_by_hand(ties);
        if self.stage == Stage::Open {
            self.board.at_once(now);
            self.renew_if_due(now);
        }
    }

    /// Opens a session at a camera of the hub; what becomes of it comes out of [`Model::line_news`].
    pub fn open_line(&mut self, line: LineId, fields: Map<String, Value>, now: Instant) {
        let (kind, fields) = ("camera/webrtc/offer", Value::Object(fields));
        let trouble = match self.stage {
            Stage::Open if !self.lines.has_room() => HubError::Down("too many sessions at once".into()),
            Stage::Open => match self.commands.send(kind, fields, Why::Line(line), now) {
                Some(id) => return self.lines.open(id, line),
                None => HubError::Protocol("no answer: the offer is too large".into()),
            },
            _ => HubError::Down("not connected".into()),
        };
        self.lines.end(line, trouble);
    }

    /// Whoever opened the session has left.
    pub fn close_line(&mut self, line: LineId, now: Instant) {
        if let Some(id) = self.lines.hang_up(line) {
            self.commands.send("unsubscribe_events", json!({"subscription": id}), Why::Courtesy, now);
        }
    }

    /// When [`Model::on_timeout`] wants to be called, if nothing happens before.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        let timers = [
            self.pulse.next(),
            self.config_at,
            self.lists.next(),
            self.board.due_at().filter(|_| !self.lists.are_frozen()),
            self.capabilities.next().filter(|_| self.stage == Stage::Open),
            self.commands.next(),
        ];
        timers.into_iter().flatten().min()
    }

    /// Time has passed.
    pub fn on_timeout(&mut self, now: Instant) {
        while let Some(beat) = self.pulse.beat(now) {
            match beat {
                Beat::Ping => drop(self.commands.send("ping", json!({}), Why::Courtesy, now)),
                Beat::Dead(reason) => self.commands.close(reason),
            }
        }
        if self.config_at.take_if(|at| *at <= now).is_some() {
            self.commands.send("get_config", json!({}), Why::Config, now);
        }
        self.lists.on_timeout(&mut self.commands, now);
        for why in self.commands.late(now) {
            self.late(why, now);
        }
        self.ask_ways(now);
        self.renew_if_due(now);
    }

    fn late(&mut self, why: Why, now: Instant) {
        let late = || HubError::Down("no answer in time".into());
        match why {
            Why::Ask(ticket) => self.replies.push((ticket, Err(late()))),
            Why::Line(line) => {
                self.close_line(line, now);
                self.lines.end(line, late());
            }
            Why::Ways(entity_id) => {
                let late = Refusal { code: "timeout".into(), message: String::new() };
                self.capabilities.answered(&entity_id, Err(late), now);
            }
            Why::Courtesy => {}
            Why::Entities { .. } | Why::Follow(_) | Why::Config | Why::List(_) => {
                self.commands.close("the hub did not answer in time");
            }
        }
    }

    fn ask_ways(&mut self, now: Instant) {
        if self.stage != Stage::Open {
            return;
        }
        for entity_id in self.capabilities.due(now) {
            let fields = json!({"entity_id": entity_id});
            self.commands.send("camera/capabilities", fields, Why::Ways(entity_id), now);
        }
    }

    fn renew_if_due(&mut self, now: Instant) {
        if !self.lists.are_frozen() && self.board.due_at().is_some_and(|at| at <= now) {
            self.renew(now);
        }
    }

    fn renew(&mut self, now: Instant) {
        if self.stage != Stage::Open {
            return;
        }
        let link = if self.home.is_complete() { Link::Running } else { Link::Starting };
        let version = self.board.shown().version.clone();
        let mut cameras = self.home.cameras();
        self.capabilities.follow(&cameras, now);
        self.capabilities.write(&mut cameras, self.home.states(), &version);
        self.ask_ways(now);
        let external_url = self.home.external_url().cloned();
        let trouble = self.lists.trouble();
        // What a hub that starts has not told yet has not ended.
        let before = self.board.shown().clone();
        let (moving, tieable) = match link {
            Link::Running => (self.home.moving(), self.home.tieable().into()),
            _ => (before.moving.clone(), before.tieable.clone()),
        };
        let snapshot = HubSnapshot { link, version, external_url, cameras, moving, tieable, trouble };
        self.board.renew(snapshot, now);
        self.bells.look_again(&self.board.shown().cameras, now);
    }
}

#[cfg(test)]
mod tests;
