//! Presses that wait. They are told in their order at each door, and soon or not at all.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

use time::OffsetDateTime;

use super::backoff::pause;
use super::dropped::Why;
use crate::alexa::doorbell::Cause;

/// A press that is older is told no more: nobody stands at the door now.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Presses that wait or are under way; then the oldest is given up.
pub(super) const MOST: usize = 100;
/// Presses that are under way at once, each at another door.
const MOST_UNDER_WAY: usize = 16;
/// Alexa allows three more tries after 429, 500 and 503, a second apart.
const MORE_TRIES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Presses that wait.
#[derive(Debug, Default)]
pub(super) struct Presses(VecDeque<HeldPress>);

/// One press.
#[derive(Debug, Clone)]
pub(super) struct HeldPress {
    pub(super) endpoint_id: String,
    pub(super) at: OffsetDateTime,
    pub(super) cause: Cause,
    expires: Instant,
    /// Tries that failed, which make the pauses grow.
    failures: u32,
    /// Those of them at which the event gateway itself was in trouble.
    troubles: u32,
    /// A pause between two tries.
    until: Option<Instant>,
}

impl HeldPress {
    pub(super) fn new(endpoint_id: String, at: OffsetDateTime, cause: Cause, expires: Instant) -> Self {
        Self { endpoint_id, at, cause, expires, failures: 0, troubles: 0, until: None }
    }

    /// A try failed. False if it was the last one.
    pub(super) fn failed(&mut self, gateway_in_trouble: bool, now: Instant, chance: f64) -> bool {
        self.until = Some(now + pause(FIRST_PAUSE, self.failures, chance));
        self.failures += 1;
        self.troubles += u32::from(gateway_in_trouble);
        self.troubles <= MORE_TRIES
    }
}

impl Presses {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// A new press. Gives back the oldest if too many wait.
    pub(super) fn push(&mut self, press: HeldPress, under_way: usize) -> Option<HeldPress> {
        self.0.push_back(press);
        if self.0.len() + under_way > MOST { self.0.pop_front() } else { None }
    }

    /// A press that was under way and shall be again, before those that came after it.
    pub(super) fn put_back(&mut self, press: HeldPress) {
        self.0.push_front(press);
    }

    /// Takes out what is too old, and what is of no endpoint.
    pub(super) fn sift(&mut self, now: Instant, known: impl Fn(&str) -> bool) -> Vec<(HeldPress, Why)> {
        let mut out = Vec::new();
        for press in std::mem::take(&mut self.0) {
            if press.expires <= now {
                out.push((press, Why::TooOld));
            } else if !known(&press.endpoint_id) {
                out.push((press, Why::Unknown));
            } else {
                self.0.push_back(press);
            }
        }
        out
    }

    /// Takes the first press that may go now: at each endpoint the oldest, after its pause.
    pub(super) fn take(&mut self, now: Instant, under_way: &HashSet<&str>) -> Option<HeldPress> {
        let ready = |press: &HeldPress| press.until.is_none_or(|until| until <= now);
        let index = self.heads(under_way).find(|(_, press)| ready(press)).map(|(index, _)| index)?;
        self.0.remove(index)
    }

    /// When there may be something to do, if nothing new comes.
    pub(super) fn wake(&self, under_way: &HashSet<&str>) -> Option<Instant> {
        let pauses = self.heads(under_way).filter_map(|(_, press)| press.until);
        self.expiry().into_iter().chain(pauses).min()
    }

    /// When the first of those that wait is too old.
    pub(super) fn expiry(&self) -> Option<Instant> {
        self.0.iter().map(|press| press.expires).min()
    }

    /// The oldest press of each endpoint that has none under way.
    fn heads<'a>(&'a self, under_way: &HashSet<&'a str>) -> impl Iterator<Item = (usize, &'a HeldPress)> {
        let mut seen = under_way.clone();
        let places = if under_way.len() < MOST_UNDER_WAY { self.0.len() } else { 0 };
        self.0
            .iter()
            .take(places)
            .enumerate()
            .filter(move |(_, press)| seen.insert(press.endpoint_id.as_str()))
    }
}
