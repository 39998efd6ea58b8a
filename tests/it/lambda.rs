//! The skill's Lambda function before the add-on: straight to the door, and through the hub's ingress.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::fixture::add_on::AddOn;
use crate::fixture::house::{rtc, wait_for};
use crate::fixture::lambda::{Lambda, OUTSIDE};
use crate::fixture::network::{ADD_ON, MACHINE, Network};
use crate::fixture::offers::offer;
use crate::fixture::supervised::Supervised as Home;

const HOUR: Duration = Duration::from_secs(3600);
const SLUG: &str = "local_doorstep";
const CAMERA: &str =
    "[[camera]]\nid = 'front_door'\nname = 'Front door'\nkind = 'doorbell'\nsource = 'test:'\n";

fn discover(token: &str) -> Value {
    json!({ "directive": {
        "header": {
            "namespace": "Alexa.Discovery", "name": "Discover", "payloadVersion": "3", "messageId": "m-1",
        },
        "payload": { "scope": { "type": "BearerToken", "token": token } },
    }})
}

fn offering(token: &str, session: &str) -> Value {
    let offer = json!({ "format": "SDP", "value": offer("g3-2023") });
    rtc(token, "InitiateSessionWithOffer", "front_door", json!({ "sessionId": session, "offer": offer }))
}

/// A hub, its add-on with a camera of its own, and tokens of the hub's users.
struct Stage {
    home: Home,
    add_on: Option<AddOn>,
    owner: String,
    family: String,
}

impl Stage {
    async fn start(settings: &str) -> Self {
        let home = Home::start(Network::start()).await;
        let add_on = home.add_on(Some(&format!("{settings}\n{CAMERA}")));
        assert!(home.hub.install(SLUG, (ADD_ON, 8099).into()));
        let token = |user| home.hub.issue(user, HOUR).unwrap();
        let (owner, family) = (token("Owner"), token("Family"));
        Self { add_on: Some(add_on), owner, family, home }
    }

    /// The function, with a proxy before the hub.
    async fn through_the_hub(&self) -> Lambda {
        self.lambda(&[("HUB_URL", OUTSIDE)], (MACHINE, 8123).into()).await
    }

    /// The function, with a proxy before the door.
    async fn to_the_door(&self) -> Lambda {
        self.lambda(&[("DOOR_URL", OUTSIDE)], (ADD_ON, 8098).into()).await
    }

    async fn lambda(&self, settings: &[(&str, &str)], inside: SocketAddr) -> Lambda {
        Lambda::start(&self.home.network.machine, settings, inside).await
    }

    /// Discovers until the add-on is up.
    async fn found(&self, lambda: &mut Lambda) -> Value {
        wait_for("the front door", async || {
            let event = lambda.ask(&discover(&self.owner)).await;
            assert_eq!(event["header"]["name"], "Discover.Response", "{event}");
            let endpoint = event["payload"]["endpoints"].get(0).cloned();
            if endpoint.is_none() {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            endpoint
        })
        .await
    }

    /// A call is answered for the owner, and refused to somebody who is not linked.
    async fn assert_calls(&self, lambda: &mut Lambda) {
        assert_eq!(self.found(lambda).await["endpointId"], "front_door");
        let event = lambda.ask(&offering(&self.owner, "s-1")).await;
        assert_eq!(event["header"]["name"], "AnswerGeneratedForSession", "{event}");
        assert!(event["header"]["correlationToken"].is_string());
        let answer = event["payload"]["answer"]["value"].as_str().unwrap();
        assert!(answer.starts_with("v=0") && answer.contains("a=fingerprint:sha-256"), "{answer}");

        let refused = lambda.ask(&offering(&self.family, "s-2")).await;
        assert_failed(&refused, "INVALID_AUTHORIZATION_CREDENTIAL", "Family is not linked");
    }

    fn assert_secret(&self, lambda: &Lambda) {
        let written = lambda.story();
        for token in [&self.owner, &self.family] {
            assert!(!written.contains(token.as_str()));
        }
        assert!(
            written.contains(r#""failed":"Alexa.RTCSessionController.InitiateSessionWithOffer""#),
            "{written}"
        );
    }
}

fn assert_failed(event: &Value, kind: &str, words: &str) {
    assert_eq!(event["header"]["name"], "ErrorResponse", "{event}");
    assert_eq!(event["endpoint"]["endpointId"], "front_door");
    assert_eq!(event["payload"]["type"], kind, "{event}");
    assert!(event["payload"]["message"].as_str().unwrap().contains(words), "{event}");
}

#[actix::test]
async fn without_a_port_of_its_own_the_add_on_is_called_through_the_hubs_ingress() {
    let mut stage = Stage::start("").await;
    let mut lambda = stage.through_the_hub().await;
    stage.assert_calls(&mut lambda).await;
    let asked = |stage: &Stage| stage.home.hub.commands("supervisor/api");
    let before = asked(&stage);
    assert_eq!(stage.found(&mut lambda).await["endpointId"], "front_door");
    assert_eq!(asked(&stage), before, "the session is kept");

    // A session that is over is renewed, also when the add-on was installed anew and is elsewhere.
    stage.home.hub.end_ingress_sessions();
    assert_eq!(
        lambda.ask(&offering(&stage.owner, "s-3")).await["header"]["name"],
        "AnswerGeneratedForSession"
    );
    assert_eq!(asked(&stage), before + 2);
    assert!(stage.home.hub.install(SLUG, (ADD_ON, 8099).into()));
    assert_eq!(
        lambda.ask(&offering(&stage.owner, "s-4")).await["header"]["name"],
        "AnswerGeneratedForSession"
    );

    stage.add_on = None;
    let away = lambda.ask(&offering(&stage.owner, "s-5")).await;
    assert_failed(&away, "BRIDGE_UNREACHABLE", "the app local_doorstep");
    stage.home.hub.uninstall();
    let gone = lambda.ask(&offering(&stage.owner, "s-6")).await;
    assert_failed(&gone, "BRIDGE_UNREACHABLE", "there is no app local_doorstep");
    assert_eq!(stage.home.hub.failed_logins(), 0);
    for _ in 0..3 {
        let refused = lambda.ask(&offering("nobody's", "s-7")).await;
        assert_failed(&refused, "INVALID_AUTHORIZATION_CREDENTIAL", "refused the token");
    }
    assert_eq!(stage.home.hub.failed_logins(), 1, "a refused token is shown once");
    stage.home.hub.go_down().await;
    let down = lambda.ask(&offering(&stage.owner, "s-8")).await;
    assert_failed(&down, "BRIDGE_UNREACHABLE", OUTSIDE);
    stage.assert_secret(&lambda);
}

#[actix::test]
async fn a_door_with_a_public_address_is_called_straight() {
    let mut stage = Stage::start("door.listen = '0.0.0.0:8098'").await;
    let mut lambda = stage.to_the_door().await;
    stage.assert_calls(&mut lambda).await;
    assert_eq!(stage.home.hub.commands("supervisor/api"), 0);
    stage.add_on = None;
    let away = lambda.ask(&offering(&stage.owner, "s-5")).await;
    assert_failed(&away, "BRIDGE_UNREACHABLE", OUTSIDE);
    stage.assert_secret(&lambda);
}

#[test]
fn the_function_keeps_its_word_whatever_it_meets() {
    let tests = std::fs::read_dir("packaging/alexa-skill/test").unwrap();
    let tests = tests.map(|entry| entry.unwrap().path());
    let tests: Vec<_> = tests.filter(|path| path.to_string_lossy().ends_with(".test.mjs")).collect();
    assert!(tests.len() >= 6, "{tests:?}");
    let output = Command::new("node").arg("--test").args(tests).output();
    let output = output.unwrap_or_else(|error| panic!("node: {error}; it is installed by `make setup-test`"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// A figure: `cargo test --release --test it lambda:: -- --ignored --nocapture`.
#[actix::test]
#[ignore = "it measures"]
async fn what_a_directive_takes_on_each_road() {
    let stage = Stage::start("door.listen = '0.0.0.0:8098'").await;
    let directive = discover(&stage.owner);
    // The add-on is to be up, and the hub to have said whose token it is.
    stage.found(&mut stage.to_the_door().await).await;
    for hub in [false, true] {
        let (mut cold, mut warm) = (Vec::new(), Vec::new());
        for _ in 0..15 {
            let mut lambda = if hub { stage.through_the_hub().await } else { stage.to_the_door().await };
            cold.push(lambda.timed(&directive).await.1);
            for _ in 0..4 {
                warm.push(lambda.timed(&directive).await.1);
            }
        }
        let road = if hub { "through the hub" } else { "to the door" };
        println!("{road}: cold {:.1} ms, warm {:.1} ms", median(cold), median(warm));
    }
}
