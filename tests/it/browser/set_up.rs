//! The set-up page: from nothing to the first call.

use std::time::Duration;

use serde_json::{Value, json};

use super::SOON;
use super::chromium::{Chromium, Microphone};
use super::installed::Installed;
use crate::fixture::{AiortcPeer, CameraPeer, PeerOptions};

/// Waits until a line of the checklist says this.
async fn says(browser: &Chromium, line: &str, code: &str) {
    let line = format!("document.querySelector('[data-line={line}]').dataset.code === '{code}'");
    browser.wait_until(&line, SOON).await;
}

/// The line that is to be done next.
async fn next(browser: &Chromium) -> Value {
    browser.value("document.querySelector('[aria-current=step]')?.dataset.line").await
}

/// Waits until a part of the page shows these words.
async fn shows(browser: &Chromium, selector: &str, words: &str) {
    let there = format!("document.querySelector({}).innerText.includes({})", json!(selector), json!(words));
    browser.wait_until(&there, SOON).await;
}

#[tokio::test]
async fn from_nothing_to_the_first_call_each_line_says_what_is_next() {
    let (installed, browser) = tokio::join!(Installed::bare(), Chromium::start(Microphone::Forbidden));
    let hub = &installed.hub;
    hub.remove_camera("garden");
    hub.remove_camera("front_door");
    hub.add_camera(&CameraPeer::behind("porch", &["--gop", "1"]));
    browser.open(&installed.page).await;
    says(&browser, "hub", "none").await;
    assert_eq!(next(&browser).await, "hub", "the house without anything begins here");
    browser.keep("set-up-nothing").await;

    let pasted = format!("127.0.0.1:{}/lovelace/0", hub.url.port().unwrap());
    browser.fill("Address of the hub", &pasted).await;
    browser.fill("Long-lived access token", "not-the-token-of-this-hub").await;
    browser.press("Try and connect").await;
    browser.wait_until("document.querySelector('#hub-trouble').dataset.code === 'token'", SOON).await;
    browser.keep("set-up-wrong-token").await;
    let kept = || std::fs::read_to_string(installed.settings_file()).unwrap();
    assert!(!kept().contains("hub"), "what was not good is not kept: {}", kept());
    assert_eq!(browser.complaints().await, Vec::<String>::new());

    browser.fill("Long-lived access token", &hub.token).await;
    browser.press("Try and connect").await;
    says(&browser, "hub", "running").await;
    says(&browser, "cameras", "found").await;
    assert!(kept().contains(&hub.token), "{}", kept());
    says(&browser, "fit", "unknown").await;
    assert_eq!(next(&browser).await, "fit");
    says(&browser, "account", "no_external_address").await;

    browser.press("Look at them").await;
    says(&browser, "fit", "fit").await;
    assert_eq!(next(&browser).await, "door");
    shows(&browser, "[data-line=call]", "Alexa, show the porch").await;

    let cameras = installed.get("cameras").await;
    let endpoint = cameras["cameras"][0]["endpoint_id"].as_str().unwrap();
    let user = hub.issue("Family", Duration::from_secs(3600)).unwrap();
    AiortcPeer::run(PeerOptions::new(&installed.door, &user, endpoint).seconds(2.0)).await;
    for (line, code) in [("door", "used"), ("account", "linked"), ("call", "made")] {
        says(&browser, line, code).await;
    }
    shows(&browser, "#so-far", "All is done").await;
    // The browser tells in the console that the house broke off what it told when it started anew.
    browser.complaints().await;
    browser.open(&format!("{}/#/set_up", installed.page)).await;
    browser.reload().await;
    says(&browser, "fit", "fit").await;
    browser.keep("set-up-done").await;
    assert!(!browser.value("document.documentElement.outerHTML").await.to_string().contains(&hub.token));
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
}

#[tokio::test]
async fn the_door_is_tried_from_the_page_and_its_token_shown_only_when_asked_for_and_copied_by_a_button() {
    let (installed, browser) = tokio::join!(Installed::bare(), Chromium::start(Microphone::Forbidden));
    browser.open(&format!("{}/#/set_up", installed.page)).await;
    says(&browser, "door", "no_address").await;
    browser.fill("Address from outside", &installed.door.replace("http", "https")).await;
    browser.press("Test").await;
    shows(&browser, "#reach", "There is no HTTPS at that port.").await;
    shows(&browser, "#reach", "It was tried from inside your network.").await;

    let ask = reqwest::Client::new().post(format!("{}/api/v1/door/token", installed.page)).json(&json!({}));
    let reply: Value = ask.send().await.unwrap().json().await.unwrap();
    let token = reply["token"].as_str().unwrap();
    let page = "document.documentElement.outerHTML";
    assert!(!browser.value(page).await.to_string().contains(token));
    let hints = "[...document.querySelectorAll('[data-line=door] summary')].at(-1).click()";
    browser.value(hints).await;
    browser.press("Show the Door token").await;
    shows(&browser, "[data-line=door] dl", token).await;
    // As on a page without HTTPS.
    browser.value("(Object.defineProperty(navigator, 'clipboard', { value: undefined }), true)").await;
    browser.press("Copy Door token").await;
    shows(&browser, "[data-line=door] dl", "Copied").await;
    assert_eq!(browser.value("getSelection().toString()").await, token);
    browser.press("Hide").await;
    browser.wait_until(&format!("!{page}.includes({})", json!(token)), SOON).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
}
