//! When the hub's registries are read: at first, after each change that the hub tells, and once in a
//! while where it does not tell.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::commands::{Commands, Why};
use crate::hub::HubError;
use crate::hub::listing::{Listing, Step};
use crate::hub::protocol::Refusal;
use crate::hub::registries::Registries;

/// From the first event to the new lists: one change comes as several events.
pub(super) const READ_AFTER: Duration = Duration::from_millis(300);
/// Between two readings, however much changes.
const READ_EVERY: Duration = Duration::from_secs(2);
/// After a reading that failed.
const READ_AGAIN: Duration = Duration::from_secs(5);
/// Longest time for which cameras are not shown anew because the lists are about to be.
const LONGEST_FREEZE: Duration = Duration::from_secs(10);
/// Where the hub does not tell of changes, it is asked again, and its lists are read, this often.
pub(super) const FOLLOW_AGAIN: Duration = Duration::from_secs(300);

/// What tells that a list has changed. Areas are none of ours: what moves into another one tells by itself.
const EVENTS: [&str; 2] = ["entity_registry_updated", "device_registry_updated"];

/// The readings of one connection.
#[derive(Debug, Default)]
pub(super) struct Lists {
    /// By the id of the subscription.
    followed: BTreeMap<u64, &'static str>,
    /// Events that the hub does not let us hear, and its codes.
    refused: BTreeMap<&'static str, String>,
    follow_at: Option<Instant>,
    listing: Option<Listing>,
    read_at: Option<Instant>,
    again_at: Option<Instant>,
    frozen_at: Option<Instant>,
    /// Lists that the hub does not show us, and its codes.
    withheld: Vec<(Step, String)>,
}

impl Lists {
    /// Subscribes to what is not followed yet.
    pub(super) fn follow(&mut self, commands: &mut Commands, now: Instant) {
        self.follow_at = None;
        for event_type in EVENTS {
            if !self.followed.values().any(|followed| *followed == event_type) {
                let fields = json!({"event_type": event_type});
                let id = commands.send("subscribe_events", fields, Why::Follow(event_type), now);
                self.followed.extend(id.map(|id| (id, event_type)));
            }
        }
    }

    /// The hub's answer to a subscription. True if it changes what is to be told.
    pub(super) fn follows(
        &mut self,
        event_type: &'static str,
        refusal: Option<Refusal>,
        now: Instant,
    ) -> bool {
        let Some(refusal) = refusal else { return self.refused.remove(event_type).is_some() };
        self.followed.retain(|_, followed| *followed != event_type);
        self.follow_at.get_or_insert(now + FOLLOW_AGAIN);
        tracing::warn!(event_type, code = refusal.code, "the hub does not tell when its registries change");
        self.refused.insert(event_type, refusal.code.clone()) != Some(refusal.code)
    }

    /// True if this subscription tells of changes.
    pub(super) fn hears(&self, id: u64) -> bool {
        self.followed.contains_key(&id)
    }

    /// Something has changed.
    pub(super) fn are_stale(&mut self, now: Instant) {
        self.frozen_at.get_or_insert(now);
        let earliest = self.read_at.map_or(now, |at| at + READ_EVERY);
        self.again_at.get_or_insert(earliest.max(now + READ_AFTER));
    }

    /// Cameras wait for the lists that are about to be read.
    pub(super) fn are_frozen(&self) -> bool {
        self.frozen_at.is_some()
    }

    pub(super) fn read(&mut self, commands: &mut Commands, now: Instant) {
        self.listing = Some(Listing::default());
        self.read_at = Some(now);
        for step in [Step::Display, Step::Devices] {
            commands.send(step.command(), json!({}), Why::List(step), now);
        }
    }

    /// Takes an answer in; gives what was read once all of it is there, or why it could not be.
    pub(super) fn answered(
        &mut self,
        step: Step,
        outcome: Result<Value, Refusal>,
        commands: &mut Commands,
        now: Instant,
    ) -> Option<Result<Registries, HubError>> {
        let mut listing = self.listing.take()?;
        if let Some((step, fields)) = listing.answered(step, outcome) {
            commands.send(step.command(), Value::Object(fields), Why::List(step), now);
        }
        if !listing.is_complete() {
            self.listing = Some(listing);
            return None;
        }
        listing.withheld().clone_into(&mut self.withheld);
        let read = listing.finish();
        if read.is_err() {
            self.again_at.get_or_insert(now + READ_AGAIN);
        }
        Some(read)
    }

    /// A reading is over: whether cameras can be shown anew. A change during the reading keeps the
    /// freeze, but not for ever.
    pub(super) fn thaw(&mut self, now: Instant) -> bool {
        let is_stale = self.again_at.is_some();
        let thaws = !is_stale || self.frozen_at.is_some_and(|at| now >= at + LONGEST_FREEZE);
        if thaws {
            self.frozen_at = is_stale.then_some(now);
        }
        thaws
    }

    /// When [`Lists::on_timeout`] has something to do.
    pub(super) fn next(&self) -> Option<Instant> {
        let again_at = self.again_at.filter(|_| self.listing.is_none());
        [again_at, self.follow_at].into_iter().flatten().min()
    }

    pub(super) fn on_timeout(&mut self, commands: &mut Commands, now: Instant) {
        let is_due = |at: &mut Instant| *at <= now;
        if self.follow_at.take_if(is_due).is_some() {
            self.follow(commands, now);
            self.again_at.get_or_insert(now);
        }
        if self.listing.is_none() && self.again_at.take_if(is_due).is_some() {
            self.read(commands, now);
        }
    }

    /// What the hub keeps from us, for people.
    pub(super) fn trouble(&self) -> Option<String> {
        let lists = self.withheld.iter().map(|(step, code)| (step.command(), code));
        let events = self.refused.iter().map(|(event_type, code)| (*event_type, code));
        let kept: Vec<_> = lists.chain(events).map(|(what, code)| format!("{what} ({code})")).collect();
        (!kept.is_empty()).then(|| {
            format!(
                "the hub keeps from Doorstep: {}; cameras may have other names or show changes up to five \
                 minutes late. Give Doorstep the token of an admin",
                kept.join(", ")
            )
        })
    }
}
