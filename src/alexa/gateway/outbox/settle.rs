//! What each answer means for the parcel that met it.

use std::time::Instant;

use rand::RngExt;

use super::dropped::Why;
use super::flight::Flight;
use super::list::{Told, Values};
use super::presses::HeldPress;
use super::registration;
use super::{Outbox, Outcome, ParcelId};

impl Outbox {
    /// What became of a parcel; once for each. One that is not under way is passed over.
    pub fn settle(&mut self, id: ParcelId, outcome: Outcome, now: Instant) {
        let Some(flight) = self.flights.remove(id) else { return };
        // What another home was told, or would not hear, is nothing that this one knows.
        let stale = id <= self.last_of_old_grant;
        let as_new = if stale { Outcome::Unreachable } else { outcome };
        if !stale {
            self.learn(id, outcome, now);
        }
        match flight {
            Flight::Press(_) if outcome == Outcome::Delivered => {}
            Flight::Press(press) => self.settle_press(press, as_new, now),
            Flight::Change { endpoint_id, changed } => self.settle_change(endpoint_id, &changed, as_new, now),
            Flight::Registration(told) => self.settle_registration(told, as_new, now),
        }
    }

    /// What the answer says of the gateway.
    fn learn(&mut self, id: ParcelId, outcome: Outcome, now: Instant) {
        let chance = self.chance.random();
        self.hold.met(outcome, id, self.last_id + 1, now, chance);
        self.away = outcome.is_trouble();
    }

    fn settle_press(&mut self, mut press: HeldPress, outcome: Outcome, now: Instant) {
        match outcome {
            Outcome::Delivered => {}
            Outcome::Refused => self.drop_press(press, Why::Refused),
            Outcome::TooLarge => self.drop_press(press, Why::TooLarge),
            Outcome::Throttled | Outcome::ServerTrouble | Outcome::Unreachable => {
                let in_trouble = outcome != Outcome::Unreachable;
                if press.failed(in_trouble, now, self.chance.random()) {
                    self.presses.put_back(press);
                } else {
                    self.drop_press(press, Why::TriedEnough);
                }
            }
            Outcome::TokenBad
            | Outcome::SkillDisabled
            | Outcome::SkillNeverEnabled
            | Outcome::NoPermission
            | Outcome::NotFound => self.presses.put_back(press),
        }
    }

    fn settle_change(&mut self, endpoint_id: String, changed: &Values, outcome: Outcome, now: Instant) {
        match outcome {
            Outcome::Delivered => {
                self.changes.delivered();
                self.tell(&endpoint_id, changed, false);
            }
            // Not to be told again: as if Alexa knew.
            Outcome::Refused | Outcome::TooLarge => {
                self.tell(&endpoint_id, changed, false);
                let why = if outcome == Outcome::Refused { Why::Refused } else { Why::TooLarge };
                self.note_dropped("ChangeReport", Some(endpoint_id), why);
            }
            // It may have arrived all the same.
            Outcome::ServerTrouble | Outcome::Unreachable => {
                self.changes.failed(now, self.chance.random());
                self.tell(&endpoint_id, changed, true);
            }
            Outcome::Throttled => self.changes.failed(now, self.chance.random()),
            Outcome::TokenBad
            | Outcome::SkillDisabled
            | Outcome::SkillNeverEnabled
            | Outcome::NoPermission
            | Outcome::NotFound => {}
        }
    }

    fn tell(&mut self, endpoint_id: &str, values: &Values, unsure: bool) {
        if let Some(entry) = self.list.get_mut(endpoint_id) {
            for (property, value) in values {
                entry.tell(*property, if unsure { Told::Unsure } else { Told::Value(*value) });
            }
        }
    }

    fn settle_registration(&mut self, told: registration::Told, outcome: Outcome, now: Instant) {
        match outcome {
            Outcome::Delivered => self.registration.delivered(told, &self.list, now),
            // The halves are other reports: one endpoint that Alexa takes for wrong keeps no other from it.
            Outcome::Refused | Outcome::TooLarge => {
                let (what, endpoint_id) = (told.what(), told.endpoint_id());
                if !self.registration.split(told) {
                    let why = if outcome == Outcome::Refused { Why::Refused } else { Why::TooLarge };
                    self.note_dropped(what, endpoint_id, why);
                }
            }
            Outcome::Throttled | Outcome::ServerTrouble | Outcome::Unreachable => {
                if outcome != Outcome::Throttled {
                    self.registration.lost(&told);
                }
                self.registration.put_back(&told);
                self.registration.failed(now, self.chance.random());
            }
            Outcome::TokenBad
            | Outcome::SkillDisabled
            | Outcome::SkillNeverEnabled
            | Outcome::NoPermission
            | Outcome::NotFound => self.registration.put_back(&told),
        }
    }
}
