#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{ACCEPT, CONTENT_TYPE, HOST, ORIGIN, SET_COOKIE};
use actix_web::test::TestRequest;
use actix_web::{App, body, http, test};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::super::roles::Roles;
use super::super::tests::{Stage, stage};
use super::super::{DemoBell, DemoInfo};
use super::*;
use crate::hub::{HubError, HubUser};

const LOCAL: &str = "127.0.0.1:50000";
const LAN: &str = "192.168.1.50:50000";
const HUB: &str = "172.30.32.2:50000";

/// Status and body of one request.
async fn ask(stage: &Stage, from: &str, request: TestRequest) -> (u16, String) {
    let response = respond(stage, from, request).await;
    let status = response.status().as_u16();
    let bytes = body::to_bytes(response.into_body()).await.unwrap_or_else(|_| panic!("body"));
    (status, String::from_utf8_lossy(&bytes).into_owned())
}

async fn respond(
    stage: &Stage,
    from: &str,
    request: TestRequest,
) -> ServiceResponse<impl MessageBody + use<>> {
    let app = App::new().app_data(stage.house.clone()).wrap(super::super::headers());
    let app = test::init_service(app.configure(super::super::ui::configure)).await;
    test::call_service(&app, request.peer_addr(from.parse::<SocketAddr>().unwrap()).to_request()).await
}

fn get(path: &str) -> TestRequest {
    TestRequest::get().uri(path).insert_header((HOST, "127.0.0.1:8099"))
}

fn post(path: &str) -> TestRequest {
    TestRequest::post().uri(path).insert_header((HOST, "127.0.0.1:8099"))
}

fn json_post(path: &str) -> TestRequest {
    post(path).insert_header((CONTENT_TYPE, "application/json"))
}

#[actix_web::test]
async fn without_a_token_only_this_machine_is_served() {
    let stage = stage(|_| {});
    for path in ["/", "/api/v1/status", "/metrics", "/js/app.js", "/api/v1/diagnostics"] {
        assert_eq!(ask(&stage, LOCAL, get(path)).await.0, 200, "{path}");
        assert_eq!(ask(&stage, "[::1]:1", get(path)).await.0, 200, "{path}");
        assert_eq!(ask(&stage, LAN, get(path)).await.0, 403, "{path}");
        // From the hub's address as well: nobody said that the hub's supervisor is there.
        assert_eq!(ask(&stage, HUB, get(path)).await.0, 403, "{path}");
        let proxied = get(path).insert_header(("X-Forwarded-For", "192.168.1.50"));
        assert_eq!(ask(&stage, LOCAL, proxied).await.0, 403, "{path}");
    }
    let (status, page) = ask(&stage, LAN, get("/").insert_header((ACCEPT, "text/html"))).await;
    assert!(status == 403 && page.contains("<html") && page.contains("ui.token"), "{page}");
    assert_eq!(ask(&stage, LAN, get("/healthz")).await.0, 200);
}

#[actix_web::test]
async fn w3_a_foreign_name_is_not_ours() {
    let stage = stage(|_| {});
    for name in [
        "evil.example",
        "evil.example:8099",
        "127.0.0.1.evil.example",
        "10.1.2.3:8099",
        "",
        "@localhost:1",
        "a b",
    ] {
        let request = TestRequest::get().uri("/api/v1/status").insert_header((HOST, name));
        assert_eq!(ask(&stage, LOCAL, request).await.0, 421, "{name}");
    }
    assert_eq!(ask(&stage, LOCAL, TestRequest::get().uri("/api/v1/status")).await.0, 421);
    let two = get("/api/v1/status").append_header((HOST, "evil.example"));
    assert_eq!(ask(&stage, LOCAL, two).await.0, 421);
    let absolute =
        TestRequest::get().uri("http://evil.example/api/v1/status").insert_header((HOST, "localhost"));
    assert_eq!(ask(&stage, LOCAL, absolute).await.0, 421);
    for name in ["localhost", "LOCALHOST:1", "127.0.0.1:8099", "127.9.9.9", "[::1]:8099", "door.localhost"] {
        let request = TestRequest::get().uri("/api/v1/status").insert_header((HOST, name));
        assert_eq!(ask(&stage, LOCAL, request).await.0, 200, "{name}");
    }
}

#[actix_web::test]
async fn w2_another_sites_page_changes_nothing() {
    let stage = stage(|_| {});
    let open = "/api/v1/links/open";
    for (name, value) in [
        ("Origin", "null"),
        ("Origin", "http://evil.example"),
        ("Origin", "http://127.0.0.1:8098"),
        ("Origin", "http://localhost:8099"),
        ("Origin", "127.0.0.1:8099"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
        ("Sec-Fetch-Site", "nonsense"),
    ] {
        assert_eq!(
            ask(&stage, LOCAL, json_post(open).insert_header((name, value))).await.0,
            403,
            "{name}: {value}"
        );
        let delete = TestRequest::delete().uri("/api/v1/links/u1").insert_header((HOST, "127.0.0.1:8099"));
        assert_eq!(ask(&stage, LOCAL, delete.insert_header((name, value))).await.0, 403, "{name}: {value}");
        let opens = get("/api/v1/cameras/front_door/still?fresh=1").insert_header((name, value));
        assert_eq!(ask(&stage, LOCAL, opens).await.0, 403, "{name}: {value}");
    }
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""] {
        assert_eq!(ask(&stage, LOCAL, post(open).insert_header((CONTENT_TYPE, kind))).await.0, 415, "{kind}");
    }
    assert_eq!(ask(&stage, LOCAL, post(open)).await.0, 415);
    assert!(stage.house.state.linking_left().is_none());
    let own = json_post(open)
        .insert_header(("Origin", "http://127.0.0.1:8099"))
        .insert_header(("Sec-Fetch-Site", "same-origin"));
    assert_eq!(ask(&stage, LOCAL, own).await.0, 200);
    assert!(stage.house.state.linking_left().is_some());
    assert_eq!(ask(&stage, LOCAL, json_post(open)).await.0, 200, "a program that is no browser");
}

/// A house that the supervisor started, at a hub that knows an admin and a member, or is down.
fn supervised(hub_is_there: bool) -> Stage {
    let mut stage = stage(|config| config.supervised = true);
    let mut house = House::clone(&stage.house);
    house.roles = Roles::over(Arc::new(move |id| {
        Box::pin(async move {
            let user = |is_admin| HubUser { id: id.clone(), name: "Ann".into(), is_admin };
            match id.as_str() {
                _ if !hub_is_there => Err(HubError::Down("away".into())),
                "admin" => Ok(Some(user(true))),
                "member" => Ok(Some(user(false))),
                _ => Ok(None),
            }
        })
    }));
    stage.house = web::Data::new(house);
    stage
}

#[actix_web::test]
async fn w4_under_the_supervisor_only_the_ingress_is_served_whatever_headers_others_forge() {
    let stage = supervised(true);
    for from in [LAN, LOCAL, "172.30.32.1:1", "[::ffff:192.168.1.50]:1"] {
        for path in ["/", "/api/v1/status", "/js/app.js", "/metrics"] {
            let forged = get(path)
                .insert_header(("X-Ingress-Path", "/api/hassio_ingress/x"))
                .insert_header(("X-Remote-User-Id", "admin"))
                .insert_header(("X-Forwarded-For", "172.30.32.2"));
            assert_eq!(ask(&stage, from, forged).await.0, 403, "{path} from {from}");
        }
    }
    assert_eq!(ask(&stage, LAN, get("/healthz")).await.0, 403);
    for path in ["/healthz", "/readyz"] {
        assert_eq!(ask(&stage, LOCAL, get(path)).await.0, 200);
        assert_eq!(ask(&stage, HUB, get(path)).await.0, 200, "the supervisor's watchdog says no name");
    }
    // The hub's own name is in the host.
    let through = || {
        TestRequest::default()
            .insert_header((HOST, "hub.example"))
            .insert_header(("X-Ingress-Path", "/x"))
            .insert_header(("X-Remote-User-Id", "admin"))
    };
    assert_eq!(ask(&stage, HUB, through().uri("/")).await.0, 200);
    assert_eq!(ask(&stage, "[::ffff:172.30.32.2]:1", through().uri("/api/v1/status")).await.0, 200);
    let push = || {
        through()
            .method(http::Method::POST)
            .uri("/api/v1/links/open")
            .insert_header((CONTENT_TYPE, "application/json"))
    };
    assert_eq!(ask(&stage, HUB, push().insert_header(("Origin", "https://hub.example"))).await.0, 200);
    let forwarded = push()
        .insert_header(("X-Forwarded-Host", "out.example"))
        .insert_header(("Origin", "https://out.example"));
    assert_eq!(ask(&stage, HUB, forwarded).await.0, 200);
    assert_eq!(ask(&stage, HUB, push().insert_header(("Origin", "https://evil.example"))).await.0, 403);
}

#[actix_web::test]
async fn w8_whoever_opens_the_ingress_may_look_and_an_admin_of_the_hub_may_change_something() {
    let stage = supervised(true);
    let change = |method, path: &str, users: &[&str]| {
        let request = TestRequest::default().method(method).uri(path).insert_header((HOST, "hub.example"));
        let request = request.insert_header((CONTENT_TYPE, "application/json"));
        users.iter().fold(request, |request, user| request.append_header(("X-Remote-User-Id", *user)))
    };
    let (get, post) = (http::Method::GET, http::Method::POST);
    let still = "/api/v1/cameras/front_door/still";
    assert!(![401, 403].contains(&ask(&stage, HUB, change(get.clone(), still, &["member"])).await.0));
    for path in ["/", "/api/v1/status", "/api/v1/me", "/api/v1/calls", "/js/app.js"] {
        for (users, status) in
            [(&["member"][..], 200), (&["admin"], 200), (&[], 403), (&[""], 403), (&["member", "admin"], 403)]
        {
            let told = ask(&stage, HUB, change(get.clone(), path, users)).await;
            assert_eq!(told.0, status, "{path} {users:?}: {}", told.1);
        }
    }
    for (method, path) in [
        (post.clone(), "/api/v1/links/open"),
        (http::Method::DELETE, "/api/v1/links/nobody"),
        (post.clone(), "/api/v1/calls/nobody/end"),
        (post.clone(), "/api/v1/probe"),
        (post.clone(), "/api/v1/echo"),
        (get.clone(), "/api/v1/cameras/front_door/still?fresh=1"),
        (post.clone(), "/%61pi/v1/links/open"),
        (http::Method::PUT, "/api/v1/settings"),
        // Not to be changed, but not for everybody to see: what is secret, what opens a camera or tells where it is.
        (get.clone(), "/api/v1/diagnostics"),
        (get.clone(), "/api/v1/logs"),
        (get.clone(), "/api/v1/%6cogs"),
        (get.clone(), "/%61pi/v1/logs"),
        (get.clone(), "/api/v1/versions"),
        (get.clone(), "/api/v1/settings"),
        (get.clone(), "/api/v1/hub/entities"),
        (get.clone(), "/api/v1/cameras/x/still?fresh=1"),
        (get.clone(), "/api/v1/cameras/x/still?f%72esh=1"),
        (get.clone(), "/metrics"),
    ] {
        for users in [&["member"][..], &["nobody"], &[], &["member", "admin"]] {
            assert_eq!(
                ask(&stage, HUB, change(method.clone(), path, users)).await.0,
                403,
                "{path} {users:?}"
            );
        }
        let (status, text) = ask(&supervised(false), HUB, change(method.clone(), path, &["admin"])).await;
        assert!(status == 503 && text.contains("administrator"), "{path}: {status} {text}");
        let (_, text) = ask(&stage, HUB, change(method, path, &["admin"])).await;
        assert!(!text.contains("administrator"), "{path}: {text}");
    }
    assert!(stage.house.state.linking_left().is_some());
    let nobody_to_ask = self::stage(|config| config.supervised = true);
    assert_eq!(ask(&nobody_to_ask, HUB, change(post, "/api/v1/links/open", &["admin"])).await.0, 503);
}

async fn json(stage: &Stage, from: &str, request: TestRequest) -> Value {
    serde_json::from_str(&ask(stage, from, request).await.1).unwrap()
}

#[actix_web::test]
async fn everybody_is_told_who_they_are_and_whether_they_may_change_something() {
    let through = |user: &str| get("/api/v1/me").insert_header(("X-Remote-User-Id", user.to_owned()));
    for (hub_is_there, user, name, admin) in [
        (true, "admin", json!("Ann"), json!(true)),
        (true, "member", json!("Ann"), json!(false)),
        (true, "nobody", json!(null), json!(false)),
        (false, "admin", json!(null), json!(null)),
    ] {
        let me = json(&supervised(hub_is_there), HUB, through(user)).await;
        assert_eq!(me, json!({ "via": "ingress", "name": name, "admin": admin }));
    }
    let local = json(&stage(|_| {}), LOCAL, get("/api/v1/me")).await;
    assert_eq!(local, json!({ "via": "local", "name": null, "admin": true }));
    let token = stage(|config| config.ui.token = Some("a-login-token".to_owned().into()));
    let bearer = get("/api/v1/me").insert_header(("Authorization", "Bearer a-login-token"));
    assert_eq!(json(&token, LAN, bearer).await["via"], "token");
}

#[actix_web::test]
async fn w8_users_who_may_not_change_anything_do_not_see_who_else_is_linked_and_where_the_house_is() {
    for hub_is_there in [true, false] {
        let stage = supervised(hub_is_there);
        assert!(stage.house.state.link("canary-user", "Canary"));
        let status = |user: &str| get("/api/v1/status").insert_header(("X-Remote-User-Id", user.to_owned()));
        let seen = json(&stage, HUB, status("member")).await;
        assert!(!seen.to_string().to_lowercase().contains("canary"), "{seen}");
        assert!(
            seen["ui"]["listening"].is_null()
                && seen["problems"] == json!([])
                && seen["hub"]["reason"].is_null(),
            "{seen}"
        );
        if hub_is_there {
            assert_eq!(json(&stage, HUB, status("admin")).await["links"][0]["name"], "Canary");
        }
    }
}

/// What a stream says until it ends or `until` is in it.
async fn listen(response: ServiceResponse<impl MessageBody>, until: &str) -> (String, bool) {
    let mut body = Box::pin(response.into_body());
    let mut said = String::new();
    while !said.contains(until) {
        let next = std::future::poll_fn(|cx| body.as_mut().poll_next(cx));
        match tokio::time::timeout(Duration::from_secs(20), next).await.unwrap() {
            Some(Ok(bytes)) => said.push_str(&String::from_utf8_lossy(&bytes)),
            _ => return (said, true),
        }
    }
    (said, false)
}

#[actix_web::test]
async fn a_page_is_told_what_its_user_may_see_and_nothing_more_when_the_login_is_over() {
    let stage = supervised(true);
    stage.house.state.link("canary-user", "Canary");
    let changes = |user: &str| get("/api/v1/changes").insert_header(("X-Remote-User-Id", user.to_owned()));
    let (said, _) = listen(respond(&stage, HUB, changes("member")).await, "event: status").await;
    assert!(said.contains("event: me") && !said.contains("Canary"), "{said}");
    assert!(said.contains(r#""admin":false"#), "{said}");
    let (said, _) = listen(respond(&stage, HUB, changes("admin")).await, "event: status").await;
    assert!(said.contains("Canary") && said.contains(r#""admin":true"#), "{said}");

    let token = SecretString::from("a-login-token".to_owned());
    let stage = self::stage(|config| config.ui.token = Some(token.clone()));
    let cookie = login::cookie(login::now() + 2, &token).unwrap();
    let request = get("/api/v1/changes").insert_header(("Cookie", cookie.clone()));
    let (said, over) = listen(respond(&stage, LAN, request).await, "never said").await;
    assert!(over && said.contains("event: status"), "{said}");
    let again = get("/api/v1/changes").insert_header(("Cookie", cookie));
    assert_eq!(ask(&stage, LAN, again).await.0, 401);
}

#[actix_web::test]
async fn directives_come_in_through_the_ingress_only_and_need_a_token() {
    let directive = || post(door::PATH).set_payload("{}");
    assert_eq!(ask(&stage(|_| {}), LOCAL, directive()).await.0, 403);
    let token = stage(|config| config.ui.token = Some("a-login-token".to_owned().into()));
    let logged_in = directive().insert_header(("Authorization", "Bearer a-login-token"));
    assert_eq!(ask(&token, LAN, logged_in).await.0, 403);
    let supervised = stage(|config| config.supervised = true);
    let forged = directive().insert_header(("X-Remote-User-Id", "admin"));
    assert_eq!(ask(&supervised, LAN, forged).await.0, 403);
    // A session of the ingress that is nobody's leads nowhere.
    assert_eq!(ask(&supervised, HUB, directive()).await.0, 403);
    let through = |request: TestRequest| request.insert_header(("X-Remote-User-Id", "member"));
    // The door's own handler: no directive is 400, and one without a good token 401.
    assert_eq!(ask(&supervised, HUB, through(directive())).await.0, 400);
    let discover = r#"{"directive": {"header": {"namespace": "Alexa.Discovery", "name": "Discover",
        "messageId": "1", "payloadVersion": "3"}, "payload": {"scope": {"type": "BearerToken", "token": "x"}}}}"#;
    assert_eq!(ask(&supervised, HUB, through(post(door::PATH).set_payload(discover))).await.0, 401);
}

#[actix_web::test]
async fn with_a_token_people_log_in_from_anywhere() {
    let stage = stage(|config| config.ui.token = Some("a-login-token".to_owned().into()));
    let named = |path: &str| TestRequest::get().uri(path).insert_header((HOST, "door.home:8099"));
    for path in [
        "/",
        "/index.html",
        "/api/v1/status",
        "/metrics",
        "/api/v1/nothing",
        "/nothing",
        // Routes are found by what these stand for.
        "/%61pi/v1/status",
        "/api%2fv1/status",
        "/api/v1/%73tatus",
        "/%6detrics",
        "/%69ndex.html",
        "//index.html",
    ] {
        assert_eq!(ask(&stage, LAN, named(path)).await.0, 401, "{path}");
        let bearer = |token: &str| named(path).insert_header(("Authorization", format!("Bearer {token}")));
        assert_ne!(ask(&stage, LAN, bearer("a-login-token")).await.0, 401, "{path}");
        assert_eq!(ask(&stage, LAN, bearer("a-login-toke")).await.0, 401, "{path}");
    }
    assert_eq!(ask(&stage, LAN, named("/app.css")).await.0, 200);
    let (status, page) = ask(&stage, LAN, named("/").insert_header((ACCEPT, "text/html"))).await;
    assert!(status == 401 && page.contains("action=\"api/v1/login\""), "{page}");
    assert!(page.contains("lang=\"en\"") && page.contains(">Log in<"), "{page}");
    let form = respond(&stage, LAN, named("/").insert_header((ACCEPT, "text/html"))).await;
    assert_eq!(form.headers().get("referrer-policy").unwrap(), "same-origin", "else its origin is null");
    let german =
        named("/").insert_header((ACCEPT, "text/html")).insert_header(("Accept-Language", "de-AT, en;q=0.5"));
    let (_, page) = ask(&stage, LAN, german).await;
    assert!(page.contains("lang=\"de\"") && page.contains(">Anmelden<"), "{page}");

    let login = |payload: &'static str, kind: &str| {
        post("/api/v1/login").insert_header((CONTENT_TYPE, kind.to_owned())).set_payload(payload)
    };
    let json = "application/json";
    assert_eq!(ask(&stage, LAN, login(r#"{"token": "wrong-token"}"#, json)).await.0, 401);
    let form = "application/x-www-form-urlencoded";
    // For people it is said on the page, which is one that knows its way from here.
    let (status, page) = ask(&stage, LAN, login("token=wrong-token", form)).await;
    assert!(
        status == 401 && page.contains("This is not the token") && !page.contains("wrong-token"),
        "{page}"
    );
    assert!(page.contains("action=\"../../api/v1/login\"") && page.contains("\"../../app.css\""), "{page}");
    assert_eq!(ask(&stage, LAN, login(r#"{"token": 7}"#, json)).await.0, 400);
    assert_eq!(ask(&stage, LAN, login("{", json)).await.0, 400);
    let foreign =
        login(r#"{"token": "a-login-token"}"#, json).insert_header(("Origin", "http://evil.example"));
    assert_eq!(ask(&stage, LAN, foreign).await.0, 403);
    for (payload, kind, status) in [
        (r#"{"token": "a-login-token"}"#, json, 200),
        ("token=a-login-token", "application/x-www-form-urlencoded", 303),
    ] {
        let response = respond(&stage, LAN, login(payload, kind)).await;
        assert_eq!(response.status().as_u16(), status, "{kind}");
        let cookie = response.headers().get(SET_COOKIE).unwrap().to_str().unwrap().to_owned();
        assert!(
            cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && !cookie.contains("a-login"),
            "{cookie}"
        );
        let pair = cookie.split(';').next().unwrap().to_owned();
        let with = |cookie: String| named("/api/v1/status").insert_header(("Cookie", cookie));
        assert_eq!(ask(&stage, LAN, with(format!("other=1; {pair}"))).await.0, 200);
        assert_eq!(ask(&stage, LAN, with(format!("{pair}x"))).await.0, 401);
    }
}

#[actix_web::test]
async fn every_reply_carries_the_policy() {
    let stage = stage(|_| {});
    for (from, path) in [(LOCAL, "/"), (LOCAL, "/nothing"), (LAN, "/"), (LOCAL, "/api/v1/status")] {
        let response = respond(&stage, from, get(path)).await;
        let header = |name: &str| response.headers().get(name).unwrap().to_str().unwrap().to_owned();
        let policy = header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("referrer-policy"), "no-referrer");
    }
}

#[actix_web::test]
async fn the_demos_page_is_served_to_other_machines_but_not_to_their_other_pages() {
    let mut stage = stage(|_| {});
    let mut house = House::clone(&stage.house);
    let bell = DemoBell(Arc::new(|| {}));
    let at = |port: u16| format!("http://127.0.0.1:{port}");
    house.demo = Some(DemoInfo { door: at(1), hub: at(2), visitor: at(3), bell });
    stage.house = web::Data::new(house);
    let at = |request: TestRequest| request.insert_header((HOST, "192.168.1.2:8099"));
    assert_eq!(ask(&stage, LAN, at(TestRequest::get().uri("/"))).await.0, 200);
    let foreign = at(TestRequest::post().uri("/api/v1/links/open"))
        .insert_header((CONTENT_TYPE, "application/json"))
        .insert_header((ORIGIN, "http://evil.example"));
    assert_eq!(ask(&stage, LAN, foreign).await.0, 403);
}

#[actix_web::test]
async fn from_another_machine_the_demos_settings_stay_as_they_are() {
    let mut stage = stage(|_| {});
    let mut house = House::clone(&stage.house);
    let at = |port: u16| format!("http://127.0.0.1:{port}");
    house.demo = Some(DemoInfo { door: at(1), hub: at(2), visitor: at(3), bell: DemoBell(Arc::new(|| {})) });
    stage.house = web::Data::new(house);
    let source = json!({ "source": "rtsp://10.0.0.1/1" });
    for (method, path, sent) in [
        (Method::PUT, "settings", json!({ "changes": [] })),
        (Method::POST, "restart", json!({})),
        (Method::POST, "hub/try", json!({ "url": "hub" })),
        (Method::POST, "reach", json!({})),
        (Method::POST, "door/token", json!({})),
        (Method::POST, "probe", source),
    ] {
        let path = format!("/api/v1/{path}");
        let request = TestRequest::default().method(method).uri(&path).insert_header((HOST, "192.168.1.2"));
        let (status, text) = ask(&stage, LAN, request.set_json(sent)).await;
        assert!(status == 403 && text.contains("from another machine"), "{path}: {status} {text}");
    }
    let token = json_post("/api/v1/door/token");
    assert_eq!(ask(&stage, LOCAL, token).await.0, 200);
}

#[actix_web::test]
async fn a_door_token_that_lies_in_a_file_is_not_shown() {
    let stage = stage(|config| {
        config.door.token = Some("canary".to_owned().into());
        config.door.token_file = Some("/run/secrets/door".into());
    });
    let (status, text) = ask(&stage, LOCAL, json_post("/api/v1/door/token")).await;
    assert!(status == 409 && text.contains("/run/secrets/door") && !text.contains("canary"), "{text}");
}

#[actix_web::test]
async fn another_sites_page_cannot_listen() {
    let stage = stage(|_| {});
    let foreign = get("/api/v1/changes").insert_header(("Sec-Fetch-Site", "cross-site"));
    assert_eq!(ask(&stage, LOCAL, foreign).await.0, 403);
}
