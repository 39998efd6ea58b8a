//! Every message as it goes over the wire, beside the directive that it answers.
//!
//! The files are `tests/golden/CASE.directive.json` and `CASE.event.json`; message ids and times of
//! samples are replaced by their form. With `DOORSTEP_GOLDEN=write` the events are written anew.

use std::path::PathBuf;

use super::*;
use crate::camera::screen_stream::ScreenStream;

fn file(case: &str, part: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{case}.{part}.json"))
}

/// Replaces what differs from one time to the next, after looking at its form.
fn normalise(event: &mut Value) {
    let id = event["event"]["header"]["messageId"].as_str().expect("a message id");
    assert_eq!(uuid::Uuid::parse_str(id).expect("a uuid").get_version_num(), 4);
    event["event"]["header"]["messageId"] = json!("UUID-V4");
    if let Some(properties) = event.pointer_mut("/context/properties").and_then(Value::as_array_mut) {
        for property in properties {
            let time = property["timeOfSample"].as_str().expect("a time");
            assert!(time.len() == 24 && time.ends_with('Z'), "{time}");
            property["timeOfSample"] = json!("UTC-MS");
        }
    }
}

async fn check(case: &str, house: Scripted) {
    let directive = std::fs::read_to_string(file(case, "directive")).expect(case);
    let directive: Value = serde_json::from_str(&directive).expect(case);
    let mut event = ask(&house.router(), &directive, Instant::now()).await;
    assert!(!event.to_string().contains("users-token"), "{case}: the user's token goes back");
    normalise(&mut event);
    if std::env::var_os("DOORSTEP_GOLDEN").is_some_and(|how| how == "write") {
        let text = serde_json::to_string_pretty(&event).unwrap() + "\n";
        std::fs::write(file(case, "event"), text).expect(case);
    }
    let golden = std::fs::read_to_string(file(case, "event")).expect(case);
    let golden: Value = serde_json::from_str(&golden).expect(case);
    assert_eq!(event, golden, "{case}");
}

#[tokio::test]
async fn every_directive_gets_the_event_that_the_golden_file_holds() {
    check("discover", Scripted::default()).await;
    check("offer", Scripted::default()).await;
    check("session_connected", Scripted::default()).await;
    check("session_disconnected", Scripted::default()).await;
    check("report_state", Scripted::default()).await;
    check("accept_grant", Scripted::default()).await;
    check("turn_on", Scripted::default()).await;
    check("turn_off", Scripted::default()).await;
    let streams = Scripted { reply: Ok("c0ffee".into()), ..Scripted::default() };
    check("initialize_camera_streams", streams).await;
    let mut off = Scripted::default();
    off.cameras[1].on = false;
    check("report_state_off", off).await;
    let mut screen = Scripted::default();
    screen.cameras.remove(0);
    screen.cameras[0].stream = Some(ScreenStream::Offered(stream_facts()));
    check("discover_stream", screen).await;
    let mut down = Scripted::default();
    down.cameras[1].reachable = false;
    check("report_state_unreachable", down).await;
    let nothing = Scripted { cameras: Vec::new(), ..Scripted::default() };
    check("discover_nothing", nothing).await;
}

#[tokio::test]
async fn every_failure_gets_the_event_that_the_golden_file_holds() {
    let saying_no = |error: CameraError| Scripted { reply: Err(error.into()), ..Scripted::default() };
    check("error_unknown_directive", Scripted::default()).await;
    check("error_bad_value", Scripted::default()).await;
    check("error_unknown_endpoint", Scripted::default()).await;
    let away = Scripted { complete: false, ..Scripted::default() };
    check("error_hub_away", away).await;
    let camera = || "Garden".to_owned();
    check(
        "error_unreachable",
        saying_no(CameraError::Unreachable {
            camera: camera(),
            kind: TroubleKind::Unreachable,
            reason: "connection refused".into(),
        }),
    )
    .await;
    check("error_late", saying_no(CameraError::Late(camera()))).await;
    check("error_busy", saying_no(CameraError::Full { camera: Some(camera()), limit: 4 })).await;
    check("error_disabled", saying_no(CameraError::Disabled(camera()))).await;
    check("error_switched_off", saying_no(CameraError::SwitchedOff(camera()))).await;
    check("error_no_stream", saying_no(CameraError::NoStream(camera()))).await;
    let away = || saying_no(CameraError::HubAway(camera()));
    check("error_switch_hub_away", away()).await;
    check("error_internal", saying_no(CameraError::Internal("no socket".into()))).await;
}

#[test]
fn every_kind_of_failure_has_the_error_type_that_the_golden_file_holds() {
    let directive = Directive::parse(offer("garden").to_string().as_bytes()).unwrap();
    let kinds = [
        ErrorKind::NotFound,
        ErrorKind::Unreachable,
        ErrorKind::BridgeDown,
        ErrorKind::Malformed,
        ErrorKind::InvalidValue,
        ErrorKind::Disabled,
        ErrorKind::SwitchedOff,
        ErrorKind::Unauthorized,
        ErrorKind::Expired,
        ErrorKind::Busy,
        ErrorKind::Throttled,
        ErrorKind::Timeout,
        ErrorKind::Storage,
        ErrorKind::Internal,
    ];
    let told: serde_json::Map<String, Value> = kinds
        .into_iter()
        .map(|kind| {
            let event = refuse(&directive, kind, "why");
            (format!("{kind:?}"), event["event"]["payload"].clone())
        })
        .collect();
    let golden = std::fs::read_to_string(file("error_kinds", "payloads")).expect("the golden file");
    assert_eq!(Value::Object(told), serde_json::from_str::<Value>(&golden).unwrap());
}
