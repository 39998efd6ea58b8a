//! One skill for the whole house: directives that are not ours go on to the hub's own skill.
//!
//! Ours are those for endpoints that we know or that have the form of ours (`hub#…`), and AcceptGrant
//! where we send the events. Discover is asked at both, and what we tell of the hub's own devices
//! takes the place of what the hub tells of them.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use secrecy::SecretString;
use serde_json::Value;

use super::merge::{self, Covered, Known};
use super::{BRIDGE_PATIENCE, RESERVE, Router, remaining};
use crate::alexa::failure;
use crate::alexa::message::Directive;
use crate::camera::Caller;
use crate::hub::bridge::{HubBridge, Snapshot};
use crate::hub::skill::{Skill, SkillError};
use crate::hub::ties::HandTie;
use crate::hub::{HubSnapshot, Link};
use crate::seat::Seat;

/// What of the house concerns the road to the hub's skill.
pub struct Forwarding {
    /// Answers what is ours.
    pub router: Router,
    /// Answers the rest.
    pub skill: Skill,
    /// Knows which of the hub's entities our cameras are.
    pub bridge: Seat<HubBridge>,
    /// Gives the bells and motion that the settings tie now.
    pub ties: Box<dyn Fn() -> Vec<HandTie> + Send + Sync>,
    /// We send the events: AcceptGrant is ours.
    pub grants: bool,
}

/// Answers directives: the router's, or the hub's own skill's.
pub struct Forward {
    house: Forwarding,
    trouble: Mutex<Option<String>>,
}

impl Forward {
    /// A road on which nothing was in trouble yet.
    #[must_use]
    pub fn new(house: Forwarding) -> Self {
        Self { house, trouble: Mutex::default() }
    }

    /// Why Alexa was told of our cameras only when it last looked for devices, and what to do.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Answers a directive that came at `arrived` as `body`, for a user of the hub.
    ///
    /// # Errors
    /// When it is not ours and the hub gives no event. [`SkillError::Refused`] says that the token, which
    /// was looked at before, is good no longer.
    pub async fn handle(
        &self,
        directive: &Directive,
        body: &[u8],
        caller: Caller,
        arrived: Instant,
    ) -> Result<Value, SkillError> {
        if directive.envelope.is_discover() {
            return self.discover(directive, body, caller, arrived).await;
        }
        if self.is_ours(directive).await {
            return Ok(self.house.router.handle(directive, caller, arrived).await);
        }
        self.pass_on(directive, body, arrived).await
    }

    async fn is_ours(&self, directive: &Directive) -> bool {
        let envelope = &directive.envelope;
        match &envelope.endpoint_id {
            Some(id) if id.starts_with("hub#") => true,
            Some(id) => match self.house.router.cameras.all().await {
                Ok(cameras) => cameras.iter().any(|camera| camera.endpoint_id.as_str() == id),
                // The router says what is wrong.
                Err(_) => true,
            },
            None => self.house.grants && envelope.is_grant(),
        }
    }

    async fn pass_on(
        &self,
        directive: &Directive,
        body: &[u8],
        arrived: Instant,
    ) -> Result<Value, SkillError> {
        let envelope = &directive.envelope;
        let nobody = SecretString::default();
        let token = envelope.token.as_ref().unwrap_or(&nobody);
        let answer = self.house.skill.ask(body.to_vec(), token, remaining(arrived, RESERVE)).await;
        let outcome = answer.as_ref().err().map(|error| failure::error_type(error.kind()));
        // Names that only the hub knows are not of our list.
        crate::telemetry::directive("forwarded", outcome.unwrap_or("ok"));
        let ms = u64::try_from(arrived.elapsed().as_millis()).unwrap_or(u64::MAX);
        match &answer {
            Ok(_) => {
                tracing::debug!(name = %envelope.name, endpoint = ?envelope.endpoint_id, ms, "the hub answered")
            }
            Err(error) => {
                tracing::warn!(name = %envelope.name, endpoint = ?envelope.endpoint_id, ms, %error, "the hub gave no event");
            }
        }
        answer
    }

    async fn discover(
        &self,
        directive: &Directive,
        body: &[u8],
        caller: Caller,
        arrived: Instant,
    ) -> Result<Value, SkillError> {
        let (mut ours, theirs, hub, cameras) = tokio::join!(
            self.house.router.handle(directive, caller, arrived),
            self.pass_on(directive, body, arrived),
            self.house.bridge.ask(Snapshot, BRIDGE_PATIENCE),
            self.house.router.cameras.all(),
        );
        let trouble = match theirs.and_then(|event| merge::endpoints_of(event).ok_or(SkillError::NoEvent)) {
            Ok(theirs) => {
                let hub = hub.unwrap_or_else(|_| HubSnapshot::without_cameras(Link::None));
                let kept = cameras.unwrap_or_default().into_iter().filter(|camera| !camera.alexa);
                let known = Known {
                    of_hub: &hub.cameras,
                    complete: hub.link == Link::Running,
                    ties: &(self.house.ties)(),
                    kept: &kept.map(|camera| camera.endpoint_id.to_string()).collect(),
                };
                let covered = Covered::by(&ours, &known);
                merge::add(&mut ours, theirs, &covered);
                None
            }
            Err(SkillError::Refused) => return Err(SkillError::Refused),
            Err(error) => Some(format!(
                "Alexa looked for devices and was told of the cameras only: {error}; once that is mended, have \
                 Alexa discover devices again"
            )),
        };
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
        Ok(ours)
    }
}
