#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
//! The model against recorded traffic of a real hub, and against a small hub that is always right.

use play::{Play, Transcript};

use super::*;
use crate::hub::HubCamera;
use crate::hub::listing::Step;

mod play;
mod property;

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
            available: true,
            streams: true,
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
    assert_eq!(play.presses, [Press { endpoint_id: FRONT_DOOR.into(), at: "2026-11-22T14:50:44Z".into() }]);
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
fn a_recorded_refusal_closes_the_link_and_is_told_as_one() {
    let mut play = Play::new();
    play.model.on_open(play.now);
    for message in Transcript::read("auth-invalid").messages().take(2) {
        play.says(&message);
    }
    assert!(play.closed.is_some());
    play.model.on_lost(&play.closed.clone().unwrap(), false);
    assert!(play.model.refused());
    assert!(matches!(play.snapshot().link, Link::Refused(_)));
    play.connect();
    assert!(!play.model.refused());
}

/// The recording subscribed to `state_changed`; the model hears the same as diffs.
fn as_diff(changed: &Value) -> Value {
    let id = changed["data"]["entity_id"].as_str().unwrap();
    let new = &changed["data"]["new_state"];
    let state = json!({"s": new["state"], "a": new["attributes"], "lc": 1.0});
    if new.is_null() {
        json!({"r": [id]})
    } else if changed["data"]["old_state"].is_null() {
        json!({"a": {id: state}})
    } else {
        json!({"c": {id: {"+": state}}})
    }
}

#[test]
fn renames_and_switching_off_and_on_keep_the_recorded_endpoints() {
    const GARDEN: &str = "hub#414897381ed355b424d9819ed688016c";
    const ATTIC: &str = "hub#06dadae2729b5b31000e0dbdfec017ed";
    let mut play = Play::running();
    play.entities(&json!({"a": {
        "camera.garden": {"s": "idle", "a": {"friendly_name": "Garden", "supported_features": 2}},
        "camera.attic": {"s": "idle", "a": {"friendly_name": "Attic"}}}}));
    play.pass(Duration::from_secs(1));
    play.seen.clear();

    let mut display = play.answers[Step::Display.command()].clone().unwrap();
    let mut ids = json!({"camera.garden": {"id": "dae866453876c45d719dfffe6aca78e9"},
        "camera.garden2": {"id": "dae866453876c45d719dfffe6aca78e9"}});
    ids["camera.attic"] = json!({"id": "2efaa3e7a6ba8b1d8860e6e8c6263290"});
    play.answers.insert(Step::Ids.command(), Ok(ids));
    let attic = display["entities"]
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["ei"] == "camera.attic")
        .unwrap()
        .clone();
    let mut names = Vec::new();
    for message in Transcript::read("registry-events").messages() {
        let event = &message["event"];
        match event["event_type"].as_str() {
            Some("state_changed") => play.entities(&as_diff(event)),
            Some("entity_registry_updated") => {
                // The hub's list changes together with its event.
                let data = &event["data"];
                let entries = display["entities"].as_array_mut().unwrap();
                if let Some(old) = data["old_entity_id"].as_str() {
                    entries.iter_mut().find(|entry| entry["ei"] == old).unwrap()["ei"] =
                        data["entity_id"].clone();
                }
                match data["changes"].get("disabled_by") {
                    Some(Value::Null) => entries.retain(|entry| entry["ei"] != "camera.attic"),
                    Some(_) => entries.push(attic.clone()),
                    None => {}
                }
                play.answers.insert(Step::Display.command(), Ok(display.clone()));
                play.registry_event(event);
            }
            _ => continue,
        }
        play.pass(Duration::from_millis(40));
        names.extend(play.snapshot().cameras.iter().map(|camera| camera.name.clone()));
    }
    play.pass(Duration::from_secs(5));

    // Renamed and back, never gone, never another endpoint.
    assert!(
        play.seen.iter().all(|snapshot| snapshot.cameras.iter().any(|camera| camera.endpoint_id == GARDEN))
    );
    let endpoints: std::collections::BTreeSet<_> = play
        .seen
        .iter()
        .flat_map(|snapshot| &snapshot.cameras)
        .map(|camera| camera.endpoint_id.as_str())
        .collect();
    assert_eq!(endpoints.into_iter().collect::<Vec<_>>(), [ATTIC, FRONT_DOOR, GARDEN]);
    let garden = play.snapshot().cameras.iter().find(|camera| camera.endpoint_id == GARDEN).unwrap();
    assert_eq!((garden.name.as_str(), garden.entities[0].entity_id.as_str()), ("Garden", "camera.garden"));
    assert_eq!(garden.entities[0].registry_id, "dae866453876c45d719dfffe6aca78e9");
    // Switched on again, but not loaded yet.
    let attic = play.snapshot().cameras.iter().find(|camera| camera.endpoint_id == ATTIC).unwrap();
    assert!(!attic.entities[0].available && !attic.entities[0].streams);
}

#[test]
fn a_disabled_camera_is_gone_once_the_lists_are_read_anew() {
    let mut play = Play::running();
    play.entities(&json!({"a": {"camera.attic": {"s": "idle"}}}));
    play.pass(Duration::from_secs(3));
    assert_eq!(play.snapshot().cameras.len(), 2);
    let lists = play.count(Step::Devices.command());
    play.registry_event(&json!({"event_type": "entity_registry_updated"}));
    play.entities(&json!({"r": ["camera.attic"]}));
    play.pass(lists::READ_AFTER - Duration::from_millis(1));
    assert_eq!(play.snapshot().cameras.len(), 2);
    play.pass(Duration::from_millis(1));
    assert_eq!(play.snapshot().cameras.len(), 1);
    assert_eq!(play.count(Step::Devices.command()), lists + 1);
}

#[test]
fn a_storm_of_registry_events_reads_the_lists_once_in_a_while_and_still_shows_cameras() {
    let mut play = Play::running();
    play.pass(Duration::from_secs(5));
    let lists = play.count(Step::Devices.command());
    for count in 0..300 {
        play.registry_event(&json!({"event_type": "device_registry_updated"}));
        if count == 10 {
            play.entities(&json!({"a": {"camera.attic": {"s": "idle"}}}));
        }
        play.pass(Duration::from_millis(100));
    }
    assert_eq!(play.snapshot().cameras.len(), 2);
    assert!(play.count(Step::Devices.command()) - lists <= 16);
}

#[test]
fn the_recorded_restart_loses_no_camera_and_rings_no_old_ring() {
    let recorded = Transcript::read("restart");
    let mut play = Play::running();
    // Before: the recording's own states and its press.
    let before = recorded.events(2);
    play.entities(&before[0]);
    for event in &before[1..] {
        play.entities(event);
    }
    assert_eq!(play.presses.len(), 1);
    play.pass(Duration::from_secs(1));
    let cameras = play.snapshot().cameras.clone();
    play.presses.clear();

    play.model.on_lost("closed by the hub", false);
    assert_eq!(
        *play.snapshot(),
        HubSnapshot {
            link: Link::Down("closed by the hub".into()),
            version: "2026.11.0".into(),
            cameras: cameras.clone(),
            trouble: None,
        }
    );

    // After: the hub is there before its entities.
    play.answers.insert("get_config", Ok(json!({"state": "NOT_RUNNING", "recovery_mode": false})));
    play.connect();
    let after = recorded.events(3);
    assert_eq!(after[0], json!({"a": {}}));
    play.entities(&after[0]);
    play.pass(Duration::from_secs(5));
    assert_eq!((&play.snapshot().link, &play.snapshot().cameras), (&Link::Starting, &cameras));
    for event in &after[1..] {
        play.entities(event);
    }
    play.pass(Duration::from_secs(5));
    assert_eq!((&play.snapshot().link, &play.snapshot().cameras), (&Link::Starting, &cameras));
    play.answers.insert("get_config", Ok(json!({"state": "RUNNING"})));
    play.pass(CONFIG_EVERY);
    assert_eq!((&play.snapshot().link, &play.snapshot().cameras), (&Link::Running, &cameras));
    assert_eq!(play.presses, []);
}

#[test]
fn what_is_missing_when_the_hub_runs_is_gone() {
    let mut play = Play::running();
    play.model.on_lost("closed by the hub", false);
    play.answers.insert("get_config", Ok(json!({"state": "STARTING"})));
    play.connect();
    play.entities(&json!({"a": {}}));
    play.pass(Duration::from_secs(60));
    assert_eq!(play.snapshot().cameras.len(), 1);
    play.answers.insert("get_config", Ok(json!({"state": "RUNNING"})));
    play.pass(CONFIG_EVERY);
    assert_eq!((play.snapshot().link.clone(), play.snapshot().cameras.len()), (Link::Running, 0));
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
fn lists_that_fail_are_read_again_and_the_old_ones_stay_good() {
    let mut play = Play::running();
    play.pass(Duration::from_secs(5));
    play.answers.insert(Step::Devices.command(), Err("unknown_error"));
    play.registry_event(&json!({"event_type": "device_registry_updated"}));
    play.pass(Duration::from_secs(30));
    assert_eq!(play.snapshot().cameras[0].model, "Doorbell One");
    let devices = json!([{"id": "171e7e4086c9be014edc68ee4b4688ec", "model": "Doorbell Two"}]);
    play.answers.insert(Step::Devices.command(), Ok(devices));
    play.pass(Duration::from_secs(6));
    assert_eq!(play.snapshot().cameras[0].model, "Doorbell Two");
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
fn the_link_is_pinged_and_ends_when_the_hub_falls_silent() {
    let mut play = Play::running();
    play.pass(Duration::from_secs(300));
    assert_eq!((play.count("ping"), play.closed.clone()), (10, None));
    play.answers.insert("ping", Err("silent"));
    // A sign of life of any kind will do.
    play.model.on_timeout(play.now);
    let silent = |play: &mut Play, span| {
        let end = play.now + span;
        while let Some(at) = play.model.next_timeout().filter(|at| *at <= end && play.closed.is_none()) {
            play.now = at;
            play.model.on_timeout(at);
            for outgoing in play.model.outgoing() {
                if let Outgoing::Close(reason) = outgoing {
                    play.closed = Some(reason);
                }
            }
        }
        play.now = end;
    };
    silent(&mut play, Duration::from_secs(35));
    play.model.on_other_frame();
    silent(&mut play, Duration::from_secs(10));
    assert_eq!(play.closed, None);
    silent(&mut play, Duration::from_secs(25));
    assert!(play.closed.is_some());
}

#[test]
fn a_hub_that_does_not_greet_or_answer_loses_the_link() {
    let mut play = Play::new();
    play.model.on_open(play.now);
    play.pass(pulse::GREETING);
    assert!(play.closed.is_some());
    for kind in ["get_config", "subscribe_entities", Step::Devices.command()] {
        let mut play = Play::new();
        play.answers.insert(kind, Err("silent"));
        play.connect();
        play.pass(commands::OWN_DEADLINE);
        assert!(play.closed.is_some(), "{kind}");
    }
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
