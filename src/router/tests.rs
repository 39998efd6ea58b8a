//! The router over cameras that do as they are told.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Mutex;

use serde_json::json;

use super::*;
use crate::camera::screen_stream::ScreenStreamFacts;
use crate::camera::talk::Talk;
use crate::media::TroubleKind;
use crate::state::Outcome;

mod golden;

/// A call to one of the cameras.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Heard {
    Offer { session: String, caller: Caller, sdp: String, budget: Duration },
    Connected(String),
    Disconnected(String),
    Stream,
    Power { endpoint: String, on: bool, budget: Duration },
}

/// Cameras that do as they are told.
pub(crate) struct Scripted {
    pub(crate) cameras: Vec<CameraSummary>,
    pub(crate) reply: Result<String, RouteError>,
    pub(crate) delay: Duration,
    pub(crate) broken: Option<RouteError>,
    pub(crate) complete: bool,
    pub(crate) heard: Arc<Mutex<Vec<Heard>>>,
}

pub(crate) fn camera(id: &str, name: &str) -> CameraSummary {
    CameraSummary {
        endpoint_id: EndpointId::parse(id).unwrap(),
        name: name.into(),
        doorbell: false,
        manufacturer: String::new(),
        model: String::new(),
        version: String::new(),
        full_duplex: false,
        talk: Talk::none(crate::camera::sentence::Sentence::default()).summary(),
        motion: None,
        reachable: true,
        reason: None,
        alexa: true,
        events: false,
        on: true,
        stream: None,
        calls: 0,
    }
}

impl Default for Scripted {
    fn default() -> Self {
        let bell = CameraSummary {
            doorbell: true,
            full_duplex: true,
            motion: Some(false),
            manufacturer: "Doorbird".into(),
            model: "D1101V".into(),
            version: "000146".into(),
            ..camera("hub#4f2c", "Front door")
        };
        Self {
            cameras: vec![bell, camera("garden", "Garden")],
            reply: Ok("v=0\r\n".into()),
            delay: Duration::ZERO,
            broken: None,
            complete: true,
            heard: Arc::default(),
        }
    }
}

impl Scripted {
    pub(crate) fn router(self) -> Router {
        Router::over(Arc::new(self))
    }
}

struct ScriptedCalls {
    reply: Result<String, RouteError>,
    delay: Duration,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl ScriptedCalls {
    async fn reply(&self, heard: Heard, within: Duration) -> Result<String, RouteError> {
        self.heard.lock().unwrap().push(heard);
        if self.delay >= within {
            tokio::time::sleep(within).await;
            return Err(RouteError::Session(AskError::Late));
        }
        tokio::time::sleep(self.delay).await;
        self.reply.clone()
    }
}

#[async_trait]
impl Calls for ScriptedCalls {
    async fn offer(&self, offer: Offer, within: Duration) -> Result<String, RouteError> {
        let heard = Heard::Offer {
            session: offer.session.as_str().into(),
            caller: offer.caller,
            sdp: offer.sdp,
            budget: offer.deadline - offer.arrived,
        };
        self.reply(heard, within).await
    }

    async fn connected(&self, message: Connected, within: Duration) -> Result<(), RouteError> {
        self.reply(Heard::Connected(message.session.as_str().into()), within).await.map(|_| ())
    }

    async fn disconnect(&self, message: Disconnect, within: Duration) -> Result<(), RouteError> {
        self.reply(Heard::Disconnected(message.session.as_str().into()), within).await.map(|_| ())
    }

    async fn stream(&self, _: FindStream, within: Duration) -> Result<OpenedStream, RouteError> {
        let opened = self.reply(Heard::Stream, within).await?;
        Ok(OpenedStream {
            facts: stream_facts(),
            stream: format!("https://home.example.org/api/hls/{opened}/master_playlist.m3u8").into(),
            image: "https://home.example.org/api/camera_proxy/camera.door?token=t".into(),
        })
    }
}

#[async_trait]
impl Cameras for Scripted {
    async fn all(&self) -> Result<Vec<CameraSummary>, RouteError> {
        self.broken.clone().map_or_else(|| Ok(self.cameras.clone()), Err)
    }

    async fn find(&self, endpoint: &EndpointId) -> Result<(CameraSummary, Box<dyn Calls>), RouteError> {
        let cameras = self.all().await?;
        let found = cameras.into_iter().find(|c| c.endpoint_id == *endpoint);
        let camera = found.ok_or_else(|| CameraError::Unknown(endpoint.to_string()))?;
        let calls = ScriptedCalls { reply: self.reply.clone(), delay: self.delay, heard: self.heard.clone() };
        Ok((camera, Box::new(calls)))
    }

    async fn switch(
        &self,
        endpoint: &EndpointId,
        on: bool,
        within: Duration,
    ) -> Result<CameraSummary, RouteError> {
        self.heard.lock().unwrap().push(Heard::Power { endpoint: endpoint.to_string(), on, budget: within });
        self.reply.clone()?;
        let camera = self.cameras.iter().find(|camera| camera.endpoint_id == *endpoint).cloned();
        Ok(CameraSummary { on, ..camera.unwrap() })
    }

    async fn complete(&self) -> bool {
        self.complete
    }
}

pub(crate) const SESSION: &str = "9c8a6f0e-51d6-4a26-a1a5-0a6a1e8f4b11";

/// A directive to an endpoint, as Alexa sends it.
pub(crate) fn to_endpoint(namespace: &str, name: &str, endpoint: &str, payload: Value) -> Value {
    json!({ "directive": {
        "header": {
            "namespace": namespace,
            "name": name,
            "messageId": "d1ba3aa7-bff7-4406-9425-f25f04ec8d68",
            "correlationToken": "dFMb0z+PgpgdDmluhJ1LddFvSqZ/jCc8ptlAKulUj90jSqg==",
            "payloadVersion": "3",
        },
        "endpoint": {
            "scope": { "type": "BearerToken", "token": "users-token" },
            "endpointId": endpoint,
            "cookie": {},
        },
        "payload": payload,
    }})
}

pub(crate) fn offer(endpoint: &str) -> Value {
    let payload = json!({ "sessionId": SESSION, "offer": { "format": "SDP", "value": "v=0\n" } });
    to_endpoint("Alexa.RTCSessionController", "InitiateSessionWithOffer", endpoint, payload)
}

fn about_session(name: &str, endpoint: &str) -> Value {
    to_endpoint("Alexa.RTCSessionController", name, endpoint, json!({ "sessionId": SESSION }))
}

fn stream_facts() -> ScreenStreamFacts {
    ScreenStreamFacts { width: 1280, height: 720, sound: true }
}

fn power(name: &str, endpoint: &str) -> Value {
    to_endpoint("Alexa.PowerController", name, endpoint, json!({}))
}

fn screen(endpoint: &str) -> Value {
    let wish = json!({
        "protocol": "HLS", "resolution": { "width": 1280, "height": 720 }, "authorizationType": "NONE",
        "videoCodec": "H264", "audioCodec": "AAC",
    });
    let payload = json!({ "cameraStreams": [wish] });
    to_endpoint("Alexa.CameraStreamController", "InitializeCameraStreams", endpoint, payload)
}

fn report_state(endpoint: &str) -> Value {
    to_endpoint("Alexa", "ReportState", endpoint, json!({}))
}

pub(crate) fn discover() -> Value {
    json!({ "directive": {
        "header": {
            "namespace": "Alexa.Discovery",
            "name": "Discover",
            "messageId": "1bd5d003-31b9-476f-ad03-71d471922820",
            "payloadVersion": "3",
        },
        "payload": { "scope": { "type": "BearerToken", "token": "users-token" } },
    }})
}

fn caller() -> Caller {
    Caller::User("ann".into())
}

async fn ask(router: &Router, directive: &Value, arrived: Instant) -> Value {
    let directive = Directive::parse(directive.to_string().as_bytes()).expect("a directive");
    router.handle(&directive, caller(), arrived).await
}

async fn error_of(house: Scripted, directive: Value) -> String {
    let event = ask(&house.router(), &directive, Instant::now()).await;
    assert_eq!(event["event"]["header"]["namespace"], "Alexa");
    assert_eq!(
        event["event"]["header"]["correlationToken"],
        directive["directive"]["header"]["correlationToken"]
    );
    event["event"]["payload"]["type"].as_str().unwrap_or("no error").to_owned()
}

#[tokio::test]
async fn an_offer_reaches_its_camera_with_the_caller_and_a_deadline_inside_the_budget() {
    let house = Scripted::default();
    let heard = house.heard.clone();
    let event = ask(&house.router(), &offer("garden"), Instant::now()).await;
    assert_eq!(event["event"]["payload"], json!({ "answer": { "format": "SDP", "value": "v=0\r\n" } }));
    let expected = Heard::Offer {
        session: SESSION.into(),
        caller: caller(),
        sdp: "v=0\n".into(),
        budget: Duration::from_secs(4),
    };
    assert_eq!(*heard.lock().unwrap(), [expected]);
}

#[tokio::test]
async fn what_a_camera_says_no_with_becomes_the_right_error_type() {
    let camera = || "Garden".to_owned();
    for (error, told) in [
        (CameraError::Unknown("garden".into()), "NO_SUCH_ENDPOINT"),
        (CameraError::Foreign, "NO_SUCH_ENDPOINT"),
        (
            CameraError::Unreachable {
                camera: camera(),
                kind: TroubleKind::Refused,
                reason: "refused".into(),
            },
            "ENDPOINT_UNREACHABLE",
        ),
        (CameraError::Disabled(camera()), "CLOUD_CONTROL_DISABLED"),
        (CameraError::SwitchedOff(camera()), "NOT_SUPPORTED_IN_CURRENT_MODE"),
        (CameraError::NoStream(camera()), "INVALID_DIRECTIVE"),
        (CameraError::HubAway(camera()), "BRIDGE_UNREACHABLE"),
        (CameraError::Full { camera: Some(camera()), limit: 4 }, "ENDPOINT_BUSY"),
        (CameraError::Offer("no fingerprint".into()), "INVALID_VALUE"),
        (CameraError::NoCall(SESSION.into()), "INVALID_VALUE"),
        (CameraError::Ended, "INVALID_VALUE"),
        (CameraError::Late(camera()), "ENDPOINT_UNREACHABLE"),
        (CameraError::Internal("x".into()), "INTERNAL_ERROR"),
    ] {
        for directive in [offer("garden"), power("TurnOff", "garden"), screen("garden")] {
            let house = Scripted { reply: Err(error.clone().into()), ..Scripted::default() };
            assert_eq!(error_of(house, directive).await, told, "{error}");
        }
    }
}

#[tokio::test]
async fn an_actor_that_died_over_it_is_a_fault_of_ours() {
    let house = Scripted { reply: Err(RouteError::Session(AskError::Empty)), ..Scripted::default() };
    assert_eq!(error_of(house, offer("garden")).await, "INTERNAL_ERROR");
    for died in [AskError::Empty, AskError::Late] {
        let house = Scripted { broken: Some(RouteError::Registry(died)), ..Scripted::default() };
        assert_eq!(error_of(house, offer("garden")).await, "INTERNAL_ERROR");
    }
}

#[tokio::test]
async fn a_camera_that_never_answers_is_unreachable_within_the_budget() {
    let house = Scripted { delay: Duration::from_secs(3600), ..Scripted::default() };
    let router = house.router();
    // As if most of the budget had been spent on the way.
    let arrived = Instant::now().checked_sub(Duration::from_millis(3_000)).unwrap();
    for directive in [
        offer("garden"),
        about_session("SessionConnected", "garden"),
        about_session("SessionDisconnected", "garden"),
    ] {
        let arrived = arrived.max(Instant::now().checked_sub(Duration::from_millis(3_000)).unwrap());
        let event = ask(&router, &directive, arrived).await;
        assert_eq!(event["event"]["payload"]["type"], "ENDPOINT_UNREACHABLE");
        assert!(arrived.elapsed() < REPLY_BUDGET, "{:?}", arrived.elapsed());
    }
}

#[tokio::test]
async fn a_switch_reaches_its_camera_inside_the_budget() {
    for (name, on) in [("TurnOn", true), ("TurnOff", false)] {
        let house = Scripted::default();
        let heard = house.heard.clone();
        let event = ask(&house.router(), &power(name, "garden"), Instant::now()).await;
        assert_eq!(event["event"]["header"]["name"], "Response", "{event}");
        let heard = heard.lock().unwrap();
        let [Heard::Power { endpoint, on: told, budget }] = heard.as_slice() else { panic!("{heard:?}") };
        assert_eq!((endpoint.as_str(), *told), ("garden", on));
        assert!(*budget < REPLY_BUDGET, "{budget:?}");
    }
}

#[tokio::test]
async fn an_endpoint_that_nobody_knows_gets_no_such_endpoint() {
    for id in ["nobody", "camera.front_door", "hub#gone"] {
        let hang_up = about_session("SessionDisconnected", id);
        for directive in [offer(id), report_state(id), power("TurnOn", id), screen(id), hang_up] {
            assert_eq!(error_of(Scripted::default(), directive).await, "NO_SUCH_ENDPOINT");
        }
    }
}

#[tokio::test]
async fn a_camera_of_the_hub_is_not_called_gone_while_the_hub_is_away() {
    for directive in [offer("hub#gone"), report_state("hub#gone"), power("TurnOff", "hub#gone")] {
        let house = Scripted { complete: false, ..Scripted::default() };
        assert_eq!(error_of(house, directive).await, "BRIDGE_UNREACHABLE");
    }
    let house = Scripted { complete: false, ..Scripted::default() };
    assert_eq!(error_of(house, offer("nobody")).await, "NO_SUCH_ENDPOINT");
}

#[tokio::test]
async fn a_camera_kept_from_alexa_is_not_told_of_and_takes_no_calls_but_ends_them() {
    let house = || {
        let mut house = Scripted::default();
        house.cameras[1].alexa = false;
        house
    };
    for directive in [
        offer("garden"),
        report_state("garden"),
        power("TurnOn", "garden"),
        screen("garden"),
        about_session("SessionConnected", "garden"),
    ] {
        assert_eq!(error_of(house(), directive).await, "CLOUD_CONTROL_DISABLED");
    }
    let event = ask(&house().router(), &about_session("SessionDisconnected", "garden"), Instant::now()).await;
    assert_eq!(event["event"]["header"]["name"], "SessionDisconnected");
    let event = ask(&house().router(), &discover(), Instant::now()).await;
    assert_eq!(event["event"]["payload"]["endpoints"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_discovery_never_fails() {
    let broken = Scripted { broken: Some(RouteError::Registry(AskError::Empty)), ..Scripted::default() };
    let mut wrong = discover();
    wrong["directive"]["header"]["payloadVersion"] = json!("2");
    for (house, directive) in [(broken, discover()), (Scripted::default(), wrong)] {
        let event = ask(&house.router(), &directive, Instant::now()).await;
        assert_eq!(event["event"]["header"]["name"], "Discover.Response");
        assert_eq!(event["event"]["payload"], json!({ "endpoints": [] }));
    }
}

#[tokio::test]
async fn a_session_id_that_cannot_be_one_never_reaches_a_camera() {
    for id in ["with space", "new\nline", &"x".repeat(129)] {
        let house = Scripted::default();
        let heard = house.heard.clone();
        let mut directive = offer("garden");
        directive["directive"]["payload"]["sessionId"] = json!(id);
        assert_eq!(error_of(house, directive).await, "INVALID_VALUE");
        assert!(heard.lock().unwrap().is_empty());
    }
}

mod rebuilt_actor {
    use actix::{Actor, Context, Handler};

    use super::super::*;

    #[derive(Default)]
    struct Fragile(bool);

    impl Actor for Fragile {
        type Context = Context<Self>;
    }

    #[derive(actix::Message)]
    #[rtype(result = "u8")]
    struct Touch;

    impl Handler<Touch> for Fragile {
        type Result = u8;
        fn handle(&mut self, _: Touch, _: &mut Context<Self>) -> u8 {
            assert!(self.0, "breaks at the first touch");
            7
        }
    }

    #[actix::test]
    async fn an_actor_that_dies_over_a_question_is_asked_again_when_it_is_rebuilt() {
        let seat = Seat::<Fragile>::default();
        seat.fill(Fragile(false).start());
        let owner = seat.clone();
        let rebuild = actix::spawn(async move {
            tokio::time::sleep(Duration::from_millis(200)).await;
            owner.fill(Fragile(true).start());
        });
        assert_eq!(seat.ask_patiently(|| Touch, Duration::from_secs(30)).await, Ok(7));
        rebuild.await.unwrap();
    }

    #[actix::test]
    async fn an_actor_that_nobody_rebuilds_is_given_up_in_time() {
        let seat = Seat::<Fragile>::default();
        let reply = seat.ask_patiently(|| Touch, Duration::from_millis(200)).await;
        assert_eq!(reply, Err(AskError::Empty));
    }
}

/// Outcomes of the records that an offer leaves.
async fn left_by(house: Scripted, endpoint: &str) -> Vec<Outcome> {
    let folder = tempfile::tempdir().unwrap();
    let (state, _) = State::open(folder.path());
    let router = house.router().with_state(state.clone());
    let arrived = Instant::now().checked_sub(Duration::from_millis(3_500)).unwrap();
    let event = ask(&router, &offer(endpoint), arrived).await;
    assert_eq!(event["event"]["header"]["name"], "ErrorResponse", "{event}");
    state.calls(9).into_iter().filter_map(|call| call.outcome).collect()
}

#[tokio::test]
async fn an_offer_that_never_comes_to_a_session_leaves_a_record_unless_its_endpoint_is_nobodys() {
    let late = Scripted { delay: Duration::from_secs(3_600), ..Scripted::default() };
    assert_eq!(left_by(late, "garden").await, [Outcome::AnswerLate]);
    let died = Scripted { broken: Some(RouteError::Registry(AskError::Empty)), ..Scripted::default() };
    assert_eq!(left_by(died, "garden").await, [Outcome::Internal]);
    let incomplete = Scripted { complete: false, ..Scripted::default() };
    assert_eq!(left_by(incomplete, "hub#other").await, [Outcome::HubAway]);
    let mut kept_away = Scripted::default();
    kept_away.cameras[1].alexa = false;
    assert_eq!(left_by(kept_away, "garden").await, [Outcome::NotShared]);
    assert_eq!(left_by(Scripted::default(), "nobody").await, []);
    // What a session refuses it remembers itself.
    let refused =
        Scripted { reply: Err(CameraError::SwitchedOff("Garden".into()).into()), ..Scripted::default() };
    assert_eq!(left_by(refused, "garden").await, []);
}
