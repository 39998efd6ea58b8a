//! What rings, for whom, how often, and when.

use super::*;

const BELL: &str = "event.front_door_doorbell";

/// Where the recorded front door's clock stands when its states were read.
const BEGIN: f64 = 1_795_359_044.0;

fn iso(seconds: f64) -> String {
    let moment =
        time::OffsetDateTime::from_unix_timestamp_nanos((seconds * 1e3) as i128 * 1_000_000).unwrap();
    moment.format(&time::format_description::well_known::Rfc3339).unwrap()
}

/// The diff of a press, `after` seconds from [`BEGIN`]: only what the hub sends, a kind only if it is another one.
fn press(bell: &str, after: f64, kind: Option<&str>) -> Value {
    let at = BEGIN + after;
    let mut plus = json!({"s": iso(at), "lc": at + 0.0005, "c": "01M81VSWZ1GFVMTTSAHT27DRT6"});
    if let Some(kind) = kind {
        plus["a"] = json!({"event_type": kind});
    }
    json!({"c": {bell: {"+": plus}}})
}

fn set(entity_id: &str, state: &str, after: f64) -> Value {
    json!({"c": {entity_id: {"+": {"s": state, "lc": BEGIN + after}}}})
}

#[test]
fn a_diff_without_a_kind_is_a_press_of_the_last_known_kind() {
    let mut play = Play::running();
    play.entities(&json!({"c": {BELL: {"+": {"a": {"event_types": ["ring", "long"]}, "lu": BEGIN}}}}));
    let expected = [
        (press(BELL, 1.0, None), 1),
        (press(BELL, 2.0, None), 2),
        (press(BELL, 3.0, Some("long")), 2),
        (press(BELL, 4.0, None), 2),
        (press(BELL, 5.0, Some("ring")), 3),
        (press(BELL, 6.0, None), 4),
        // Within the same millisecond only the kind differs.
        (press(BELL, 7.0, Some("long")), 4),
        (json!({"c": {BELL: {"+": {"a": {"event_type": "ring"}, "lu": BEGIN + 7.0009}}}}), 5),
    ];
    for (diff, count) in expected {
        play.entities(&diff);
        assert_eq!(play.presses.len(), count, "{diff}");
    }
}

#[test]
fn presses_of_one_batch_are_told_one_by_one_in_order() {
    let mut play = Play::running();
    let id = play.id_of(|command| command["type"] == "subscribe_entities");
    let messages =
        [1.0, 2.5].map(|after| json!({"type": "event", "event": press(BELL, after, None), "id": id}));
    play.says(&json!(messages));
    assert_eq!(play.rung(), [(FRONT_DOOR, Cause::Bell); 2]);
    let apart = play.presses[1].at - play.presses[0].at;
    assert!(apart <= Duration::from_millis(1_500), "{apart:?}");
}

#[test]
fn what_comes_back_after_an_absence_or_a_restart_is_no_second_press() {
    let mut play = Play::running();
    play.entities(&press(BELL, 1.0, None));
    let stamp = iso(BEGIN + 1.0);
    for state in ["unavailable", "unknown", &stamp, "unavailable", &stamp] {
        play.entities(&set(BELL, state, 2.0));
    }
    play.model.on_lost("closed by the hub", false);
    play.answers.insert("get_config", Ok(json!({"state": "NOT_RUNNING"})));
    play.connect();
    play.entities(&json!({"a": {}}));
    let there = |state: &str| json!({"s": state, "lc": BEGIN + 3.0, "a": {"device_class": "doorbell", "event_types": ["ring"], "event_type": "ring"}});
    play.entities(&json!({"a": {BELL: there("unknown")}}));
    play.entities(&set(BELL, &stamp, 4.0));
    play.entities(&json!({"a": {BELL: there(&iso(BEGIN + 5.0))}}));
    assert_eq!(play.presses.len(), 1);
    play.entities(&press(BELL, 6.0, None));
    assert_eq!(play.presses.len(), 2, "a true one rings");
}

#[test]
fn a_press_rings_while_the_hub_starts() {
    let mut play = Play::running();
    let mut states = Transcript::read("subscribe-entities").events(2)[0].clone();
    play.model.on_lost("closed by the hub", false);
    play.answers.insert("get_config", Ok(json!({"state": "NOT_RUNNING"})));
    play.answers.insert(Step::Display.command(), Err("silent"));
    play.connect();
    play.entities(&json!({"a": {}}));
    let camera = states["a"].as_object_mut().unwrap().remove("camera.front_door").unwrap();
    play.entities(&states);
    play.entities(&press(BELL, 1.0, None));
    assert_eq!(play.rung(), [(FRONT_DOOR, Cause::Bell)], "its camera is known from before");
    play.entities(&json!({"a": {"camera.front_door": camera}}));
    assert_eq!((play.snapshot().link.clone(), play.presses.len()), (Link::Starting, 1));
}

#[test]
fn a_visitor_rings_though_the_lists_that_make_it_one_are_read_later() {
    // Its name says nothing: what it is stands in the lists alone.
    let visitor = "binary_sensor.front_besucher";
    let mut play = Play::new();
    let Some(Ok(display)) = play.answers.insert(Step::Display.command(), Err("silent")) else { panic!() };
    play.connect();
    let mut states = Transcript::read("subscribe-entities").events(2)[0].clone();
    let all = states["a"].as_object_mut().unwrap();
    all.remove(BELL);
    all.insert(visitor.into(), json!({"s": "off", "lc": BEGIN, "a": {"friendly_name": "Front Besucher"}}));
    all.insert("binary_sensor.window".into(), json!({"s": "off", "lc": BEGIN, "a": {}}));
    play.entities(&states);
    play.entities(&set("binary_sensor.window", "on", 1.0));
    play.entities(&set(visitor, "on", 1.0));
    assert_eq!(play.rung(), []);

    let mut display = display.clone();
    let entities = display["entities"].as_array_mut().unwrap();
    let device = entities.iter().find(|entry| entry["ei"] == "camera.front_door").unwrap()["di"].clone();
    entities.retain(|entry| entry["ei"] != BELL);
    entities.push(json!({"ei": visitor, "di": device, "tk": "visitor"}));
    let id = play.id_of(|command| command["type"] == Step::Display.command());
    let asked = play.now;
    play.pass(Duration::from_secs(2));
    play.says(&json!({"id": id, "type": "result", "success": true, "result": display}));
    play.pass(Duration::from_secs(1));
    assert_eq!(play.rung(), [(FRONT_DOOR, Cause::Bell)]);
    assert_eq!(play.presses[0].at, asked, "when it was pressed, not when it was known");
}

#[test]
fn a_hub_whose_clock_is_hours_off_rings_and_the_press_is_told_by_ours() {
    for off in [0.0, -7200.0, 7200.0, -1e9] {
        let mut play = Play::running();
        play.entities(&set("binary_sensor.front_door_motion", "on", off));
        play.pass(Duration::from_secs(100));
        play.entities(&press(BELL, off + 100.0, None));
        assert_eq!(play.rung(), [(FRONT_DOOR, Cause::Bell)], "{off}");
        assert!(play.now - play.presses[0].at < Duration::from_millis(2), "{off}");
        // The link held this one up.
        play.pass(Duration::from_secs(40));
        play.entities(&press(BELL, off + 115.0, None));
        let age = (play.now - play.presses[1].at).as_secs_f64();
        assert!((24.9..25.1).contains(&age), "{off}: {age}");
    }
}

#[test]
fn whatever_the_settings_name_rings_and_only_a_bell_is_told_as_one() {
    let event = |kinds: Value, class: &str| json!({"s": "unknown", "lc": BEGIN, "a": {"event_types": kinds, "device_class": class}});
    for (bell, state, rings, cause) in [
        (
            "input_button.show_door",
            json!({"s": "unknown", "lc": BEGIN}),
            press("input_button.show_door", 1.0, None),
            Cause::Rule,
        ),
        (
            "event.remote",
            event(json!(["ring", "double"]), "button"),
            press("event.remote", 1.0, Some("double")),
            Cause::Rule,
        ),
        (
            "binary_sensor.gate",
            json!({"s": "off", "lc": BEGIN, "a": {"device_class": "door"}}),
            set("binary_sensor.gate", "on", 1.0),
            Cause::Rule,
        ),
        (
            "event.gate",
            event(json!(["ring"]), "doorbell"),
            press("event.gate", 1.0, Some("ring")),
            Cause::Bell,
        ),
    ] {
        let tie = |camera| HandTie { camera, bell: Some(bell.to_owned()), motion: None };
        let ties = [TiedCamera::OfHub("camera.front_door".into()), TiedCamera::Own("yard".into())];
        let mut play = Play::tied(ties.map(tie).to_vec());
        play.entities(&json!({"a": {bell: state}}));
        play.pass(Duration::from_secs(1));
        play.entities(&rings);
        assert_eq!(play.rung(), [("yard", cause), (FRONT_DOOR, cause)], "{bell}");
        // What the hand tied takes the place of what was there.
        play.entities(&press(BELL, 2.0, None));
        assert_eq!(play.presses.len(), 2, "{bell}");
    }
}

#[test]
fn motion_that_is_tied_by_hand_to_a_camera_of_the_settings_is_told_while_it_lasts() {
    const SENSOR: &str = "binary_sensor.yard_motion";
    let tie = HandTie { camera: TiedCamera::Own("yard".into()), bell: None, motion: Some(SENSOR.into()) };
    let mut play = Play::tied(vec![tie]);
    play.entities(&json!({"a": {SENSOR: {"s": "off", "lc": BEGIN, "a": {"device_class": "motion"}}}}));
    for (state, moves) in [("on", true), ("off", false), ("on", true), ("unavailable", false)] {
        play.entities(&set(SENSOR, state, 1.0));
        play.pass(Duration::from_secs(1));
        assert_eq!(play.snapshot().moving.contains("yard"), moves, "{state}");
    }
}
