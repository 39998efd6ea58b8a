//! The page, in a real browser: calls through the demo as a user makes them.

mod axe;
mod calls;
mod cameras;
mod chromedriver;
mod chromium;
mod demo;
mod doors;
mod every_page;
mod frame;
mod ingress;
mod installed;
mod live;
mod set_up;
mod settings;
mod visitor;

use std::time::Duration;

use chromium::{Chromium, Microphone};
use demo::Demo;

/// Generous: browser, encoder and decoder share the machine with other tests.
const SOON: Duration = Duration::from_secs(40);

const LIVE: &str = "document.querySelector('#stage').dataset.stage === 'live'";
const ENDED: &str = "document.querySelector('#stage').dataset.stage === 'ended'";
/// How many texts of the page are keys that have no words. Entities of cameras look like those of `camera`,
/// which the console tells apart.
const UNTRANSLATED: &str = "document.body.innerText.split(/\\s+/).filter((word) =>
    /^(activity|app|calls|cameras|diagnostics|echo|events|people|set_up|settings|units|verdict|visitor)\\.[a-z_]+$/.test(word)).length";

async fn visit(microphone: Microphone) -> (Demo, Chromium) {
    let (demo, browser) = tokio::join!(Demo::start(), Chromium::start(microphone));
    browser.open(&demo.page).await;
    (demo, browser)
}

/// Pictures go on to be decoded.
async fn pictures_flow(browser: &Chromium) {
    browser.wait_until("document.querySelector('#picture-facts')?.dataset.frames > 0", SOON).await;
    let seen = browser.value("Number(document.querySelector('#picture-facts').dataset.frames)").await;
    let more = format!("document.querySelector('#picture-facts').dataset.frames > {seen} + 25");
    browser.wait_until(&more, SOON).await;
}

fn meter(id: &str) -> String {
    format!("document.querySelector('#{id}')?.value > 0")
}

#[tokio::test]
async fn a_call_through_the_page_is_seen_heard_and_spoken_and_leaves_nothing() {
    let (demo, browser) = visit(Microphone::Beeping).await;
    browser
        .wait_until("document.querySelector('#demo-hint').innerText.includes('plays an Echo')", SOON)
        .await;
    browser.press("Answer the front door").await;
    browser.wait_until(LIVE, SOON).await;
    pictures_flow(&browser).await;
    browser.wait_until("document.querySelector('#picture').videoWidth === 1280", SOON).await;
    browser.wait_until(&meter("sound-level"), SOON).await;
    browser.wait_until("document.querySelector('#microphone-on')", SOON).await;
    browser.wait_until(&meter("microphone-level"), SOON).await;
    browser.wait_until(&meter("speaker-level"), SOON).await;
    browser.wait_until("/^\\d+ ms$/.test(document.querySelector('#answer-time').innerText)", SOON).await;
    assert_eq!(demo.calls().await.len(), 1);
    // Chromium offers a stream for repairs; what it estimates comes behind reports on that one.
    let estimated = async {
        while demo.calls().await[0]["counters"]["remb_kbps"].as_u64().unwrap() == 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(SOON, estimated).await.expect("an estimate of the browser's");

    browser.press("Hang up").await;
    browser.wait_until(ENDED, SOON).await;
    let call = demo.quiet(SOON).await;
    assert_eq!(call["end_reason"], "hung up", "{call}");
    assert_eq!(call["camera"], "Front door", "{call}");
    for stage in ["answer_sent", "ice_connected", "dtls_connected", "first_video_sent", "first_talk_received"]
    {
        assert!(call["stages"][stage].is_u64(), "{stage}: {call}");
    }
    assert!(call["counters"]["talk_packets"].as_u64().unwrap() > 0, "{call}");
    assert_eq!(browser.value("document.querySelector('#lost')").await, serde_json::Value::Null);
    browser.follow("Activity").await;
    browser.wait_until("document.querySelector('main').innerText.includes('hung up')", SOON).await;
    browser.close().await;
}

#[tokio::test]
async fn without_a_microphone_the_page_says_view_only_and_leaving_it_hangs_up() {
    let (demo, browser) = visit(Microphone::Forbidden).await;
    browser.press("Answer the front door").await;
    browser
        .wait_until("document.querySelector('#view-only')?.innerText.startsWith('View only: ')", SOON)
        .await;
    browser.wait_until(LIVE, SOON).await;
    pictures_flow(&browser).await;
    assert_eq!(browser.value("document.querySelector('#microphone-on')").await, serde_json::Value::Null);

    browser.open("about:blank").await;
    let call = demo.quiet(SOON).await;
    assert_eq!(call["end_reason"], "hung up", "{call}");
    assert_eq!(call["counters"]["talk_packets"], 0, "{call}");
    browser.close().await;
}

#[tokio::test]
async fn a_call_that_the_house_ends_says_why_and_the_next_one_is_live_until_the_page_is_loaded_anew() {
    let (demo, browser) = visit(Microphone::Beeping).await;
    browser.press("Answer the front door").await;
    browser.wait_until(LIVE, SOON).await;
    let call = demo.calls().await.remove(0);
    demo.end(&call).await;
    browser.wait_until(ENDED, SOON).await;
    browser
        .wait_until("document.querySelector('#lost')?.innerText.includes('ended from the page')", SOON)
        .await;

    browser.press("Answer the front door").await;
    browser.wait_until(LIVE, SOON).await;
    assert_eq!(browser.value("document.querySelector('#lost')").await, serde_json::Value::Null);
    pictures_flow(&browser).await;

    browser.reload().await;
    let next = demo.quiet(SOON).await;
    assert_eq!(next["end_reason"], "hung up", "{next}");
    assert_ne!(next["id"], call["id"]);
    browser.wait_until("document.querySelector('#stage').dataset.stage === 'idle'", SOON).await;
    browser.close().await;
}

#[tokio::test]
async fn a_press_at_the_door_reaches_alexa_and_the_echo_shows_the_door_by_itself() {
    let (demo, browser) = visit(Microphone::Beeping).await;
    let told = "document.querySelector('#events li[data-what=AddOrUpdateReport], #events li[data-what=ChangeReport]')";
    browser.follow("Activity").await;
    browser.wait_until(told, SOON).await;
    browser.follow("Demo").await;
    browser.press("Ring the bell, as a visitor").await;
    browser.wait_until(LIVE, SOON).await;
    pictures_flow(&browser).await;
    browser.press("Hang up").await;
    let call = demo.quiet(SOON).await;
    assert_eq!(call["camera"], "Front door", "{call}");
    browser.follow("Activity").await;
    let rung = "[...document.querySelectorAll('#events li[data-what=DoorbellPress]')]\
        .some((one) => one.innerText.includes('Front door') && one.innerText.includes('delivered'))";
    browser.wait_until(rung, SOON).await;
    let status = demo.get("status").await;
    let sent = status["events"]["sent"].as_array().unwrap();
    let presses: Vec<_> = sent.iter().filter(|one| one["what"] == "DoorbellPress").collect();
    assert_eq!(presses.len(), 1, "{status}");
    browser.close().await;
}
