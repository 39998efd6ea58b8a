//! Presses: who is rung for, and those that are held until that is known.

use std::time::{Duration, Instant};

use crate::hub::ties::{HandTie, TiedCamera};
use crate::hub::{HubCamera, Press};

/// How long a press waits for its bell's camera to be known.
const HOLD: Duration = Duration::from_secs(15);
/// Presses that wait so at once.
const MOST_HELD: usize = 16;

/// Presses that were not told yet.
#[derive(Debug, Default)]
pub(super) struct Bells {
    told: Vec<Press>,
    /// Of bells that no camera shown so far has: entity id, moment, and when it was heard.
    held: Vec<(String, String, Instant)>,
}

impl Bells {
    /// A bell was pressed.
    pub(super) fn pressed(
        &mut self,
        bell: String,
        at: String,
        cameras: &[HubCamera],
        ties: &[HandTie],
        now: Instant,
    ) {
        let is_tied = self.ring_own(&bell, &at, ties);
        if !self.ring(&bell, &at, cameras) && !is_tied && self.held.len() < MOST_HELD {
            self.held.push((bell, at, now));
        }
    }

    /// The cameras are others: held presses may find theirs.
    pub(super) fn look_again(&mut self, cameras: &[HubCamera], now: Instant) {
        for (bell, at, since) in std::mem::take(&mut self.held) {
            if now <= since + HOLD && !self.ring(&bell, &at, cameras) {
                self.held.push((bell, at, since));
            }
        }
    }

    /// Rings at every camera of our own that the bell is tied to by hand; false if there is none.
    fn ring_own(&mut self, bell: &str, at: &str, ties: &[HandTie]) -> bool {
        let before = self.told.len();
        for tie in ties.iter().filter(|tie| tie.bell.as_deref() == Some(bell)) {
            if let TiedCamera::Own(endpoint_id) = &tie.camera {
                self.told.push(Press { endpoint_id: endpoint_id.clone(), at: at.to_owned() });
            }
        }
        self.told.len() > before
    }

    /// Rings at every camera of the hub that the bell is tied to; false if there is none.
    fn ring(&mut self, bell: &str, at: &str, cameras: &[HubCamera]) -> bool {
        let before = self.told.len();
        for camera in cameras {
            if camera.bell.as_ref().is_some_and(|sensor| sensor.entity_id == bell) {
                self.told.push(Press { endpoint_id: camera.endpoint_id.clone(), at: at.to_owned() });
            }
        }
        self.told.len() > before
    }

    /// Presses since the last call.
    pub(super) fn presses(&mut self) -> Vec<Press> {
        std::mem::take(&mut self.told)
    }

    /// The link is lost; what was heard before is still told.
    pub(super) fn lost(&mut self) {
        self.held.clear();
    }
}
