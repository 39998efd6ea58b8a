//! The settings' page.

use super::chromium::Microphone;
use super::{SOON, UNTRANSLATED, visit};

fn field(key: &str) -> String {
    format!("document.querySelector('#set-{}')", key.replace('.', "-"))
}

/// Types into a field as a user does.
fn typed(key: &str, text: &str) -> String {
    format!(
        "(() => {{ const field = {}; field.value = '{text}'; \
         field.dispatchEvent(new Event('input', {{ bubbles: true }})); return true; }})()",
        field(key)
    )
}

#[tokio::test]
async fn a_bad_value_is_shown_at_its_field_and_the_good_one_is_saved_and_holds_after_a_restart() {
    let (demo, browser) = visit(Microphone::Forbidden).await;
    browser.open(&format!("{}/#/settings", demo.page)).await;
    browser.wait_until(&field("limits.calls"), SOON).await;
    assert_eq!(browser.value(UNTRANSLATED).await, 0);
    assert_eq!(browser.value(&format!("{}.disabled", field("hub.url"))).await, true, "the demo needs it");

    browser.value(&typed("limits.calls", "0")).await;
    browser.press("Save").await;
    let error = "document.querySelector('#set-limits-calls-error')?.innerText.includes('not between 1 and')";
    browser.wait_until(error, SOON).await;
    browser.wait_until("document.activeElement.id === 'set-limits-calls'", SOON).await;
    assert_eq!(
        browser.value(&format!("{}.getAttribute('aria-invalid')", field("limits.calls"))).await,
        "true"
    );

    browser.value(&typed("limits.calls", "5")).await;
    // What is typed stays while the house tells its news, and while another page is looked at.
    browser.value("(location.hash = '#/cameras', true)").await;
    browser.wait_until("document.querySelector('.probe, .buttons, h2')", SOON).await;
    browser.value("(location.hash = '#/settings', true)").await;
    browser.wait_until(&format!("{}.value === '5'", field("limits.calls")), SOON).await;
    browser.press("Save").await;
    browser.wait_until("document.querySelector('#saved')", SOON).await;
    browser.wait_until("document.querySelector('#waiting')?.innerText.includes('limits.calls')", SOON).await;

    browser.press("Restart Doorstep").await;
    browser.wait_until("document.querySelector('#restarted')", SOON).await;
    browser.wait_until("!document.querySelector('#waiting')", SOON).await;
    let settings = demo.get("settings").await;
    let calls = settings["keys"].as_array().unwrap().iter().find(|key| key["key"] == "limits.calls").unwrap();
    assert_eq!((&calls["value"], &calls["origin"]), (&serde_json::json!(5), &serde_json::json!("file")));
    browser.close().await;
}
