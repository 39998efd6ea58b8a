//! Two people: one inside, at the Echo's page, and one at the side door, at the visitor's.

use serde_json::{Value, json};

use super::{Chromium, Demo, LIVE, Microphone, SOON, UNTRANSLATED, meter, pictures_flow, visit};

const STANDS: &str = "document.querySelector('#stage').dataset.stage === 'standing'";
const WATCHED: &str = "document.querySelector('#stage').dataset.watched === 'true'";

/// Takes the way to the visitor's page that the Echo's shows, and steps to the door there.
async fn step_to_the_door(inside: &Chromium, microphone: Microphone) -> Chromium {
    inside.wait_until("document.querySelector('#visitor a')", SOON).await;
    let page = inside.value("document.querySelector('#visitor a').href").await;
    let outside = Chromium::start(microphone).await;
    outside.open(page.as_str().unwrap()).await;
    outside.press("Step to the door").await;
    outside.wait_until(STANDS, SOON).await;
    outside
}

async fn side_door(demo: &Demo) -> Option<Value> {
    let cameras = demo.get("cameras").await;
    cameras["cameras"].as_array().unwrap().iter().find(|camera| camera["name"] == "Side door").cloned()
}

/// Waits until the house says this of the side door.
async fn side_door_is(demo: &Demo, key: &str, what: &Value) {
    let so = async {
        while side_door(demo).await.is_none_or(|camera| camera[key] != *what) {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(SOON, so).await.unwrap_or_else(|_| panic!("the side door's {key} is never {what}"));
}

#[tokio::test]
async fn two_people_see_hear_and_talk_to_each_other_and_the_bell_shows_the_visitor_at_the_echo() {
    let (demo, inside) = visit(Microphone::Beeping).await;
    assert_eq!(side_door(&demo).await, None, "without a visitor there is no such door");
    let outside = step_to_the_door(&inside, Microphone::Beeping).await;
    // Among several at first, then by its name.
    let told =
        "[...document.querySelectorAll('#events li')].some((one) => one.innerText.includes('Side door'))";
    inside.follow("Activity").await;
    inside.wait_until(told, SOON).await;
    inside.follow("Demo").await;
    outside.press("Ring the bell").await;
    inside.wait_until(LIVE, SOON).await;
    pictures_flow(&inside).await;
    inside.wait_until("document.querySelector('#picture').videoWidth === 640", SOON).await;
    outside.wait_until(WATCHED, SOON).await;
    outside.wait_until("document.querySelector('#picture-facts').dataset.codec === 'H264'", SOON).await;
    let call = demo.calls().await.remove(0);
    assert_eq!(call["camera"], "Side door", "{call}");
    assert_eq!(call["video"]["mode"], "copy", "{call}");

    // By now it is known, at the latest, that this door has a speaker.
    side_door_is(&demo, "full_duplex", &json!(true)).await;
    inside.press("Hang up").await;
    inside.press("Answer the side door").await;
    inside.wait_until(LIVE, SOON).await;
    inside.wait_until("document.querySelector('#microphone-on')", SOON).await;
    inside.wait_until(&meter("sound-level"), SOON).await;
    outside.wait_until(&meter("microphone-level"), SOON).await;
    outside.wait_until(&meter("said-level"), SOON).await;
    assert_eq!(outside.value(UNTRANSLATED).await, 0);

    inside.press("Hang up").await;
    let call = demo.quiet(SOON).await;
    assert!(call["counters"]["talk_packets"].as_u64().unwrap() > 0, "{call}");
    outside.press("Leave the door").await;
    side_door_is(&demo, "reachable", &json!(false)).await;
    outside.press("Step to the door").await;
    side_door_is(&demo, "reachable", &json!(true)).await;
    assert_eq!(outside.complaints().await, Vec::<String>::new());
    outside.close().await;
    inside.close().await;
}

#[tokio::test]
async fn without_camera_and_microphone_the_visitor_is_a_clock_and_silent_until_a_newer_page_comes() {
    let (demo, inside) = visit(Microphone::Beeping).await;
    let outside = step_to_the_door(&inside, Microphone::Forbidden).await;
    outside.wait_until("document.querySelector('#no-camera')", SOON).await;
    outside.wait_until("document.querySelector('#no-microphone')", SOON).await;
    side_door_is(&demo, "reachable", &json!(true)).await;
    inside.press("Answer the side door").await;
    inside.wait_until(LIVE, SOON).await;
    pictures_flow(&inside).await;
    outside.wait_until(WATCHED, SOON).await;

    // Whoever opens the page's WebSocket is the visitor, and the newest one alone.
    let newer = "!!(window.newer = new WebSocket(`ws://${location.host}/socket`))";
    assert_eq!(outside.value(newer).await, true);
    outside.wait_until("document.querySelector('#stage').dataset.stage === 'replaced'", SOON).await;
    inside.press("Hang up").await;
    demo.quiet(SOON).await;
    outside.close().await;
    inside.close().await;
}
