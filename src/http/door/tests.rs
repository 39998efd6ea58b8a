//! The door over real sockets, with cameras that do as they are told.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::dev::ServerHandle;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::super::{MAX_BODY, serve};
use super::*;
use crate::router::tests::{Heard, SESSION, Scripted, discover, offer};
use crate::router::{RouteError, Router};
use crate::seat::{AskError, Seat};
use crate::state::State;

struct Door {
    at: SocketAddr,
    server: ServerHandle,
    client: reqwest::Client,
    _folder: tempfile::TempDir,
}

impl Drop for Door {
    fn drop(&mut self) {
        drop(self.server.stop(false));
    }
}

fn open(cameras: Scripted) -> Door {
    let folder = tempfile::tempdir().unwrap();
    let (state, _) = State::open(folder.path());
    let mut house = House::new(
        Seat::default(),
        None,
        state,
        Arc::default(),
        "door-token".into(),
        None,
        Arc::new(|| Value::Null),
    );
    house.router = cameras.router();
    serve_house(&house, folder)
}

fn serve_house(house: &House, folder: tempfile::TempDir) -> Door {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = socket.local_addr().unwrap();
    let server = serve(socket, house, configure, None).unwrap();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    Door { at, server: handle, client: reqwest::Client::new(), _folder: folder }
}

impl Door {
    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.at)
    }

    fn post(&self, body: impl Into<reqwest::Body>) -> reqwest::RequestBuilder {
        self.client.post(self.url(PATH)).bearer_auth("door-token").body(body)
    }

    async fn ask(&self, directive: &Value) -> Value {
        let reply = self.post(directive.to_string()).send().await.unwrap();
        assert_eq!(reply.status(), 200);
        assert_eq!(reply.headers()["content-type"], "application/json");
        reply.json().await.unwrap()
    }
}

/// The directive with the door token as its own, as it is where there is no hub.
fn with_token(mut directive: Value, token: &str) -> Value {
    for scope in ["/directive/endpoint/scope/token", "/directive/payload/scope/token"] {
        if let Some(place) = directive.pointer_mut(scope) {
            *place = json!(token);
        }
    }
    directive
}

#[actix_web::test]
async fn a_directive_goes_in_and_an_event_comes_out() {
    let cameras = Scripted::default();
    let heard = cameras.heard.clone();
    let door = open(cameras);
    let event = door.ask(&with_token(offer("garden"), "door-token")).await;
    assert_eq!(event["event"]["header"]["name"], "AnswerGeneratedForSession");
    assert!(matches!(&heard.lock().unwrap()[..], [Heard::Offer { session, .. }] if session == SESSION));
    let event = door.ask(&with_token(discover(), "door-token")).await;
    assert_eq!(event["event"]["payload"]["endpoints"].as_array().unwrap().len(), 2);
}

#[actix_web::test]
async fn nothing_else_is_behind_the_door() {
    let door = open(Scripted::default());
    for (method, path, status) in [
        ("GET", "/healthz", 200),
        ("GET", PATH, 405),
        ("PUT", PATH, 405),
        ("GET", "/", 404),
        ("GET", "/api/v1/cameras", 404),
        ("GET", "/metrics", 404),
        ("POST", "/api/alexa/smart_home/", 404),
        ("GET", "/../../etc/passwd", 404),
    ] {
        let reply = door.client.request(method.parse().unwrap(), door.url(path)).send().await.unwrap();
        assert_eq!(reply.status(), status, "{method} {path}");
        assert_eq!(reply.headers()["x-content-type-options"], "nosniff", "{method} {path}");
    }
}

#[actix_web::test]
async fn a_house_whose_actors_do_not_answer_is_not_healthy() {
    let broken = Scripted { broken: Some(RouteError::Registry(AskError::Empty)), ..Scripted::default() };
    let door = open(broken);
    assert_eq!(door.client.get(door.url("/healthz")).send().await.unwrap().status(), 503);
}

#[actix_web::test]
async fn strangers_get_a_401_and_no_event() {
    let door = open(Scripted::default());
    let directive = with_token(offer("garden"), "door-token").to_string();
    let to_door = || door.client.post(door.url(PATH)).body(directive.clone());
    for request in [
        to_door(),
        to_door().bearer_auth("wrong"),
        to_door().bearer_auth(""),
        to_door().header("Authorization", "door-token"),
        to_door().header("Authorization", "Basic door-token"),
        to_door().bearer_auth("door-token").header("Authorization", "Bearer other"),
    ] {
        let reply = request.send().await.unwrap();
        assert_eq!(reply.status(), 401);
        let body: Value = reply.json().await.unwrap();
        assert!(body.get("event").is_none() && body["error"].is_string());
    }
}

#[actix_web::test]
async fn a_directive_whose_own_token_is_bad_gets_an_event_that_says_so() {
    let door = open(Scripted::default());
    let event = door.ask(&with_token(offer("garden"), "wrong")).await;
    assert_eq!(event["event"]["payload"]["type"], "INVALID_AUTHORIZATION_CREDENTIAL");
    let event = door.ask(&with_token(discover(), "wrong")).await;
    assert_eq!(event["event"]["payload"], json!({ "endpoints": [] }));
    // Its own token in the header lets it speak, and is still nobody's.
    let body = with_token(offer("garden"), "wrong").to_string();
    let own = door.client.post(door.url(PATH)).bearer_auth("wrong").body(body).send().await.unwrap();
    assert_eq!(own.status(), 200);
    let event: Value = own.json().await.unwrap();
    assert_eq!(event["event"]["payload"]["type"], "INVALID_AUTHORIZATION_CREDENTIAL");
}

#[actix_web::test]
async fn a_directive_with_something_wrong_gets_an_event_and_what_is_none_a_4xx() {
    let door = open(Scripted::default());
    let mut wrong = with_token(offer("garden"), "door-token");
    wrong["directive"]["header"]["payloadVersion"] = json!(3);
    let event = door.ask(&wrong).await;
    assert_eq!(event["event"]["payload"]["type"], "INVALID_DIRECTIVE");
    assert_eq!(
        event["event"]["header"]["correlationToken"],
        wrong["directive"]["header"]["correlationToken"]
    );
    for (body, status) in [
        (Vec::new(), 400),
        (b"{}".to_vec(), 400),
        (b"\xff\xfe".to_vec(), 400),
        (b"{\"directive\":".to_vec(), 400),
        ("[".repeat(30_000).into_bytes(), 400),
        (vec![b' '; MAX_BODY + 1], 413),
        (vec![b' '; 1024 * 1024], 413),
    ] {
        let size = body.len();
        let reply = door.post(body).send().await.unwrap();
        assert_eq!(reply.status(), status, "{size} bytes");
    }
}

#[actix_web::test]
async fn json_is_taken_by_any_name_but_not_what_is_surely_something_else() {
    let door = open(Scripted::default());
    let body = with_token(discover(), "door-token").to_string();
    for (header, value, status) in [
        ("Content-Type", "application/json", 200),
        ("Content-Type", "application/json; charset=UTF-8", 200),
        ("Content-Type", "application/vnd.any+json", 200),
        ("Content-Type", "text/plain", 200),
        ("Content-Type", "application/json; charset=utf-16", 415),
        ("Content-Type", "multipart/form-data; boundary=x", 415),
        ("Content-Type", "text/xml", 415),
        ("Content-Encoding", "identity", 200),
        ("Content-Encoding", "gzip", 415),
    ] {
        let reply = door.post(body.clone()).header(header, value).send().await.unwrap();
        assert_eq!(reply.status(), status, "{header}: {value}");
    }
}

#[actix_web::test]
async fn beyond_the_pace_directives_get_rate_limit_exceeded_and_strangers_do_not_use_it_up() {
    let door = open(Scripted::default());
    for _ in 0..60 {
        door.ask(&with_token(offer("garden"), "wrong")).await;
    }
    let good = with_token(offer("garden"), "door-token");
    let mut answered = 0;
    let mut refused = 0;
    let start = Instant::now();
    for _ in 0..120 {
        let event = door.ask(&good).await;
        match event["event"]["payload"]["type"].as_str() {
            None => answered += 1,
            Some(kind) => {
                assert_eq!(kind, "RATE_LIMIT_EXCEEDED");
                refused += 1;
            }
        }
    }
    assert!(answered >= 40, "the burst is answered: {answered}");
    let allowed = 41.0 + 20.0 * start.elapsed().as_secs_f64();
    assert!(f64::from(answered) <= allowed, "{answered} answered, {allowed} allowed, {refused} refused");
}

#[actix_web::test]
async fn w6_heads_and_bodies_that_stall_are_cut_off_while_others_are_served() {
    let door = open(Scripted::default());
    let start = Instant::now();
    let head = format!("POST {PATH} HTTP/1.1\r\nHost: door\r\nAuthorization: Bearer door-token\r\n");
    let stalled = |text: String, at: SocketAddr| async move {
        let mut socket = TcpStream::connect(at).await.unwrap();
        socket.write_all(text.as_bytes()).await.unwrap();
        let mut reply = Vec::new();
        let end = tokio::time::timeout(Duration::from_secs(40), socket.read_to_end(&mut reply)).await;
        assert!(end.is_ok(), "still open: {text} {}", String::from_utf8_lossy(&reply));
        (String::from_utf8_lossy(&reply).into_owned(), start.elapsed())
    };
    let mut idle = Vec::new();
    for _ in 0..300 {
        idle.push(TcpStream::connect(door.at).await.unwrap());
    }
    let unread = "POST /nowhere HTTP/1.1\r\nHost: door\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n";
    let (slow_head, slow_body, slow_chunks, unread, ()) = tokio::join!(
        stalled(head.clone(), door.at),
        stalled(format!("{head}Content-Length: 100\r\n\r\n{{"), door.at),
        stalled(format!("{head}Transfer-Encoding: chunked\r\n\r\n1\r\n{{\r\n"), door.at),
        stalled(unread.into(), door.at),
        async {
            door.ask(&with_token(offer("garden"), "door-token")).await;
            assert!(start.elapsed() < Duration::from_secs(4), "served beside them");
        }
    );
    assert!(slow_head.0.is_empty() || slow_head.0.starts_with("HTTP/1.1 408"), "{}", slow_head.0);
    assert!(unread.0.starts_with("HTTP/1.1 404"), "{}", unread.0);
    for (reply, took) in [slow_body, slow_chunks] {
        assert!(reply.starts_with("HTTP/1.1 408"), "{reply}");
        assert!(took >= Duration::from_secs(9), "{took:?}");
    }
    for mut socket in idle {
        let mut rest = Vec::new();
        let closed = tokio::time::timeout(Duration::from_secs(20), socket.read_to_end(&mut rest)).await;
        assert!(closed.is_ok(), "a connection on which nothing was ever asked is still open");
    }
}

#[actix_web::test]
async fn what_follows_a_body_that_was_too_large_is_not_taken_for_a_request() {
    let door = open(Scripted::default());
    let mut socket = TcpStream::connect(door.at).await.unwrap();
    let hidden = "GET /healthz HTTP/1.1\r\nHost: door\r\n\r\n";
    let body = format!("{}{hidden}", " ".repeat(MAX_BODY + 1));
    let head = format!("POST {PATH} HTTP/1.1\r\nHost: door\r\nContent-Length: {}\r\n\r\n", body.len());
    socket.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let mut reply = Vec::new();
    // Whether the connection stays is no matter; what counts is how many replies came.
    let _end = tokio::time::timeout(Duration::from_secs(3), socket.read_to_end(&mut reply)).await;
    let reply = String::from_utf8_lossy(&reply);
    assert!(reply.starts_with("HTTP/1.1 413"), "{reply}");
    assert_eq!(reply.matches("HTTP/1.1").count(), 1, "{reply}");
}

#[actix_web::test]
async fn a_real_seat_with_nobody_in_it_still_gets_an_event() {
    let folder = tempfile::tempdir().unwrap();
    let (state, _) = State::open(folder.path());
    let house = House::new(
        Seat::default(),
        None,
        state,
        Arc::default(),
        "door-token".into(),
        None,
        Arc::new(|| Value::Null),
    );
    let _same: &Router = &house.router;
    let door = serve_house(&house, folder);
    let start = Instant::now();
    let event = door.ask(&with_token(offer("garden"), "door-token")).await;
    assert_eq!(event["event"]["payload"]["type"], "INTERNAL_ERROR");
    assert!(start.elapsed() < Duration::from_millis(4_500));
}
