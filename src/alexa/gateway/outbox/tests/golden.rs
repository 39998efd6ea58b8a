//! Every event as it goes to the event gateway.
//!
//! The files are `tests/golden/CASE.event.json`; message ids are replaced by their form. With
//! `DOORSTEP_GOLDEN=write` they are written anew.

use std::path::PathBuf;

use serde_json::json;

use super::*;

fn check(case: &str, parcel: &Parcel) {
    let mut event = parcel.body("customers-token");
    let again = parcel.body("customers-token");
    let id = event["event"]["header"]["messageId"].clone();
    assert_ne!(id, again["event"]["header"]["messageId"], "{case}: one message id for two tries");
    assert_eq!(uuid::Uuid::parse_str(id.as_str().unwrap()).unwrap().get_version_num(), 4);
    event["event"]["header"]["messageId"] = json!("UUID-V4");
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{case}.event.json"));
    if std::env::var_os("DOORSTEP_GOLDEN").is_some_and(|how| how == "write") {
        std::fs::write(&file, serde_json::to_string_pretty(&event).unwrap() + "\n").expect(case);
    }
    let golden: Value = serde_json::from_str(&std::fs::read_to_string(&file).expect(case)).expect(case);
    assert_eq!(event, golden, "{case}");
}

/// Two cameras of which Alexa knows all.
fn stage() -> (Stage, Endpoint, Endpoint) {
    let mut front = bell("front_door");
    front.description.manufacturer = "Doorbird".into();
    front.state.on = Some(true);
    let mut garden = bell("hub#4f2c");
    garden.description.doorbell = false;
    garden.description.motion = false;
    garden.state.motion = None;
    (Stage::settled(&[front.clone(), garden.clone()]), front, garden)
}

#[test]
fn a_press_is_the_event_that_the_golden_file_holds() {
    let (mut stage, ..) = stage();
    stage.press_stamped("front_door", "2026-11-22T12:00:03.987+02:00");
    check("doorbell_press", &stage.meets(Outcome::Delivered));
    let at = "2026-11-22T10:00:04Z".into();
    let press = Press { endpoint_id: "hub#4f2c".into(), at, cause: Cause::Rule };
    stage.outbox.press(press, stage.now);
    check("doorbell_press_by_rule", &stage.one());
}

#[test]
fn a_change_is_the_event_that_the_golden_file_holds() {
    let (mut stage, mut front, mut garden) = stage();
    front.state.motion = Some(true);
    stage.report(&[front.clone(), garden.clone()]);
    check("change_report_motion", &stage.meets(Outcome::Delivered));
    front.state.motion = Some(false);
    front.state.on = Some(false);
    stage.report(&[front.clone(), garden.clone()]);
    check("change_report_motion_and_power", &stage.meets(Outcome::Delivered));
    garden.state.reachable = false;
    stage.report(&[front.clone(), garden.clone()]);
    check("change_report_unreachable", &stage.meets(Outcome::Delivered));
    front.state.on = Some(true);
    stage.report(&[front.clone(), garden]);
    check("change_report_power", &stage.meets(Outcome::Delivered));
    let mut started = Stage::new(stage.outbox.reported().clone());
    started.report(&[front]);
    check("change_report_after_start", &started.one());
}

#[test]
fn a_change_of_the_list_is_the_event_that_the_golden_file_holds() {
    let (_, front, garden) = stage();
    let mut stage = Stage::new(Reported::default());
    stage.report(&[front, garden]);
    stage.pass(10.0);
    let add = stage.one();
    check("add_or_update_report", &add);
    stage.settle(&add, Outcome::Delivered);
    stage.deliver();
    stage.report(&[]);
    stage.pass(10.0);
    check("delete_report", &stage.one());
}
