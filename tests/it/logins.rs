//! A login, and what is left of it when its token is another one.

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::json;
use tokio::time::timeout;

use crate::fixture::house::wait_for;
use crate::fixture::program::Program;

const OLD: &str = "the-old-token-of-the-page-0123456789";
const NEW: &str = "the-new-token-of-the-page-0123456789";

#[actix::test]
async fn when_the_token_is_changed_logins_are_over_and_pages_that_listen_are_told_nothing_more() {
    let program = Program::start(&format!("ui.token = '{OLD}'\n")).await;
    let client = Client::new();
    let ask = |method: Method, path: &str| -> RequestBuilder {
        client.request(method, format!("{}/api/v1/{path}", program.page()))
    };
    let login = ask(Method::POST, "login").json(&json!({ "token": OLD })).send().await.unwrap();
    let cookie = login.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let with = |request: RequestBuilder| request.header("Cookie", &cookie);
    let mut told = with(ask(Method::GET, "changes")).send().await.unwrap();
    assert!(told.chunk().await.unwrap().is_some_and(|first| !first.is_empty()));

    let changes = json!({ "changes": [{ "key": "ui.token", "value": NEW }] });
    let saved = with(ask(Method::PUT, "settings")).json(&changes).send().await.unwrap();
    assert_eq!(saved.status(), StatusCode::OK, "{}", saved.text().await.unwrap());
    let wanted = with(ask(Method::POST, "restart")).json(&json!({})).send().await.unwrap();
    assert_eq!(wanted.status(), StatusCode::ACCEPTED);
    let end = async { while let Ok(Some(_)) = told.chunk().await {} };
    timeout(Duration::from_secs(20), end).await.expect("a stream goes on for a login that is over");
    wait_for("the page to take the new token", async || {
        let reply = ask(Method::GET, "me").bearer_auth(NEW).send().await.ok()?;
        (reply.status() == StatusCode::OK).then_some(())
    })
    .await;
    for path in ["status", "changes", "me"] {
        assert_eq!(
            with(ask(Method::GET, path)).send().await.unwrap().status(),
            StatusCode::UNAUTHORIZED,
            "{path}"
        );
    }
}
