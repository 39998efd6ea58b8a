//! What is heard of the cameras, for people.

use super::{CameraNews, Registry};
use crate::camera::EndpointId;
use crate::camera::catalogue::Catalogue;
use crate::hub::Link;
use crate::state::What;

impl Registry {
    pub(super) fn note(&self, what: What, endpoint: &EndpointId) {
        let name = self.catalogue.get(endpoint).map_or("", |camera| &camera.summary.name);
        self.resources.state.happened(what, Some((endpoint.as_str(), name)));
    }

    /// The link to the hub came or went. It is no news that a hub is there for the first time.
    pub(super) fn note_hub(&self, link: &Link) {
        let was_running = self.hub.as_ref().is_some_and(|hub| hub.link == Link::Running);
        let what = match (was_running, link) {
            (true, Link::Running) => return,
            (true, _) => What::HubAway,
            (false, Link::Running) if self.is_complete => What::HubBack,
            (false, _) => return,
        };
        self.resources.state.happened(what, None);
    }

    /// What is different in the new list of cameras.
    pub(super) fn note_changes(&mut self, fresh: &Catalogue) {
        self.away.retain(|id, _| fresh.contains_key(id));
        for (id, camera) in fresh {
            let now = &camera.summary;
            let before = self.catalogue.get(id).map(|camera| &camera.summary);
            let changes = before.map(|before| {
                let motion = match (before.motion, now.motion) {
                    (Some(false), Some(true)) => Some(What::MotionBegan),
                    (Some(true), Some(false)) => Some(What::MotionEnded),
                    _ => None,
                };
                let power = match (before.on, now.on) {
                    (true, false) => Some(What::SwitchedOff),
                    (false, true) => Some(What::SwitchedOn),
                    _ => None,
                };
                motion.into_iter().chain(power)
            });
            let changes: Vec<What> = changes.into_iter().flatten().collect();
            let away = match (now.reachable, self.away.get(id).copied()) {
                (false, before) => {
                    self.away.insert(id.clone(), true);
                    before.is_none().then_some(What::CameraAway)
                }
                (true, Some(true)) => self.away.remove(id).map(|_| What::CameraBack),
                (true, _) => None,
            };
            for what in changes.into_iter().chain(away) {
                self.resources.state.happened(what, Some((id.as_str(), &now.name)));
            }
        }
    }

    /// A session tells that its camera shows nothing, or shows something.
    pub(super) fn note_news(&mut self, news: &CameraNews) {
        let id = &news.endpoint;
        if news.trouble.is_some() && !self.away.contains_key(id) {
            self.away.insert(id.clone(), false);
            self.note(What::CameraAway, id);
        } else if news.shows && self.away.remove(id).is_some() {
            self.note(What::CameraBack, id);
        }
    }
}
