#![allow(clippy::unwrap_used)]
use std::collections::HashSet;
use std::time::Instant;

use proptest::prelude::*;

use super::*;
use crate::camera::trouble::Trouble;
use crate::state::{Stages, TalkRecord};

const HOUR: Duration = Duration::from_secs(3_600);
const HOST: &str = "a=candidate:1 1 udp 2130706431 192.168.1.20 8555 typ host\r\n";

/// What may happen in a call, one after the other; the state machine decides what comes of it.
#[derive(Debug, Clone)]
enum Step {
    Answered,
    Path,
    Connected,
    Lit,
    Dark(TroubleKind),
    Silent,
    Unheard,
    Lossy,
    Late,
    Pass(u64),
    End(EndReason),
}

use Step::{Answered, Connected, Dark, End, Late, Lit, Lossy, Pass, Path, Silent, Unheard};

/// Plays the steps with the call's own state machine, and judges it once it is over.
fn played(steps: &[Step], ways: Ways) -> Option<Verdict> {
    let began = Instant::now();
    let (mut call, mut record, mut now) = (Call::new(began, HOUR), CallRecord::default(), began);
    for step in steps {
        let ms = u64::try_from((now - began).as_millis()).unwrap();
        let stages: &mut Stages = &mut record.stages;
        match step {
            Answered => {
                call.answered();
                stages.answer_sent.get_or_insert(ms);
            }
            Path => drop(stages.ice_connected.get_or_insert(ms)),
            Connected => {
                call.connected(now);
                stages.dtls_connected.get_or_insert(ms);
            }
            Lit => call.lit(),
            Dark(kind) => call.darkened(now, &Trouble::new(*kind, "why")),
            Silent => call.disconnected(now),
            Unheard => {
                record.talk = Some(TalkRecord { trouble: Some("why".into()), ..TalkRecord::default() });
            }
            Lossy => record.network.get_or_insert_default().worst_loss_percent = 12.5,
            Late => {
                record.network.get_or_insert_default().longest_round_trip_ms = Some(900);
                record.plot.get_or_insert_default().push(1_000, 0.0, Some(900));
            }
            // As the session's ticks do.
            Pass(seconds) => {
                for _ in 0..*seconds {
                    now += Duration::from_secs(1);
                    call.elapse(now);
                }
            }
            End(reason) => call.end(reason.clone()),
        }
        if call.is_over() {
            return Some(judge(&call, &record, ways, now - began, HOUR));
        }
    }
    None
}

fn outcome(steps: &[Step], ways: Ways) -> Outcome {
    played(steps, ways).unwrap_or_else(|| unreachable!("it goes on: {steps:?}")).outcome
}

fn home() -> Ways {
    Ways { port: 8555, ..Ways::named_in(HOST) }
}

#[test]
fn each_way_a_call_can_go_has_its_own_outcome() {
    let hung_up = || End(EndReason::HungUp);
    let closed = |how| End(EndReason::Closed(how));
    let talked = |last: Vec<Step>| [vec![Answered, Path, Connected, Lit, Pass(9)], last].concat();
    let waited = |last: Vec<Step>| [vec![Answered, Pass(62)], last].concat();
    let mut reached = HashSet::new();
    for (steps, ways, expected) in [
        (talked(vec![hung_up()]), home(), Outcome::Well),
        (talked(vec![closed(PeerEnd::FarEnd)]), home(), Outcome::Well),
        (talked(vec![End(EndReason::EndedHere)]), home(), Outcome::EndedHere),
        (talked(vec![Lossy, hung_up()]), home(), Outcome::PoorLine),
        (talked(vec![Late, hung_up()]), home(), Outcome::Well),
        (talked(vec![Late, Late, hung_up()]), home(), Outcome::PoorLine),
        (talked(vec![Unheard, hung_up()]), home(), Outcome::NotHeard),
        (talked(vec![Silent, Pass(26)]), home(), Outcome::PathLost),
        (talked(vec![closed(PeerEnd::NoConsent)]), home(), Outcome::PathLost),
        (talked(vec![Dark(TroubleKind::BrokeOff), Pass(61)]), home(), Outcome::StreamBroke),
        (talked(vec![Dark(TroubleKind::WorkerLost), hung_up()]), home(), Outcome::WorkerLost),
        (talked(vec![Dark(TroubleKind::BrokeOff), Lit, hung_up()]), home(), Outcome::Well),
        (vec![Answered, Pass(2), hung_up()], home(), Outcome::HungUpEarly),
        (vec![hung_up()], home(), Outcome::HungUpEarly),
        (vec![Answered, Path, Connected, Pass(20), hung_up()], home(), Outcome::HungUpEarly),
        (vec![Answered, Path, Connected, Pass(61)], home(), Outcome::NoPicture),
        (waited(vec![]), home(), Outcome::NothingCame),
        (vec![Answered, Pass(12), hung_up()], home(), Outcome::NothingCame),
        (vec![Answered, Pass(12), closed(PeerEnd::NoPath)], home(), Outcome::NothingCame),
        (waited(vec![]), Ways { sought: true, ..home() }, Outcome::OneWay),
        (waited(vec![]), Ways { symmetric: true, sought: true, ..home() }, Outcome::RelayNeeded),
        (waited(vec![]), Ways { hidden: true, ..home() }, Outcome::HiddenAddresses),
        (vec![Answered, Path, Pass(15), closed(PeerEnd::NoHandshake)], home(), Outcome::EncryptionFailed),
        (vec![Answered, Path, closed(PeerEnd::HandshakeRefused)], home(), Outcome::EncryptionFailed),
        (vec![Answered, Path, Pass(10), hung_up()], home(), Outcome::EncryptionFailed),
        (talked(vec![End(EndReason::Revoked)]), home(), Outcome::LinkRevoked),
        (talked(vec![End(EndReason::Replaced)]), home(), Outcome::Replaced),
        (talked(vec![Pass(3_600)]), home(), Outcome::TimeOver),
        (talked(vec![End(EndReason::SwitchedOff)]), home(), Outcome::SwitchedOff),
        (talked(vec![End(EndReason::CameraGone)]), home(), Outcome::CameraGone),
        (talked(vec![End(EndReason::HouseStops)]), home(), Outcome::HouseStopped),
        (talked(vec![End(EndReason::Internal)]), home(), Outcome::Internal),
        (vec![End(EndReason::NotAnswered(CameraError::Late("x".into())))], home(), Outcome::AnswerLate),
        (vec![End(EndReason::NotAnswered(CameraError::Offer("x".into())))], home(), Outcome::OfferUnusable),
    ] {
        assert_eq!(outcome(&steps, ways), expected, "{steps:?} {ways:?}");
        reached.insert(expected);
    }
    for kind in TroubleKind::ALL {
        let steps = [Answered, Path, Connected, Dark(kind), Pass(3), hung_up()];
        let hung_up = outcome(&steps, home());
        let minute = outcome(&[Answered, Path, Connected, Dark(kind), Pass(61)], home());
        let unreachable = CameraError::Unreachable { camera: "x".into(), kind, reason: "y".into() };
        assert_eq!([hung_up, minute], [refused(&unreachable).unwrap().outcome; 2], "{kind:?}");
        reached.insert(hung_up);
    }
    for error in [
        CameraError::Disabled("x".into()),
        CameraError::Full { camera: Some("x".into()), limit: 4 },
        CameraError::Full { camera: None, limit: 9 },
    ] {
        reached.insert(refused(&error).unwrap().outcome);
    }
    let missing: Vec<_> = Outcome::ALL.iter().filter(|outcome| !reached.contains(outcome)).collect();
    assert!(missing.is_empty(), "never reached: {missing:?}");
}

#[test]
fn of_two_ways_that_failed_the_one_is_named_that_tells_what_to_do() {
    let [login, hub] = [TroubleKind::Login, TroubleKind::Hub].map(Dark);
    let steps = [Answered, Path, Connected, login, hub, Pass(2), End(EndReason::HungUp)];
    assert_eq!(outcome(&steps, home()), Outcome::LoginRefused);
}

#[test]
fn an_outcome_brings_the_values_that_its_sentence_names() {
    let values = |steps: &[Step]| Value::Object(played(steps, home()).unwrap().values);
    assert_eq!(values(&[Answered, Pass(62)]), json!({ "port": 8555 }));
    assert_eq!(
        values(&[Answered, Path, Connected, Pass(4), End(EndReason::HungUp)]),
        json!({ "seconds": 4 })
    );
    let full = refused(&CameraError::Full { camera: None, limit: 9 }).unwrap();
    assert_eq!(Value::Object(full.values), json!({ "limit": 9 }));
}

#[test]
fn what_an_answer_names_says_whether_anybody_outside_can_reach_us() {
    let inner = "a=candidate:1 1 udp 2130706431 172.30.33.4 8555 typ host\r\n";
    let mapped = "a=candidate:2 1 udp 1694498815 203.0.113.5 40000 typ srflx raddr 0.0.0.0 rport 0\r\n";
    let relay = "a=candidate:3 1 udp 16777215 203.0.113.9 50000 typ relay raddr 0.0.0.0 rport 0\r\n";
    let named = |lines: &[&str]| {
        let ways = Ways::named_in(&lines.concat());
        (ways.hidden, ways.relayed)
    };
    assert_eq!(named(&[HOST]), (false, false));
    assert_eq!(named(&[inner]), (true, false));
    assert_eq!(named(&[inner, mapped]), (false, false));
    assert_eq!(named(&[inner, relay]), (false, true));
    assert_eq!(named(&[]), (false, false));
}

fn step() -> impl Strategy<Value = Step> {
    let end = prop_oneof![
        Just(EndReason::HungUp),
        Just(EndReason::EndedHere),
        Just(EndReason::NeverConnected),
        Just(EndReason::Vanished),
        Just(EndReason::Closed(PeerEnd::FarEnd)),
        Just(EndReason::Closed(PeerEnd::NoPath)),
        Just(EndReason::Closed(PeerEnd::BrokeOff)),
        Just(EndReason::NotAnswered(CameraError::Ended)),
        Just(EndReason::NoPicture(Trouble::new(TroubleKind::Other, "x"))),
        Just(EndReason::Internal),
    ];
    prop_oneof![
        Just(Answered),
        Just(Path),
        Just(Connected),
        Just(Lit),
        (0..TroubleKind::ALL.len()).prop_map(|place| Dark(TroubleKind::ALL[place])),
        Just(Silent),
        Just(Unheard),
        Just(Lossy),
        Just(Late),
        (1u64..90).prop_map(Pass),
        end.prop_map(End),
    ]
}

proptest! {
    #[test]
    fn no_call_that_ends_is_left_without_an_outcome(
        steps in prop::collection::vec(step(), 0..12),
        flags in any::<[bool; 4]>(),
    ) {
        let [hidden, relayed, symmetric, sought] = flags;
        let steps = [steps, vec![End(EndReason::HungUp)]].concat();
        let verdict = played(&steps, Ways { hidden, relayed, symmetric, sought, port: 1 });
        prop_assert!(verdict.is_some_and(|verdict| Outcome::ALL.contains(&verdict.outcome)));
    }
}
