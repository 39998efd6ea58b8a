//! How calls are answered: as they should be, unless somebody says otherwise.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// What can be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Call {
    /// `POST /auth/o2/token`.
    Token,
    /// `POST /v3/events`.
    Events,
    /// `GET /v1/alexaApiEndpoint`.
    Endpoint,
}

/// How one call is answered.
#[derive(Debug, Clone, Default)]
pub struct Step {
    /// Before anything is looked at.
    pub(super) delay: Duration,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, Default)]
pub(super) enum Kind {
    #[default]
    Proper,
    Refusal(u16, String),
    Garbage,
    Hang,
    HangUp,
}

impl Step {
    /// As it should be.
    #[must_use]
    pub fn proper() -> Self {
        Self::default()
    }

    /// Refused with a status and a code: `(400, "invalid_grant")` of the token server,
    /// `(403, "SKILL_DISABLED_EXCEPTION")` of the event gateway.
    #[must_use]
    pub fn refuse(status: u16, code: &str) -> Self {
        Self::of(Kind::Refusal(status, code.to_owned()))
    }

    /// 200 with bytes that make no sense.
    #[must_use]
    pub fn garbage() -> Self {
        Self::of(Kind::Garbage)
    }

    /// Never answered; the connection stays open.
    #[must_use]
    pub fn hang() -> Self {
        Self::of(Kind::Hang)
    }

    /// The connection is closed without an answer.
    #[must_use]
    pub fn hang_up() -> Self {
        Self::of(Kind::HangUp)
    }

    /// The same, later.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    fn of(kind: Kind) -> Self {
        Self { kind, ..Self::default() }
    }
}

/// What is still to happen.
#[derive(Debug, Default)]
pub(super) struct Script {
    once: HashMap<Call, VecDeque<Step>>,
    standing: HashMap<Call, Step>,
}

impl Script {
    pub(super) fn add(&mut self, call: Call, steps: impl IntoIterator<Item = Step>) {
        self.once.entry(call).or_default().extend(steps);
    }

    pub(super) fn stand(&mut self, call: Call, step: Step) {
        self.standing.insert(call, step);
    }

    /// How the next call is answered.
    pub(super) fn next(&mut self, call: Call) -> Step {
        let once = self.once.get_mut(&call).and_then(VecDeque::pop_front);
        once.or_else(|| self.standing.get(&call).cloned()).unwrap_or_default()
    }
}
