//! What is said to the hub, and what it still has to answer.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::hub::lines::LineId;
use crate::hub::listing::Step;
use crate::hub::protocol;

/// For what the link itself asks of the hub; a big hub that starts is slow.
pub(super) const OWN_DEADLINE: Duration = Duration::from_secs(30);
/// For what others ask through the link.
pub(super) const ASK_DEADLINE: Duration = Duration::from_secs(10);
/// Asks of others that may wait for the hub at once.
pub(super) const MOST_ASKS: usize = 64;
/// Largest command, bytes; the hub itself takes 4 MiB.
pub(super) const LARGEST_COMMAND: usize = 256 * 1024;

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

/// Why a command was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Why {
    /// Nothing depends on the answer.
    Courtesy,
    /// To hear of every change of a state.
    Entities { filtered: bool },
    /// To hear of events of this type.
    Follow(&'static str),
    /// Whether the hub has started.
    Config,
    /// A part of the registries.
    List(Step),
    /// Somebody in the house wants to know.
    Ask(Ticket),
    /// How this camera entity can be streamed.
    Ways(String),
    /// A session at a camera.
    Line(LineId),
}

impl Why {
    fn patience(&self) -> Duration {
        match self {
            Self::Ask(_) | Self::Ways(_) | Self::Line(_) => ASK_DEADLINE,
            _ => OWN_DEADLINE,
        }
    }
}

/// The commands of one connection.
#[derive(Debug, Default)]
pub(super) struct Commands {
    last_id: u64,
    pending: BTreeMap<u64, (Why, Instant)>,
    outgoing: Vec<Outgoing>,
}

impl Commands {
    /// The id of the command, or nothing if it is too large to be sent. Ids grow without end: the hub
    /// refuses one that does not.
    pub(super) fn send(&mut self, kind: &str, fields: Value, why: Why, now: Instant) -> Option<u64> {
        let Value::Object(fields) = fields else { return None };
        let id = self.last_id + 1;
        let text = protocol::command(id, kind, fields);
        if text.len() > LARGEST_COMMAND && matches!(why, Why::Ask(_) | Why::Line(_)) {
            return None;
        }
        self.last_id = id;
        let deadline = now + why.patience();
        self.pending.insert(id, (why, deadline));
        self.outgoing.push(Outgoing::Text(text));
        Some(id)
    }

    pub(super) fn authenticate(&mut self) {
        self.outgoing.push(Outgoing::Auth);
    }

    pub(super) fn close(&mut self, reason: &str) {
        self.outgoing.push(Outgoing::Close(reason.to_owned()));
    }

    /// What is to be done now, in order.
    pub(super) fn outgoing(&mut self) -> Vec<Outgoing> {
        std::mem::take(&mut self.outgoing)
    }

    /// The hub has answered; why it was asked, if it was.
    pub(super) fn answered(&mut self, id: u64) -> Option<Why> {
        self.pending.remove(&id).map(|(why, _)| why)
    }

    /// What the hub did not answer in time.
    pub(super) fn late(&mut self, now: Instant) -> Vec<Why> {
        self.pending.extract_if(.., |_, (_, deadline)| *deadline <= now).map(|(_, (why, _))| why).collect()
    }

    /// When the next answer will be late.
    pub(super) fn next(&self) -> Option<Instant> {
        self.pending.values().map(|(_, deadline)| *deadline).min()
    }

    /// True while somebody in the house may ask one thing more.
    pub(super) fn has_room(&self) -> bool {
        self.pending.values().filter(|(why, _)| matches!(why, Why::Ask(_))).count() < MOST_ASKS
    }

    /// The connection is gone; what will never be answered.
    pub(super) fn lost(&mut self) -> impl Iterator<Item = Why> + use<> {
        std::mem::take(self).pending.into_values().map(|(why, _)| why)
    }
}
