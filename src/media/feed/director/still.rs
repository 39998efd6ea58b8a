//! Still pictures: made by the worker that there is, or by one that is started for them.

use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::{Director, Role};
use crate::media::still::Still;
use crate::media::wire::{ToWorker, WireSource};

/// A worker that did not answer for so long is asked again: it may be a new one.
const AGAIN: Duration = Duration::from_secs(3);
/// A worker that makes nothing but stills is let go when none was asked for this long.
const LINGER: Duration = Duration::from_secs(10);

/// Somebody who waits for a still picture.
pub struct Wanted {
    to: oneshot::Sender<Still>,
    /// When the worker was asked for it, and when its picture came.
    asked: Option<(Instant, SystemTime)>,
}

impl Wanted {
    pub fn new(to: oneshot::Sender<Still>) -> Self {
        Self { to, asked: None }
    }
}

impl Director {
    /// Has the still made that somebody waits for, as soon as there is a picture.
    pub(super) fn draw(&mut self) {
        if self.asked_for_still.is_some_and(|at| at.elapsed() >= LINGER) {
            self.asked_for_still = None;
            if matches!(self.line, Some((_, Role::Draws))) {
                self.line = None;
            }
        }
        let Some(wanted) = self.wanted.take_if(|wanted| !wanted.to.is_closed()) else {
            self.wanted = None;
            return;
        };
        self.wanted = Some(self.ask_for(wanted));
    }

    fn ask_for(&mut self, wanted: Wanted) -> Wanted {
        if wanted.asked.is_some_and(|(at, _)| at.elapsed() < AGAIN) {
            return wanted;
        }
        let Some((units, taken)) = self.shown.units() else { return wanted };
        if self.line.is_none() {
            let line = self.start(WireSource::Handed);
            line.slate(false);
            self.line = Some((line, Role::Draws));
        }
        let now = Instant::now();
        self.asked_for_still = Some(now);
        // Without room for it the worker has other work, and is asked again.
        if let Some((line, _)) = &self.line {
            line.wish(ToWorker::Still { units });
        }
        Wanted { asked: Some((now, taken)), ..wanted }
    }

    /// The worker made one; it is empty if that is not possible.
    pub(super) fn drawn(&mut self, jpeg: Bytes) {
        let asked = self.wanted.take_if(|wanted| wanted.asked.is_some());
        if let Some(Wanted { to, asked: Some((_, taken)) }) = asked.filter(|_| !jpeg.is_empty()) {
            to.send(Still { jpeg, taken }).ok();
        }
    }
}
