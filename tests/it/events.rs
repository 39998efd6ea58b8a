//! Events to Alexa through the whole house: grants, tokens, what people see of them, what nobody sees.

use std::time::{Duration, Instant};

use actix::{Context, Handler};
use doorstep::alexa::discovery::Description;
use doorstep::alexa::doorbell::Cause;
use doorstep::alexa::endpoint::{Endpoint, EndpointState};
use doorstep::alexa::gateway::outbox::Press;
use doorstep::alexa::gateway::{EventGateway, Report};
use doorstep::seat::Seat;
use doorstep::sim::alexa::{AlexaDouble, Call, Step};
use doorstep::sim::hub::{SimHub, SimHubOptions};
use reqwest::Method;
use serde_json::{Value, json};

use crate::fixture::house::{House, wait_for};
use crate::fixture::program::{Program, TOKEN};

const HOUR: Duration = Duration::from_secs(3600);
const SOON: Duration = Duration::from_secs(20);

/// Settings that send events to the double.
fn settings(alexa: &AlexaDouble) -> String {
    format!(
        "[alexa]\nclient_id = '{}'\nclient_secret = '{}'\ntoken_url = '{}'\nevents_url = '{}'\n
         [[camera]]\nid = 'front_door'\nname = 'Front door'\nkind = 'doorbell'\nsource = 'test:'\n",
        alexa.client_id(),
        alexa.client_secret(),
        alexa.token_url(),
        alexa.events_url()
    )
}

/// A house at the hub, with its owner linked.
pub async fn house_at(hub: &SimHub, alexa: &AlexaDouble) -> (House, String) {
    house_with(hub, alexa, "").await
}

/// The same with cameras of its own.
pub async fn house_with(hub: &SimHub, alexa: &AlexaDouble, cameras: &str) -> (House, String) {
    let of_hub = format!("[hub]\nurl = '{}'\ntoken = '{}'\n", hub.url, hub.token);
    let house = House::start(&format!("{of_hub}{}\n{cameras}", settings(alexa)));
    wait_for("the hub", async || (house.api("status").await["hub"]["state"] == "running").then_some(()))
        .await;
    let owner = hub.issue("Owner", HOUR).unwrap();
    assert_eq!(name(&house.directive(discover(&owner)).await), "Discover.Response");
    (house, owner)
}

fn directive(namespace: &str, name: &str, payload: Value) -> Value {
    let id = uuid::Uuid::new_v4().to_string();
    let header = json!({ "namespace": namespace, "name": name, "messageId": id, "payloadVersion": "3" });
    json!({ "directive": { "header": header, "payload": payload } })
}

fn discover(token: &str) -> Value {
    directive("Alexa.Discovery", "Discover", json!({ "scope": { "type": "BearerToken", "token": token } }))
}

pub fn accept_grant(token: &str, code: &str) -> Value {
    let payload = json!({
        "grant": { "type": "OAuth2.AuthorizationCode", "code": code },
        "grantee": { "type": "BearerToken", "token": token },
    });
    directive("Alexa.Authorization", "AcceptGrant", payload)
}

fn name(event: &Value) -> &str {
    event["event"]["header"]["name"].as_str().unwrap()
}

/// Why a grant was not accepted.
fn refusal(event: &Value) -> &str {
    assert_eq!(event["event"]["header"]["namespace"], "Alexa.Authorization", "{event}");
    assert_eq!(event["event"]["payload"]["type"], "ACCEPT_GRANT_FAILED", "{event}");
    event["event"]["payload"]["message"].as_str().unwrap()
}

pub fn assert_accepted(event: &Value) {
    assert_eq!(name(event), "AcceptGrant.Response", "{event}");
    assert_eq!(event["event"]["payload"], json!({}));
    assert!(event["event"].get("endpoint").is_none() && event.get("context").is_none(), "{event}");
}

async fn events(house: &House) -> Value {
    house.api("status").await["events"].clone()
}

fn seat(house: &House) -> &Seat<EventGateway> {
    house.shared.events.as_ref().unwrap()
}

async fn press(house: &House, endpoint_id: &str) {
    let description = Description {
        endpoint_id: endpoint_id.into(),
        name: "Front door".into(),
        doorbell: true,
        sends_events: true,
        ..Description::default()
    };
    let state = EndpointState { reachable: true, motion: None, on: None };
    seat(house).ask(Report(vec![Endpoint { description, state }]), SOON).await.unwrap();
    let at = doorstep::state::now();
    seat(house)
        .ask(Press { endpoint_id: endpoint_id.into(), at, cause: Cause::Physical }, SOON)
        .await
        .unwrap();
}

/// Waits until so many presses were taken.
async fn taken(alexa: &AlexaDouble, count: usize) {
    let presses = |events: &[doorstep::sim::alexa::Arrival]| {
        let taken = events.iter().filter(|event| event.name() == "DoorbellPress" && event.status == 202);
        (taken.count() >= count).then_some(())
    };
    alexa.wait_for(SOON, presses).await.unwrap_or_else(|| panic!("{:#?}", alexa.events()));
}

#[actix::test]
async fn a_linked_user_grants_events_and_takes_them_away_with_the_link() {
    let (hub, alexa) =
        (SimHub::start(SimHubOptions::default()).await.unwrap(), AlexaDouble::start().await.unwrap());
    let (house, owner) = house_at(&hub, &alexa).await;
    assert_eq!(events(&house).await["linked"], Value::Null);
    let family = hub.issue("Family", HOUR).unwrap();
    let refused = house.directive(accept_grant(&family, &alexa.make_code())).await;
    assert!(refusal(&refused).contains("not linked"), "{refused}");
    assert!(alexa.calls(Call::Token).is_empty(), "nobody asks with a stranger's code");

    assert_accepted(&house.directive(accept_grant(&owner, &alexa.make_code())).await);
    press(&house, "front_door").await;
    taken(&alexa, 1).await;
    let status = wait_for("the press in the status", async || {
        let events = events(&house).await;
        (events["sent"][0]["outcome"] == "delivered").then_some(events)
    })
    .await;
    assert_eq!((&status["linked"]["by"], &status["link_again"]), (&json!("Owner"), &Value::Null), "{status}");
    assert_eq!(status["sent"][0]["endpoint_id"], "front_door");
    let diagnosed = house.api("diagnostics").await["status"]["events"]["linked"].clone();
    assert!(diagnosed["since"].is_string() && diagnosed.get("by").is_none(), "{diagnosed}");

    // Another grant takes the place of the first.
    let used = alexa.make_code();
    assert_accepted(&house.directive(accept_grant(&owner, &used)).await);
    let again = house.directive(accept_grant(&owner, &used)).await;
    assert!(refusal(&again).contains("does not take the code"), "{again}");
    press(&house, "front_door").await;
    taken(&alexa, 2).await;

    let links = house.api("status").await["links"].clone();
    let user = links[0]["user_id"].as_str().unwrap();
    assert_eq!(house.change(Method::DELETE, &format!("links/{user}")).await, json!({ "revoked": true }));
    assert_eq!(events(&house).await["linked"], Value::Null);
    let before = alexa.events().len();
    press(&house, "front_door").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(alexa.events().len(), before, "a revoked user's Alexa hears nothing more");
    for event in alexa.events() {
        assert!(event.faults.is_empty(), "{:?}", event.faults);
    }
}

#[actix::test]
async fn a_grant_survives_a_restart_and_an_actor_that_dies() {
    let alexa = AlexaDouble::start().await.unwrap();
    let house = House::start(&settings(&alexa));
    assert_accepted(&house.directive(accept_grant(&house.token, &alexa.make_code())).await);
    press(&house, "front_door").await;
    taken(&alexa, 1).await;

    seat(&house).addr().unwrap().send(Panic).await.expect_err("it panicked");
    wait_for("a new actor", async || seat(&house).addr().filter(actix::Addr::connected)).await;
    press(&house, "front_door").await;
    taken(&alexa, 2).await;

    let house = House::start_in(house.stop(), &settings(&alexa));
    press(&house, "front_door").await;
    taken(&alexa, 3).await;
    assert_eq!(alexa.calls(Call::Token).len(), 1, "one grant for all of it");

    alexa.stand(Call::Events, Step::hang());
    press(&house, "front_door").await;
    wait_for("a press that hangs", async || (alexa.calls(Call::Events).len() == 4).then_some(())).await;
    let began = Instant::now();
    drop(house);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

/// Makes the actor that gets it panic.
#[derive(actix::Message)]
#[rtype(result = "()")]
struct Panic;

impl Handler<Panic> for EventGateway {
    type Result = ();
    fn handle(&mut self, _: Panic, _: &mut Context<Self>) {
        panic!("a test asked for it");
    }
}

#[actix::test]
async fn a_grant_is_answered_in_time_whatever_the_token_server_does() {
    let alexa = AlexaDouble::start().await.unwrap();
    let house = House::start(&settings(&alexa));
    alexa.script(Call::Token, [Step::hang(), Step::refuse(401, "invalid_client")]);
    let asked = Instant::now();
    let late = house.directive(accept_grant(&house.token, &alexa.make_code())).await;
    assert!(refusal(&late).contains("in time") && asked.elapsed() < Duration::from_millis(4_500), "{late}");
    let wrong = house.directive(accept_grant(&house.token, &alexa.make_code())).await;
    assert!(refusal(&wrong).contains("alexa.client_id"), "{wrong}");
    let mut odd = accept_grant(&house.token, "code");
    odd["directive"]["payload"]["grant"] = json!({ "type": "Other" });
    assert!(refusal(&house.directive(odd).await).contains("payload.grant.type"));
    drop(house);

    let house = House::start("[[camera]]\nid = 'shed'\nsource = 'test:'\n");
    let refused = house.directive(accept_grant(&house.token, "code")).await;
    let why = refusal(&refused);
    assert!(why.contains("alexa.client_id") && why.contains("alexa.client_secret"), "{why}");
    assert_eq!(events(&house).await["configured"], false);
}

#[actix::test]
async fn a_permission_that_is_taken_away_asks_for_a_new_link_while_discovery_works() {
    let alexa = AlexaDouble::start().await.unwrap();
    let house = House::start(&settings(&alexa));
    // Renewed after five seconds.
    alexa.set_expires_in(Duration::from_secs(10));
    assert_accepted(&house.directive(accept_grant(&house.token, &alexa.make_code())).await);
    alexa.forget_refresh_tokens();
    let hint =
        wait_for("the hint", async || events(&house).await["link_again"].as_str().map(str::to_owned)).await;
    assert!(hint.contains("enable the skill"), "{hint}");
    assert!(house.api("status").await["problems"].to_string().contains(&hint));
    assert!(house.shared.state.grant().is_some(), "the data is kept");
    let found = house.directive(discover(&house.token)).await;
    assert_eq!(found["event"]["payload"]["endpoints"].as_array().unwrap().len(), 1);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(alexa.calls(Call::Token).len(), 2, "no tries in a loop");

    assert_accepted(&house.directive(accept_grant(&house.token, &alexa.make_code())).await);
    assert_eq!(events(&house).await["link_again"], Value::Null);
    press(&house, "front_door").await;
    taken(&alexa, 1).await;
}

#[actix::test]
async fn no_code_token_or_client_secret_is_in_the_log_the_status_or_the_diagnostics() {
    let alexa = AlexaDouble::start().await.unwrap();
    let program = Program::start(&format!("log.level = 'trace'\n{}", settings(&alexa))).await;
    let client = reqwest::Client::new();
    let grant = async |code: &str| -> Value {
        let request = client.post(format!("{}/api/alexa/smart_home", program.door)).bearer_auth(TOKEN);
        request.json(&accept_grant(TOKEN, code)).send().await.unwrap().json().await.unwrap()
    };
    let mut secrets = vec![alexa.client_secret().to_owned(), "canary-of-a-code-7d4a".to_owned()];
    assert!(refusal(&grant("canary-of-a-code-7d4a").await).contains("code"));
    alexa.script(Call::Token, [Step::hang_up(), Step::refuse(503, "busy"), Step::garbage()]);
    secrets.push(alexa.make_code());
    refusal(&grant(secrets.last().unwrap()).await);
    // Renewed at once, because it is refused, and after five seconds; then refused for good.
    alexa.set_expires_in(Duration::from_secs(10));
    alexa.script(Call::Endpoint, [Step::refuse(401, "INVALID_ACCESS_TOKEN_EXCEPTION")]);
    secrets.push(alexa.make_code());
    assert_accepted(&grant(secrets.last().unwrap()).await);
    let before = alexa.calls(Call::Token).len();
    for renewals in [0, 1, 2] {
        let enough = || (alexa.calls(Call::Token).len() >= before + renewals).then_some(());
        wait_for("a renewal", async || enough()).await;
        secrets.extend(alexa.tokens());
    }
    alexa.forget_refresh_tokens();
    wait_for("the hint", async || {
        program.api("status").await["events"]["link_again"].as_str().map(str::to_owned)
    })
    .await;
    assert!(secrets.len() > 6, "{}", secrets.len());
    let shown = [
        program.log(),
        program.api("status").await.to_string(),
        program.api("diagnostics").await.to_string(),
    ];
    assert!(shown[0].contains("events to Alexa are granted"), "the log is one of a program that did it");
    for secret in &secrets {
        for text in &shown {
            assert!(!text.contains(secret.as_str()), "{secret} is shown");
        }
    }
}
