#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use secrecy::SecretString;
use tracing_subscriber::fmt::MakeWriter;

use super::redact::{hide, hide_for_now, redact};
use super::*;

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Sink {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[test]
fn no_line_holds_a_secret_at_any_level() {
    let secret = |text: &str| SecretString::from(text.to_owned());
    hide(&secret("canary-hub-token"));
    hide(&secret("canary \"quoted\" \\ p@ss"));
    hide(&secret("canary%2Fencoded"));
    let sink = Sink::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(Redacted(sink.clone()))
        .finish();
    #[derive(Debug)]
    #[expect(dead_code, reason = "shown by Debug")]
    struct Inside {
        authorization: &'static str,
        odd: &'static str,
    }
    tracing::subscriber::with_default(subscriber, || {
        let inside = Inside { authorization: "Bearer canary-bearer.x_y", odd: "canary \"quoted\" \\ p@ss" };
        tracing::trace!(?inside, token = "canary-hub-token", "canary-hub-token");
        tracing::debug!("opening rtsp://admin:canary-pa@ss:/w@10.0.0.2:554/a?b=c, rtsp://x:canary@h/");
        tracing::info!(url = %"http://h/?access_token=canary1&x=1&authSig=canary2", "canary%2Fencoded canary/encoded");
        tracing::warn!("{}", r#"{"token": "canary3", "password":"canary4","client_secret" : "canary5"}"#);
        tracing::error!(
            sdp = "a=ice-ufrag:abcd\r\na=ice-pwd:canary6canary6\r\na=x",
            "AUTHORIZATION: BEARER canary7"
        );
        tracing::error!("eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJjYW5hcnkifQ.canary8_sig end");
        tracing::error!("Atza|canary_1-canary, Atzr|canary: refused");
        let _span = tracing::info_span!("call", token = "canary9").entered();
        tracing::info!("in a span");
    });
    let log = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
    assert!(!log.contains("canary"), "{log}");
    for kept in [
        "rtsp://***@10.0.0.2:554/a?b=c",
        "ice-ufrag:abcd",
        "a=x",
        "in a span",
        "&x=1",
        "*** end",
        "***, ***: refused",
    ] {
        assert!(log.contains(kept), "{kept} in {log}");
    }
    assert_eq!(log.lines().count(), 8, "{log}");
}

#[test]
fn text_without_secrets_stays_as_it_is() {
    for text in [
        "front door: call ended, 3 packets sent again",
        "http://homeassistant.local:8123/api connected (version 2026.11.1)",
        "camera[1].source: scheme \"ftp\" is not allowed",
        "eyJ is no token",
        "Atz and Atza are none",
        "Grüße, 日本",
        "the hub refused the token: make a long-lived access token on your profile page",
        "wrong password: look into the settings, then try again",
        "no token: is there a file?",
        "a basic wish, basic settings",
    ] {
        assert_eq!(redact(text), text);
    }
}

#[test]
fn what_follows_the_name_of_a_secret_is_masked_unless_a_sentence_goes_on() {
    for (text, masked) in [
        ("no for Basic dTpjYW5hcnk=, sorry", "no for Basic ***, sorry"),
        ("cut: Basic dTpjYW5hc", "cut: Basic ***"),
        ("token: abc", "token: ***"),
        ("password: hunter2 for the camera", "password: *** for the camera"),
        ("password: hunter\nuser: admin", "password: ***\nuser: admin"),
        ("password: hunter user: admin", "password: *** user: admin"),
        ("secret: correcthorse user=admin", "secret: *** user=admin"),
        ("Token:make a wish", "Token:*** a wish"),
        ("{\"token\": \"make a wish\"}", "{\"token\": \"*** a wish\"}"),
    ] {
        assert_eq!(redact(text), masked);
    }
}

#[test]
fn passwords_that_come_and_go_make_room_for_others_and_those_of_the_settings_stay() {
    let secret = |text: String| SecretString::from(text);
    hide(&secret("stays-for-good".into()));
    hide_for_now(&secret("stays-for-good".into()));
    for n in 0..2_000 {
        hide_for_now(&secret(format!("passing-{n}-by")));
        assert_eq!(redact(&format!("a passing-{n}-by b")), "a *** b");
    }
    assert_eq!(redact("stays-for-good"), "***");
    assert_eq!(redact("passing-0-by"), "passing-0-by");
}

#[test]
fn a_wrong_filter_falls_back_to_the_level() {
    let has = |level: &str, overrides, directive: &str| {
        filter(level, overrides).to_string().split(',').any(|part| part == directive)
    };
    assert!(has("debug", None, "doorstep=debug") && has("debug", None, "rtc_ice=off"));
    assert!(has("loud,,=", Some("=,="), "doorstep=info"));
    assert!(has("info", Some("doorstep=trace"), "doorstep=trace"));
    assert!(!has("info", Some("doorstep=trace"), "doorstep=info"));
    assert!(has("info", Some("trace"), "trace") && has("info", Some("trace"), "tungstenite=debug"));
    assert!(has("info", Some("rtc=warn"), "rtc=warn") && !has("info", Some("rtc=warn"), "rtc=off"));
}

#[test]
fn metrics_are_named_and_rendered() {
    let handle = metrics();
    answered(Duration::from_millis(20));
    call_began();
    call_ended("hung_up");
    directive("Discover", "ok");
    let text = handle.render();
    for part in [
        "doorstep_offer_to_answer_seconds_bucket{le=\"0.025\"} ",
        "doorstep_calls ",
        "doorstep_calls_ended_total{reason=\"hung_up\"} ",
        "doorstep_directives_total{name=\"Discover\",outcome=\"ok\"} ",
        "# TYPE doorstep_calls gauge",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

proptest! {
    #[test]
    fn no_text_breaks_the_redaction(text in "(\\PC|bearer |token|=|:|://|@|eyJ|Atza\\||\\.|\"|\n|\\\\){0,60}") {
        let once = redact(&text);
        prop_assert!(once.len() <= text.len() * 4 + 16);
    }

    #[test]
    fn a_password_in_an_address_is_never_left(pass in "[a-zA-Z0-9:@/%!?#]{4,20}Z") {
        let text = redact(&format!("cannot open \"rtsp://user:{pass}@cam/stream\" now"));
        prop_assert!(!text.contains(&pass), "{}", text);
    }
}
