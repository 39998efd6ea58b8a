//! What Alexa is told by itself: presses, and all that it may know of the cameras.

use std::time::{Duration, Instant};

use actix::{Addr, AsyncContext, Context};
use tracing::{debug, warn};

use super::Registry;
use crate::alexa::endpoint::Endpoint;
use crate::alexa::gateway::{EventGateway, Press, Report};
use crate::camera::catalogue::KnownCamera;
use crate::camera::{EndpointId, shared};
use crate::hub::Cause;
use crate::seat::Seat;
use crate::state::What;

/// Some changes come with time alone; this often Alexa is told of them.
const TELL: Duration = Duration::from_secs(5);
/// After this long it is told the same again.
const REPEAT: Duration = Duration::from_secs(30);

/// What Alexa was told last.
pub(super) struct Told {
    /// Who tells it.
    gateway: Addr<EventGateway>,
    endpoints: Vec<Endpoint>,
    at: Instant,
}

impl Registry {
    pub(super) fn begin_telling(&mut self, ctx: &mut Context<Self>) {
        self.tell_alexa();
        ctx.run_interval(TELL, |act, _| act.tell_alexa());
    }

    /// Alexa is told what it may know, if that is not what it was told last, and again after a while: what was
    /// gone at the first time after a start is believed when it is said again.
    pub(super) fn tell_alexa(&mut self) {
        let Some(gateway) = self.gateway().filter(|_| self.is_complete) else { return };
        let endpoints = shared::endpoints(self.summaries());
        let is_told = |told: &Told| {
            told.gateway == gateway && told.endpoints == endpoints && told.at.elapsed() < REPEAT
        };
        // One without room in its mailbox is told soon.
        if !self.told.as_ref().is_some_and(is_told) && gateway.try_send(Report(endpoints.clone())).is_ok() {
            self.told = Some(Told { gateway, endpoints, at: Instant::now() });
        }
    }

    /// A bell was pressed; only a doorbell that Alexa may know rings at the Echos.
    pub(super) fn ring(&mut self, endpoint: &EndpointId, at: String, cause: Cause) {
        self.note(What::Rang, endpoint);
        // The camera may be one that Alexa was not told of yet.
        self.tell_alexa();
        if !self.resources.sends_events() {
            return;
        }
        let may_ring = |camera: &KnownCamera| camera.summary.doorbell && camera.summary.alexa;
        if self.catalogue.get(endpoint).is_some_and(|camera| !may_ring(camera)) {
            debug!(camera = %endpoint, "a press that Alexa is not told of: no doorbell, or kept from Alexa");
            return;
        }
        let Some(gateway) = self.gateway() else { return };
        let press = Press { endpoint_id: endpoint.to_string(), at, cause: shared::cause(cause) };
        if gateway.try_send(press).is_err() {
            warn!(camera = %endpoint, "a press at the door was not passed on to Alexa");
        }
    }

    fn gateway(&self) -> Option<Addr<EventGateway>> {
        self.resources.events.as_ref().and_then(Seat::addr)
    }
}
