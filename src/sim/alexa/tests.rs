//! The doubles, asked by hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use serde_json::{Value, json};

use super::*;

async fn post_form(double: &AlexaDouble, fields: &[(&str, &str)]) -> (u16, Value) {
    let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = reqwest::Client::new().post(double.token_url()).body(form);
    let response = request.header("Content-Type", "application/x-www-form-urlencoded").send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

async fn exchange(double: &AlexaDouble, kind: &str, name: &str, value: &str) -> (u16, Value) {
    let client = [("client_id", double.client_id()), ("client_secret", double.client_secret())];
    post_form(double, &[&[("grant_type", kind), (name, value)][..], &client].concat()).await
}

async fn access_token(double: &AlexaDouble) -> String {
    let (status, tokens) = exchange(double, "authorization_code", "code", &double.make_code()).await;
    assert_eq!(status, 200, "{tokens}");
    tokens["access_token"].as_str().unwrap().to_owned()
}

async fn post_event(double: &AlexaDouble, token: &str, event: &Value) -> u16 {
    let request = reqwest::Client::new().post(format!("{}v3/events", double.events_url()));
    request.bearer_auth(token).json(event).send().await.unwrap().status().as_u16()
}

fn press(token: &str, at: &str) -> Value {
    json!({
        "event": {
            "header": {
                "namespace": "Alexa.DoorbellEventSource",
                "name": "DoorbellPress",
                "messageId": uuid::Uuid::new_v4().to_string(),
                "payloadVersion": "3",
            },
            "endpoint": {
                "scope": { "type": "BearerToken", "token": token },
                "endpointId": "front_door",
            },
            "payload": { "cause": { "type": "PHYSICAL_INTERACTION" }, "timestamp": at },
        },
        "context": {},
    })
}

#[tokio::test]
async fn a_code_is_good_once_and_a_refresh_token_until_it_is_used() {
    let double = AlexaDouble::start().await.unwrap();
    let code = double.make_code();
    let (status, tokens) = exchange(&double, "authorization_code", "code", &code).await;
    assert_eq!((status, &tokens["expires_in"]), (200, &json!(3600)), "{tokens}");
    assert_eq!(exchange(&double, "authorization_code", "code", &code).await.1["error"], "invalid_grant");
    let first = tokens["refresh_token"].as_str().unwrap();
    let (status, tokens) = exchange(&double, "refresh_token", "refresh_token", first).await;
    assert!(status == 200 && tokens["refresh_token"] != first, "{tokens}");
    assert_eq!(exchange(&double, "refresh_token", "refresh_token", first).await.1["error"], "invalid_grant");
    let stranger = post_form(&double, &[("grant_type", "refresh_token"), ("client_id", "other")]).await;
    assert_eq!((stranger.0, &stranger.1["error"]), (401, &json!("invalid_client")));
}

#[tokio::test]
async fn an_event_is_taken_only_with_a_good_token_in_both_places_and_in_the_right_form() {
    let double = AlexaDouble::start().await.unwrap();
    let token = access_token(&double).await;
    let good = press(&token, "2026-11-22T10:00:00Z");
    assert_eq!(post_event(&double, &token, &good).await, 202);
    assert_eq!(post_event(&double, &token, &good).await, 400, "a message id is used once");
    assert_eq!(post_event(&double, "Atza|other", &press(&token, "2026-11-22T10:00:00Z")).await, 401);
    assert_eq!(post_event(&double, &token, &press("Atza|other", "2026-11-22T10:00:00Z")).await, 401);
    for at in ["2026-11-22T10:00:00.123Z", "2026-11-22T10:00:00+00:00", "2026-11-22 10:00:00Z", ""] {
        assert_eq!(post_event(&double, &token, &press(&token, at)).await, 400, "{at}");
    }
    for (place, key) in [("/event", "more"), ("/event/header", "correlationToken"), ("/event/payload", "x")] {
        let mut event = press(&token, "2026-11-22T10:00:00Z");
        event.pointer_mut(place).unwrap()[key] = json!("x");
        assert_eq!(post_event(&double, &token, &event).await, 400, "{place}/{key}");
    }
    double.forget_access_tokens();
    assert_eq!(post_event(&double, &token, &press(&token, "2026-11-22T10:00:00Z")).await, 401);
    assert_eq!(double.events().iter().filter(|event| event.status == 202).count(), 1);
}

#[tokio::test]
async fn calls_are_answered_by_their_script_then_as_it_stands_then_as_they_should_be() {
    let double = AlexaDouble::start().await.unwrap();
    let token = access_token(&double).await;
    let send = async || post_event(&double, &token, &press(&token, "2026-11-22T10:00:00Z")).await;
    double.script(Call::Events, [Step::refuse(429, "THROTTLING_EXCEPTION"), Step::proper()]);
    double.stand(Call::Events, Step::refuse(503, "SERVICE_UNAVAILABLE").after(Duration::from_millis(50)));
    assert_eq!([send().await, send().await, send().await, send().await], [429, 202, 503, 503]);
    double.stand(Call::Events, Step::proper());
    assert_eq!(send().await, 202);
    let came = double.wait_for(Duration::from_secs(5), |events| (events.len() == 5).then_some(())).await;
    assert!(came.is_some());
    assert_eq!(double.calls(Call::Events).len(), 5);
}
