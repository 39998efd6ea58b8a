//! The live view where things are not as they should be: reloads, networks without a path, pages without https.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};

use serde_json::Value;

use super::demo::Demo;
use super::{Chromium, ENDED, LIVE, Microphone, SOON, pictures_flow, visit};

/// A browser that keeps its addresses to itself, as a policy may want it: it has nothing to offer.
const NO_ADDRESSES: &str = "!!(window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor() { super({ iceTransportPolicy: 'relay' }); }
})";
/// A network that swallows what the two send each other: the addresses that they name lead nowhere.
const NO_WAY: &str = "!!(window.RTCPeerConnection = class extends RTCPeerConnection {
    static nowhere({ type, sdp }) {
        return { type, sdp: sdp.replace(/^a=candidate:.*$/gm, 'a=candidate:1 1 udp 2130706431 198.51.100.1 9 typ host') };
    }
    get localDescription() {
        return super.localDescription && this.constructor.nowhere(super.localDescription);
    }
    setRemoteDescription(description) {
        return super.setRemoteDescription(this.constructor.nowhere(description));
    }
})";
const STILL: &str = "document.querySelector('#still')?.naturalWidth === 640";

/// The address that other machines know this one by.
fn address_of_this_machine() -> IpAddr {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    // Sends nothing: the kernel only chooses from where it would.
    socket.connect((Ipv4Addr::new(198, 51, 100, 1), 9)).expect("this machine is in a network");
    socket.local_addr().unwrap().ip()
}

/// Stills come, and come again by themselves.
async fn stills_flow(browser: &Chromium) {
    browser.wait_until(STILL, SOON).await;
    let seen = browser.value("document.querySelector('#still').dataset.at").await;
    browser.wait_until(&format!("document.querySelector('#still').dataset.at !== {seen}"), SOON).await;
}

#[tokio::test]
async fn a_reload_in_the_middle_of_a_call_ends_it_and_the_next_one_is_live_at_once() {
    let (demo, browser) = visit(Microphone::Beeping).await;
    browser.press("Answer the front door").await;
    browser.wait_until(LIVE, SOON).await;
    browser.wait_until("!(window.before = true) || true", SOON).await;
    browser.value("setTimeout(() => location.reload())").await;
    browser.wait_until("window.before === undefined && document.querySelector('#stage')", SOON).await;
    browser.press("Answer the front door").await;
    browser.wait_until(LIVE, SOON).await;
    pictures_flow(&browser).await;
    let calls = demo.calls().await;
    let ends: Vec<&Value> = calls.iter().map(|call| &call["end_reason"]).collect();
    assert_eq!(ends, [&Value::Null, &Value::from("hung up")], "{calls:?}");
    browser.press("Hang up").await;
    browser.wait_until(ENDED, SOON).await;
    demo.quiet(SOON).await;
    browser.close().await;
}

#[tokio::test]
async fn where_no_path_is_found_the_page_says_so_and_shows_stills_until_live_is_tried_again() {
    for (network, why) in
        [(NO_ADDRESSES, "gives pages no direct path"), (NO_WAY, "No direct path to Doorstep")]
    {
        let (demo, browser) = visit(Microphone::Beeping).await;
        browser.wait_until("window.real = RTCPeerConnection", SOON).await;
        browser.value(network).await;
        browser.press("Answer the front door").await;
        let said = format!("document.querySelector('#no-path')?.innerText.includes('{why}')");
        browser.wait_until(&said, SOON).await;
        stills_flow(&browser).await;
        // The house does not wait for the call that came to nothing.
        let cameras = demo.get("cameras").await["cameras"].as_array().unwrap().clone();
        assert!(cameras.iter().all(|camera| camera["calls"] == 0), "{cameras:?}");

        browser.value("!!(window.RTCPeerConnection = window.real)").await;
        browser.press("Try live again").await;
        browser.wait_until(LIVE, SOON).await;
        pictures_flow(&browser).await;
        assert_eq!(browser.value("document.querySelector('#still, #no-path')").await, Value::Null);
        browser.press("Hang up").await;
        demo.quiet(SOON).await;
        browser.close().await;
    }
}

#[tokio::test]
async fn without_webrtc_there_are_stills_which_end_when_the_user_leaves() {
    let (demo, browser) = visit(Microphone::Forbidden).await;
    browser.wait_until("(window.RTCPeerConnection = undefined) === undefined", SOON).await;
    browser.press("Answer the front door").await;
    browser.wait_until("document.querySelector('#no-path')?.innerText.includes('has no WebRTC')", SOON).await;
    stills_flow(&browser).await;
    browser.press("Stop").await;
    browser.wait_until("document.querySelector('#stage').dataset.stage === 'idle'", SOON).await;
    // Nobody asks any more: the camera closes by itself.
    let is_closed = async {
        while demo.get("cameras").await["cameras"][0]["live"]["live"] == true {
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        }
    };
    tokio::time::timeout(SOON, is_closed).await.expect("the camera closes");
    assert_eq!(demo.calls().await, Vec::<Value>::new());
    browser.close().await;
}

#[tokio::test]
async fn a_page_without_https_on_another_machine_says_why_there_is_no_microphone_and_shows_the_picture() {
    let page = format!("{}:0", address_of_this_machine());
    let (demo, browser) = tokio::join!(Demo::start_at(&page), Chromium::start(Microphone::Beeping));
    browser.open(&demo.page).await;
    assert_eq!(browser.value("window.isSecureContext").await, false, "{}", demo.page);
    browser.wait_until("document.querySelector('#view-only-ahead').innerText.includes('https')", SOON).await;
    browser.press("Answer the front door").await;
    browser.wait_until(LIVE, SOON).await;
    pictures_flow(&browser).await;
    browser
        .wait_until("document.querySelector('#view-only').innerText.startsWith('View only: ')", SOON)
        .await;
    assert_eq!(browser.value("document.querySelector('#microphone-on')").await, Value::Null);
    browser.press("Hang up").await;
    demo.quiet(SOON).await;
    browser.close().await;
}
