//! How sending events stands, for people.

use std::collections::VecDeque;

use serde::Serialize;

use super::outbox::{Dropped, Outcome, Standing, Waiting};
use crate::state;

/// What was sent last is remembered up to this number.
const SENT_KEPT: usize = 50;

/// How sending events stands. Holds no secret.
#[derive(Debug, Clone, Default, Serialize)]
pub struct EventsStatus {
    /// The settings have what it takes.
    pub configured: bool,
    /// The permission to send, if somebody gave it.
    pub linked: Option<Linked>,
    /// Host of the user's event gateway, once it is known.
    pub region: Option<String>,
    /// Why the skill must be linked again before anything is sent.
    pub link_again: Option<String>,
    /// What else keeps events from Alexa now.
    pub trouble: Option<String>,
    /// How much waits.
    pub waiting: Waiting,
    /// Alexa takes no event any more.
    pub rejected: Option<Rejected>,
    /// What was sent or given up last, newest first, at most 50.
    pub sent: Vec<Sent>,
}

/// The permission to send events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Linked {
    /// When it was given, RFC 3339, UTC.
    pub since: String,
    /// Name of the hub's user who gave it; `None`: whoever holds the door token.
    pub by: Option<String>,
}

/// No event was taken since then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejected {
    /// RFC 3339, UTC.
    pub since: String,
    /// What became of the last event.
    pub why: &'static str,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sent {
    /// When its fate was known, RFC 3339, UTC.
    pub at: String,
    /// The event's name, such as `DoorbellPress`.
    pub what: &'static str,
    /// Its endpoint; `None`: several.
    pub endpoint_id: Option<String>,
    /// What became of it, of a closed list: `delivered`, `refused`, ...
    pub code: &'static str,
    /// The same for people: `delivered`, or why not.
    pub outcome: String,
}

/// What became of the last events.
#[derive(Debug, Default)]
pub(super) struct Journal {
    sent: VecDeque<Sent>,
    rejected: Option<Rejected>,
}

impl Journal {
    /// An event was answered, or not.
    pub(super) fn answered(&mut self, what: &'static str, endpoint_id: Option<String>, outcome: Outcome) {
        let words = words(outcome);
        self.rejected = match (outcome, self.rejected.take()) {
            (Outcome::Delivered, _) => None,
            // These are about the event alone.
            (Outcome::Refused | Outcome::TooLarge, rejected) => rejected,
            (_, Some(rejected)) => Some(Rejected { why: words, ..rejected }),
            (_, None) => Some(Rejected { since: state::now(), why: words }),
        };
        self.add(what, endpoint_id, code(outcome), words.to_owned());
    }

    /// An event was not sent, or not again.
    pub(super) fn given_up(&mut self, dropped: Dropped) {
        let Dropped { what, endpoint_id, why } = dropped;
        self.add(what, endpoint_id, why.code(), why.to_string());
    }

    fn add(&mut self, what: &'static str, endpoint_id: Option<String>, code: &'static str, outcome: String) {
        self.sent.truncate(SENT_KEPT - 1);
        self.sent.push_front(Sent { at: state::now(), what, endpoint_id, code, outcome });
    }

    pub(super) fn sent(&self) -> Vec<Sent> {
        self.sent.iter().cloned().collect()
    }

    pub(super) fn rejected(&self) -> Option<Rejected> {
        self.rejected.clone()
    }
}

fn code(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Delivered => "delivered",
        Outcome::Refused => "refused",
        Outcome::TokenBad => "token_bad",
        Outcome::SkillDisabled => "skill_disabled",
        Outcome::SkillNeverEnabled => "skill_never_enabled",
        Outcome::NoPermission => "no_permission",
        Outcome::NotFound => "not_found",
        Outcome::TooLarge => "too_large",
        Outcome::Throttled => "throttled",
        Outcome::ServerTrouble => "server_trouble",
        Outcome::Unreachable => "unreachable",
    }
}

fn words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Delivered => "delivered",
        Outcome::Refused => "Alexa takes the event for wrong",
        Outcome::TokenBad => "Alexa refuses the token",
        Outcome::SkillDisabled => "the skill is disabled",
        Outcome::SkillNeverEnabled => "the skill is not known in this region",
        Outcome::NoPermission => "the skill may not send events",
        Outcome::NotFound => "the skill or the account is gone",
        Outcome::TooLarge => "the event is too large",
        Outcome::Throttled => "Alexa has too much to do",
        Outcome::ServerTrouble => "Alexa is in trouble",
        Outcome::Unreachable => "Alexa is not reached",
    }
}

/// What the user has to do before anything is sent.
pub(super) fn needs_link(standing: Standing) -> Option<&'static str> {
    match standing {
        Standing::SkillDisabled => Some("the skill is disabled: enable it in the Alexa app"),
        Standing::NotFound => {
            Some("the skill or the account is gone: disable and enable the skill in the Alexa app")
        }
        Standing::Open
        | Standing::Away
        | Standing::Rejected
        | Standing::SkillNeverEnabled
        | Standing::NoPermission => None,
    }
}

/// What keeps events from Alexa, though nobody has to link anew.
pub(super) fn trouble(standing: Standing) -> Option<&'static str> {
    match standing {
        Standing::Away => Some("Alexa's event gateway is not reached or in trouble"),
        Standing::Rejected => Some("Alexa's event gateway refuses also a new token"),
        Standing::SkillNeverEnabled => {
            Some("Alexa does not know the skill in this region, or not yet; alexa.region can be set")
        }
        Standing::NoPermission => Some(
            "the skill may not send events: switch on \"Send Alexa Events\" on its permissions page, then disable \
             and enable it in the Alexa app",
        ),
        Standing::Open | Standing::SkillDisabled | Standing::NotFound => None,
    }
}
