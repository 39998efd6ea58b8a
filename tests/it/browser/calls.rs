//! Calls on the pages: why one failed, how one went, and one that is ended from there.

use serde_json::Value;

use super::{Chromium, LIVE, Microphone, SOON, UNTRANSLATED, pictures_flow, visit};
use crate::fixture::house::House;
use crate::fixture::offers::offer;
use crate::fixture::{AiortcPeer, PeerOptions};

const DOORBELL: &str = "[[camera]]\nid = 'front_door'\nname = 'Front <b>door</b>'\nsource = 'test:'\n
    [[camera]]\nid = 'garden'\nname = 'Garden'\nsource = 'rtsp://127.0.0.1:9/live'\n";

async fn ended(house: &House, session: &str) -> String {
    let record = house.call_record(session, |call| call["ended"].is_string()).await;
    record["id"].as_str().unwrap().to_owned()
}

fn shows(selector: &str, text: &str) -> String {
    format!("document.querySelector('{selector}')?.innerText.includes('{text}')")
}

#[actix::test]
async fn a_failed_camera_is_found_in_activity_with_its_sentence_and_the_next_step() {
    let house = House::start(DOORBELL);
    house.offer("garden", "first", &offer("g3-2023")).await;
    crate::fixture::house::wait_for("its trouble", async || {
        house.camera("garden").await["live"]["trouble"].as_str().map(drop)
    })
    .await;
    house.offer("garden", "refused", &offer("g3-2023")).await;
    let id = ended(&house, "refused").await;
    let browser = Chromium::start(Microphone::Forbidden).await;
    browser.open(&format!("http://{}/#/activity", house.ui)).await;
    let row = format!("#calls li[data-call=\"{id}\"]");
    browser.wait_until(&shows(&row, "The camera was not reached"), SOON).await;
    assert_eq!(
        browser.value(&format!("document.querySelector('{row}').dataset.outcome")).await,
        "camera_unreachable"
    );
    browser.value(&format!("document.querySelector('{row} a').click()")).await;
    browser.wait_until(&shows("#verdict", "nobody takes the connection"), SOON).await;
    browser.wait_until(&shows("#verdict", "What to do: See whether the camera has power"), SOON).await;
    browser.wait_until(&shows("[data-step=camera_shown]", "did not happen"), SOON).await;

    // A newer call is reached from it, and its name is data.
    house.offer("front_door", "second", &offer("g3-2023")).await;
    house.hang_up("front_door", "second").await;
    browser.wait_until("document.querySelector('#newer')", SOON).await;
    browser.value("document.querySelector('#newer').click()").await;
    browser.wait_until(&shows("h1", "Front <b>door</b>"), SOON).await;
    browser.wait_until(&shows("#verdict", "before the camera"), SOON).await;
    assert_eq!(browser.value("document.querySelector('h1 b')").await, Value::Null);
    browser.wait_until("document.querySelector('#older')", SOON).await;
    assert_eq!(browser.value(UNTRANSLATED).await, 0);
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
}

#[actix::test]
async fn the_page_of_a_good_call_shows_what_happened_when_and_how_the_line_was() {
    let house = House::start(DOORBELL);
    let options = PeerOptions::new(&format!("http://{}", house.door), &house.token, "front_door");
    AiortcPeer::run(options.seconds(9.0).talk(1_000).session("good")).await;
    let id = ended(&house, "good").await;
    // One that the house tells of no more by itself is fetched.
    for n in 0..25 {
        house.offer("front_door", &format!("n{n}"), &offer("g3-2023")).await;
        house.hang_up("front_door", &format!("n{n}")).await;
        // The door takes twenty directives a second.
        tokio::time::sleep(std::time::Duration::from_millis(60)).await;
    }
    let browser = Chromium::start(Microphone::Forbidden).await;
    browser.open(&format!("http://{}/#/calls/{id}", house.ui)).await;
    // Packets of a busy machine take long there and back.
    let fits = "/It went well|a poor line/.test(document.querySelector('#verdict')?.innerText)";
    browser.wait_until(fits, SOON).await;
    for step in
        ["offer", "answer_sent", "ice_connected", "dtls_connected", "camera_shown", "first_talk_received"]
    {
        browser
            .wait_until(
                &format!("/\\d+ ms/.test(document.querySelector('[data-step={step}] .when')?.innerText)"),
                SOON,
            )
            .await;
    }
    browser.wait_until(&shows("[data-step=ended]", "hung up"), SOON).await;
    browser.wait_until("document.querySelector('.plot polyline.sent').points.length >= 3", SOON).await;
    browser
        .wait_until("/kbit/.test(document.querySelector('.plot svg').getAttribute('aria-label'))", SOON)
        .await;
    assert_eq!(browser.value(UNTRANSLATED).await, 0);

    browser.open(&format!("http://{}/#/activity", house.ui)).await;
    let listed = "document.querySelectorAll('#calls li').length";
    browser.wait_until(&format!("{listed} === 20"), SOON).await;
    browser.press("Load more").await;
    browser.wait_until(&format!("{listed} === 26"), SOON).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
}

#[tokio::test]
async fn a_call_that_goes_on_is_seen_and_ended_in_activity() {
    let (demo, browser) = visit(Microphone::Beeping).await;
    browser.press("Answer the front door").await;
    browser.wait_until(LIVE, SOON).await;
    pictures_flow(&browser).await;
    let other = Chromium::start(Microphone::Forbidden).await;
    other.open(&format!("{}/#/activity", demo.page)).await;
    other.wait_until(&shows("#live", "Front door"), SOON).await;
    other
        .wait_until("/\\d+ kbit/.test(document.querySelector('#live [data-line=sent]').innerText)", SOON)
        .await;
    other.press("End this call: Front door").await;
    other.wait_until(&shows("#live", "No call is going on"), SOON).await;
    other.wait_until("document.querySelector('#calls li .tone')", SOON).await;
    let call = demo.quiet(SOON).await;
    assert!(call["outcome"] == "ended_here" || call["outcome"] == "poor_line", "{call}");
    assert_eq!(call["end_reason"], "ended from the page", "{call}");
    assert_eq!(other.value(UNTRANSLATED).await, 0);
    other.close().await;
    browser.close().await;
}
