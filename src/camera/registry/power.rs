//! The privacy switch of a camera: the hub's own where it has one, else a flag of ours.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use actix::fut::ready;
use actix::{ActorFutureExt, AsyncContext, Context, Handler, Message, ResponseActFuture, WrapFuture};
use serde_json::{Value, json};
use tracing::{info, warn};

use super::Registry;
use crate::camera::catalogue::Catalogue;
use crate::camera::screen_stream::told;
use crate::camera::{CameraError, CameraSummary, EndpointId};
use crate::hub::bridge::CallService;
use crate::media::TroubleKind;

/// What the hub was asked for holds for this long, until it tells the same: some cameras are only looked
/// at once in a while.
const HOLDS: Duration = Duration::from_secs(60);

/// Ask: switch a camera on, or off. Answered when it is done, with the camera as it is then. Fine for one
/// that is so already.
#[derive(Debug, Message)]
#[rtype(result = "Result<CameraSummary, CameraError>")]
pub struct SwitchPower {
    /// Which camera.
    pub endpoint: EndpointId,
    /// It may look.
    pub on: bool,
    /// Longest wait for the hub.
    pub within: Duration,
}

/// Cameras that the hub has switched and not yet told of, and until when that is believed.
#[derive(Debug, Default)]
pub(super) struct Switched(HashMap<EndpointId, (bool, Instant)>);

impl Switched {
    /// Lays what the hub was asked for over what it has told.
    fn lay_over(&mut self, catalogue: &mut Catalogue, now: Instant) {
        self.0.retain(|id, (on, until)| {
            let camera = catalogue.get_mut(id).filter(|camera| camera.summary.on != *on);
            let Some(camera) = camera else { return false };
            let holds = now < *until;
            if holds {
                camera.summary.on = *on;
            } else {
                warn!(camera = %id, on, "the hub took the switch, and nothing came of it");
            }
            holds
        });
    }
}

impl Registry {
    /// The cameras with their privacy switches as they are.
    pub(super) fn with_power(&mut self, mut catalogue: Catalogue) -> Catalogue {
        self.switched.lay_over(&mut catalogue, Instant::now());
        crate::camera::catalogue::switch_off(&mut catalogue, &self.resources.state.switched_off());
        catalogue
    }

    fn switched(&mut self, endpoint: &EndpointId, on: bool) -> Result<CameraSummary, CameraError> {
        info!(camera = %endpoint, on, "camera switched");
        self.lay_out();
        self.summary(endpoint).ok_or_else(|| CameraError::Unknown(endpoint.to_string()))
    }

    fn switched_here(&mut self, endpoint: &EndpointId, on: bool) -> Result<CameraSummary, CameraError> {
        self.resources.state.switch(endpoint.as_str(), on);
        self.switched(endpoint, on)
    }

    fn switched_at_hub(
        &mut self,
        endpoint: EndpointId,
        on: bool,
        ctx: &mut Context<Self>,
    ) -> Result<CameraSummary, CameraError> {
        self.switched.0.insert(endpoint.clone(), (on, Instant::now() + HOLDS));
        // By then its own word counts.
        ctx.run_later(HOLDS, |act, _| act.lay_out());
        match on {
            // It may have been switched off here before the hub could.
            true => self.switched_here(&endpoint, on),
            false => self.switched(&endpoint, on),
        }
    }
}

impl Handler<SwitchPower> for Registry {
    type Result = ResponseActFuture<Self, Result<CameraSummary, CameraError>>;

    fn handle(&mut self, wish: SwitchPower, _: &mut Context<Self>) -> Self::Result {
        let SwitchPower { endpoint, on, within } = wish;
        let Some(camera) = self.catalogue.get(&endpoint) else {
            return Box::pin(ready(Err(CameraError::Unknown(endpoint.to_string()))));
        };
        if camera.switches.is_empty() {
            return Box::pin(ready(self.switched_here(&endpoint, on)));
        }
        let name = camera.summary.name.clone();
        if !camera.summary.reachable {
            // The hub would say yes and do nothing.
            let reason = camera.summary.reason.clone().unwrap_or_default();
            return Box::pin(ready(Err(CameraError::Unreachable {
                camera: name,
                kind: TroubleKind::Hub,
                reason,
            })));
        }
        let Some(bridge) = self.bridge.clone() else {
            return Box::pin(ready(Err(CameraError::HubAway(name))));
        };
        let entities: Vec<&str> = camera.switches.iter().map(|entity| entity.entity_id.as_str()).collect();
        let call = CallService {
            domain: "camera".into(),
            service: if on { "turn_on" } else { "turn_off" }.into(),
            target: json!({ "entity_id": entities }),
            data: Value::Null,
        };
        let ask = async move { told(&name, bridge.ask(call, within).await) };
        Box::pin(
            ask.into_actor(self)
                .map(move |done, act, ctx| done.and_then(|_| act.switched_at_hub(endpoint, on, ctx))),
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::camera::catalogue::{Learnings, catalogue};

    fn yard(is_on: bool) -> (EndpointId, Catalogue) {
        let config = toml::from_str("[[camera]]\nid = 'yard'\nsource = 'test:'").unwrap();
        let mut known = catalogue(&config, None, &Learnings::new());
        let id = EndpointId::parse("yard").unwrap();
        known.get_mut(&id).unwrap().summary.on = is_on;
        (id, known)
    }

    #[test]
    fn what_the_hub_was_asked_for_holds_until_it_tells_the_same_or_a_minute_is_over() {
        let now = Instant::now();
        let (id, mut late) = yard(true);
        let mut switched = Switched::default();
        switched.0.insert(id.clone(), (false, now + HOLDS));
        switched.lay_over(&mut late, now);
        assert!(!late[&id].summary.on, "the hub has yet to tell");
        switched.lay_over(&mut yard(false).1, now);
        let (_, mut again) = yard(true);
        switched.lay_over(&mut again, now);
        assert!(again[&id].summary.on, "it told, and then somebody switched it on there");

        switched.0.insert(id.clone(), (false, now + HOLDS));
        let (_, mut never) = yard(true);
        switched.lay_over(&mut never, now + HOLDS);
        assert!(never[&id].summary.on && switched.0.is_empty());
    }
}
