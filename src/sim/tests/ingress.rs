//! The Supervisor's ingress, and what a user may ask the Supervisor for.

use std::net::SocketAddr;

use super::*;
use crate::sim::hub::Flavour;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const SLUG: &str = "local_doorstep";

/// An add-on that answers with the head of the request it got.
async fn add_on() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = vec![0; 8192];
            let length = stream.read(&mut head).await.unwrap();
            head.truncate(length);
            let said = format!(
                "HTTP/1.1 207 Multi\r\nX-Own: 1\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
            );
            stream.write_all(&[said.as_bytes(), &head].concat()).await.unwrap();
        }
    });
    address
}

/// A supervised hub, and one of its users who is no administrator.
struct Home {
    hub: SimHub,
    family: Client,
    id: u64,
}

impl Home {
    async fn new() -> Self {
        let lives = Duration::from_millis(400);
        let options = SimHubOptions { flavour: Flavour::Supervised, ingress_lives: lives, ..quick() };
        let hub = SimHub::start(options).await.unwrap();
        let mut family = Client::open(&hub).await;
        let token = hub.issue("Family", Duration::from_secs(60)).unwrap();
        assert_eq!(family.ask(json!({"type": "auth", "access_token": token})).await["type"], "auth_ok");
        Self { hub, family, id: 0 }
    }

    async fn supervisor(&mut self, method: &str, endpoint: &str, data: Value) -> Value {
        self.id += 1;
        let kind = "supervisor/api";
        let command =
            json!({"id": self.id, "type": kind, "endpoint": endpoint, "method": method, "data": data});
        self.family.ask(command).await
    }

    async fn session(&mut self) -> String {
        let reply = self.supervisor("post", "/ingress/session", json!({})).await;
        reply["result"]["session"].as_str().unwrap().to_owned()
    }

    async fn entry(&mut self) -> String {
        let reply = self.supervisor("get", &format!("/addons/{SLUG}/info"), json!({})).await;
        reply["result"]["ingress_entry"].as_str().unwrap().to_owned()
    }

    async fn ask(&self, path: &str, session: &str) -> (u16, String) {
        let request = reqwest::Client::new().post(self.hub.url.join(path).unwrap()).body("{}");
        let request = request.header("Cookie", format!("a=b; ingress_session={session}"));
        let request = request.header("X-Remote-User-Id", "forged").header("Authorization", "Bearer own");
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

#[tokio::test]
async fn every_user_may_open_the_ingress_and_nothing_else_of_the_supervisors() {
    let mut home = Home::new().await;
    let refused = home.supervisor("get", "/supervisor/info", json!({})).await;
    error(1, "unauthorized")(&refused);
    error(2, "unauthorized")(&home.supervisor("get", "/addons/a/b/info", json!({})).await);
    let missing = home.supervisor("get", &format!("/addons/{SLUG}/info"), json!({})).await;
    error(3, "unknown_error")(&missing);
    let session = home.session().await;
    assert_eq!(session.len(), 128);
    let good = home.supervisor("post", "/ingress/validate_session", json!({"session": session})).await;
    assert_eq!(good["result"], json!({}));
    let bad = home.supervisor("post", "/ingress/validate_session", json!({"session": "x"})).await;
    error(6, "unknown_error")(&bad);

    let alone = hub().await;
    let mut client = Client::logged_in(&alone).await;
    let command =
        json!({"id": 1, "type": "supervisor/api", "endpoint": "/ingress/session", "method": "post"});
    error(1, "unknown_command")(&client.ask(command).await);
    assert!(!alone.install(SLUG, SocketAddr::from(([127, 0, 0, 1], 1))), "no add-ons without a Supervisor");
}

#[tokio::test]
async fn the_ingress_passes_on_who_opened_the_session_whatever_the_client_says() {
    let mut home = Home::new().await;
    assert!(home.hub.install(SLUG, add_on().await));
    let (entry, session) = (home.entry().await, home.session().await);
    let (status, head) = home.ask(&format!("{entry}/api/v1/x?a=1&b=%20"), &session).await;
    assert_eq!(status, 207, "{head}");
    let head = head.to_lowercase();
    assert!(head.starts_with("post /api/v1/x?a=1&b=+ http/1.1\r\n"), "{head}");
    for line in [
        "x-remote-user-id: f9e8d7c6b5a493827160f5e4d3c2b1a0",
        "x-remote-user-name: family",
        "authorization: bearer own",
        &format!("x-ingress-path: {}", entry.to_lowercase()),
    ] {
        assert_eq!(head.matches(line).count(), 1, "{line} in {head}");
    }
    assert!(!head.contains("forged"));
    assert_eq!(home.hub.failed_logins(), 0);
}

#[tokio::test]
async fn without_a_session_or_an_add_on_the_ingress_says_which() {
    let mut home = Home::new().await;
    assert!(home.hub.install(SLUG, add_on().await));
    let (entry, session) = (home.entry().await, home.session().await);
    assert_eq!(home.ask(&format!("{entry}/"), "none").await, (401, "401: Unauthorized".into()));
    assert_eq!(home.ask("/api/hassio_ingress/other/", &session).await.0, 503);
    assert_eq!(home.ask("/api/hassio_ingress/other/", "none").await.0, 401, "the session is asked for first");
    home.hub.end_ingress_sessions();
    assert_eq!(home.ask(&format!("{entry}/"), &session).await.0, 401);

    let short = home.session().await;
    assert_eq!(home.ask(&format!("{entry}/"), &short).await.0, 207);
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(home.ask(&format!("{entry}/"), &short).await.0, 401, "it was not used for too long");

    let session = home.session().await;
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert!(home.hub.install(SLUG, gone));
    let entry = home.entry().await;
    assert_eq!(home.ask(&format!("{entry}/"), &session).await.0, 502);
    home.hub.uninstall();
    assert_eq!(home.ask(&format!("{entry}/"), &session).await.0, 503);
}
