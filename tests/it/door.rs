//! Who may speak at the door, with a hub behind it.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use doorstep::sim::hub::{SimHub, SimHubOptions};
use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::fixture::house::{House, rtc, wait_for};
use crate::fixture::offers::offer;

const HOUR: Duration = Duration::from_secs(3600);

fn settings(hub: &SimHub) -> String {
    format!(
        "[hub]\nurl = '{}'\ntoken = '{}'\n[[camera]]\nid = 'shed'\nsource = 'test:'\n
         [[camera]]\nid = 'gate'\nsource = 'test:'\n",
        hub.url, hub.token
    )
}

async fn connected(house: &House) {
    wait_for("the hub", async || (house.api("status").await["hub"]["state"] == "running").then_some(()))
        .await;
}

/// A token in the hub's form that nobody issued.
fn forged(number: usize) -> String {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let head = part(json!({ "alg": "HS256", "typ": "JWT" }));
    let claims = part(json!({ "iss": format!("{number:032x}"), "iat": 1, "exp": 4_000_000_000_u64 }));
    format!("{head}.{claims}.{}", URL_SAFE_NO_PAD.encode(format!("seal {number}")))
}

/// Offers as the user whose token it is, who shows it in the header as well.
async fn offer_as(house: &House, token: &str, endpoint: &str, session: &str) -> Value {
    let offer = json!({ "format": "SDP", "value": offer("g3-2023") });
    let payload = json!({ "sessionId": session, "offer": offer });
    let directive = rtc(token, "InitiateSessionWithOffer", endpoint, payload);
    let response = house.post(token, directive.to_string()).await;
    assert_eq!(response.status(), 200);
    response.json().await.unwrap()
}

fn name(event: &Value) -> &str {
    event["event"]["header"]["name"].as_str().unwrap()
}

fn error_type(event: &Value) -> &str {
    event["event"]["payload"]["type"].as_str().unwrap_or_else(|| panic!("no error: {event}"))
}

#[actix::test]
async fn a_thousand_forged_tokens_ban_nobody_and_a_linked_user_is_answered_meanwhile_also_after_a_restart() {
    let hub = SimHub::start(SimHubOptions { ban_after: Some(3), ..SimHubOptions::default() }).await.unwrap();
    let house = House::start(&settings(&hub));
    connected(&house).await;
    let owner = hub.issue("Owner", HOUR).unwrap();
    assert_eq!(name(&offer_as(&house, &owner, "shed", "before").await), "AnswerGeneratedForSession");

    // Nothing that the house was told is left but its data.
    let house = House::start_in(house.stop(), &settings(&hub));
    connected(&house).await;
    let flood = futures_util::stream::iter(0..1_000).map(async |number| {
        let event = offer_as(&house, &forged(number), "shed", "forged").await;
        let refused = ["INVALID_AUTHORIZATION_CREDENTIAL", "RATE_LIMIT_EXCEEDED"];
        assert!(refused.contains(&error_type(&event)), "{event}");
    });
    let flood = flood.buffer_unordered(32).count();
    let user = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        for n in 0..20 {
            let event = offer_as(&house, &owner, "shed", "meanwhile").await;
            assert_eq!(name(&event), "AnswerGeneratedForSession", "{n}: {event}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let (count, ()) = futures_util::future::join(flood, user).await;
    assert_eq!(count, 1_000);
    assert!(hub.failed_logins() <= 2, "{} failed logins", hub.failed_logins());
    // A banned address would not get in again.
    hub.close_links();
    connected(&house).await;
}

#[actix::test]
async fn a_revoked_user_is_heard_no_more_and_the_calls_of_that_user_end_but_no_others() {
    let hub = SimHub::start(SimHubOptions::default()).await.unwrap();
    let house = House::start(&settings(&hub));
    connected(&house).await;
    let (owner, family) = (hub.issue("Owner", HOUR).unwrap(), hub.issue("Family", HOUR).unwrap());
    assert_eq!(name(&offer_as(&house, &owner, "shed", "o").await), "AnswerGeneratedForSession");
    assert_eq!(
        error_type(&offer_as(&house, &family, "shed", "f").await),
        "INVALID_AUTHORIZATION_CREDENTIAL",
        "linking is closed once somebody is linked"
    );
    let opened = house.change(reqwest::Method::POST, "links/open").await;
    assert!(opened["seconds_left"].as_u64().is_some_and(|left| (590..=600).contains(&left)), "{opened}");
    for (camera, session) in [("shed", "f1"), ("gate", "f2")] {
        assert_eq!(name(&offer_as(&house, &family, camera, session).await), "AnswerGeneratedForSession");
    }
    let links = house.api("status").await["links"].clone();
    let id =
        links.as_array().unwrap().iter().find(|link| link["name"] == "Family").unwrap()["user_id"].clone();

    let revoked = house.change(reqwest::Method::DELETE, &format!("links/{}", id.as_str().unwrap())).await;
    assert_eq!(revoked, json!({ "revoked": true }));
    for session in ["f1", "f2"] {
        let ended = house.call_record(session, |call| !call["end_reason"].is_null()).await;
        assert!(ended["end_reason"].as_str().unwrap().contains("revoked"), "{ended}");
    }
    assert_eq!(
        (house.camera("shed").await["calls"].clone(), house.camera("gate").await["calls"].clone()),
        (1.into(), 0.into())
    );
    // Its token was good a moment ago, and linking was open: neither counts any more.
    let asked = hub.commands("auth/current_user");
    assert_eq!(
        error_type(&offer_as(&house, &family, "gate", "f3").await),
        "INVALID_AUTHORIZATION_CREDENTIAL"
    );
    assert_eq!(hub.commands("auth/current_user"), asked);
    assert_eq!(house.api("status").await["linking"]["open"], false);
    assert_eq!(name(&offer_as(&house, &owner, "shed", "o2").await), "AnswerGeneratedForSession");
}

#[actix::test]
async fn a_call_of_the_page_is_told_apart_and_neither_ends_or_answers_the_others() {
    let house = House::start("[[camera]]\nid = 'shed'\nsource = 'test:'\n");
    let offer = json!({ "format": "SDP", "value": offer("g3-2023") });
    let page = async |name: &str, session: &str| {
        let payload = json!({ "sessionId": session, "offer": offer });
        let wish = json!({ "endpoint_id": "shed", "name": name, "payload": payload });
        house.ask(reqwest::Method::POST, "echo", wish).await.1
    };
    let alexa = async |name: &str, session: &str| {
        house.rtc(name, "shed", json!({ "sessionId": session, "offer": offer })).await
    };
    assert_eq!(name(&alexa("InitiateSessionWithOffer", "alexas").await), "AnswerGeneratedForSession");
    assert_eq!(name(&page("InitiateSessionWithOffer", "pages").await), "AnswerGeneratedForSession");
    for directive in ["InitiateSessionWithOffer", "SessionConnected", "SessionDisconnected"] {
        assert_eq!(error_type(&page(directive, "alexas").await), "NO_SUCH_ENDPOINT", "{directive}");
        assert_eq!(error_type(&alexa(directive, "pages").await), "NO_SUCH_ENDPOINT", "{directive}");
    }
    for (session, from_page) in [("alexas", false), ("pages", true)] {
        let record = house.call_record(session, |_| true).await;
        assert_eq!(record["from_page"], from_page, "{record}");
        assert_eq!(record["ended"], Value::Null, "{record}");
    }
    assert_eq!(name(&page("SessionDisconnected", "pages").await), "SessionDisconnected");
    house.call_record("pages", |call| call["ended"].is_string()).await;
    let going_on = house.call_record("alexas", |_| true).await;
    assert_eq!(going_on["ended"], Value::Null, "{going_on}");
}
