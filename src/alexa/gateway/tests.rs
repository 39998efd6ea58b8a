//! The actor against the doubles of Alexa.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, Addr};
use secrecy::ExposeSecret;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::outbox::Press;
use super::*;
use crate::alexa::discovery::Description;
use crate::alexa::doorbell::Cause;
use crate::alexa::endpoint::{Endpoint, EndpointState};
use crate::config;
use crate::sim::alexa::{AlexaDouble, Arrival, Call, Step};
use crate::state::State;

mod answers;
mod grants;
mod regions;
mod tokens;

/// Longest wait for what must happen at once.
const SOON: Duration = Duration::from_secs(20);

/// An actor between a state and the doubles.
struct Stage {
    double: AlexaDouble,
    state: Arc<State>,
    settings: config::Alexa,
    gateway: Addr<EventGateway>,
    folder: tempfile::TempDir,
}

impl Stage {
    /// Nobody has granted anything.
    async fn empty() -> Self {
        let double = AlexaDouble::start().await.unwrap();
        let settings = config::Alexa {
            client_id: Some(double.client_id().to_owned()),
            client_secret: Some(double.client_secret().to_owned().into()),
            token_url: Some(double.token_url().parse().unwrap()),
            events_url: Some(double.events_url().parse().unwrap()),
            ..config::Alexa::default()
        };
        let folder = tempfile::tempdir().unwrap();
        let (state, problems) = State::open(folder.path());
        assert!(problems.is_empty(), "{problems:?}");
        let gateway = start(&settings, &state);
        Self { double, state, settings, gateway, folder }
    }

    /// Granted, the region is known, and two doorbells are.
    async fn granted() -> Self {
        let stage = Self::empty().await;
        stage.grant().await.unwrap();
        stage.list(&["front_door", "garden"]).await;
        stage.stands("the region", |status| status.region.is_some()).await;
        stage
    }

    async fn grant(&self) -> Result<(), GrantError> {
        self.grant_with(self.double.make_code()).await
    }

    async fn grant_with(&self, code: String) -> Result<(), GrantError> {
        let deadline = Instant::now() + Duration::from_secs(3);
        self.gateway.send(AcceptGrant { code: code.into(), user: None, deadline }).await.unwrap()
    }

    async fn list(&self, ids: &[&str]) {
        self.gateway.send(Report(ids.iter().map(|id| endpoint(id)).collect())).await.unwrap();
    }

    async fn press(&self, endpoint: &str) {
        let at = OffsetDateTime::now_utc().format(&Rfc3339).unwrap();
        let press = Press { endpoint_id: endpoint.into(), at, cause: Cause::Physical };
        self.gateway.send(press).await.unwrap();
    }

    async fn status(&self) -> EventsStatus {
        self.gateway.send(HowItStands).await.unwrap()
    }

    /// The status, once it fits.
    async fn stands(&self, what: &str, fits: impl Fn(&EventsStatus) -> bool) -> EventsStatus {
        let until = Instant::now() + SOON;
        loop {
            let status = self.status().await;
            if fits(&status) {
                return status;
            }
            assert!(Instant::now() < until, "waited in vain for {what}: {status:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The first `count` presses that came, in order.
    async fn presses(&self, count: usize) -> Vec<Arrival> {
        let enough = |events: &[Arrival]| {
            let presses: Vec<Arrival> =
                events.iter().filter(|event| event.name() == "DoorbellPress").cloned().collect();
            (presses.len() >= count).then_some(presses)
        };
        let came = self.double.wait_for(SOON, enough).await;
        came.unwrap_or_else(|| panic!("less than {count} presses: {:#?}", self.double.events()))
    }

    /// Nothing is wrong with the form of anything that came.
    fn assert_well_formed(&self) {
        for event in self.double.events() {
            assert!(event.faults.is_empty(), "{:?} in {:#}", event.faults, event.body);
        }
    }
}

fn start(settings: &config::Alexa, state: &Arc<State>) -> Addr<EventGateway> {
    EventGateway::new(settings, state.clone(), client(None).unwrap()).unwrap().start()
}

fn endpoint(id: &str) -> Endpoint {
    let description = Description {
        endpoint_id: id.into(),
        name: "Front door".into(),
        doorbell: true,
        sends_events: true,
        ..Description::default()
    };
    Endpoint { description, state: EndpointState { reachable: true, motion: None, on: None } }
}

fn statuses(events: &[Arrival]) -> Vec<u16> {
    events.iter().map(|event| event.status).collect()
}
