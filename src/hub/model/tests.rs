#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
//! The model against recorded traffic of a real hub, and against a small hub that is always right.

use play::{Play, Transcript};

use super::*;
use crate::hub::listing::Step;
use crate::hub::ties::TiedCamera;
use crate::hub::{Cause, HubCamera, StreamWays};

mod lines;
mod lists;
mod loss;
mod play;
mod presses;
mod property;
mod true_hub;

const FRONT_DOOR: &str = "hub#171e7e4086c9be014edc68ee4b4688ec";

#[test]
fn coalescing_is_asked_for_first_and_ids_begin_anew_with_each_connection() {
    let mut play = Play::running();
    for _ in 0..2 {
        assert_eq!(
            play.commands[0],
            json!({"id": 1, "type": "supported_features", "features": {"coalesce_messages": 1}})
        );
        play.model.on_lost("closed by the hub", false);
        play.connect();
    }
}

#[test]
fn the_recorded_front_door_is_one_camera_with_its_bell_and_motion() {
    let play = Play::running();
    let expected = HubCamera {
        endpoint_id: FRONT_DOOR.into(),
        name: "Front Door".into(),
        manufacturer: "Bench".into(),
        model: "Doorbell One".into(),
        version: "1.0".into(),
        entities: vec![super::super::HubCameraEntity {
            registry_id: "9111d5158842b09b59ed20ec6f0ebca6".into(),
            entity_id: "camera.front_door".into(),
            name: "Front Door".into(),
            available: true,
            streams: true,
            switches: false,
            off: false,
            ways: None,
        }],
        bell: Some(super::super::HubSensor {
            entity_id: "event.front_door_doorbell".into(),
            available: true,
            on: false,
        }),
        motion: Some(super::super::HubSensor {
            entity_id: "binary_sensor.front_door_motion".into(),
            available: true,
            on: false,
        }),
    };
    assert_eq!(play.snapshot().cameras, [expected]);
    assert_eq!(play.snapshot().version, "2026.11.0");
}

#[test]
fn the_recorded_press_is_told_once_and_motion_goes_on_and_off() {
    let mut play = Play::running();
    let events = Transcript::read("subscribe-entities").events(2);
    let (press, end) = events[1..].split_at(4);
    for event in press {
        play.entities(event);
    }
    assert_eq!(play.rung(), [(FRONT_DOOR, Cause::Bell)]);
    assert!(play.now - play.presses[0].at < Duration::from_millis(2), "{:?}", play.presses);
    play.pass(board::SHOW_EVERY);
    assert!(play.snapshot().cameras[0].motion.as_ref().unwrap().on);
    for event in end {
        play.entities(event);
    }
    play.pass(board::SHOW_EVERY);
    assert!(!play.snapshot().cameras[0].motion.as_ref().unwrap().on);
    assert_eq!(play.presses.len(), 1);
}

#[test]
fn an_older_hub_that_knows_neither_filter_nor_short_list_gives_the_same_cameras() {
    let mut play = Play::new();
    play.answers.insert(Step::Display.command(), Err("unknown_command"));
    play.answers.insert("supported_features", Err("unknown_command"));
    play.answers.insert("subscribe_entities", Err("invalid_format"));
    play.connect();
    // It takes the subscription without a filter.
    assert!(play.closed.is_some(), "a hub that refuses both has nothing to tell");
    let refused =
        play.commands.iter().filter(|command| command["type"] == "subscribe_entities").collect::<Vec<_>>();
    assert_eq!((refused.len(), refused[1].get("include")), (2, None));
    play.model.on_lost("", false);
    play.answers.remove("subscribe_entities");
    play.connect();
    play.entities(&Transcript::read("subscribe-entities").events(2)[0]);
    assert_eq!(play.snapshot(), Play::running().snapshot());
}

#[test]
fn a_bell_may_be_as_new_as_its_first_ring() {
    let mut play = Play::running();
    let bell = |stamp: &str| json!({"s": stamp, "lc": 1_795_359_044.6, "a": {"device_class": "doorbell", "event_types": ["ring"], "event_type": "ring"}});
    play.entities(&json!({"r": ["event.front_door_doorbell"]}));
    play.pass(Duration::from_secs(1));
    assert_eq!(play.snapshot().cameras[0].bell, None);
    let id = play.id_of(|command| command["type"] == "subscribe_entities");
    play.says(&json!([
        {"type": "event", "event": {"a": {"event.front_door_doorbell": bell("unknown")}}, "id": id},
        {"type": "event", "event": {"c": {"event.front_door_doorbell": {"+": bell("2026-11-22T14:50:44.577+00:00")}}}, "id": id},
    ]));
    assert_eq!(play.presses.len(), 1);
}

#[test]
fn what_makes_no_sense_changes_nothing_and_keeps_the_link() {
    let mut play = Play::running();
    let before = play.model.snapshot().clone();
    for bad in [
        "",
        "{",
        "[]",
        "[[]]",
        "null",
        "7",
        r#"{"type":"auth_ok"}"#,
        r#"{"type":"auth_invalid"}"#,
        r#"{"id":99,"type":"event","event":{"r":["camera.front_door"]}}"#,
        r#"{"id":5,"type":"result","success":true,"result":{"state":"NOT_RUNNING"}}"#,
        r#"{"id":-1,"type":"pong"}"#,
        r#"{"id":1e99,"type":"pong"}"#,
    ] {
        play.model.on_message(bad, play.now);
        play.pump();
    }
    for event in [
        json!(null),
        json!([]),
        json!({"a": [], "c": 7, "r": {}}),
        json!({"c": {"camera.front_door": {"+": 7, "-": 8}}}),
    ] {
        play.entities(&event);
    }
    play.pass(Duration::from_secs(1));
    assert_eq!((&before, &play.closed), (play.model.snapshot(), &None));
}

#[test]
fn asks_get_their_own_answer_or_an_error_in_time() {
    let mut play = Play::running();
    play.answers.insert("call_service", Ok(json!({"context": {}})));
    play.model.ask(1, "call_service", Map::new(), play.now);
    play.pump();
    play.answers.insert("call_service", Err("not_found"));
    play.model.ask(2, "call_service", Map::new(), play.now);
    play.pump();
    play.answers.insert("call_service", Err("silent"));
    play.model.ask(3, "call_service", Map::new(), play.now);
    play.pass(commands::ASK_DEADLINE);
    play.model.ask(4, "call_service", Map::new(), play.now);
    play.pump();
    play.model.on_lost("closed by the hub", false);
    play.model.ask(5, "call_service", Map::new(), play.now);
    play.pump();
    let down = |text: &str| Err(HubError::Down(text.into()));
    assert_eq!(
        play.replies,
        [
            (1, Ok(json!({"context": {}}))),
            (2, Err(HubError::Command { code: "not_found".into(), message: "No.".into() })),
            (3, down("no answer in time")),
            (4, down("the link was lost")),
            (5, down("not connected")),
        ]
    );
    assert_eq!(play.closed, None);
}

#[test]
fn more_asks_than_the_hub_should_have_at_once_are_turned_away() {
    let mut play = Play::running();
    play.answers.insert("call_service", Err("silent"));
    for ticket in 0..100 {
        play.model.ask(ticket, "call_service", Map::new(), play.now);
    }
    play.pump();
    assert_eq!(play.replies.len(), 100 - commands::MOST_ASKS);
    let mut fields = Map::new();
    fields.insert("service_data".into(), "x".repeat(commands::LARGEST_COMMAND).into());
    let mut play = Play::running();
    play.model.ask(1, "call_service", fields, play.now);
    play.pump();
    assert!(matches!(play.replies[0].1, Err(HubError::Protocol(_))));
}

#[test]
fn snapshots_are_at_most_ten_a_second_however_much_happens() {
    let mut play = Play::running();
    play.pass(Duration::from_secs(1));
    play.seen.clear();
    for count in 0..1000 {
        let state = if count % 2 == 0 { "on" } else { "off" };
        play.entities(&json!({"c": {"binary_sensor.front_door_motion": {"+": {"s": state, "lc": 1.0}}}}));
        play.pass(Duration::from_millis(1));
    }
    play.seen.dedup_by(|a, b| Arc::ptr_eq(a, b));
    assert!((2..=12).contains(&play.seen.len()), "{}", play.seen.len());
}
