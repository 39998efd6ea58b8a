//! Restarts, silence, refusals.

use std::collections::BTreeSet;

use super::*;

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
    let (cameras, tieable) = (play.snapshot().cameras.clone(), play.snapshot().tieable.clone());
    assert!(!tieable.is_empty());
    play.presses.clear();

    play.model.on_lost("closed by the hub", false);
    assert_eq!(
        *play.snapshot(),
        HubSnapshot {
            external_url: None,
            link: Link::Down("closed by the hub".into()),
            version: "2026.11.0".into(),
            cameras: cameras.clone(),
            moving: BTreeSet::new(),
            tieable: tieable.clone(),
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
fn a_recorded_removal_of_the_token_is_a_loss_without_a_word_and_then_a_refusal() {
    let mut play = Play::running();
    let last = Transcript::read("token-removed").messages().last().unwrap();
    assert_eq!(last["close_code"], 1000, "the code of every close: it tells nothing");
    play.model.on_lost("closed by the hub", false);
    assert_eq!(play.snapshot().link, Link::Down("closed by the hub".into()));
    play.model.on_open(play.now);
    for message in Transcript::read("auth-invalid").messages().take(2) {
        play.says(&message);
    }
    play.model.on_lost(&play.closed.clone().unwrap(), false);
    assert!(matches!(play.snapshot().link, Link::Refused(_)));
    assert_eq!(play.snapshot().cameras.len(), 1, "what was known is kept");
}

#[test]
fn an_older_hub_tells_by_an_attribute_how_its_cameras_stream() {
    let mut play = Play::new();
    play.answers.insert("camera/capabilities", Err("unknown_command"));
    play.connect();
    let mut event = Transcript::read("subscribe-entities").events(2)[0].clone();
    event["a"]["camera.front_door"]["a"]["frontend_stream_type"] = json!("hls");
    play.entities(&event);
    play.pass(Duration::from_secs(60));
    let hls = StreamWays { hls: true, ..StreamWays::default() };
    assert_eq!(play.snapshot().cameras[0].entities[0].ways, Some(hls));
    assert_eq!(play.count("camera/capabilities"), 1, "a question that the hub does not know is not repeated");
}

#[test]
fn how_a_camera_streams_is_known_as_recorded_outlives_a_loss_and_is_asked_anew_when_it_comes_back() {
    let recorded = Transcript::read("capabilities");
    let ways = |play: &Play| play.snapshot().cameras[0].entities[0].ways;
    let mut play = Play::new();
    play.answers.insert("camera/capabilities", Ok(recorded.answer("camera/capabilities")));
    play.connect();
    play.entities(&Transcript::read("subscribe-entities").events(2)[0]);
    play.pass(Duration::from_secs(1));
    let both = StreamWays { relay: true, hls: true, two_way_audio: false };
    assert_eq!(ways(&play), Some(both));

    play.model.on_lost("closed by the hub", false);
    assert_eq!(ways(&play), Some(both));
    play.answers.insert("camera/capabilities", Err("silent"));
    play.connect();
    play.entities(&Transcript::read("subscribe-entities").events(2)[0]);
    assert_eq!(ways(&play), Some(both));

    // It is set up anew within one breath.
    let hls = json!({"frontend_stream_types": ["hls"], "two_way_audio": true});
    play.answers.insert("camera/capabilities", Ok(hls));
    play.pass(Duration::from_secs(60));
    play.answers.insert("camera/capabilities", Ok(json!({"frontend_stream_types": ["web_rtc"]})));
    let id = play.id_of(|command| command["type"] == "subscribe_entities");
    let turned = ["unavailable", "idle"].map(|state| {
        let diff = json!({"c": {"camera.front_door": {"+": {"s": state, "lc": 2.0}}}});
        json!({"type": "event", "event": diff, "id": id})
    });
    play.says(&json!(turned));
    play.pass(Duration::from_secs(1));
    assert_eq!(ways(&play), Some(StreamWays { relay: true, ..StreamWays::default() }));
}

#[test]
fn where_the_hub_is_reached_from_the_internet_is_read_again_and_outlives_a_loss() {
    let told = |play: &Play| play.snapshot().external_url.as_ref().map(ToString::to_string);
    let config = |url: serde_json::Value| Ok(json!({"state": "RUNNING", "external_url": url}));
    let mut play = Play::running();
    assert_eq!(told(&play), None);
    play.answers.insert("get_config", config(json!("https://home.example.org")));
    play.pass(CONFIG_AGAIN);
    let known = Some("https://home.example.org/".to_owned());
    assert_eq!(told(&play), known);
    play.model.on_lost("closed by the hub", false);
    assert_eq!(told(&play), known);
    play.answers.insert("get_config", Ok(json!({"state": "NOT_RUNNING"})));
    play.connect();
    for strange in [json!(7), json!("no address"), json!(format!("https://{}", "x".repeat(2000)))] {
        play.answers.insert("get_config", config(strange));
        play.pass(CONFIG_AGAIN);
        assert_eq!(told(&play), None);
    }
}
