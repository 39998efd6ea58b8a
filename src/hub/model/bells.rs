//! Presses: who is rung for, and those that are held until that is known.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::home::Pressed;
use crate::hub::ties::HandTie;
use crate::hub::{Cause, HubCamera};

/// How long a press waits for its bell's camera to be known.
const HOLD: Duration = Duration::from_secs(15);
/// Presses that wait so at once.
const MOST_HELD: usize = 16;
/// Bells whose last press is remembered.
const MOST_BELLS: usize = 1024;

/// A press at a camera's door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ring {
    /// Endpoint id of the camera.
    pub endpoint_id: String,
    /// When, by our clock.
    pub at: Instant,
    /// What rang.
    pub cause: Cause,
}

/// Presses that were not told yet.
#[derive(Debug, Default)]
pub(super) struct Bells {
    told: Vec<Ring>,
    held: Vec<Held>,
    /// The stamp of each bell's last press. Outlives the link: what comes back is no second press.
    last: HashMap<String, f64>,
}

/// The press of a bell that no camera shown so far has.
#[derive(Debug)]
struct Held {
    press: Pressed,
    at: Instant,
    since: Instant,
}

impl Bells {
    /// A bell was pressed, at that time by our clock.
    pub(super) fn pressed(
        &mut self,
        press: Pressed,
        at: Instant,
        cameras: &[HubCamera],
        ties: &[HandTie],
        now: Instant,
    ) {
        if self.last.len() >= MOST_BELLS {
            self.last.clear();
        }
        if self.last.insert(press.bell.clone(), press.stamp) == Some(press.stamp) {
            return;
        }
        let is_tied = self.ring_own(&press, at, ties);
        if !self.ring(&press, at, cameras) && !is_tied && self.held.len() < MOST_HELD {
            self.held.push(Held { press, at, since: now });
        }
    }

    /// The cameras are others: held presses may find theirs.
    pub(super) fn look_again(&mut self, cameras: &[HubCamera], now: Instant) {
        for held in std::mem::take(&mut self.held) {
            if now <= held.since + HOLD && !self.ring(&held.press, held.at, cameras) {
                self.held.push(held);
            }
        }
    }

    /// Rings at every camera of our own that the bell is tied to by hand; false if there is none.
    fn ring_own(&mut self, press: &Pressed, at: Instant, ties: &[HandTie]) -> bool {
        let tied = ties.iter().filter(|tie| tie.bell.as_ref() == Some(&press.bell));
        self.tell(press, at, tied.filter_map(|tie| tie.camera.own()))
    }

    /// Rings at every camera of the hub that the bell is tied to; false if there is none.
    fn ring(&mut self, press: &Pressed, at: Instant, cameras: &[HubCamera]) -> bool {
        let is_its =
            |camera: &&HubCamera| camera.bell.as_ref().is_some_and(|sensor| sensor.entity_id == press.bell);
        self.tell(press, at, cameras.iter().filter(is_its).map(|camera| camera.endpoint_id.as_str()))
    }

    fn tell<'a>(&mut self, press: &Pressed, at: Instant, endpoints: impl Iterator<Item = &'a str>) -> bool {
        let before = self.told.len();
        let ring = |id: &str| Ring { endpoint_id: id.to_owned(), at, cause: press.cause };
        self.told.extend(endpoints.map(ring));
        self.told.len() > before
    }

    /// Presses since the last call.
    pub(super) fn presses(&mut self) -> Vec<Ring> {
        std::mem::take(&mut self.told)
    }

    /// The link is lost; what was heard before is still told.
    pub(super) fn lost(&mut self) {
        self.held.clear();
    }
}
