//! Who may do what, as people see it.

use serde_json::Value;

use super::SOON;
use super::chromium::{Chromium, Microphone};
use super::ingress::{Ingress, User};
use super::installed::Installed;

/// Buttons that change something at the house are none for whoever may not.
const BUTTONS: &str = "[...document.querySelectorAll('main button')].map((one) => one.innerText)";
const PAGES: &str = "[...document.querySelectorAll('nav a')].map((one) => one.innerText)";

#[tokio::test]
async fn w8_a_user_of_the_hub_who_is_no_admin_looks_and_changes_nothing() {
    let ingress = Ingress::start(Some("[[camera]]\nid = 'shed'\nname = 'Shed'\nsource = 'test:'\n")).await;
    let browser = Chromium::start(Microphone::Forbidden).await;
    browser.open(&format!("{}/#/activity", ingress.page(User::Family))).await;
    browser.shows("Only an administrator of the hub may change something here", SOON).await;
    browser.wait_until("document.querySelector('#people')", SOON).await;
    assert_eq!(browser.value(BUTTONS).await, serde_json::json!([]));
    let pages = browser.value(PAGES).await;
    assert_eq!(pages, serde_json::json!(["Cameras", "Activity"]));
    // Whoever writes the request by hand is refused as well.
    for (method, path) in [
        ("POST", "links/open"),
        ("PUT", "settings"),
        ("POST", "echo"),
        ("POST", "probe"),
        ("GET", "diagnostics"),
        ("GET", "logs"),
        ("GET", "settings"),
    ] {
        let asked = format!(
            "fetch('api/v1/{path}', {{ method: '{method}', headers: {{ 'Content-Type': 'application/json' }}, \
             body: '{method}' === 'GET' ? undefined : '{{}}' }}).then((reply) => (window.told = reply.status))"
        );
        browser.value("(window.told = null)").await;
        browser.value(&asked).await;
        browser.wait_until("window.told", SOON).await;
        assert_eq!(browser.value("window.told").await, 403, "{method} {path}");
    }
    browser.open(&format!("{}/#/diagnostics", ingress.page(User::Family))).await;
    browser.reload().await;
    browser.shows("There is no such page", SOON).await;

    browser.open(&format!("{}/#/activity", ingress.page(User::Owner))).await;
    browser.wait_until("document.querySelector('#people button')", SOON).await;
    assert_eq!(browser.value("document.querySelector('#read-only')").await, Value::Null);
    assert_eq!(ingress.strays(), Vec::<String>::new());
    browser.close().await;
}

#[tokio::test]
async fn with_a_token_people_log_in_are_told_when_it_is_wrong_and_log_out() {
    let token = "a-token-of-the-page-0123456789";
    let house = Installed::start(&format!("ui.token = '{token}'\n")).await;
    let browser = Chromium::start_in("de-AT,de", Microphone::Forbidden).await;
    browser.open(&house.page).await;
    browser.shows("Token dieser Seite", SOON).await;
    browser.fill("Token dieser Seite", "nicht-dieses-Token-0123456789").await;
    browser.press("Anmelden").await;
    browser.shows("Das ist nicht das Token", SOON).await;
    // The page that says so has its looks, and leads on.
    browser
        .wait_until(
            "getComputedStyle(document.querySelector('button.primary')).borderRadius === '99px'",
            SOON,
        )
        .await;
    browser.keep("login-wrong-1280-light").await;
    browser.fill("Token dieser Seite", token).await;
    browser.press("Anmelden").await;
    browser.wait_until("document.querySelector('nav')", SOON).await;
    assert_eq!(browser.value("location.pathname").await, "/");
    assert_eq!(browser.value("document.cookie").await, "", "scripts do not see it");
    browser.press("Abmelden").await;
    browser.shows("Token dieser Seite", SOON).await;
    browser.open(&format!("{}/#/settings", house.page)).await;
    browser.reload().await;
    browser.shows("Token dieser Seite", SOON).await;
    browser.close().await;
}

#[tokio::test]
async fn w5_the_log_is_followed_on_the_page_its_lines_stay_text_and_the_file_comes_down() {
    let house = Installed::start("log.level = 'error'\n").await;
    let browser = Chromium::start(Microphone::Forbidden).await;
    browser.open(&format!("{}/#/diagnostics", house.page)).await;
    browser.wait_until("document.querySelector('#log li')", SOON).await;
    browser.wait_until("/\\d/.test(document.querySelector('#versions')?.innerText)", SOON).await;
    house.hub.name("camera.front_door", Some("<img src=x onerror=\"window.ran = true\">"));
    browser.choose("Show", "Everything").await;
    let asked = "fetch('api/v1/probe', { method: 'POST', headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ camera: '<img src=y onerror=\"window.ran = true\">' }) })";
    browser.value(asked).await;
    house.hub.drop_links();
    browser.wait_until("document.querySelector('#log').innerText.includes('hub')", SOON).await;
    let lines = browser.value("document.querySelectorAll('#log li').length").await.as_u64().unwrap();
    browser.choose("Show", "Errors").await;
    browser.wait_until(&format!("document.querySelectorAll('#log li').length < {lines}"), SOON).await;
    browser.press("Download").await;
    browser.shows("Done:", SOON).await;
    assert_eq!(browser.value("window.ran").await, Value::Null);
    assert_eq!(browser.value("document.querySelector('main img')").await, Value::Null);
    browser.close().await;
}
