//! Who is asked for a key picture: the worker that makes the picture, or the camera itself.

use super::{Director, Role, Stream};
use crate::media::VideoFacts;
use crate::media::onvif::Asker;
use crate::media::wire::ToWorker;

impl Director {
    /// A worker has opened the source. A picture that it passes on is made by the camera, which can be asked
    /// for key pictures itself, maybe.
    pub(super) fn opened(&mut self, video: &mut VideoFacts) {
        self.copied = video.copied;
        let Some(destination) = &self.destination else { return };
        if self.copied && !self.askers.contains_key(&self.using) {
            let asker = Asker::new(&self.spec.camera, destination, self.program.policy());
            self.askers.extend(asker.map(|asker| (self.using, asker)));
        }
        video.keys_on_request |= self.asker().is_some();
    }

    pub(super) fn want_key_frame(&self) {
        if let Some((line, Role::Reads | Role::Makes)) = &self.line {
            line.wish(ToWorker::KeyFrame);
        }
        if !matches!(self.line, Some((_, Role::Makes))) {
            self.ask_source();
        }
    }

    /// Asks the source itself for a key picture, if it can be asked.
    pub(super) fn ask_source(&self) {
        match (&self.stream, self.asker()) {
            (Some(Stream { key_frames: Some(key_frames), .. }), _) => key_frames.notify_one(),
            (None, Some(asker)) => asker.want(),
            _ => {}
        }
    }

    /// A key picture of the worker's came.
    pub(super) fn key_came(&self) {
        if let Some(asker) = self.asker() {
            asker.came();
        }
    }

    /// Who asks the camera whose picture is passed on.
    fn asker(&self) -> Option<&Asker> {
        self.askers.get(&self.using).filter(|_| self.copied)
    }
}
