//! What waits to be told to Alexa, in which order, and what each answer of the event gateway means.
//! Pure: time and chance come from outside, nothing is sent.

use std::time::Instant;

use time::OffsetDateTime;

use crate::alexa::doorbell::Cause;
use crate::alexa::endpoint::Endpoint;

mod dropped;
mod outcome;
mod parcel;
mod reported;
mod standing;

pub use dropped::{Dropped, Why};
pub use outcome::Outcome;
pub use parcel::{Parcel, ParcelId};
pub use reported::Reported;
pub use standing::{Standing, Waiting};

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
    reported: Reported,
}

impl Outbox {
    /// Nothing waits. `reported` is what was saved.
    #[must_use]
    pub fn new(reported: Reported) -> Self {
        Self { reported }
    }

    /// The whole list of what Alexa may know, as it is now.
    pub fn report(&mut self, endpoints: Vec<Endpoint>, now: Now) {
        drop((endpoints, now));
    }

    /// A bell was pressed.
    pub fn press(&mut self, press: Press, now: Now) {
        drop((press, now));
    }

    /// Alexa granted anew: nothing stands in the way any more, and Alexa is told everything anew.
    pub fn granted(&mut self, now: Instant) {
        let _ = now;
    }

    /// The owner has done its part (another token, another region): a pause that waited for it ends.
    pub fn resume(&mut self, now: Instant) {
        let _ = now;
    }

    /// What to do now.
    #[must_use]
    pub fn next(&mut self, now: Instant) -> Next {
        let _ = now;
        Next::Idle
    }

    /// What became of a parcel.
    pub fn settle(&mut self, id: ParcelId, outcome: Outcome, now: Instant) {
        let _ = (id, outcome, now);
    }

    /// Which endpoints Alexa knows, to be saved whenever it differs from what was saved last.
    #[must_use]
    pub fn reported(&self) -> &Reported {
        &self.reported
    }

    /// What was given up since the last call, oldest first, at most 100.
    #[must_use]
    pub fn dropped(&mut self) -> Vec<Dropped> {
        Vec::new()
    }

    /// Whether anything stands between us and Alexa.
    #[must_use]
    pub fn standing(&self, now: Instant) -> Standing {
        let _ = now;
        Standing::Open
    }

    /// How much waits or is under way.
    #[must_use]
    pub fn waiting(&self) -> Waiting {
        Waiting::default()
    }
}
