//! Sessions at cameras, as a real hub was heard to speak of them.

use super::*;
use crate::hub::RelayNews;

const FRONT: LineId = 7;

fn offer(sdp: &str) -> Map<String, Value> {
    Map::from_iter([("entity_id".to_owned(), json!("camera.front_door")), ("offer".to_owned(), json!(sdp))])
}

/// Offers as the recording did for the `nth` time, and lets the hub say what it said then.
fn replay(play: &mut Play, name: &str, nth: usize, line: LineId) -> Vec<LineNews> {
    let recorded = Transcript::read(name);
    let asked = recorded.commands("camera/webrtc/offer").nth(nth).unwrap();
    play.answers.insert("camera/webrtc/offer", Err("silent"));
    play.model.open_line(line, offer(asked["offer"].as_str().unwrap()), play.now);
    play.pump();
    let sent = play.commands.last().unwrap().clone();
    assert_eq!((&sent["type"], &sent["offer"]), (&json!("camera/webrtc/offer"), &asked["offer"]));
    for mut message in recorded.messages().filter(|message| message["id"] == asked["id"]) {
        message["id"] = sent["id"].clone();
        play.says(&message);
    }
    std::mem::take(&mut play.lines)
        .into_iter()
        .map(|(told, news)| (told == line).then_some(news).unwrap())
        .collect()
}

fn down(reason: &str) -> LineNews {
    LineNews::Ended(HubError::Down(reason.into()))
}

#[test]
fn the_recorded_session_is_opened_answered_and_ended() {
    let mut play = Play::running();
    let news = replay(&mut play, "webrtc", 0, FRONT);
    assert_eq!(news[0], LineNews::Opened);
    let LineNews::Relay(RelayNews::Answer(answer)) = &news[1] else { panic!("{news:?}") };
    assert!(answer.starts_with("v=0") && answer.contains("a=mid:"), "{answer}");
    let id = play.commands.last().unwrap()["id"].clone();
    play.model.close_line(FRONT, play.now);
    play.pump();
    let last = play.commands.last().unwrap();
    assert_eq!((&last["type"], &last["subscription"]), (&json!("unsubscribe_events"), &id));
    // What was on its way is nobody's any more, and ending it twice does no harm.
    play.says(&json!({"type": "event", "id": id, "event": {"type": "answer", "answer": "late"}}));
    let commands = play.commands.len();
    play.model.close_line(FRONT, play.now);
    play.pump();
    assert_eq!((play.lines.as_slice(), play.commands.len()), ([].as_slice(), commands));
}

#[test]
fn the_recorded_candidates_are_told_in_any_place() {
    let mut play = Play::running();
    let news = replay(&mut play, "webrtc-native", 0, FRONT);
    assert_eq!(news[0], LineNews::Opened);
    assert!(matches!(news[1], LineNews::Relay(RelayNews::Answer(_))), "{news:?}");
    assert!(
        news[2..].iter().all(|news| matches!(news, LineNews::Relay(RelayNews::Candidate(_)))),
        "{news:?}"
    );
    // Another hub says them before the answer, and not wrapped.
    play.answers.remove("camera/webrtc/offer");
    play.model.open_line(8, offer("v=0"), play.now);
    play.pump();
    let id = play.commands.last().unwrap()["id"].clone();
    for event in [
        json!({"type": "candidate", "candidate": "candidate:1 1 udp 1 10.0.0.1 9 typ host"}),
        json!({"type": "answer", "answer": "v=0"}),
        json!({"type": "weather"}),
    ] {
        play.says(&json!({"type": "event", "id": id, "event": event}));
    }
    let told: Vec<_> = play.lines.drain(..).map(|(_, news)| news).collect();
    assert_eq!(
        told,
        [
            LineNews::Opened,
            LineNews::Relay(RelayNews::Candidate("candidate:1 1 udp 1 10.0.0.1 9 typ host".into())),
            LineNews::Relay(RelayNews::Answer("v=0".into())),
        ]
    );
}

#[test]
fn a_recorded_failure_comes_after_the_success() {
    for nth in [1, 2] {
        let mut play = Play::running();
        let news = replay(&mut play, "webrtc", nth, FRONT);
        assert_eq!(news[0], LineNews::Opened);
        let LineNews::Relay(RelayNews::Failed { code, .. }) = &news[1] else { panic!("{news:?}") };
        assert_eq!(code, "go2rtc_webrtc_offer_failed");
    }
}

#[test]
fn a_session_that_is_refused_or_not_answered_or_lost_has_ended() {
    let mut play = Play::new();
    play.model.open_line(1, offer("v=0"), play.now);
    play.pump();
    let mut play_on = Play::running();
    play_on.lines.append(&mut play.lines);
    let mut play = play_on;
    play.answers.insert("camera/webrtc/offer", Err("webrtc_offer_failed"));
    play.model.open_line(2, offer("v=0"), play.now);
    play.pump();
    play.answers.insert("camera/webrtc/offer", Err("silent"));
    play.model.open_line(3, offer("v=0"), play.now);
    play.pass(commands::ASK_DEADLINE);
    assert_eq!(
        play.commands.last().unwrap()["type"],
        "unsubscribe_events",
        "it may have been taken after all"
    );
    play.answers.remove("camera/webrtc/offer");
    play.model.open_line(4, offer("v=0"), play.now);
    play.pump();
    play.model.open_line(5, offer(&"x".repeat(commands::LARGEST_COMMAND)), play.now);
    play.model.on_lost("closed by the hub", false);
    play.pump();
    let refused = HubError::Command { code: "webrtc_offer_failed".into(), message: "No.".into() };
    assert_eq!(
        play.lines,
        [
            (1, down("not connected")),
            (2, LineNews::Ended(refused)),
            (3, down("no answer in time")),
            (4, LineNews::Opened),
            (5, LineNews::Ended(HubError::Protocol("no answer: the offer is too large".into()))),
            (4, down("the link was lost")),
        ]
    );
}

#[test]
fn sessions_have_a_limit_and_one_that_ends_makes_room() {
    let mut play = Play::running();
    for line in 0..70 {
        play.model.open_line(line, offer("v=0"), play.now);
    }
    play.pump();
    let crowded = play.lines.iter().filter(|(_, news)| *news == down("too many sessions at once")).count();
    assert_eq!((crowded, play.count("camera/webrtc/offer")), (6, 64));
    play.lines.clear();
    play.model.close_line(0, play.now);
    play.model.open_line(71, offer("v=0"), play.now);
    play.pump();
    assert_eq!(play.lines, [(71, LineNews::Opened)]);
}
