//! What stands between us and Alexa, for everything that waits.

use std::time::{Duration, Instant};

use super::backoff::Backoff;
use super::outcome::Outcome;
use super::parcel::ParcelId;
use super::standing::Standing;

/// First pause after a new token was refused too: the owner may ask for another once a minute.
const REJECTED: Duration = Duration::from_secs(60);
/// First pause when the skill is not known; it may be known in a moment, or elsewhere.
const NEVER_ENABLED: Duration = Duration::from_secs(30);
/// Until somebody may have changed the skill's permissions.
const NO_PERMISSION: Duration = Duration::from_secs(300);

/// What stands between us and Alexa.
#[derive(Debug)]
pub(super) struct Hold {
    /// Stays after the pause until something is delivered.
    why: Option<Why>,
    /// The token was refused: parcels from this number on have another one.
    renewed_from: Option<ParcelId>,
    rejected: Backoff,
    never_enabled: Backoff,
}

#[derive(Debug, Clone, Copy)]
enum Why {
    Rejected,
    NeverEnabled,
    NoPermission { until: Instant },
    Disabled,
    NotFound,
}

impl Hold {
    pub(super) fn new() -> Self {
        Self {
            why: None,
            renewed_from: None,
            rejected: Backoff::new(REJECTED),
            never_enabled: Backoff::new(NEVER_ENABLED),
        }
    }

    /// A parcel met `outcome`. `next` is the number that the next one will have.
    pub(super) fn met(&mut self, outcome: Outcome, id: ParcelId, next: ParcelId, now: Instant, chance: f64) {
        if self.needs_grant() {
            return;
        }
        match outcome {
            Outcome::Delivered => self.delivered(id),
            Outcome::TokenBad => match self.renewed_from {
                None => self.renewed_from = Some(next),
                Some(first) if id >= first => {
                    self.why = Some(Why::Rejected);
                    self.rejected.failed(now, chance);
                }
                Some(_) => {}
            },
            Outcome::SkillNeverEnabled => {
                self.why = Some(Why::NeverEnabled);
                self.never_enabled.failed(now, chance);
            }
            Outcome::NoPermission => self.why = Some(Why::NoPermission { until: now + NO_PERMISSION }),
            Outcome::SkillDisabled => self.why = Some(Why::Disabled),
            Outcome::NotFound => self.why = Some(Why::NotFound),
            Outcome::Refused
            | Outcome::TooLarge
            | Outcome::Throttled
            | Outcome::ServerTrouble
            | Outcome::Unreachable => {}
        }
    }

    fn delivered(&mut self, id: ParcelId) {
        self.why = None;
        self.never_enabled.delivered();
        if self.renewed_from.is_some_and(|first| id >= first) {
            self.renewed_from = None;
            self.rejected.delivered();
        }
    }

    /// The owner has another token, or another region.
    pub(super) fn resume(&mut self) {
        self.rejected.end();
        self.never_enabled.end();
    }

    /// `None`: the way is free. `Some(None)`: until a new grant. Otherwise until the moment.
    pub(super) fn until(&self, now: Instant) -> Option<Option<Instant>> {
        match self.why? {
            Why::Rejected => self.rejected.pausing(now).map(Some),
            Why::NeverEnabled => self.never_enabled.pausing(now).map(Some),
            Why::NoPermission { until } => (until > now).then_some(Some(until)),
            Why::Disabled | Why::NotFound => Some(None),
        }
    }

    pub(super) fn standing(&self) -> Option<Standing> {
        self.why.map(|why| match why {
            Why::Rejected => Standing::Rejected,
            Why::NeverEnabled => Standing::SkillNeverEnabled,
            Why::NoPermission { .. } => Standing::NoPermission,
            Why::Disabled => Standing::SkillDisabled,
            Why::NotFound => Standing::NotFound,
        })
    }

    fn needs_grant(&self) -> bool {
        matches!(self.why, Some(Why::Disabled | Why::NotFound))
    }
}
