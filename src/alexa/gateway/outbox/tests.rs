//! The outbox on virtual time, against a double of Alexa that believes bodies only.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;

use serde_json::Value;
use time::macros::datetime;

use super::*;
use crate::alexa::discovery::Description;
use crate::alexa::endpoint::EndpointState;

mod changes;
mod golden;
mod outcomes;
mod presses;
mod properties;
mod registration;

/// More than any test sends.
const MANY: usize = 2000;

/// What Alexa knows from the bodies that it took.
#[derive(Debug, Default)]
struct Alexa {
    /// Endpoints by id, as they were described.
    endpoints: BTreeMap<String, Value>,
    /// Values by endpoint and property.
    values: BTreeMap<(String, String), Value>,
    /// Endpoint and timestamp of each press.
    presses: Vec<(String, String)>,
}

impl Alexa {
    fn take(&mut self, body: &Value) {
        let event = &body["event"];
        let payload = &event["payload"];
        let id = || event["endpoint"]["endpointId"].as_str().unwrap().to_owned();
        let each = |value: &Value| value.as_array().unwrap().clone();
        match event["header"]["name"].as_str().unwrap() {
            "DoorbellPress" => {
                self.presses.push((id(), payload["timestamp"].as_str().unwrap().to_owned()));
            }
            "ChangeReport" => {
                let mut told = each(&payload["change"]["properties"]);
                told.extend(each(&body["context"]["properties"]));
                for property in told {
                    let name = property["name"].as_str().unwrap().to_owned();
                    self.values.insert((id(), name), property["value"].clone());
                }
            }
            "AddOrUpdateReport" => {
                for endpoint in each(&payload["endpoints"]) {
                    let id = endpoint["endpointId"].as_str().unwrap().to_owned();
                    self.endpoints.insert(id, endpoint);
                }
            }
            "DeleteReport" => {
                for endpoint in each(&payload["endpoints"]) {
                    self.endpoints.remove(endpoint["endpointId"].as_str().unwrap());
                }
            }
            other => panic!("{other}"),
        }
    }

    fn value(&self, id: &str, name: &str) -> &Value {
        &self.values[&(id.to_owned(), name.to_owned())]
    }
}

/// An outbox, a clock that goes when a test says so, and Alexa.
struct Stage {
    outbox: Outbox,
    start: Instant,
    now: Now,
    alexa: Alexa,
}

impl Stage {
    /// A house that has just started.
    fn new(reported: Reported) -> Self {
        let start = Instant::now();
        let now = Now { instant: start, wall: datetime!(2026-11-22 10:00 UTC) };
        Self { outbox: Outbox::seeded(reported, 7), start, now, alexa: Alexa::default() }
    }

    /// A house of which Alexa knows everything.
    fn settled(endpoints: &[Endpoint]) -> Self {
        let mut stage = Self::new(Reported::default());
        stage.report(endpoints);
        stage.pass(10.0);
        stage.deliver();
        assert_eq!(stage.outbox.waiting(), Waiting::default());
        stage
    }

    fn pass(&mut self, seconds: f64) {
        let span = Duration::from_secs_f64(seconds);
        self.now = Now { instant: self.now.instant + span, wall: self.now.wall + span };
    }

    /// Seconds since the start.
    fn at(&self) -> f64 {
        (self.now.instant - self.start).as_secs_f64()
    }

    fn report(&mut self, endpoints: &[Endpoint]) {
        self.outbox.report(endpoints.to_vec(), self.now);
    }

    /// A bell that is pressed now.
    fn press(&mut self, id: &str) {
        let at = self.now.wall.format(&Rfc3339).unwrap();
        self.press_stamped(id, &at);
    }

    fn press_stamped(&mut self, id: &str, at: &str) {
        let press = Press { endpoint_id: id.into(), at: at.into(), cause: Cause::Physical };
        self.outbox.press(press, self.now);
    }

    /// Everything that may go now.
    fn sent(&mut self) -> Vec<Parcel> {
        let mut sent = Vec::new();
        while let Next::Send(parcel) = self.outbox.next(self.now.instant) {
            sent.push(parcel);
            assert!(sent.len() < MANY, "there is no end to {:?}", sent.last());
        }
        sent
    }

    /// The one parcel that may go now.
    fn one(&mut self) -> Parcel {
        let mut sent = self.sent();
        assert_eq!(sent.len(), 1, "{sent:?}");
        sent.remove(0)
    }

    fn settle(&mut self, parcel: &Parcel, outcome: Outcome) {
        if outcome == Outcome::Delivered {
            self.alexa.take(&parcel.body("token"));
        }
        self.outbox.settle(parcel.id(), outcome, self.now.instant);
    }

    /// Sends the one parcel that may go now.
    fn meets(&mut self, outcome: Outcome) -> Parcel {
        let parcel = self.one();
        self.settle(&parcel, outcome);
        parcel
    }

    /// Delivers what may go now and what that sets free; what it was.
    fn deliver(&mut self) -> Vec<Parcel> {
        let mut delivered = Vec::new();
        while let Next::Send(parcel) = self.outbox.next(self.now.instant) {
            self.settle(&parcel, Outcome::Delivered);
            delivered.push(parcel);
            assert!(delivered.len() < MANY, "there is no end to {:?}", delivered.last());
        }
        delivered
    }

    /// Lets time pass up to the next moment at which there may be something to do.
    fn sleep(&mut self) {
        let Next::Wait(at) = self.outbox.next(self.now.instant) else { panic!("nothing to wait for") };
        assert!(at > self.now.instant, "a wait of nothing");
        self.pass((at - self.now.instant).as_secs_f64());
    }

    /// Lives until `until` (seconds since the start), every parcel meeting `outcome`; when what
    /// was sent.
    fn live(&mut self, until: f64, outcome: Outcome) -> Vec<(f64, &'static str)> {
        let end = self.start + Duration::from_secs_f64(until);
        let mut log = Vec::new();
        loop {
            match self.outbox.next(self.now.instant) {
                Next::Send(parcel) => {
                    log.push((self.at(), parcel.what()));
                    assert!(log.len() < MANY, "there is no end to {parcel:?}");
                    self.settle(&parcel, outcome);
                }
                Next::Wait(at) if at <= end => {
                    assert!(at > self.now.instant, "a wait of nothing");
                    self.pass((at - self.now.instant).as_secs_f64());
                }
                Next::Wait(_) | Next::Idle => break,
            }
        }
        self.pass(end.saturating_duration_since(self.now.instant).as_secs_f64());
        log
    }

    /// How much the outbox holds, as long as its own account of itself.
    fn size(&self) -> usize {
        format!("{:?}", self.outbox).len()
    }
}

/// A doorbell with a motion sensor, reachable, that sees nothing.
fn bell(id: &str) -> Endpoint {
    let description = Description {
        endpoint_id: id.into(),
        name: format!("Bell {id}"),
        doorbell: true,
        motion: true,
        sends_events: true,
        ..Description::default()
    };
    Endpoint { description, state: EndpointState { reachable: true, motion: Some(false), on: None } }
}

fn moving(id: &str, motion: bool) -> Endpoint {
    let mut endpoint = bell(id);
    endpoint.state.motion = Some(motion);
    endpoint
}

fn whats(parcels: &[Parcel]) -> Vec<&'static str> {
    parcels.iter().map(Parcel::what).collect()
}
