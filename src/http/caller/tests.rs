//! Who may speak, with a hub that answers as it is told.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::claims::token_for_tests;
use super::*;
use crate::error::ErrorKind;

/// A hub that says whose token it is, by the token's issuer, and counts how often it was asked.
struct Hub {
    asked: Arc<AtomicUsize>,
    delay: Duration,
    down: bool,
}

/// From so many seconds after an hour on a token is not what it says to be.
const FORGED: u64 = 1_000_000;

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
                let claims = Claims::read(&token).unwrap();
                match claims.issuer.as_str() {
                    name @ ("ann" | "ben") if claims.expires < in_an_hour() + FORGED - 10 => {
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
    folder: tempfile::TempDir,
}

impl Stage {
    /// For whom a directive speaks whose bearer is its own token.
    async fn whom(&self, token: &SecretString) -> Result<Caller, CallerError> {
        self.callers.for_whom(Some(token), Bearer::Own, None).await
    }

    /// The same with a token that somebody made himself, one of many.
    async fn forged(&self, login: &str, number: u64) -> Result<Caller, CallerError> {
        self.whom(&token_for_tests(login, in_an_hour() + number)).await
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// The house started anew with the same data, at a hub that forgot how often it was asked.
    fn restarted(self, hub: &Hub) -> Self {
        assert!(self.state.flush());
        drop((self.callers, self.state));
        at(hub, None, self.folder)
    }
}

fn stage(hub: &Hub) -> Stage {
    stage_with(hub, None)
}

/// A house with a token of its own at the hub.
fn stage_with(hub: &Hub, own: Option<SecretString>) -> Stage {
    at(hub, own, tempfile::tempdir().unwrap())
}

fn at(hub: &Hub, own: Option<SecretString>, folder: tempfile::TempDir) -> Stage {
    let (state, _) = State::open(folder.path());
    let whose = Some(hub.whose());
    let callers = Arc::new(Callers::new("door-token".into(), false, state.clone(), whose, own));
    hub.asked.store(0, Ordering::SeqCst);
    Stage { callers, state, asked: hub.asked.clone(), folder }
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
        (Some("door-token"), None, Some(Bearer::Door)),
        (Some("door-token"), Some(&own), Some(Bearer::Door)),
        (Some("own"), Some(&own), Some(Bearer::Own)),
        (Some("own"), None, None),
        (Some("other"), Some(&own), None),
        (Some("door-toke"), Some(&own), None),
        (Some(""), None, None),
        (None, Some(&own), None),
    ] {
        assert_eq!(callers.bearer(header, token), may, "{header:?} {}", token.is_some());
    }
}

#[tokio::test]
async fn without_a_hub_the_door_token_and_nothing_else_suffices() {
    let folder = tempfile::tempdir().unwrap();
    let (state, _) = State::open(folder.path());
    let callers = Callers::new("door-token".into(), true, state, None, None);
    assert_eq!(callers.for_whom(Some(&"door-token".into()), Bearer::Own, None).await, Ok(Caller::Door));
    let token = token_for_tests("ann", in_an_hour());
    for token in [None, Some(&"else".into()), Some(&token)] {
        assert_eq!(callers.for_whom(token, Bearer::Own, None).await, Err(CallerError::Refused));
    }
}

#[tokio::test]
async fn with_a_hub_the_door_token_speaks_for_nobody() {
    let stage = stage(&Hub::new());
    assert_eq!(stage.whom(&"door-token".into()).await, Err(CallerError::Refused));
    assert_eq!(stage.asked(), 0);
}

#[tokio::test]
async fn the_first_user_is_linked_and_the_next_only_while_linking_is_open() {
    let stage = stage(&Hub::new());
    let (ann, ben) = (token_for_tests("ann", in_an_hour()), token_for_tests("ben", in_an_hour()));
    assert_eq!(stage.whom(&ann).await, user("ann"));
    assert_eq!(stage.whom(&ben).await, Err(CallerError::NotLinked("ben".into())));
    assert_eq!(stage.state.links().len(), 1);
    stage.state.open_linking();
    assert_eq!(stage.whom(&ben).await, user("ben"));
    assert_eq!(stage.asked(), 2, "each token is asked for once");
}

#[tokio::test]
async fn a_link_that_is_taken_away_ends_at_once() {
    let stage = stage(&Hub::new());
    let (ann, ben) = (token_for_tests("ann", in_an_hour()), token_for_tests("ben", in_an_hour()));
    assert_eq!(stage.whom(&ben).await, user("ben"));
    stage.state.open_linking();
    assert_eq!(stage.whom(&ann).await, user("ann"));
    // A state of its own: linking is not open in it, and ann was never linked.
    let other = self::stage(&Hub::new());
    assert_eq!(other.whom(&ben).await, user("ben"));
    other.state.revoke("ben");
    assert_eq!(other.whom(&ben).await, Err(CallerError::NotLinked("ben".into())));
}

#[tokio::test]
async fn tokens_that_are_malformed_or_have_run_out_never_reach_the_hub() {
    let stage = stage(&Hub::new());
    let old = token_for_tests("ann", seconds_since_1970() - 1);
    assert_eq!(stage.whom(&old).await, Err(CallerError::Expired));
    for token in ["", "garbage", "a.b.c", "eyJhbGciOiJIUzI1NiJ9.e30.c2VhbA"] {
        assert_eq!(stage.whom(&token.into()).await, Err(CallerError::Refused));
    }
    assert_eq!(stage.callers.for_whom(None, Bearer::Own, None).await, Err(CallerError::Refused));
    assert_eq!(stage.asked(), 0);
}

#[tokio::test]
async fn many_who_come_at_once_with_one_token_are_one_question_to_the_hub() {
    let stage = stage(&Hub { delay: Duration::from_millis(200), ..Hub::new() });
    let token = token_for_tests("ann", in_an_hour());
    let all: Vec<_> = (0..20)
        .map(|_| {
            let (callers, token) = (stage.callers.clone(), token.clone());
            tokio::spawn(async move { callers.for_whom(Some(&token), Bearer::Own, None).await })
        })
        .collect();
    for one in all {
        assert_eq!(one.await.unwrap(), user("ann"));
    }
    assert_eq!(stage.asked(), 1);
}

#[tokio::test]
async fn a_question_goes_on_when_its_asker_hangs_up() {
    let stage = stage(&Hub { delay: Duration::from_millis(200), ..Hub::new() });
    let token = token_for_tests("ann", in_an_hour());
    let impatient = tokio::time::timeout(Duration::from_millis(20), stage.whom(&token)).await;
    assert!(impatient.is_err());
    assert_eq!(stage.whom(&token).await, user("ann"));
    assert_eq!(stage.asked(), 1);
}

#[tokio::test]
async fn a_refused_token_is_asked_for_once_and_a_flood_of_them_twice() {
    let hub = Hub::new();
    let stage = stage(&hub);
    let one = token_for_tests("stranger", in_an_hour());
    for _ in 0..3 {
        assert_eq!(stage.whom(&one).await, Err(CallerError::Refused));
    }
    assert_eq!(stage.asked(), 1);
    let flood = (1..=50).map(|i| stage.forged("stranger", i));
    for told in futures_util::future::join_all(flood).await {
        assert_eq!(told.map_err(|error| error.kind()), Err(ErrorKind::Throttled));
    }
    assert_eq!(stage.asked(), 1, "without a token of its own the house asks for no second one");

    let stage = stage_with(&hub, Some(token_for_tests("ben", in_an_hour())));
    let flood = (0..50).map(|i| stage.forged("stranger", i));
    let told = futures_util::future::join_all(flood).await;
    assert_eq!(told.iter().filter(|told| **told == Err(CallerError::Refused)).count(), 2);
    assert_eq!(stage.asked(), 3, "two strangers, and the house itself between them");
}

#[tokio::test]
async fn after_a_restart_a_flood_does_not_keep_out_a_login_that_was_known() {
    let hub = Hub::new();
    let stage = stage(&hub);
    let ann = token_for_tests("ann", in_an_hour());
    assert_eq!(stage.whom(&ann).await, user("ann"));
    let stage = stage.restarted(&hub);
    let flood = (0..50).map(|i| stage.forged("stranger", i));
    futures_util::future::join_all(flood).await;
    let before = stage.asked();
    assert_eq!(stage.whom(&token_for_tests("ann", in_an_hour() + 1)).await, user("ann"));
    assert_eq!(stage.asked(), before + 1);
    // Somebody who is good but was never here waits, or shows the door token.
    let ben = token_for_tests("ben", in_an_hour());
    stage.state.open_linking();
    assert_eq!(stage.callers.for_whom(Some(&ben), Bearer::Door, None).await, user("ben"));
}

#[tokio::test]
async fn a_login_whose_token_was_refused_is_a_strangers_from_then_on() {
    let hub = Hub::new();
    let stage = stage(&hub);
    assert_eq!(stage.whom(&token_for_tests("ann", in_an_hour())).await, user("ann"));
    let flood = (0..50).map(|i| stage.forged("ann", FORGED + i));
    for told in futures_util::future::join_all(flood).await {
        assert!(told.is_err());
    }
    assert_eq!(stage.asked(), 2, "a good one, and one of the forged ones");
}

#[tokio::test]
async fn a_revoked_user_is_a_stranger_even_if_linking_was_open() {
    let hub = Hub::new();
    let stage = stage(&hub);
    let ann = token_for_tests("ann", in_an_hour());
    assert_eq!(stage.whom(&ann).await, user("ann"));
    stage.state.open_linking();
    assert!(stage.state.revoke("ann"));
    assert!(!stage.callers.still_speaks(&Caller::User("ann".into())));
    assert_eq!(stage.whom(&ann).await, Err(CallerError::NotLinked("ann".into())));
    assert_eq!(stage.asked(), 1);
}

#[tokio::test]
async fn a_hub_that_is_down_or_silent_is_said_to_be_so_in_time() {
    for hub in [Hub { down: true, ..Hub::new() }, Hub { delay: Duration::from_secs(3600), ..Hub::new() }] {
        let stage = stage(&hub);
        let start = Instant::now();
        let token = token_for_tests("ann", in_an_hour());
        let said = stage.whom(&token).await;
        assert_eq!(said.map_err(|e| e.kind()), Err(ErrorKind::BridgeDown));
        assert!(start.elapsed() < Duration::from_millis(4_000));
    }
}

#[tokio::test]
async fn through_the_ingress_a_token_speaks_only_for_the_user_who_opened_it_and_links_nobody_else() {
    let stage = stage(&Hub::new());
    let ann = token_for_tests("ann", in_an_hour());
    let by = async |id| stage.callers.for_whom(Some(&ann), Bearer::Own, Some(id)).await;
    assert_eq!(by("ben").await, Err(CallerError::OpenedByAnother));
    assert!(stage.state.links().is_empty(), "linking is open, and nobody was linked");
    assert_eq!(by("ann").await, Ok(Caller::User("ann".into())));
    assert_eq!(by("ben").await, Err(CallerError::OpenedByAnother), "also while the hub's word is remembered");
    assert_eq!(by("").await, Err(CallerError::OpenedByAnother));
}
