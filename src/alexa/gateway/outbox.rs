//! What waits to be told to Alexa, in which order, and what each answer of the event gateway means.
//! Pure: time and chance come from outside, nothing is sent.
//!
//! Presses come first and wait for nothing else. Of properties the latest value is kept, so a
//! gateway that is away costs no memory. Which endpoints there are is told once the list is quiet.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::SmallRng;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::alexa::doorbell::Cause;
use crate::alexa::endpoint::Endpoint;

mod backoff;
mod dropped;
mod flight;
mod hold;
mod list;
mod outcome;
mod parcel;
mod presses;
mod registration;
mod reported;
mod settle;
mod standing;
#[cfg(test)]
mod tests;

use backoff::Backoff;
pub use dropped::{Dropped, Why};
use flight::{Flight, Flights};
use hold::Hold;
use list::List;
pub use outcome::Outcome;
use parcel::Content;
pub use parcel::{Parcel, ParcelId};
use presses::{HeldPress, LONGEST_WAIT, Presses};
use registration::Registration;
pub use reported::Reported;
pub use standing::{Standing, Waiting};

/// Notes of what was given up that are kept.
const MOST_DROPPED: usize = 100;
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// A moment by both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// For pauses and ages.
    pub instant: Instant,
    /// For what Alexa is told, and for the stamps of presses.
    pub wall: OffsetDateTime,
}

/// A press at the door that Alexa shall know of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Press {
    /// Whose bell.
    pub endpoint_id: String,
    /// When, RFC 3339.
    pub at: String,
    /// What led to it.
    pub cause: Cause,
}

/// What to do now.
#[derive(Debug, Clone)]
pub enum Next {
    /// Post this, [`settle`](Outbox::settle) it, and ask for more at once: several may be under way.
    Send(Parcel),
    /// Nothing before this moment, if nothing new comes.
    Wait(Instant),
    /// Nothing, until something new comes or what is under way is settled.
    Idle,
}

/// What waits to be told to Alexa.
#[derive(Debug)]
pub struct Outbox {
    list: List,
    presses: Presses,
    registration: Registration,
    /// Pauses of ChangeReports.
    changes: Backoff,
    hold: Hold,
    /// The last answer was trouble, or none.
    away: bool,
    flights: Flights,
    last_id: ParcelId,
    /// Parcels up to this one went to a home that may be another one by now.
    last_of_old_grant: ParcelId,
    dropped: VecDeque<Dropped>,
    chance: SmallRng,
}

impl Outbox {
    /// Nothing waits. `reported` is what was saved.
    #[must_use]
    pub fn new(reported: Reported) -> Self {
        Self::seeded(reported, rand::random())
    }

    /// As [`new`](Self::new), with pauses that chance lengthens in the same way each time.
    #[must_use]
    pub fn seeded(reported: Reported, seed: u64) -> Self {
        Self {
            list: List::default(),
            presses: Presses::default(),
            registration: Registration::new(reported),
            changes: Backoff::new(FIRST_PAUSE),
            hold: Hold::new(),
            away: false,
            flights: Flights::default(),
            last_id: 0,
            last_of_old_grant: 0,
            dropped: VecDeque::new(),
            chance: SmallRng::seed_from_u64(seed),
        }
    }

    /// The whole list of what Alexa may know, as it is now. Only for a list that is complete: what
    /// is missing, and was so in the first list after a start or was there before, will be deleted.
    pub fn report(&mut self, endpoints: Vec<Endpoint>, now: Now) {
        let changed = self.list.replace(endpoints, now.wall);
        self.registration.listed(&self.list, changed, now.instant);
    }

    /// A bell was pressed. A stamp that cannot be read, or is yet to come, counts as now.
    pub fn press(&mut self, press: Press, now: Now) {
        let at = OffsetDateTime::parse(&press.at, &Rfc3339).unwrap_or(now.wall).min(now.wall);
        let age = Duration::try_from(now.wall - at).unwrap_or_default();
        let expires = now.instant + LONGEST_WAIT.saturating_sub(age);
        let press = HeldPress::new(press.endpoint_id, at, press.cause, expires);
        if let Some(oldest) = self.presses.push(press, self.flights.pressed().len()) {
            self.drop_press(oldest, Why::TooMany);
        }
        self.sift_presses(now.instant);
    }

    /// Alexa granted anew, perhaps for another home: nothing stands in the way any more, and
    /// everything is told anew.
    pub fn granted(&mut self, now: Instant) {
        self.hold = Hold::new();
        self.away = false;
        self.changes = Backoff::new(FIRST_PAUSE);
        self.list.forget_told();
        self.registration.doubt(now);
        self.last_of_old_grant = self.last_id;
    }

    /// The owner has another token or another region: a pause that waited for that ends.
    pub fn resume(&mut self) {
        self.hold.resume();
    }

    /// What to do now.
    #[must_use]
    pub fn next(&mut self, now: Instant) -> Next {
        self.sift_presses(now);
        if let Some(until) = self.hold.until(now) {
            return match until.into_iter().chain(self.presses.expiry()).min() {
                Some(at) => Next::Wait(at),
                None => Next::Idle,
            };
        }
        let parcel =
            self.next_press(now).or_else(|| self.next_registration(now)).or_else(|| self.next_change(now));
        match parcel {
            Some(parcel) => Next::Send(parcel),
            None => self.wake(now).map_or(Next::Idle, Next::Wait),
        }
    }

    fn next_press(&mut self, now: Instant) -> Option<Parcel> {
        // Before the first list nobody knows whose bells Alexa may hear of.
        self.list.sampled()?;
        let press = self.presses.take(now, &self.flights.pressed())?;
        let HeldPress { endpoint_id, at, cause, .. } = press.clone();
        Some(self.parcel(Content::Press { endpoint_id, at, cause }, Flight::Press(press)))
    }

    fn next_registration(&mut self, now: Instant) -> Option<Parcel> {
        if !self.flights.takes_registration() {
            return None;
        }
        let (content, told) = self.registration.take(&self.list, now)?;
        Some(self.parcel(content, Flight::Registration(told)))
    }

    fn next_change(&mut self, now: Instant) -> Option<Parcel> {
        let sampled = self.list.sampled()?;
        if self.changes.pausing(now).is_some() || !self.flights.takes_change() {
            return None;
        }
        let endpoint_id = self.first_changed()?;
        let next_id = self.last_id + 1;
        let described = self.is_described(&endpoint_id);
        let entry = self.list.get_mut(&endpoint_id)?;
        entry.last_parcel = next_id;
        let (changed, unchanged) = entry.changes(described);
        let flight = Flight::Change { endpoint_id: endpoint_id.clone(), changed: changed.clone() };
        Some(self.parcel(Content::Change { endpoint_id, changed, unchanged, sampled }, flight))
    }

    /// Of the endpoints with something to tell and nothing under way, the one that waits longest
    /// for its turn.
    fn first_changed(&self) -> Option<String> {
        let under_way = self.flights.changing();
        let changed = self.list.iter().filter(|(id, entry)| {
            let described = || self.registration.is_described(id, &entry.print);
            entry.has_changes()
                && !under_way.contains(id.as_str())
                && !entry.changes(described()).0.is_empty()
        });
        changed.min_by_key(|(_, entry)| entry.last_parcel).map(|(id, _)| id.clone())
    }

    fn is_described(&self, id: &str) -> bool {
        self.list.get(id).is_some_and(|entry| self.registration.is_described(id, &entry.print))
    }

    fn parcel(&mut self, content: Content, flight: Flight) -> Parcel {
        self.last_id += 1;
        self.flights.insert(self.last_id, flight);
        Parcel { id: self.last_id, content }
    }

    fn wake(&self, now: Instant) -> Option<Instant> {
        let presses = self.presses.wake(&self.flights.pressed());
        let registration = self.flights.takes_registration().then(|| self.registration.wake(now)).flatten();
        let changes = self.changes.pausing(now).filter(|_| self.first_changed().is_some());
        [presses, registration, changes].into_iter().flatten().min()
    }

    fn sift_presses(&mut self, now: Instant) {
        let listed = self.list.sampled().is_some();
        for (press, why) in self.presses.sift(now, |id| !listed || self.list.contains(id)) {
            self.drop_press(press, why);
        }
    }

    fn drop_press(&mut self, press: HeldPress, why: Why) {
        self.note_dropped("DoorbellPress", Some(press.endpoint_id), why);
    }

    fn note_dropped(&mut self, what: &'static str, endpoint_id: Option<String>, why: Why) {
        if self.dropped.len() == MOST_DROPPED {
            self.dropped.pop_front();
        }
        self.dropped.push_back(Dropped { what, endpoint_id, why });
    }

    /// Which endpoints Alexa knows, to be saved whenever it differs from what was saved last.
    #[must_use]
    pub fn reported(&self) -> &Reported {
        &self.registration.reported
    }

    /// What was given up since the last call, oldest first, the latest 100.
    #[must_use]
    pub fn dropped(&mut self) -> Vec<Dropped> {
        std::mem::take(&mut self.dropped).into()
    }

    /// Whether anything stands between us and Alexa. While nothing waits, an earlier trouble is nobody's.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let is_away = self.away && self.waiting() != Waiting::default();
        self.hold.standing().unwrap_or(if is_away { Standing::Away } else { Standing::Open })
    }

    /// How much waits or is under way.
    #[must_use]
    pub fn waiting(&self) -> Waiting {
        Waiting {
            presses: self.presses.len() + self.flights.pressed().len(),
            changes: self.list.iter().filter(|(_, entry)| entry.has_changes()).count(),
            endpoints: self.registration.waiting(&self.list),
        }
    }
}
