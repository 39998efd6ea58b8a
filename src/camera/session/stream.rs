//! The hub's stream of a camera for screens: where it is, and what it is.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::fut::ready;
use actix::{ActorFutureExt, AsyncContext, Context, Handler, ResponseActFuture, WrapFuture};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tracing::{debug, info};

use super::CameraSession;
use crate::camera::CameraError;
use crate::camera::screen_stream::{FindStream, OpenedStream, ScreenStream, StreamSource};
use crate::camera::way::{Reach, open_stream};
use crate::media::TroubleKind;
use crate::media::fetch::FetchEnd;
use crate::media::fetch::hls::{Hls, StreamFacts};
use crate::state::LearnedStream;

/// Between looks at a stream that does not say what it is; each opens it at the hub.
const LOOK_AGAIN: Duration = Duration::from_secs(300);

/// Looks at what the stream is.
#[derive(Debug, Default)]
pub(super) struct Looks {
    goes_on: bool,
    last: Option<Instant>,
}

impl CameraSession {
    /// Looks at the stream if Alexa waits to be told what it is.
    pub(super) fn look_at_stream_if_due(&mut self, ctx: &mut Context<Self>) {
        let source = self.camera.stream.as_ref().filter(|source| source.is_unknown);
        let is_there = self.camera.summary.on && self.camera.summary.reachable && !self.camera.hub_away;
        let is_due = self.looks.last.is_none_or(|at| at.elapsed() >= LOOK_AGAIN);
        if let Some(source) = source.cloned()
            && is_there
            && is_due
        {
            self.look_at_stream(source, ctx);
        }
    }

    fn look_at_stream(&mut self, source: StreamSource, ctx: &mut Context<Self>) {
        if std::mem::replace(&mut self.looks.goes_on, true) {
            return;
        }
        self.looks.last = Some(Instant::now());
        let registry_id = source.entity.registry_id.clone();
        let look = look(source, self.resources.reach());
        ctx.spawn(look.into_actor(self).map(move |facts, act, _ctx| {
            act.looks.goes_on = false;
            match facts {
                Ok(facts) => act.learn_stream(&registry_id, facts),
                Err(end) => debug!(reason = end.reason, "the stream for screens could not be looked at"),
            }
        }));
    }

    fn learn_stream(&mut self, registry_id: &str, StreamFacts { codecs, width, height }: StreamFacts) {
        let stream = LearnedStream { codecs, width, height };
        if self.resources.state.learn(registry_id, |learned| learned.stream = Some(stream)) {
            info!(camera = %self.camera.summary.endpoint_id, width, height, "stream for screens known");
            self.learned = true;
            self.tell_registry();
        }
    }

    fn screen_stream(&self) -> Result<(StreamSource, ScreenStream), CameraError> {
        self.is_shared()?;
        let none = || CameraError::NoStream(self.name().to_owned());
        let source = self.camera.stream.clone().ok_or_else(none)?;
        Ok((source, self.camera.summary.stream.clone().ok_or_else(none)?))
    }
}

async fn look(source: StreamSource, reach: Reach) -> Result<StreamFacts, FetchEnd> {
    let no_hub = || FetchEnd::lasting(TroubleKind::HubAway, "there is no hub");
    let bridge = reach.bridge.clone().ok_or_else(no_hub)?;
    let open =
        move || -> BoxFuture<'static, _> { open_stream(source.entity.clone(), bridge.clone()).boxed() };
    Hls::new(reach.http, Arc::new(open)).facts().await
}

impl Handler<FindStream> for CameraSession {
    type Result = ResponseActFuture<Self, Result<OpenedStream, CameraError>>;

    fn handle(&mut self, FindStream { within }: FindStream, _: &mut Self::Context) -> Self::Result {
        let camera = self.name().to_owned();
        let (source, facts) = match self.screen_stream() {
            Ok((source, ScreenStream::Offered(facts))) => (source, facts),
            Ok(_) => return Box::pin(ready(Err(CameraError::NoStream(camera)))),
            Err(error) => return Box::pin(ready(Err(error))),
        };
        let reach = self.resources.reach();
        let Some(bridge) = reach.bridge else {
            return Box::pin(ready(Err(CameraError::HubAway(camera))));
        };
        let again = source.clone();
        let find = async move { source.find(&camera, &bridge, &reach.http, within).await };
        Box::pin(find.into_actor(self).map(move |found, act, ctx| {
            let (stream, image) = found?;
            // The stream runs now, so that it costs little to see whether it is what Alexa was told.
            act.look_at_stream(again, ctx);
            Ok(OpenedStream { facts, stream, image })
        }))
    }
}
