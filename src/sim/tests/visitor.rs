//! The page that plays the visitor, as a browser meets it.

use std::time::Instant;

use reqwest::StatusCode;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use url::Url;

use super::*;

const HOUSE: &str = "http://127.0.0.1:8099/";
const DOOR: &str = "camera.side_door";

async fn hub_with_page() -> (SimHub, Url) {
    let hub = hub().await;
    let page = hub.visitor(Url::parse(HOUSE).unwrap()).await.unwrap();
    (hub, page)
}

/// Opens the page's WebSocket as a page of that origin does.
async fn knock(page: &Url, origin: &str) -> Result<Client, u16> {
    let mut request = format!("ws://{}/socket", page.authority()).into_client_request().unwrap();
    request.headers_mut().insert("Origin", origin.parse().unwrap());
    match tokio_tungstenite::connect_async(request).await {
        Ok((socket, _)) => Ok(Client(socket)),
        Err(tokio_tungstenite::tungstenite::Error::Http(answer)) => Err(answer.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

async fn come(hub: &SimHub, page: &Url) -> Client {
    let client = knock(page, page.as_str().trim_end_matches('/')).await.unwrap();
    state_is(hub, Some("idle")).await;
    client
}

async fn state(hub: &SimHub, entity_id: &str) -> Option<String> {
    let (status, _, body) = get(hub, &format!("api/states/{entity_id}"), Some(&hub.token)).await;
    let state: Value = serde_json::from_slice(&body).unwrap();
    (status == 200).then(|| state["state"].as_str().unwrap().to_owned())
}

async fn state_is(hub: &SimHub, what: Option<&str>) {
    for _ in 0..500 {
        if state(hub, DOOR).await.as_deref() == what {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the door is never {what:?}");
}

fn offer(id: u64) -> Value {
    json!({"id": id, "type": "camera/webrtc/offer", "entity_id": DOOR, "offer": "v=0\r\n"})
}

/// A client of the hub whose offer the page has heard of; the page's word for the session.
async fn called(hub: &SimHub, visitor: &mut Client, id: u64) -> (Client, Value) {
    let mut client = Client::coalescing(hub).await;
    client.say(offer(id)).await;
    let heard = visitor.frame().await;
    assert_eq!(heard["offer"], "v=0\r\n", "{heard}");
    (client, heard["session"].clone())
}

#[tokio::test]
async fn the_page_is_given_to_its_own_address_alone_and_may_load_nothing_else() {
    let (_hub, page) = hub_with_page().await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let html = client.get(page.clone()).send().await.unwrap();
    let policy = html.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    let html = html.text().await.unwrap();
    let mut places: Vec<&str> =
        html.split(['"']).filter(|part| part.ends_with(".js") || part.ends_with(".css")).collect();
    places.extend([
        "js/door.js",
        "js/senses.js",
        "js/level.js",
        "js/text.js",
        "vendor/preact-htm.js",
        "i18n/en.json",
    ]);
    assert!(places.len() > 8, "{places:?}");
    for place in places {
        let answer = client.get(page.join(place).unwrap()).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{place}");
    }
    let place: Value =
        client.get(page.join("place.json").unwrap()).send().await.unwrap().json().await.unwrap();
    assert_eq!(place, json!({"house": HOUSE}));

    for path in ["/../Cargo.toml", "/page/index.html", "/api/", "/socket"] {
        let answer = client.get(format!("http://{}{path}", page.authority())).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
    }
    let renamed = client.get(page.clone()).header("Host", "rebound.example").send().await.unwrap();
    assert_eq!(renamed.status(), StatusCode::FORBIDDEN);
    for origin in ["http://rebound.example", "null", HOUSE.trim_end_matches('/')] {
        assert_eq!(knock(&page, origin).await.err(), Some(403), "{origin}");
    }
}

#[tokio::test]
async fn the_side_door_is_in_the_home_from_its_first_visitor_on_and_away_without_one() {
    let (hub, page) = hub_with_page().await;
    assert_eq!(state(&hub, DOOR).await, None);
    let visitor = come(&hub, &page).await;
    drop(visitor);
    state_is(&hub, Some("unavailable")).await;
    let mut visitor = come(&hub, &page).await;
    let mut client = Client::coalescing(&hub).await;
    let ask = json!({"id": 2, "type": "camera/capabilities", "entity_id": DOOR});
    let told = client.ask(ask).await;
    assert_eq!(told["result"], json!({"frontend_stream_types": ["web_rtc"], "two_way_audio": true}));

    let pressed = async || state(&hub, "event.side_door_ring").await.unwrap();
    assert_eq!(pressed().await, "unknown");
    let (mut seen, began) = (Vec::new(), Instant::now());
    for _ in 0..10 {
        visitor.say(json!({"ring": true})).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        seen.push(pressed().await);
    }
    seen.dedup();
    let rung = seen.iter().filter(|state| *state != "unknown").count();
    let most = 1 + began.elapsed().as_secs() as usize;
    assert!((1..=most).contains(&rung), "somebody who hammers at it rings once a second: {seen:?}");
}

#[tokio::test]
async fn a_session_is_the_pages_until_the_client_ends_it() {
    let (hub, page) = hub_with_page().await;
    let mut visitor = come(&hub, &page).await;
    let (mut client, session) = called(&hub, &mut visitor, 2).await;
    let answer = "v=0\r\na=ice-ufrag:abcd\r\n";
    let theirs = "candidate:1 1 udp 1 127.0.0.1 7 typ host";
    visitor.say(json!({"session": "of nobody", "answer": "v=0\r\nwrong"})).await;
    visitor.say(json!({"session": session, "answer": answer})).await;
    visitor.say(json!({"session": session, "candidate": theirs})).await;
    let heard = client.until(|m| m["event"]["type"] == "candidate").await;
    let begun = heard.iter().find(|message| message["event"]["type"] == "session").unwrap();
    assert_eq!(begun["event"]["session_id"], session);
    let answers: Vec<&Value> = heard.iter().filter_map(|m| m["event"].get("answer")).collect();
    assert_eq!(answers, [answer]);
    assert_eq!(heard.last().unwrap()["event"]["candidate"]["candidate"], theirs);

    let ours = "candidate:9 1 udp 1 127.0.0.1 9 typ host";
    let candidate = json!({"id": 3, "type": "camera/webrtc/candidate", "entity_id": DOOR, "session_id": session,
        "candidate": {"candidate": ours, "sdpMLineIndex": 0}});
    client.ask(candidate).await;
    assert_eq!(visitor.frame().await, json!({"session": session, "candidate": ours}));
    client.ask(json!({"id": 4, "type": "unsubscribe_events", "subscription": 2})).await;
    assert_eq!(visitor.frame().await, json!({"session": session, "end": true}));
}

#[tokio::test]
async fn the_newest_page_is_the_visitor_and_the_sessions_of_the_one_before_fail() {
    let (hub, page) = hub_with_page().await;
    let mut first = come(&hub, &page).await;
    let (mut client, session) = called(&hub, &mut first, 2).await;
    first.say(json!({"session": session, "answer": "v=0\r\n"})).await;
    client.until(|m| m["event"]["type"] == "answer").await;

    let mut second = come(&hub, &page).await;
    assert_eq!(first.frame().await, json!({"replaced": true}));
    assert!(matches!(first.hear().await, Heard::Closed(_) | Heard::Cut), "it was the last word");
    let heard = client.until(|m| m["event"]["type"] == "error").await;
    assert_eq!(heard.last().unwrap()["event"]["message"], "The visitor has left");
    let (mut client, _) = called(&hub, &mut second, 2).await;
    drop(first);
    drop(second);
    client.until(|m| m["event"]["message"] == "The visitor has left").await;
    state_is(&hub, Some("unavailable")).await;
    client.say(offer(3)).await;
    client.until(|m| m["event"]["message"] == "Nobody plays the visitor").await;
}

#[tokio::test]
async fn a_page_that_says_too_much_is_sent_away() {
    let (hub, page) = hub_with_page().await;
    let long = json!({"session": "x", "answer": "x".repeat(70_000)});
    let many = || std::iter::repeat_n(json!({"session": "x"}), 200);
    for said in [vec![long], many().collect()] {
        let mut visitor = come(&hub, &page).await;
        for message in said {
            // It may be gone before the last.
            drop(visitor.0.send(Message::text(message.to_string())).await);
        }
        assert!(matches!(visitor.hear().await, Heard::Closed(_) | Heard::Cut));
        state_is(&hub, Some("unavailable")).await;
    }
}
