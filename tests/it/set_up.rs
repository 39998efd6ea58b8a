//! The set-up's checks: a hub that is tried, the door seen from outside, what is remembered.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use doorstep::http::reach::{ReachError, try_door};
use doorstep::hub::trust;
use doorstep::road::Blocked;
use doorstep::sim::hub::{SimHub, SimHubOptions};
use doorstep::state::{CallRecord, Stages};
use reqwest::Method;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use url::Url;

use crate::fixture::authority::Authority;
use crate::fixture::house::{House, wait_for};

/// What a house says line by line.
async fn lines(house: &House, path: &str, content: Value) -> (u16, Vec<Value>, String) {
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build().unwrap();
    let request = client.post(format!("http://{}/api/v1/{path}", house.ui)).json(&content);
    let response = request.header("accept", "application/x-ndjson").send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), text)
}

/// The code of the trouble with a hub.
async fn trouble(house: &House, url: &str, token: &str) -> String {
    let (status, all, text) = lines(house, "hub/try", json!({ "url": url, "token": token })).await;
    assert_eq!(status, 200, "{text}");
    assert!(!text.contains(token), "{text}");
    all.last().unwrap()["trouble"].as_str().unwrap_or_else(|| panic!("{text}")).to_owned()
}

fn line(set_up: &Value, id: &str) -> Value {
    let lines = set_up["lines"].as_array().unwrap();
    lines.iter().find(|line| line["id"] == id).unwrap().clone()
}

#[actix::test]
async fn a_hub_is_tried_as_its_address_was_pasted_and_tells_what_it_is() {
    let hub = SimHub::start(SimHubOptions::default()).await.unwrap();
    let house = House::start("");
    let pasted = format!("127.0.0.1:{}/lovelace/0", hub.url.port().unwrap());
    let (_, all, text) = lines(&house, "hub/try", json!({ "url": pasted, "token": hub.token })).await;
    let steps: Vec<_> = all.iter().filter_map(|line| line["progress"].as_str()).collect();
    assert_eq!(steps, ["looking_up", "connecting", "asking"], "{text}");
    let found = &all.last().unwrap()["found"];
    assert_eq!(found["name"], "Simulated home", "{text}");
    assert_eq!((found["version"].as_str().unwrap(), &found["url"]), ("2026.11.0", &json!(hub.url)));
    assert!(found["cameras"].as_u64().unwrap() >= 2, "{text}");
    assert!(!text.contains(&hub.token));
    assert_eq!(trouble(&house, hub.url.as_str(), "a-token-of-nobody-at-all").await, "token");
    let secure = hub.url.as_str().replace("http", "https");
    assert_eq!(trouble(&house, &secure, "a-token-of-nobody-at-all").await, "no_tls");
}

#[actix::test]
async fn what_is_no_hub_is_told_apart_by_where_the_road_ends() {
    const TOKEN: &str = "a-token-that-nobody-may-see";
    let authority = Authority::new("localhost");
    let tls = tls_door(&authority);
    let house = House::start("");
    let trusting = House::start(&format!("hub.ca_file = '{}'", authority.file("root.pem").display()));
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = free.local_addr().unwrap().to_string();
    drop(free);
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let quiet = format!("http://{}", mute.local_addr().unwrap());
    let secure = format!("https://localhost:{}", tls.door.port());
    assert_eq!(trouble(&house, &closed, TOKEN).await, "refused");
    assert_eq!(trouble(&house, "http://nobody.invalid:8123", TOKEN).await, "name");
    assert_eq!(trouble(&house, &secure, TOKEN).await, "untrusted");
    assert_eq!(trouble(&trusting, &secure, TOKEN).await, "no_hub");
    assert_eq!(trouble(&trusting, &secure.replace("localhost", "127.0.0.1"), TOKEN).await, "wrong_name");
    assert_eq!(trouble(&house, &format!("http://{}", house.door), TOKEN).await, "no_hub");
    assert_eq!(trouble(&house, "http://169.254.169.254/", TOKEN).await, "address");
    let (slow, (status, ..)) = tokio::join!(trouble(&house, &quiet, TOKEN), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        lines(&house, "hub/try", json!({ "url": closed, "token": TOKEN })).await
    });
    assert_eq!((slow.as_str(), status), ("silent", 429), "one at a time");
    assert!(!house.api("diagnostics").await.to_string().contains(TOKEN));
}

/// A house whose door has a certificate for `localhost`.
fn tls_door(authority: &Authority) -> House {
    let (chain, key) = authority.issue("door");
    let (cert, key_file) = (authority.file("fullchain.pem"), authority.file("privkey.pem"));
    std::fs::write(&cert, chain).unwrap();
    std::fs::write(&key_file, key).unwrap();
    House::start(&format!("door.tls_cert = '{}'\ndoor.tls_key = '{}'", cert.display(), key_file.display()))
}

fn trusted(authority: &Authority) -> Arc<rustls::ClientConfig> {
    trust::client_config(Some(&authority.file("root.pem"))).unwrap()
}

fn at(address: &str) -> Url {
    Url::parse(address).unwrap()
}

#[actix::test]
async fn the_door_is_known_again_from_outside_and_another_machine_is_not_taken_for_it() {
    let authority = Authority::new("localhost");
    let (house, other) = (tls_door(&authority), tls_door(&authority));
    let (plain, strict) = (House::start(""), trust::client_config(None).unwrap());
    let tls = trusted(&authority);
    let secure = |house: &House, host: &str| at(&format!("https://{host}:{}", house.door.port()));
    let ours = house.shared.instance;
    let try_it =
        async |url: Url, tls: &Arc<rustls::ClientConfig>| try_door(&url, ours, tls.clone(), |_| {}).await;

    let mut steps = Vec::new();
    let reached =
        try_door(&secure(&house, "localhost"), ours, tls.clone(), |step| steps.push(json!(step))).await;
    assert_eq!((reached, json!(steps)), (Ok(()), json!(["looking_up", "connecting", "securing", "asking"])));
    assert_eq!(try_it(secure(&other, "localhost"), &tls).await, Err(ReachError::Foreign(400)));
    let road = |blocked| Err(ReachError::Road(blocked));
    assert_eq!(try_it(secure(&house, "127.0.0.1"), &tls).await, road(Blocked::WrongName));
    assert_eq!(try_it(secure(&house, "localhost"), &strict).await, road(Blocked::Untrusted));
    assert_eq!(try_it(secure(&plain, "localhost"), &tls).await, road(Blocked::NoTls));
    let port = house.door.port();
    drop(house);
    assert_eq!(try_it(at(&format!("https://localhost:{port}")), &tls).await, road(Blocked::Refused));
}

/// What a proxy before the door answers to a path.
type Answer = (&'static str, u16, bool);

/// Somebody else's proxy over TLS: it passes on to the door of `instance`, if at all, what it likes to.
async fn proxy(
    authority: &Authority,
    instance: String,
    answers: Vec<Answer>,
) -> (Url, Arc<Mutex<Vec<String>>>) {
    let (chain, key) = authority.issue("proxy");
    let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = at(&format!("https://localhost:{}", listener.local_addr().unwrap().port()));
    let heard = Arc::new(Mutex::new(Vec::new()));
    let told = heard.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut head = vec![0; 4096];
            let Ok(read @ 1..) = stream.read(&mut head).await else { continue };
            let head = String::from_utf8_lossy(&head[..read]).into_owned();
            told.lock().unwrap().push(head.clone());
            let path = head.split(' ').nth(1).unwrap_or_default();
            let (_, status, ours) = *answers.iter().find(|(known, ..)| *known == path).unwrap();
            let shown = if ours { format!("doorstep-instance: {instance}\r\n") } else { String::new() };
            let reply = format!(
                "HTTP/1.1 {status} x\r\n{shown}location: https://localhost:1/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            );
            drop(stream.write_all(reply.as_bytes()).await);
            drop(stream.shutdown().await);
        }
    });
    (url, heard)
}

#[actix::test]
async fn a_proxy_that_lets_only_half_through_or_sends_elsewhere_is_named() {
    const PATH: &str = "/api/alexa/smart_home";
    let authority = Authority::new("localhost");
    let house = House::start("");
    let (ours, tls) = (house.shared.instance, trusted(&authority));
    for (answers, found) in [
        (vec![(PATH, 400, true), ("/healthz", 404, false)], Ok(())),
        (vec![(PATH, 404, false), ("/healthz", 200, true)], Err(ReachError::PathClosed(404))),
        (vec![(PATH, 302, false), ("/healthz", 302, false)], Err(ReachError::Redirects(302))),
        (vec![(PATH, 405, false), ("/healthz", 200, false)], Err(ReachError::Foreign(405))),
    ] {
        let (url, heard) = proxy(&authority, ours.to_string(), answers).await;
        assert_eq!(try_door(&url, ours, tls.clone(), |_| {}).await, found);
        let heard = heard.lock().unwrap().concat().to_lowercase();
        assert!(heard.contains("post /api/alexa/smart_home") && !heard.contains("authorization"), "{heard}");
        assert!(!heard.contains(&house.token.to_lowercase()), "{heard}");
    }
}

#[actix::test]
async fn what_was_tried_and_looked_at_stays_with_the_house() {
    let authority = Authority::new("localhost");
    let outside = tls_door(&authority);
    let public = format!("https://localhost:{}", outside.door.port());
    let settings =
        format!("door.public_url = '{public}'\n[[camera]]\nid = 'porch'\nname = 'Porch'\nsource = 'test:'\n");
    let house = House::start(&settings);
    let before = house.api("set_up").await;
    assert_eq!((&line(&before, "hub")["code"], &before["complete"]), (&json!("without"), &json!(false)));
    assert_eq!(line(&before, "fit")["code"], "unknown", "{before}");
    assert_eq!(line(&before, "door")["code"], "not_tried", "{before}");
    assert_eq!(line(&before, "call")["values"]["say"], "Porch", "{before}");

    let (_, all, text) = lines(&house, "reach", json!({})).await;
    assert_eq!(all.last().unwrap()["trouble"], "untrusted", "{text}");
    let record = CallRecord {
        id: "c1".into(),
        endpoint_id: "porch".into(),
        started: doorstep::state::now(),
        ended: Some(doorstep::state::now()),
        stages: Stages { first_video_sent: Some(700), ..Stages::default() },
        ..CallRecord::default()
    };
    house.shared.state.record_call(record);
    let finding = house.probe("porch").await;
    assert_eq!(finding["fit"], true, "{finding}");

    let house = House::start_in(house.stop(), &settings);
    let after = house.api("set_up").await;
    let fit = line(&after, "fit");
    assert_eq!((&fit["state"], &fit["code"]), (&json!("done"), &json!("fit")), "{after}");
    assert_eq!(line(&after, "door")["values"]["tried"]["code"], "untrusted", "{after}");
    assert_eq!(line(&after, "call")["values"]["call"]["id"], "c1", "{after}");
    assert_eq!(after["complete"], true, "{after}");
}

#[actix::test]
async fn the_door_token_is_shown_to_who_asks_for_it_and_told_to_nobody_else() {
    let house = House::start("");
    let shown = house.ask(Method::POST, "door/token", json!({})).await;
    assert_eq!(shown, (200, json!({ "token": house.token })));
    assert!(!house.api("set_up").await.to_string().contains(&house.token));
    let told = reqwest::get(format!("http://{}/api/v1/changes", house.ui)).await.unwrap();
    let told = Arc::new(tokio::sync::Mutex::new(told));
    let text = Arc::new(Mutex::new(String::new()));
    let text = wait_for("the checklist among what is told", async || {
        let chunk = told.lock().await.chunk().await.unwrap().unwrap();
        text.lock().unwrap().push_str(&String::from_utf8_lossy(&chunk));
        let all = text.lock().unwrap().clone();
        all.contains("event: set_up\n").then_some(all)
    })
    .await;
    assert!(!text.contains(&house.token), "{text}");
}
