//! The book of verdicts, on virtual time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

fn user() -> HubUser {
    HubUser { id: "u1".into(), name: "Ann".into(), is_admin: false }
}

fn shown(token: &str, login: &str) -> Shown {
    let (token, login) = (Fingerprint::of_text(token), Fingerprint::of_text(login));
    Shown { token, login, expires: 2_000_000_000 }
}

/// A hub that counts failed logins of our address, as the real one does, and the door before it.
struct Stage {
    book: Verdicts,
    now: Instant,
    counted: usize,
    failed: Vec<Instant>,
}

impl Stage {
    fn new(logs_in: bool) -> Self {
        Self { book: Verdicts::new(logs_in), now: Instant::now(), counted: 0, failed: Vec::new() }
    }

    /// Shows a token; what it is told, and `None` when it is told that there were too many.
    fn show(&mut self, token: &str, standing: Standing, hub: Outcome) -> Option<Outcome> {
        let shown = shown(token, "login");
        loop {
            match self.book.advise(&shown, standing, self.now) {
                Advice::Known(outcome) => return Some(outcome),
                Advice::Ask(_tell, _pending) => {
                    self.hub_hears(&hub);
                    return Some(self.book.settle(&shown, hub, self.now));
                }
                Advice::LogIn(_tell, _pending) => {
                    let outcome = Outcome::Good(user());
                    self.hub_hears(&outcome);
                    self.book.logged_in(&outcome, self.now);
                }
                Advice::Throttled => return None,
                Advice::Wait(_) | Advice::Queue(_) => panic!("nothing is asked at this moment"),
            }
        }
    }

    fn hub_hears(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Good(_) => self.counted = 0,
            Outcome::Refused => {
                self.counted += 1;
                self.failed.push(self.now);
            }
            Outcome::Unreachable => {}
        }
    }

    fn later(&mut self, by: Duration) {
        self.now += by;
    }
}

#[test]
fn a_good_verdict_holds_for_a_minute_and_a_refusal_for_an_hour() {
    let mut stage = Stage::new(true);
    let good = Outcome::Good(user());
    assert_eq!(stage.show("t", Standing::Known, good.clone()), Some(good.clone()));
    stage.later(Duration::from_secs(59));
    assert_eq!(stage.show("t", Standing::Known, Outcome::Refused), Some(good.clone()));
    stage.later(Duration::from_secs(2));
    assert_eq!(stage.show("t", Standing::Known, Outcome::Refused), Some(Outcome::Refused));
    stage.later(Duration::from_secs(3_500));
    assert_eq!(stage.show("t", Standing::Known, good.clone()), Some(Outcome::Refused));
    stage.later(Duration::from_secs(101));
    assert_eq!(stage.show("t", Standing::Known, good.clone()), Some(good));
}

#[test]
fn while_the_hub_is_away_a_good_token_stays_good_and_an_unknown_one_is_not() {
    let mut stage = Stage::new(true);
    let good = Some(Outcome::Good(user()));
    assert_eq!(stage.show("good", Standing::Known, Outcome::Good(user())), good);
    stage.later(Duration::from_secs(300));
    assert_eq!(stage.show("good", Standing::Known, Outcome::Unreachable), good);
    let new = stage.show("new", Standing::Stranger, Outcome::Refused);
    assert_eq!(new, Some(Outcome::Unreachable), "the hub is let alone");
    stage.later(HUB_PAUSE);
    assert_eq!(stage.show("new", Standing::Stranger, Outcome::Refused), Some(Outcome::Refused));
}

#[test]
fn strangers_fail_twice_an_hour_and_every_second_time_the_house_logs_in_before() {
    let mut stage = Stage::new(true);
    let start = stage.now;
    for n in 0..24 * 3_600 {
        stage.show(&n.to_string(), Standing::Stranger, Outcome::Refused);
        assert!(stage.counted <= 1, "the hub counts {}", stage.counted);
        stage.later(Duration::from_secs(1));
    }
    for hour in 0..24 {
        let from = start + HOUR * hour;
        let failed = stage.failed.iter().filter(|at| (from..from + HOUR).contains(*at)).count();
        assert_eq!(failed, 2, "hour {hour}");
    }
}

#[test]
fn where_the_house_cannot_log_in_strangers_fail_once_and_then_not_before_a_user_has_spoken() {
    let mut stage = Stage::new(false);
    for n in 0..24 * 60 {
        stage.show(&n.to_string(), Standing::Stranger, Outcome::Refused);
        stage.later(Duration::from_secs(60));
    }
    assert_eq!(stage.failed.len(), 1);
    // Whoever has the door token, or was invited by an admin, is heard once more, and no oftener.
    let good = Some(Outcome::Good(user()));
    assert_eq!(stage.show("guest", Standing::Invited, Outcome::Refused), Some(Outcome::Refused));
    assert_eq!(stage.show("guest 2", Standing::Invited, Outcome::Good(user())), None);
    assert_eq!(stage.show("lambda", Standing::Vouched, Outcome::Good(user())), None);
    assert_eq!((stage.failed.len(), stage.counted), (2, 2));
    assert_eq!(stage.show("user", Standing::Known, Outcome::Good(user())), good);
    assert_eq!(stage.show("lambda", Standing::Vouched, Outcome::Good(user())), good);
    assert_eq!(stage.show("stranger", Standing::Stranger, Outcome::Refused), Some(Outcome::Refused));
}

#[test]
fn a_house_whose_own_login_is_refused_does_not_try_it_again() {
    let mut stage = Stage::new(true);
    stage.show("a", Standing::Stranger, Outcome::Refused);
    let b = shown("b", "b");
    assert!(matches!(stage.book.advise(&b, Standing::Stranger, stage.now), Advice::LogIn(..)));
    stage.book.logged_in(&Outcome::Refused, stage.now);
    assert!(matches!(stage.book.advise(&b, Standing::Stranger, stage.now), Advice::Throttled));
    assert!(matches!(stage.book.advise(&b, Standing::Vouched, stage.now), Advice::Throttled));
    assert!(matches!(stage.book.advise(&b, Standing::Known, stage.now), Advice::Ask(..)));
}

#[test]
fn what_may_fail_is_asked_one_after_another_and_known_logins_wait_for_themselves_only() {
    let (mut book, now) = (Verdicts::new(true), Instant::now());
    let mut advise = |token: &str, login: &str, standing| book.advise(&shown(token, login), standing, now);
    let first = advise("a", "a", Standing::Stranger);
    assert!(matches!(first, Advice::Ask(..)));
    assert!(matches!(advise("a", "a", Standing::Stranger), Advice::Wait(_)));
    for (token, standing) in [("b", Standing::Stranger), ("c", Standing::Vouched), ("d", Standing::Invited)] {
        assert!(matches!(advise(token, token, standing), Advice::Queue(_)), "{token}");
    }
    let known = advise("e", "login", Standing::Known);
    assert!(matches!(known, Advice::Ask(..)));
    assert!(matches!(advise("forged", "login", Standing::Known), Advice::Queue(_)));
    assert!(matches!(advise("f", "another", Standing::Known), Advice::Ask(..)));
    drop(first);
    let second = advise("b", "b", Standing::Stranger);
    assert!(matches!(second, Advice::Ask(..)), "a question whose asker is gone holds no place");
}

#[test]
fn the_book_stays_bounded_and_keeps_the_good_ones() {
    let mut stage = Stage::new(true);
    stage.show("good", Standing::Known, Outcome::Good(user()));
    for n in 0..2_000 {
        stage.show(&n.to_string(), Standing::Known, Outcome::Refused);
        stage.show(&format!("s{n}"), Standing::Stranger, Outcome::Refused);
        stage.later(Duration::from_secs(15));
    }
    assert!(stage.book.known.len() <= MAX_VERDICTS);
    assert!(stage.book.refused.iter().all(|refused| refused.len() <= 6));
    assert_eq!(
        stage.show("good", Standing::Known, Outcome::Unreachable),
        Some(Outcome::Good(user())),
        "it holds while the hub is away"
    );
}

proptest! {
    /// Whatever comes in whatever order, nobody but logins that were known makes the hub count three.
    #[test]
    fn no_order_of_strangers_guests_and_users_makes_the_hub_count_three(
        logs_in: bool,
        steps in proptest::collection::vec((0_u8..4, 0_u64..2_000), 0..200),
    ) {
        let mut stage = Stage::new(logs_in);
        for (n, (kind, pause)) in steps.into_iter().enumerate() {
            let token = n.to_string();
            let _told = match kind {
                0 => stage.show(&token, Standing::Stranger, Outcome::Refused),
                1 => stage.show(&token, Standing::Invited, Outcome::Refused),
                2 => stage.show(&token, Standing::Vouched, Outcome::Refused),
                _ => stage.show(&token, Standing::Known, Outcome::Good(user())),
            };
            prop_assert!(stage.counted <= 2, "{}", stage.counted);
            stage.later(Duration::from_secs(pause));
        }
    }
}
