//! A camera entity of the hub, known by its registry id: a rename changes only what the hub calls it.

use std::time::{Duration, Instant};

use crate::hub::bridge::{HubBridge, Snapshot};
use crate::hub::{HubSnapshot, Link};
use crate::media::TroubleKind;
use crate::media::fetch::FetchEnd;
use crate::seat::Seat;

/// A hub that restarts is waited for; one that does not come back is told about.
const PATIENCE: Duration = Duration::from_secs(30);
const AGAIN: Duration = Duration::from_millis(300);
/// Answered from the bridge's memory.
const SNAPSHOT: Duration = Duration::from_secs(2);

/// A camera entity of the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entity {
    /// Stays.
    pub registry_id: String,
    /// What the hub called it last.
    pub entity_id: String,
}

impl Entity {
    /// Its entity id as it is now, once the hub is there.
    ///
    /// # Errors
    /// When the hub stays away for 30 s, or the entity is gone.
    pub async fn find(&self, bridge: &Seat<HubBridge>) -> Result<String, FetchEnd> {
        let until = Instant::now() + PATIENCE;
        loop {
            let snapshot = bridge.ask(Snapshot, SNAPSHOT).await;
            match snapshot.as_ref().ok().map(|snapshot| (&snapshot.link, self.named_in(snapshot))) {
                Some((Link::Running, Some(entity_id))) => return Ok(entity_id.to_owned()),
                Some((Link::Running, None)) => {
                    let reason =
                        format!("{} is no longer there at the hub; look at it there", self.entity_id);
                    return Err(FetchEnd::lasting(TroubleKind::Hub, reason));
                }
                _ if Instant::now() >= until => {
                    return Err(FetchEnd::passing(TroubleKind::HubAway, "the hub is not connected"));
                }
                _ => tokio::time::sleep(AGAIN).await,
            }
        }
    }

    fn named_in<'a>(&self, snapshot: &'a HubSnapshot) -> Option<&'a str> {
        let mut entities = snapshot.cameras.iter().flat_map(|camera| &camera.entities);
        entities.find(|entity| entity.registry_id == self.registry_id).map(|entity| entity.entity_id.as_str())
    }
}
