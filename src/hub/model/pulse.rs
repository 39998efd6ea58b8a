//! Whether the hub still lives: a link may be half-open for hours, and nobody says so.

use std::time::{Duration, Instant};

/// From the open socket to `auth_ok`.
pub(super) const GREETING: Duration = Duration::from_secs(10);
const PING_EVERY: Duration = Duration::from_secs(30);
/// Silence after a ping that ends the link.
const PING_GRACE: Duration = Duration::from_secs(10);

/// What the time says of the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beat {
    /// It is to be pinged.
    Ping,
    /// It is given up, for this reason.
    Dead(&'static str),
}

/// The timers of one connection.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    greeting_until: Option<Instant>,
    ping_at: Option<Instant>,
    silent_at: Option<Instant>,
}

impl Pulse {
    /// The socket is open; the hub speaks first.
    pub(super) fn opened(&mut self, now: Instant) {
        self.greeting_until = Some(now + GREETING);
    }

    /// The hub has let us in.
    pub(super) fn greeted(&mut self, now: Instant) {
        self.greeting_until = None;
        self.ping_at = Some(now + PING_EVERY);
    }

    /// Anything came: a sign of life of any kind will do.
    pub(super) fn lives(&mut self) {
        self.silent_at = None;
    }

    /// When [`Pulse::beat`] has something to say.
    pub(super) fn next(&self) -> Option<Instant> {
        [self.greeting_until, self.ping_at, self.silent_at].into_iter().flatten().min()
    }

    /// What is due, one thing at a time.
    pub(super) fn beat(&mut self, now: Instant) -> Option<Beat> {
        let is_due = |at: &mut Instant| *at <= now;
        if self.greeting_until.take_if(is_due).is_some() {
            return Some(Beat::Dead("the hub did not greet"));
        }
        if self.silent_at.take_if(is_due).is_some() {
            return Some(Beat::Dead("the hub has fallen silent"));
        }
        self.ping_at.take_if(is_due)?;
        self.ping_at = Some(now + PING_EVERY);
        self.silent_at = Some(now + PING_GRACE);
        Some(Beat::Ping)
    }
}
