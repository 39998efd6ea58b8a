//! The pages' files and API. Who is served at all is tested with the guard.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use actix_web::body;
use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::ServiceResponse;
use actix_web::http::Method;
use actix_web::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HOST, IF_NONE_MATCH};
use actix_web::test::{self, TestRequest};
use serde_json::{Value, json};

use super::*;
use crate::camera::Caller;
use crate::router::tests::{Heard, Scripted};
use crate::state::CallRecord;

/// A house without actors, whose router's cameras do as they are told.
pub(crate) struct Stage {
    pub(crate) house: web::Data<House>,
    pub(crate) heard: Arc<std::sync::Mutex<Vec<Heard>>>,
    _folder: tempfile::TempDir,
}

pub(crate) fn stage(settings: impl FnOnce(&mut Config)) -> Stage {
    stage_at(settings, None)
}

fn stage_at(settings: impl FnOnce(&mut Config), door: Option<SocketAddr>) -> Stage {
    let folder = tempfile::tempdir().unwrap();
    let (state, _) = State::open(folder.path());
    let mut config = Config::default();
    settings(&mut config);
    let counters = Arc::new(|| json!({ "dropped": 3 }));
    let token = SecretString::from("door-token".to_owned());
    let mut house = House::new(Seat::default(), None, state, Arc::new(config), token, None, counters)
        .with_addresses(SocketAddr::from(([127, 0, 0, 1], 8099)), door);
    let cameras = Scripted::default();
    let heard = cameras.heard.clone();
    house.router = cameras.router();
    Stage { house: web::Data::new(house), heard, _folder: folder }
}

async fn respond(stage: &Stage, request: TestRequest) -> ServiceResponse<impl MessageBody + use<>> {
    let app = App::new().app_data(stage.house.clone()).wrap(headers()).configure(ui::configure);
    let app = test::init_service(app).await;
    let request =
        request.peer_addr(SocketAddr::from(([127, 0, 0, 1], 5))).insert_header((HOST, "127.0.0.1:8099"));
    test::call_service(&app, request.to_request()).await
}

/// Status and JSON of one request.
async fn ask(stage: &Stage, request: TestRequest) -> (u16, Value) {
    let response = respond(stage, request).await;
    let status = response.status().as_u16();
    let bytes = body::to_bytes(response.into_body()).await.unwrap_or_else(|_| panic!("body"));
    (status, serde_json::from_slice(&bytes).unwrap_or_else(|_| panic!("no JSON: {bytes:?}")))
}

fn get(path: &str) -> TestRequest {
    TestRequest::get().uri(path)
}

fn post(path: &str, body: impl Into<String>) -> TestRequest {
    TestRequest::post().uri(path).insert_header((CONTENT_TYPE, "application/json")).set_payload(body.into())
}

#[actix_web::test]
async fn the_pages_come_with_a_tag_and_are_not_sent_twice() {
    let stage = stage(|_| {});
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/app.css", "text/css; charset=utf-8"),
        ("/js/app.js", "text/javascript; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
        ("/i18n/en.json", "application/json"),
    ] {
        let response = respond(&stage, get(path)).await;
        assert_eq!(
            (response.status().as_u16(), response.headers().get(CONTENT_TYPE).unwrap().to_str().unwrap()),
            (200, kind)
        );
        let tag = response.headers().get(ETAG).unwrap().clone();
        for encoding in ["gzip", "identity"] {
            let again = get(path).insert_header((IF_NONE_MATCH, tag.clone()));
            let again = respond(&stage, again.insert_header((ACCEPT_ENCODING, encoding))).await;
            assert_eq!(again.status().as_u16(), 304, "{path}");
            assert_eq!(again.into_body().size(), BodySize::None, "{path}: a 304 has no body");
        }
        let other = respond(&stage, get(path).insert_header((IF_NONE_MATCH, "\"other\""))).await;
        assert_eq!(other.status().as_u16(), 200, "{path}");
    }
    let packed = respond(&stage, get("/js/app.js").insert_header((ACCEPT_ENCODING, "gzip"))).await;
    assert_eq!(packed.headers().get(CONTENT_ENCODING).unwrap().to_str().unwrap(), "gzip");
}

#[actix_web::test]
async fn w1_no_spelling_of_a_path_leads_out_of_the_pages() {
    let stage = stage(|_| {});
    for path in [
        "/../Cargo.toml",
        "/..%2fCargo.toml",
        "/%2e%2e/Cargo.toml",
        "/js/../../Cargo.toml",
        "/.%2e/src/main.rs",
        "/..\\Cargo.toml",
        "/..%5cCargo.toml",
        "//etc/passwd",
        "/%2fetc/passwd",
        "/js//app.js/",
        "/js",
        "/js/",
        "/./index.html/",
        "/index.html%00.js",
        "/app.css/../../state.json",
        "/%252e%252e/Cargo.toml",
        "/web/index.html",
        "/..;/Cargo.toml",
        "/%c0%ae%c0%ae/Cargo.toml",
        "/state.json",
        "/JS/APP.JS",
        "/....//Cargo.toml",
        "/..%00/Cargo.toml",
        "/%5c..%5cCargo.toml",
        "/js/%2e%2e%2f%2e%2e%2fCargo.toml",
        "/%uff0e%uff0e/Cargo.toml",
        "/..%ef%bc%8fCargo.toml",
        "/file:///etc/passwd",
        "/app.css%3f/../Cargo.toml",
        "/web/../Cargo.toml",
    ] {
        let response = respond(&stage, get(path)).await;
        assert_eq!(response.status().as_u16(), 404, "{path}");
    }
    for method in [Method::PUT, Method::PATCH] {
        let request = post("/index.html", "{}").method(method);
        assert_eq!(respond(&stage, request).await.status().as_u16(), 405);
    }
}

#[actix_web::test]
async fn the_status_says_how_the_house_stands() {
    let stage = stage_at(|_| {}, Some(SocketAddr::from(([127, 0, 0, 1], 8098))));
    stage.house.state.note(["cannot open rtsp://u:secretive@h/".to_owned()]);
    let (status, body) = ask(&stage, get("/api/v1/status")).await;
    assert_eq!(status, 200);
    assert_eq!(body["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(body["hub"]["state"], "none");
    assert_eq!(body["door"]["listening"], "127.0.0.1:8098");
    assert_eq!(body["linking"]["open"], true);
    assert_eq!(body["links"], json!([]));
    assert_eq!(body["port"]["dropped"], 3);
    assert_eq!(body["problems"], json!(["cannot open rtsp://***@h/"]));
    assert!(!body.to_string().contains("door-token"));
}

#[actix_web::test]
async fn calls_are_listed_newest_first_and_found_by_id() {
    let stage = stage(|_| {});
    for n in 0..60 {
        let record = CallRecord { id: format!("c{n}"), camera: "<b>".into(), ..CallRecord::default() };
        stage.house.state.record_call(record);
    }
    let (_, all) = ask(&stage, get("/api/v1/calls")).await;
    assert_eq!(all["calls"].as_array().unwrap().len(), 50);
    let (_, two) = ask(&stage, get("/api/v1/calls?limit=2")).await;
    let ids: Vec<&Value> = two["calls"].as_array().unwrap().iter().map(|call| &call["id"]).collect();
    assert_eq!(ids, ["c59", "c58"]);
    for (path, status) in [("c7", 200), ("nobody", 404)] {
        assert_eq!(ask(&stage, get(&format!("/api/v1/calls/{path}"))).await.0, status);
    }
    let (_, call) = ask(&stage, get("/api/v1/calls/c7")).await;
    for key in ["stages", "counters", "video", "ended", "end_reason", "endpoint_id", "session_id", "started"]
    {
        assert!(call.get(key).is_some(), "{key}");
    }
    assert_eq!(respond(&stage, get("/api/v1/calls?limit=x")).await.status().as_u16(), 400);
    assert_eq!(respond(&stage, get("/api/v1/calls?limit=99999999999")).await.status().as_u16(), 200);
}

#[actix_web::test]
async fn links_are_opened_and_revoked() {
    let stage = stage(|_| {});
    assert!(stage.house.state.link("user 1/x", "Ann"));
    let (status, body) = ask(&stage, post("/api/v1/links/open", "")).await;
    assert!(status == 200 && body["seconds_left"].as_u64().unwrap() > 590, "{body}");
    let delete = |path: &str| TestRequest::delete().uri(path);
    assert_eq!(ask(&stage, delete("/api/v1/links/user%201%2Fx")).await.0, 200);
    assert_eq!(ask(&stage, delete("/api/v1/links/user%201%2Fx")).await.0, 404);
    assert!(stage.house.state.links().is_empty());
}

#[actix_web::test]
async fn a_part_that_is_being_restarted_is_said() {
    let stage = stage(|_| {});
    let (status, body) = ask(&stage, get("/api/v1/cameras")).await;
    assert!(status == 500 && body["error"].as_str().unwrap().contains("restarted"), "{body}");
    assert_eq!(ask(&stage, post("/api/v1/calls/c1/end", "")).await.0, 500);
    assert_eq!(ask(&stage, get("/api/v1/diagnostics")).await.0, 200);
    assert_eq!(ask(&stage, get("/healthz")).await.0, 200);
    assert_eq!(ask(&stage, get("/readyz")).await.0, 200);
}

#[actix_web::test]
async fn diagnostics_hold_no_secret() {
    let stage = stage(|config| {
        config.hub.url = Some("http://hub:8123".parse().unwrap());
        config.door.public_url = Some("https://canary.example".parse().unwrap());
        config.webrtc.advertise = vec!["203.0.113.77".parse().unwrap()];
        config.hub.token = Some("canary-hub".to_owned().into());
        config.ui.token = None;
        config.alexa.client_secret = Some("canary-alexa".to_owned().into());
    });
    stage.house.exchanges.offered("c", "a=ice-pwd:canary-pwd\r\na=mid:0\r\n");
    stage.house.state.link("canary-user", "Canary Ann");
    stage
        .house
        .state
        .note(["token=canary-noted, reached at 203.0.113.77 and https://canary.example".to_owned()]);
    let trouble = vec!["rtsp://canary:canary@cam/ refused".to_owned()];
    stage.house.state.record_call(CallRecord { id: "c".into(), trouble, ..CallRecord::default() });
    let (_, body) = ask(&stage, get("/api/v1/diagnostics")).await;
    let text = body.to_string().to_lowercase();
    assert!(!text.contains("canary") && !text.contains("door-token"), "{text}");
    assert!(!text.contains("203.0.113.77"), "{text}");
    assert!(text.contains("rtsp://***@cam/ refused"), "{text}");
    assert!(text.contains("reached at [public address] and https://[own name]"), "{text}");
    assert_eq!(body["calls"][0]["offer"], json!(["a=ice-pwd:***", "a=mid:0"]));
    assert_eq!(body["versions"]["doorstep"], env!("CARGO_PKG_VERSION"));
}

#[actix_web::test]
async fn a_body_that_is_not_what_is_asked_for_is_refused_without_quoting_it() {
    let stage = stage(|_| {});
    for (path, body) in [
        ("/api/v1/echo", "{"),
        ("/api/v1/echo", r#"{"name": {"canary": 1}}"#),
        ("/api/v1/echo", r#"{"name": "Discover", "token": "canary"}"#),
        ("/api/v1/probe", r#"{"source": 5}"#),
        ("/api/v1/probe", r#"{}"#),
        ("/api/v1/probe", r#"{"source": "test:", "camera": "x"}"#),
    ] {
        let (status, reply) = ask(&stage, post(path, body)).await;
        assert!(status == 400 && !reply.to_string().contains("canary"), "{path} {body}: {reply}");
    }
    let large = format!(r#"{{"name": "{}"}}"#, "x".repeat(70_000));
    assert_eq!(ask(&stage, post("/api/v1/echo", large)).await.0, 413);
    for source in ["file:///etc/passwd", "ftp://h/", "concat:a|b", "rtsp:///x", "canary"] {
        let (status, reply) =
            ask(&stage, post("/api/v1/probe", json!({ "source": source }).to_string())).await;
        assert!(status == 422 && !reply.to_string().contains("canary"), "{source}: {reply}");
    }
}

#[actix_web::test]
async fn the_page_is_an_echo_of_its_own_also_while_the_door_is_closed() {
    let stage = stage(|_| {});
    let wish = json!({
        "endpoint_id": "garden",
        "name": "InitiateSessionWithOffer",
        "payload": { "sessionId": "s-1", "offer": { "format": "SDP", "value": "v=0\r\n" } },
    });
    let (status, reply) = ask(&stage, post("/api/v1/echo", wish.to_string())).await;
    assert_eq!(status, 200);
    assert_eq!(reply["event"]["header"]["name"], "AnswerGeneratedForSession", "{reply}");
    assert!(matches!(
        &stage.heard.lock().unwrap()[..],
        [Heard::Offer { session, caller: Caller::Page, .. }] if session == "s-1"
    ));
    let (status, reply) = ask(&stage, post("/api/v1/echo", r#"{"name": "Discover"}"#)).await;
    assert_eq!((status, &reply["event"]["header"]["name"]), (200, &json!("Discover.Response")));
    for (wish, kind) in [
        (json!({ "endpoint_id": "nobody", "name": "ReportState" }), "NO_SUCH_ENDPOINT"),
        (json!({ "endpoint_id": "garden", "name": "AcceptGrant" }), "INVALID_DIRECTIVE"),
        (json!({ "endpoint_id": "garden", "name": "InitiateSessionWithOffer" }), "INVALID_VALUE"),
    ] {
        let (status, reply) = ask(&stage, post("/api/v1/echo", wish.to_string())).await;
        assert_eq!((status, &reply["event"]["payload"]["type"]), (200, &json!(kind)), "{reply}");
    }
}

#[actix_web::test]
async fn the_page_asks_no_faster_than_the_door_lets_anybody() {
    let stage = stage(|_| {});
    let wish = json!({ "endpoint_id": "garden", "name": "ReportState" }).to_string();
    let mut last = Value::Null;
    for _ in 0..100 {
        last = ask(&stage, post("/api/v1/echo", wish.clone())).await.1;
    }
    assert_eq!(last["event"]["payload"]["type"], "RATE_LIMIT_EXCEEDED", "{last}");
}

#[actix_web::test]
async fn metrics_are_in_prometheus_text_format() {
    crate::telemetry::metrics();
    let response = respond(&stage(|_| {}), get("/metrics")).await;
    assert!(
        response
            .headers()
            .get(CONTENT_TYPE)
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with("text/plain; version=0.0.4")
    );
    let bytes = body::to_bytes(response.into_body()).await.unwrap_or_else(|_| panic!("body"));
    assert!(String::from_utf8_lossy(&bytes).contains("# TYPE doorstep_calls gauge"));
}
