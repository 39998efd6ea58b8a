#![allow(clippy::unwrap_used)]
use super::*;
use crate::alexa::gateway::{Linked, Rejected};
use crate::state::{CheckedCamera, CheckedDoor};

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

/// A house at its first start.
fn nothing() -> Facts {
    Facts {
        supervised: false,
        add_on: None,
        demo: false,
        hub: HubFacts {
            url: None,
            has_token: false,
            proxied: false,
            link: Link::None,
            version: String::new(),
            external_url: None,
            cameras: 0,
        },
        cameras: Vec::new(),
        door_open: true,
        public_url: None,
        door_tried: None,
        links: 0,
        events: EventsStatus::default(),
        shown: None,
        dark: None,
    }
}

fn camera(id: &str) -> CameraFacts {
    CameraFacts { id: id.into(), name: id.into(), shared: true, on: true, ..CameraFacts::default() }
}

fn call(id: &str) -> CallFacts {
    CallFacts { id: id.into(), camera: "Door".into(), at: "2026-11-28T20:00:00Z".into(), ms: Some(900) }
}

/// How a line stands, once `change` has made the house what it is.
fn line(id: &str, change: impl FnOnce(&mut Facts)) -> (Standing, &'static str, Value) {
    let mut facts = nothing();
    change(&mut facts);
    let line = checklist(&facts).lines.into_iter().find(|line| line.id == id).unwrap();
    (line.state, line.code, line.values)
}

fn stands(id: &str, change: impl FnOnce(&mut Facts)) -> (Standing, &'static str) {
    let (state, code, _) = line(id, change);
    (state, code)
}

use Standing::{Doing, Done, Optional, Todo};

#[test]
fn lines_come_in_the_order_of_the_way_and_nothing_is_done_at_first() {
    let list = checklist(&nothing());
    let ids: Vec<_> = list.lines.iter().map(|line| line.id).collect();
    assert_eq!(ids, ["hub", "cameras", "fit", "door", "account", "events", "call"]);
    assert!(!list.complete && list.lines.iter().all(|line| line.state != Done));
}

#[test]
fn the_hub_is_wanted_until_there_are_cameras_without_it() {
    assert_eq!(stands("hub", |_| {}), (Todo, "none"));
    assert_eq!(stands("hub", |facts| facts.cameras.push(camera("a"))), (Optional, "without"));
    let known = |facts: &mut Facts| facts.hub.url = Some(url("http://hub:8123"));
    assert_eq!(stands("hub", known), (Todo, "no_token"));
    for (link, stand) in [
        (Link::Running, (Done, "running")),
        (Link::Starting, (Doing, "starting")),
        (Link::Down("x".into()), (Todo, "down")),
        (Link::Refused("x".into()), (Todo, "refused")),
    ] {
        let (state, code, values) = line("hub", |facts| {
            known(facts);
            (facts.hub.has_token, facts.hub.link) = (true, link.clone());
        });
        assert_eq!((state, code), stand, "{link:?}");
        assert_eq!(values["profile"], "http://hub:8123/profile/security");
    }
    let proxied = |facts: &mut Facts| (facts.hub.proxied, facts.hub.link) = (true, Link::Refused("x".into()));
    assert_eq!(stands("hub", proxied), (Todo, "refused_supervised"));
}

#[test]
fn cameras_are_waited_for_only_while_a_hub_may_still_tell_of_them() {
    assert_eq!(stands("cameras", |_| {}), (Todo, "none"));
    assert_eq!(stands("cameras", |facts| facts.hub.link = Link::Running), (Todo, "none_at_hub"));
    assert_eq!(stands("cameras", |facts| facts.hub.link = Link::Starting), (Doing, "waiting"));
    let hidden = CameraFacts { shared: false, ..camera("a") };
    assert_eq!(stands("cameras", |facts| facts.cameras.push(hidden)), (Todo, "none_shared"));
    assert_eq!(stands("cameras", |facts| facts.cameras.push(camera("a"))), (Done, "found"));
}

#[test]
fn a_camera_is_fit_by_what_was_seen_of_it_last() {
    let checked =
        |at: &str, fit| Some(CheckedCamera { at: at.into(), fit, says: json!({ "code": "nothing" }) });
    let (early, late) = ("2026-11-28T19:00:00Z", "2026-11-28T20:00:00Z");
    let shown = Some(early.to_owned());
    for (camera, stand) in [
        (camera("a"), (Todo, "unknown")),
        (CameraFacts { learned: true, ..camera("a") }, (Done, "learned")),
        (CameraFacts { shown: shown.clone(), ..camera("a") }, (Done, "shown")),
        (CameraFacts { checked: checked(late, true), ..camera("a") }, (Done, "fit")),
        (CameraFacts { checked: checked(late, false), learned: true, ..camera("a") }, (Todo, "unfit")),
        (CameraFacts { checked: checked(late, false), shown, ..camera("a") }, (Todo, "unfit")),
        (
            CameraFacts { checked: checked(early, false), shown: Some(late.into()), ..camera("a") },
            (Done, "shown"),
        ),
        (
            CameraFacts { trouble: Some("away".into()), checked: checked(late, true), ..camera("a") },
            (Todo, "trouble"),
        ),
        (CameraFacts { on: false, trouble: Some("off".into()), ..camera("a") }, (Optional, "off")),
        (CameraFacts { shared: false, ..camera("a") }, (Optional, "not_shared")),
    ] {
        let (state, code, ..) = one(&camera);
        assert_eq!((state, code), stand, "{camera:?}");
    }
}

#[test]
fn cameras_are_fit_when_each_that_alexa_may_show_is() {
    let learned = CameraFacts { learned: true, ..camera("a") };
    let off = CameraFacts { on: false, ..camera("off") };
    assert_eq!(stands("fit", |_| {}), (Todo, "none"));
    assert_eq!(stands("fit", |facts| facts.cameras = vec![off.clone()]), (Todo, "none"));
    assert_eq!(stands("fit", |facts| facts.cameras = vec![learned.clone(), off.clone()]), (Done, "fit"));
    let (state, code, values) = line("fit", |facts| facts.cameras = vec![learned.clone(), camera("b"), off]);
    assert_eq!((state, code, &values["fit"], &values["of"]), (Todo, "unknown", &json!(1), &json!(2)));
    assert_eq!(values["cameras"][1]["code"], "unknown");
    let away = CameraFacts { trouble: Some("away".into()), ..camera("b") };
    assert_eq!(stands("fit", |facts| facts.cameras = vec![learned, away]), (Todo, "unfit"));
}

#[test]
fn the_door_is_open_when_it_was_reached_or_somebody_came_in() {
    let tried = |code: &str| {
        let url = "https://door.example/".to_owned();
        Some(CheckedDoor { url, at: "2026-11-28T20:00:00Z".into(), code: code.to_owned() })
    };
    let public = |facts: &mut Facts| facts.public_url = Some(url("https://door.example"));
    assert_eq!(stands("door", |_| {}), (Todo, "no_address"));
    assert_eq!(stands("door", |facts| facts.door_open = false), (Todo, "closed"));
    assert_eq!(stands("door", public), (Todo, "not_tried"));
    for (code, stand) in [("reached", (Done, "reached")), ("refused", (Todo, "not_reached"))] {
        let (state, line_code, values) = line("door", |facts| {
            public(facts);
            facts.door_tried = tried(code);
        });
        assert_eq!((state, line_code), stand);
        assert_eq!(
            (&values["base"], &values["tried"]["code"]),
            (&json!("https://door.example"), &json!(code))
        );
    }
    let elsewhere = |facts: &mut Facts| {
        facts.public_url = Some(url("https://other.example"));
        facts.door_tried = tried("reached");
    };
    assert_eq!(stands("door", elsewhere), (Todo, "not_tried"), "another address was tried");
    let used = |facts: &mut Facts| {
        public(facts);
        (facts.door_tried, facts.links) = (tried("timeout"), 1);
    };
    assert_eq!(stands("door", used), (Done, "used"), "routers turn away who comes from inside");
    let supervised = |facts: &mut Facts| (facts.supervised, facts.door_open) = (true, false);
    let (state, code, values) = line("door", |facts| {
        supervised(facts);
        facts.add_on = Some("local_doorstep".into());
        facts.hub.external_url = Some(url("https://home.example"));
    });
    assert_eq!((state, code), (Doing, "ingress_waiting"));
    assert_eq!(
        (&values["hub"], &values["add_on"]),
        (&json!("https://home.example"), &json!("local_doorstep"))
    );
    let used = |facts: &mut Facts| {
        supervised(facts);
        facts.shown = Some(call("c"));
    };
    assert_eq!(stands("door", used), (Done, "ingress"));
    assert_eq!(stands("door", |facts| facts.demo = true), (Optional, "demo"));
}

#[test]
fn the_account_is_linked_at_the_hubs_outer_address() {
    assert_eq!(stands("account", |_| {}), (Optional, "without"));
    let hub = |facts: &mut Facts| facts.hub.link = Link::Running;
    assert_eq!(stands("account", hub), (Todo, "no_external_address"));
    let (state, code, values) = line("account", |facts| {
        hub(facts);
        facts.hub.external_url = Some(url("https://home.example:443"));
    });
    assert_eq!((state, code), (Todo, "nobody"));
    assert_eq!(values["authorize"], "https://home.example/auth/authorize");
    assert_eq!(values["token"], "https://home.example/auth/token");
    assert_eq!(values["clients"][1]["client_id"], "https://layla.amazon.com/");
    let linked = |facts: &mut Facts| {
        hub(facts);
        facts.links = 2;
    };
    assert_eq!(stands("account", linked), (Done, "linked"));
    assert_eq!(stands("account", |facts| facts.demo = true), (Optional, "demo"));
}

#[test]
fn events_are_allowed_once_alexa_takes_them() {
    let linked = || Some(Linked { since: "2026-11-28T20:00:00Z".into(), by: None });
    let allowed = || EventsStatus { configured: true, linked: linked(), ..EventsStatus::default() };
    let rejected = || Some(Rejected { since: "2026-11-28T20:00:00Z".into(), why: "refused" });
    for (events, stand, why) in [
        (EventsStatus::default(), (Optional, "not_set_up"), json!(null)),
        (EventsStatus { configured: true, ..EventsStatus::default() }, (Todo, "no_permission"), json!(null)),
        (allowed(), (Done, "allowed"), json!(null)),
        (EventsStatus { link_again: Some("a".into()), ..allowed() }, (Todo, "link_again"), json!("a")),
        (EventsStatus { trouble: Some("b".into()), ..allowed() }, (Todo, "trouble"), json!("b")),
        (EventsStatus { rejected: rejected(), ..allowed() }, (Todo, "rejected"), json!("refused")),
    ] {
        let (state, code, values) = line("events", |facts| facts.events = events);
        assert_eq!((state, code), stand);
        assert_eq!(values["why"], why);
    }
}

#[test]
fn the_first_call_is_one_that_showed_a_picture() {
    assert_eq!(stands("call", |_| {}), (Todo, "later"));
    let (state, code, values) = line("call", |facts| facts.cameras.push(camera("Porch")));
    assert_eq!((state, code, &values["say"]), (Todo, "none", &json!("Porch")));
    let demo = |facts: &mut Facts| {
        facts.cameras.push(camera("Porch"));
        facts.demo = true;
    };
    assert_eq!(stands("call", demo), (Todo, "play"));
    let (state, code, values) = line("call", |facts| facts.dark = Some(call("d")));
    assert_eq!((state, code, &values["call"]["id"]), (Todo, "dark", &json!("d")));
    let both = |facts: &mut Facts| (facts.dark, facts.shown) = (Some(call("d")), Some(call("s")));
    assert_eq!(stands("call", both), (Done, "made"));
}

#[test]
fn a_house_without_a_hub_is_complete_too() {
    let mut facts = nothing();
    facts.cameras = vec![CameraFacts { learned: true, ..camera("a") }];
    facts.public_url = Some(url("https://door.example"));
    assert!(!checklist(&facts).complete);
    facts.shown = Some(call("s"));
    assert!(checklist(&facts).complete, "{:?}", checklist(&facts));
}
