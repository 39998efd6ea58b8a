#![allow(clippy::unwrap_used)]
use secrecy::SecretString;

use super::*;
use crate::config::Config;
use crate::state::{Learned, LearnedBackChannel};

const ADDRESS: &str = "rtsp://user:hunter2@10.0.0.2/s";

fn relay() -> Way {
    Way::Relay(Entity { registry_id: "r1".into(), entity_id: "camera.door".into() })
}

fn own(address: &str) -> Source {
    Source::parse(&SecretString::from(address.to_owned())).unwrap()
}

/// What is known of address and relay.
fn learned(back_channel: Option<Option<&str>>, relay: Option<bool>, echo: Option<&str>) -> Learnings {
    let Source::Address(address) = own(ADDRESS) else { unreachable!() };
    let back_channel = back_channel.map(|format| LearnedBackChannel {
        address: fingerprint(&address),
        format: format.map(str::to_owned),
        trouble: None,
        lasting: true,
    });
    let echo = echo.map(str::to_owned);
    let camera = Learned { back_channel, echo, ..Learned::default() };
    Learnings::from([("hub#1".into(), camera), ("r1".into(), Learned { talk: relay, ..Learned::default() })])
}

fn judged(settings: &str, source: Option<&str>, likely: bool, learned: &Learnings) -> Talk {
    let config: Config = toml::from_str(&format!("[[camera]]\nid = 'x'\n{settings}")).unwrap();
    let source = source.map(own);
    let ways: Vec<Way> = source.clone().map(Way::Own).into_iter().chain([relay()]).collect();
    Talk::judge(config.cameras.first(), "hub#1", &ways, source.as_ref(), likely, learned)
}

fn path(talk: &Talk) -> Option<&'static str> {
    talk.summary().path
}

#[test]
fn its_own_back_channel_is_the_best_way_and_the_relay_the_next() {
    let (rtsp, pcmu) = (Some(ADDRESS), Some(Some("PCMU/8000")));
    for (settings, source, known, expected) in [
        ("", rtsp, learned(pcmu, Some(true), None), Some("its own back channel")),
        ("", rtsp, learned(Some(None), Some(true), None), Some("the hub's relay")),
        ("", rtsp, learned(None, Some(true), None), Some("the hub's relay")),
        ("", None, learned(pcmu, Some(true), None), Some("the hub's relay")),
        ("", Some("http://10.0.0.2/x"), learned(pcmu, Some(true), None), Some("the hub's relay")),
        ("", rtsp, learned(Some(None), Some(false), None), None),
        ("talk = 'rtsp'", rtsp, learned(Some(None), Some(true), None), None),
        ("talk = 'relay'", rtsp, learned(pcmu, Some(true), None), Some("the hub's relay")),
        ("talk = 'none'", rtsp, learned(pcmu, Some(true), None), None),
        ("", Some("test:"), Learnings::new(), Some("the test picture")),
    ] {
        let talk = judged(settings, source, true, &known);
        assert_eq!(path(&talk), expected, "{settings} {source:?} {known:?}");
        assert_eq!(talk.is_full_duplex(), expected.is_some(), "{settings} {source:?}");
        assert!(!talk.why().is_empty() && !talk.why().contains("hunter2"), "{}", talk.why());
    }
}

#[test]
fn what_is_not_known_is_looked_at_but_no_relay_is_opened_for_little_hope() {
    let nothing = Learnings::new();
    let talk = judged("", Some(ADDRESS), false, &nothing);
    assert!(matches!(talk.looks[..], [TalkLook::BackChannel(_)]) && !talk.is_known, "{talk:?}");
    assert!(matches!(judged("", None, true, &nothing).looks[..], [TalkLook::Relay(_)]));
    assert_eq!(judged("", None, false, &nothing).looks, []);
    assert_eq!(judged("talk = 'none'", Some(ADDRESS), true, &nothing).looks, []);
    let found = judged("", Some(ADDRESS), true, &learned(Some(Some("PCMA/8000")), None, None));
    assert_eq!(found.looks, []);
    let moved = judged("", Some("rtsp://10.0.0.3/s"), true, &learned(Some(Some("PCMA/8000")), None, None));
    assert!(moved.way.is_none() && !moved.is_known, "another address is another camera");
    let none = judged("", Some(ADDRESS), true, &learned(Some(None), Some(false), None));
    assert!(none.looks.len() == 2 && none.is_known, "what had no speaker may have one since");
    let unlikely = judged("", Some(ADDRESS), false, &learned(Some(None), None, None));
    assert!(unlikely.looks.len() == 1 && unlikely.why().contains("offers no speaker"), "{unlikely:?}");
}

#[test]
fn a_camera_whose_echo_was_left_talks_one_side_at_a_time_unless_the_settings_know_better() {
    let known = learned(Some(Some("PCMU/8000")), None, Some("left"));
    for (settings, full) in [("", false), ("echo_cancel = 'on'", true), ("echo_cancel = 'off'", true)] {
        let talk = judged(settings, Some(ADDRESS), true, &known);
        assert_eq!(talk.is_full_duplex(), full, "{settings}");
    }
    let known = learned(Some(Some("PCMU/8000")), None, Some("none"));
    let talk = judged("", Some(ADDRESS), true, &known);
    assert_eq!(talk.echo, EchoRule::Auto(Some(EchoFinding::None)));
    assert!(talk.is_full_duplex());
}
