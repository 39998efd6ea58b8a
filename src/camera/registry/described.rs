//! What the page tells of every camera.

use actix::{Addr, Handler};

use super::Registry;
use crate::camera::CameraSummary;
use crate::camera::details::Details;
use crate::camera::session::CameraSession;

/// Ask: every camera, as the page tells of it. Answered from memory.
#[derive(Debug, actix::Message)]
#[rtype(result = "Vec<Described>")]
pub struct DescribeCameras;

/// One camera, as the page tells of it.
#[derive(Debug, Clone)]
pub struct Described {
    /// What anybody may know.
    pub summary: CameraSummary,
    /// How it is laid out.
    pub details: Details,
    /// There is likely to be a still picture of it: one is kept, or the hub is there to give one.
    pub still: bool,
    /// Its session, if it has one.
    pub session: Option<Addr<CameraSession>>,
}

impl Handler<DescribeCameras> for Registry {
    type Result = actix::MessageResult<DescribeCameras>;

    fn handle(&mut self, _: DescribeCameras, _: &mut Self::Context) -> Self::Result {
        let sessions = self.sessions();
        let stills = &self.resources.stills;
        let hub_gives = self.hub_away_since.is_none();
        let described = self.catalogue.iter().filter_map(|(id, camera)| {
            let session = sessions.get(id).cloned();
            let (summary, details) = (self.summary(id)?, camera.details.clone());
            let still =
                stills.get(id).is_some() || (hub_gives && summary.reachable && !details.entities.is_empty());
            Some(Described { still: still && summary.on, summary, details, session })
        });
        actix::MessageResult(described.collect())
    }
}
