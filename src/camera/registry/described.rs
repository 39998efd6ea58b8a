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
    /// Its session, if it has one.
    pub session: Option<Addr<CameraSession>>,
}

impl Handler<DescribeCameras> for Registry {
    type Result = actix::MessageResult<DescribeCameras>;

    fn handle(&mut self, _: DescribeCameras, _: &mut Self::Context) -> Self::Result {
        let sessions = self.sessions();
        let described = self.catalogue.iter().filter_map(|(id, camera)| {
            let session = sessions.get(id).cloned();
            Some(Described { summary: self.summary(id)?, details: camera.details.clone(), session })
        });
        actix::MessageResult(described.collect())
    }
}
