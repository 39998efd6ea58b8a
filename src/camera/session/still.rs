//! Still pictures of a session's camera: of its feed, of the hub, or the one that is kept.

use std::time::{Duration, Instant, SystemTime};

use actix::fut::ready;
use actix::{ActorFutureExt, Handler, ResponseActFuture, WrapFuture};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tokio::time::timeout;

use super::{CameraSession, Notice};
use crate::camera::live::Live;
use crate::camera::way::{Way, stills};
use crate::camera::{CameraError, TakeStill};
use crate::media::still::Still;

/// However many ask, a picture of the feed is made this often at most.
const FEED_EVERY: Duration = Duration::from_secs(1);
/// The hub asks the camera for each; some of them run on batteries.
const HUB_EVERY: Duration = Duration::from_secs(10);
/// Longest wait for one of a feed that shows something.
const SHOWN: Duration = Duration::from_secs(3);
/// Longest wait for one of a feed that is opened for it.
const OPENED: Duration = Duration::from_secs(10);

/// One look for a picture, for all who ask meanwhile.
type Look = Shared<BoxFuture<'static, Result<Still, String>>>;

/// The last look at feed and hub.
#[derive(Default)]
pub struct StillLooks {
    feed: Option<(Instant, Look)>,
    hub: Option<(Instant, Look)>,
}

impl StillLooks {
    /// Lets pictures go that serve nobody any more.
    pub fn let_go(&mut self) {
        self.feed.take_if(|look| !is_good(look, FEED_EVERY));
        self.hub.take_if(|look| !is_good(look, HUB_EVERY));
    }
}

/// It goes on, or is over and no older than that.
fn is_good((at, look): &(Instant, Look), every: Duration) -> bool {
    look.peek().is_none() || at.elapsed() < every
}

/// The look that is still good, else a new one.
fn look(
    last: &mut Option<(Instant, Look)>,
    every: Duration,
    new: impl Future<Output = Result<Still, String>> + Send + 'static,
) -> Look {
    match last {
        Some(last) if is_good(last, every) => last.1.clone(),
        _ => last.insert((Instant::now(), new.boxed().shared())).1.clone(),
    }
}

impl CameraSession {
    /// At what the open feed shows.
    fn look_at_feed(&mut self, patience: Duration) -> Option<Look> {
        let last = &mut self.stills.feed;
        if let Some(last) = last.as_ref().filter(|last| is_good(last, FEED_EVERY)) {
            return Some(last.1.clone());
        }
        let still = self.live.as_ref()?.still();
        let seen = async move {
            match timeout(patience, still).await {
                Ok(Some(still)) => Ok(still),
                Ok(None) => Err("its picture cannot be made a still".to_owned()),
                Err(_elapsed) => Err("it shows nothing".to_owned()),
            }
        };
        Some(look(last, FEED_EVERY, seen))
    }

    /// At the hub's own still of the camera.
    fn look_at_hub(&mut self) -> Option<Look> {
        // The hub's stills come last among the ways.
        let entity = self.camera.ways.iter().rev().find_map(Way::entity)?;
        let stills = stills(entity, &self.resources.reach())?;
        let seen = async move {
            match stills.fetch_one().await {
                Ok(jpeg) => Ok(Still { jpeg, taken: SystemTime::now() }),
                Err(end) => Err(end.reason),
            }
        };
        Some(look(&mut self.stills.hub, HUB_EVERY, seen))
    }

    /// Keeps a picture of what the feed shows, for when it is closed. No worker is started for that.
    pub(super) fn keep_what_is_shown(&mut self) {
        if !self.live.as_ref().is_some_and(|live| live.is_lit() && live.has_worker()) {
            return;
        }
        let Some(look) = self.look_at_feed(SHOWN) else { return };
        let notices = self.notices.clone();
        self.resources.media.spawn(async move {
            if let Ok(still) = look.await {
                notices.send(Notice::Still(still)).await.ok();
            }
        });
    }

    /// The last one is kept, unless the camera was switched off meanwhile.
    pub(super) fn keep(&self, still: &Still) {
        if self.camera.summary.on && !self.leaving {
            self.resources.stills.keep(self.camera.summary.endpoint_id.clone(), still.clone());
        }
    }

    fn took(&self, found: Result<Still, String>) -> Result<Still, CameraError> {
        let camera = self.name().to_owned();
        if !self.camera.summary.on {
            return Err(CameraError::SwitchedOff(camera));
        }
        match found {
            Ok(still) => {
                self.keep(&still);
                Ok(still)
            }
            Err(why) => {
                let kept = self.resources.stills.get(&self.camera.summary.endpoint_id);
                kept.ok_or(CameraError::NoStill { camera, why })
            }
        }
    }
}

impl Handler<TakeStill> for CameraSession {
    type Result = ResponseActFuture<Self, Result<Still, CameraError>>;

    fn handle(&mut self, wish: TakeStill, _: &mut Self::Context) -> Self::Result {
        if !self.camera.summary.on {
            return Box::pin(ready(Err(CameraError::SwitchedOff(self.name().to_owned()))));
        }
        if wish.fresh {
            self.open_for_a_while();
        }
        let is_lit = self.live.as_ref().is_some_and(Live::is_lit);
        let feed = match (is_lit, wish.fresh) {
            (true, _) => self.look_at_feed(SHOWN),
            (false, true) => self.look_at_feed(OPENED),
            (false, false) => None,
        };
        let Some(look) = feed.or_else(|| self.look_at_hub()) else {
            let known = self.camera.summary.reason.clone();
            let why = known.unwrap_or_else(|| "it has not been open since Doorstep was started".to_owned());
            return Box::pin(ready(self.took(Err(why))));
        };
        Box::pin(look.into_actor(self).map(|found, act, _| act.took(found)))
    }
}
