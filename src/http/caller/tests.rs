//! Who may speak, with a hub that answers as it is told.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::claims::token_for_tests;
use super::*;

/// A hub that says whose token it is, by the token's issuer, and counts how often it was asked.
struct Hub {
    asked: Arc<AtomicUsize>,
    delay: Duration,
    down: bool,
}

impl Hub {
    fn new() -> Self {
        Self { asked: Arc::default(), delay: Duration::ZERO, down: false }
    }

    fn whose(&self) -> WhoseToken {
        let (asked, delay, down) = (self.asked.clone(), self.delay, self.down);
        Arc::new(move |token| {
            asked.fetch_add(1, Ordering::SeqCst);
            Box::pin(async move {
                tokio::time::sleep(delay).await;
                if down {
                    return Err(HubError::Down("refused".into()));
                }
                match Claims::read(&token).unwrap().issuer.as_str() {
                    name @ ("ann" | "ben") => {
                        Ok(HubUser { id: name.into(), name: name.into(), is_admin: false })
                    }
                    _ => Err(HubError::Refused),
                }
            })
        })
    }
}

struct Stage {
    callers: Arc<Callers>,
    state: Arc<State>,
    asked: Arc<AtomicUsize>,
    _folder: tempfile::TempDir,
}

fn stage(hub: &Hub) -> Stage {
    let folder = tempfile::tempdir().unwrap();
    let (state, _) = State::open(folder.path());
    let callers = Arc::new(Callers::new("door-token".into(), false, state.clone(), Some(hub.whose())));
    Stage { callers, state, asked: hub.asked.clone(), _folder: folder }
}

fn in_an_hour() -> u64 {
    seconds_since_1970() + 3600
}

fn user(id: &str) -> Result<Caller, CallerError> {
    Ok(Caller::User(id.into()))
}

#[test]
fn the_header_must_carry_the_door_token_or_the_directives_own() {
    let callers = stage(&Hub::new()).callers;
    let own = SecretString::from("own");
    for (header, token, may) in [
        (Some("door-token"), None, true),
        (Some("door-token"), Some(&own), true),
        (Some("own"), Some(&own), true),
        (Some("own"), None, false),
        (Some("other"), Some(&own), false),
        (Some("door-toke"), Some(&own), false),
        (Some(""), None, false),
        (None, Some(&own), false),
    ] {
        assert_eq!(callers.may_speak(header, token), may, "{header:?} {}", token.is_some());
    }
}

#[tokio::test]
async fn without_a_hub_the_door_token_and_nothing_else_suffices() {
    let folder = tempfile::tempdir().unwrap();
    let (state, _) = State::open(folder.path());
    let callers = Callers::new("door-token".into(), true, state, None);
    assert_eq!(callers.for_whom(Some(&"door-token".into())).await, Ok(Caller::Door));
    let token = token_for_tests("ann", in_an_hour());
    for token in [None, Some(&"else".into()), Some(&token)] {
        assert_eq!(callers.for_whom(token).await, Err(CallerError::Refused));
    }
}

#[tokio::test]
async fn with_a_hub_the_door_token_speaks_for_nobody() {
    let stage = stage(&Hub::new());
    assert_eq!(stage.callers.for_whom(Some(&"door-token".into())).await, Err(CallerError::Refused));
    assert_eq!(stage.asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn the_first_user_is_linked_and_the_next_only_while_linking_is_open() {
    let stage = stage(&Hub::new());
    let (ann, ben) = (token_for_tests("ann", in_an_hour()), token_for_tests("ben", in_an_hour()));
    assert_eq!(stage.callers.for_whom(Some(&ann)).await, user("ann"));
    assert_eq!(stage.callers.for_whom(Some(&ben)).await, Err(CallerError::NotLinked("ben".into())));
    assert_eq!(stage.state.links().len(), 1);
    stage.state.open_linking();
    assert_eq!(stage.callers.for_whom(Some(&ben)).await, user("ben"));
    assert_eq!(stage.asked.load(Ordering::SeqCst), 2, "each token is asked for once");
}

#[tokio::test]
async fn a_link_that_is_taken_away_ends_at_once() {
    let stage = stage(&Hub::new());
    let (ann, ben) = (token_for_tests("ann", in_an_hour()), token_for_tests("ben", in_an_hour()));
    assert_eq!(stage.callers.for_whom(Some(&ben)).await, user("ben"));
    stage.state.open_linking();
    assert_eq!(stage.callers.for_whom(Some(&ann)).await, user("ann"));
    // A state of its own: linking is not open in it, and ann was never linked.
    let other = self::stage(&Hub::new());
    assert_eq!(other.callers.for_whom(Some(&ben)).await, user("ben"));
    other.state.revoke("ben");
    assert_eq!(other.callers.for_whom(Some(&ben)).await, Err(CallerError::NotLinked("ben".into())));
}

#[tokio::test]
async fn tokens_that_are_malformed_or_have_run_out_never_reach_the_hub() {
    let stage = stage(&Hub::new());
    let old = token_for_tests("ann", seconds_since_1970() - 1);
    assert_eq!(stage.callers.for_whom(Some(&old)).await, Err(CallerError::Expired));
    for token in ["", "garbage", "a.b.c", "eyJhbGciOiJIUzI1NiJ9.e30.c2VhbA"] {
        assert_eq!(stage.callers.for_whom(Some(&token.into())).await, Err(CallerError::Refused));
    }
    assert_eq!(stage.callers.for_whom(None).await, Err(CallerError::Refused));
    assert_eq!(stage.asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn many_who_come_at_once_with_one_token_are_one_question_to_the_hub() {
    let stage = stage(&Hub { delay: Duration::from_millis(200), ..Hub::new() });
    let token = token_for_tests("ann", in_an_hour());
    let all: Vec<_> = (0..20)
        .map(|_| {
            let (callers, token) = (stage.callers.clone(), token.clone());
            tokio::spawn(async move { callers.for_whom(Some(&token)).await })
        })
        .collect();
    for one in all {
        assert_eq!(one.await.unwrap(), user("ann"));
    }
    assert_eq!(stage.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_question_goes_on_when_its_asker_hangs_up() {
    let stage = stage(&Hub { delay: Duration::from_millis(200), ..Hub::new() });
    let token = token_for_tests("ann", in_an_hour());
    let impatient =
        tokio::time::timeout(Duration::from_millis(20), stage.callers.for_whom(Some(&token))).await;
    assert!(impatient.is_err());
    assert_eq!(stage.callers.for_whom(Some(&token)).await, user("ann"));
    assert_eq!(stage.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_refused_token_is_asked_for_once_and_a_flood_of_them_five_times() {
    let stage = stage(&Hub::new());
    let one = token_for_tests("stranger", in_an_hour());
    for _ in 0..3 {
        assert_eq!(stage.callers.for_whom(Some(&one)).await, Err(CallerError::Refused));
    }
    assert_eq!(stage.asked.load(Ordering::SeqCst), 1);
    for i in 0..50 {
        let token = token_for_tests("stranger", in_an_hour() + i + 1);
        assert!(stage.callers.for_whom(Some(&token)).await.is_err());
    }
    assert_eq!(stage.asked.load(Ordering::SeqCst), 5);
}

#[tokio::test]
async fn a_hub_that_is_down_or_silent_is_said_to_be_so_in_time() {
    for hub in [Hub { down: true, ..Hub::new() }, Hub { delay: Duration::from_secs(3600), ..Hub::new() }] {
        let stage = stage(&hub);
        let start = Instant::now();
        let token = token_for_tests("ann", in_an_hour());
        let said = stage.callers.for_whom(Some(&token)).await;
        assert_eq!(said.map_err(|e| e.kind()), Err(ErrorKind::BridgeDown));
        assert!(start.elapsed() < Duration::from_millis(4_000));
    }
}
