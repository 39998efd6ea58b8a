//! Where a camera's address is, before a worker opens it and after it failed there.

use super::{Director, Role};
use crate::config::camera_address::CameraAddress;
use crate::media::fetch::FetchEnd;
use crate::media::wire::WireSource;
use crate::media::{Destination, Refusal, TroubleKind};

impl Director {
    /// Looks up where the address is; a worker that reads it goes on meanwhile.
    pub(super) fn look_up(&mut self, address: CameraAddress) {
        let (policy, attempt) = (self.program.policy().clone(), self.attempts);
        self.finding = Some(Box::pin(async move { policy.find(&address, attempt).await }));
    }

    /// It is known where the address is, or that it may not be opened.
    pub(super) fn found(&mut self, found: Result<Destination, Refusal>) -> Option<FetchEnd> {
        let reads = matches!(self.line, Some((_, Role::Reads)));
        match found {
            Ok(destination) if reads && self.destination.as_ref() == Some(&destination) => None,
            Ok(destination) => {
                if self.destination.replace(destination.clone()).is_some() {
                    self.askers.remove(&self.using);
                }
                self.read(WireSource::Address(destination));
                None
            }
            // Where it was is still the best guess.
            Err(Refusal::Unknown(_)) if reads => None,
            Err(refusal) => {
                if reads {
                    self.line = None;
                    self.fall_silent();
                }
                Some(match refusal {
                    Refusal::Forbidden(_) => {
                        FetchEnd::lasting(TroubleKind::AddressForbidden, refusal.to_string())
                    }
                    Refusal::Unknown(_) => FetchEnd::passing(TroubleKind::NameUnknown, refusal.to_string()),
                })
            }
        }
    }
}
