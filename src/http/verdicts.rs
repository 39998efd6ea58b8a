//! What the hub said of which token, and which questions may still be asked.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::claims::Claims;
use super::fingerprint::Fingerprint;
use crate::hub::HubUser;

/// How long a verdict holds without asking again.
pub(super) const FRESH: Duration = Duration::from_secs(60);
/// After the hub could not be asked, how long it is not asked again.
pub(super) const HUB_PAUSE: Duration = Duration::from_secs(2);
/// Refused questions in [`FRESH`]; each counts at the hub as a failed login of ours.
pub(super) const MAX_REFUSED: usize = 5;
/// Verdicts kept.
const MAX_VERDICTS: usize = 256;
/// Logins remembered that had a good token.
const MAX_LOGINS: usize = 64;

/// What came of a question to the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// A good token, and whose.
    Good(HubUser),
    /// No good token.
    Refused,
    /// The hub could not be asked.
    Unreachable,
}

/// Where the outcome of a question appears.
pub(super) type Pending = watch::Receiver<Option<Outcome>>;

/// What is to be done about a token.
pub(super) enum Advice {
    /// Nothing: it is known.
    Known(Outcome),
    /// The hub is to be asked; the outcome goes to [`Verdicts::settle`], then into the sender.
    Ask(watch::Sender<Option<Outcome>>, Pending),
    /// The hub is being asked already.
    Wait(Pending),
    /// Too many questions were refused lately.
    Throttled,
}

struct Verdict {
    user: Option<HubUser>,
    judged: Instant,
    expires: u64,
}

struct Question {
    pending: Pending,
    trusted: bool,
}

/// The book of verdicts. Bounded; clocks come from outside.
#[derive(Default)]
pub(super) struct Verdicts {
    known: HashMap<Fingerprint, Verdict>,
    questions: HashMap<Fingerprint, Question>,
    /// Logins that had a good token. Their next token is not held up by what strangers send.
    logins: VecDeque<Fingerprint>,
    /// Refused questions, of strangers and of known logins.
    refused: [VecDeque<Instant>; 2],
    hub_rests_until: Option<Instant>,
}

impl Verdicts {
    /// What to do about a token whose claims say that it has not run out.
    pub(super) fn advise(&mut self, token: Fingerprint, claims: &Claims, now: Instant) -> Advice {
        if let Some(verdict) = self.known.get(&token)
            && now.saturating_duration_since(verdict.judged) < FRESH
        {
            return Advice::Known(verdict.user.clone().map_or(Outcome::Refused, Outcome::Good));
        }
        // A question whose asker is gone will never be answered.
        self.questions.retain(|_, question| question.pending.has_changed().is_ok());
        if let Some(question) = self.questions.get(&token) {
            return Advice::Wait(question.pending.clone());
        }
        if self.hub_rests_until.is_some_and(|until| now < until) {
            return Advice::Known(self.without_hub(&token));
        }
        let trusted = self.logins.contains(&Fingerprint::of_text(&claims.issuer));
        let refused = &mut self.refused[usize::from(trusted)];
        refused.retain(|at| now.saturating_duration_since(*at) < FRESH);
        let asking = self.questions.values().filter(|question| question.trusted == trusted).count();
        if refused.len() + asking >= MAX_REFUSED {
            return Advice::Throttled;
        }
        let (tell, pending) = watch::channel(None);
        self.questions.insert(token, Question { pending: pending.clone(), trusted });
        Advice::Ask(tell, pending)
    }

    /// Writes down what came of a question, and returns what that means for the token.
    pub(super) fn settle(
        &mut self,
        token: Fingerprint,
        claims: &Claims,
        outcome: Outcome,
        now: Instant,
    ) -> Outcome {
        let trusted = self.questions.remove(&token).is_some_and(|question| question.trusted);
        let user = match outcome {
            Outcome::Unreachable => {
                self.hub_rests_until = Some(now + HUB_PAUSE);
                return self.without_hub(&token);
            }
            Outcome::Refused => {
                self.refused[usize::from(trusted)].push_back(now);
                None
            }
            Outcome::Good(user) => {
                self.remember_login(&claims.issuer);
                Some(user)
            }
        };
        self.make_room(now);
        self.known.insert(token, Verdict { user: user.clone(), judged: now, expires: claims.expires });
        user.map_or(Outcome::Refused, Outcome::Good)
    }

    /// A token once judged good stays good as long as it says; whoever calls this has looked at that.
    fn without_hub(&self, token: &Fingerprint) -> Outcome {
        let user = self.known.get(token).and_then(|verdict| verdict.user.clone());
        user.map_or(Outcome::Unreachable, Outcome::Good)
    }

    fn remember_login(&mut self, issuer: &str) {
        let login = Fingerprint::of_text(issuer);
        if !self.logins.contains(&login) {
            if self.logins.len() >= MAX_LOGINS {
                self.logins.pop_front();
            }
            self.logins.push_back(login);
        }
    }

    fn make_room(&mut self, now: Instant) {
        if self.known.len() < MAX_VERDICTS {
            return;
        }
        let stale = |v: &Verdict| now.saturating_duration_since(v.judged) >= FRESH;
        self.known.retain(|_, verdict| verdict.user.is_some() || !stale(verdict));
        while self.known.len() >= MAX_VERDICTS {
            // Good ones that live longest are worth most: they are what holds while the hub is away.
            let Some(least) =
                self.known.iter().min_by_key(|(_, v)| (v.user.is_some(), v.expires)).map(|(token, _)| *token)
            else {
                return;
            };
            self.known.remove(&least);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(issuer: &str) -> Claims {
        Claims { expires: 2_000_000_000, issuer: issuer.into() }
    }

    fn user() -> HubUser {
        HubUser { id: "u1".into(), name: "Ann".into(), is_admin: false }
    }

    fn ask(
        book: &mut Verdicts,
        token: &str,
        issuer: &str,
        outcome: Outcome,
        now: Instant,
    ) -> Option<Outcome> {
        let token = Fingerprint::of_text(token);
        match book.advise(token, &claims(issuer), now) {
            Advice::Ask(_tell, _pending) => Some(book.settle(token, &claims(issuer), outcome, now)),
            _ => None,
        }
    }

    fn known(book: &mut Verdicts, token: &str, issuer: &str, now: Instant) -> Option<Outcome> {
        match book.advise(Fingerprint::of_text(token), &claims(issuer), now) {
            Advice::Known(outcome) => Some(outcome),
            _ => None,
        }
    }

    #[test]
    fn a_verdict_holds_for_a_minute_and_is_asked_for_again_after_it() {
        let (mut book, start) = (Verdicts::default(), Instant::now());
        assert_eq!(ask(&mut book, "t", "i", Outcome::Good(user()), start), Some(Outcome::Good(user())));
        let later = start + Duration::from_secs(59);
        assert_eq!(known(&mut book, "t", "i", later), Some(Outcome::Good(user())));
        let later = start + Duration::from_secs(61);
        assert_eq!(ask(&mut book, "t", "i", Outcome::Refused, later), Some(Outcome::Refused));
        assert_eq!(known(&mut book, "t", "i", later), Some(Outcome::Refused));
    }

    #[test]
    fn while_the_hub_is_away_a_good_token_stays_good_and_an_unknown_one_is_not() {
        let (mut book, start) = (Verdicts::default(), Instant::now());
        ask(&mut book, "good", "i", Outcome::Good(user()), start);
        let later = start + Duration::from_secs(300);
        assert_eq!(ask(&mut book, "good", "i", Outcome::Unreachable, later), Some(Outcome::Good(user())));
        assert_eq!(known(&mut book, "new", "i", later), Some(Outcome::Unreachable), "the hub is let alone");
        let after = later + HUB_PAUSE;
        assert_eq!(ask(&mut book, "new", "i", Outcome::Unreachable, after), Some(Outcome::Unreachable));
    }

    #[test]
    fn five_refused_questions_a_minute_are_asked_and_no_more() {
        let (mut book, start) = (Verdicts::default(), Instant::now());
        for token in ["a", "b", "c", "d", "e"] {
            assert_eq!(ask(&mut book, token, "stranger", Outcome::Refused, start), Some(Outcome::Refused));
        }
        let sixth = Fingerprint::of_text("f");
        assert!(matches!(book.advise(sixth, &claims("stranger"), start), Advice::Throttled));
        let later = start + FRESH;
        assert!(matches!(book.advise(sixth, &claims("stranger"), later), Advice::Ask(..)));
    }

    #[test]
    fn questions_under_way_count_as_refused_until_they_are_not() {
        let (mut book, start) = (Verdicts::default(), Instant::now());
        let open: Vec<Advice> = (0..MAX_REFUSED)
            .map(|i| book.advise(Fingerprint::of_text(&i.to_string()), &claims("stranger"), start))
            .collect();
        assert!(open.iter().all(|advice| matches!(advice, Advice::Ask(..))));
        assert!(matches!(
            book.advise(Fingerprint::of_text("x"), &claims("stranger"), start),
            Advice::Throttled
        ));
        drop(open);
        let asked = book.advise(Fingerprint::of_text("x"), &claims("stranger"), start);
        assert!(matches!(asked, Advice::Ask(..)), "a question whose asker is gone holds no place");
    }

    #[test]
    fn strangers_cannot_keep_out_the_next_token_of_a_login_that_is_known() {
        let (mut book, start) = (Verdicts::default(), Instant::now());
        ask(&mut book, "first", "login", Outcome::Good(user()), start);
        for token in ["a", "b", "c", "d", "e"] {
            ask(&mut book, token, "stranger", Outcome::Refused, start);
        }
        assert_eq!(
            ask(&mut book, "next", "login", Outcome::Good(user()), start),
            Some(Outcome::Good(user()))
        );
    }

    #[test]
    fn the_book_stays_bounded_and_keeps_the_good_ones() {
        let (mut book, start) = (Verdicts::default(), Instant::now());
        ask(&mut book, "good", "login", Outcome::Good(user()), start);
        for i in 0..2_000_u64 {
            let now = start + Duration::from_secs(i * 15);
            ask(&mut book, &i.to_string(), "stranger", Outcome::Refused, now);
        }
        assert!(book.known.len() <= MAX_VERDICTS);
        assert!(book.refused.iter().all(|refused| refused.len() <= MAX_REFUSED));
        let now = start + Duration::from_secs(40_000);
        assert_eq!(ask(&mut book, "good", "login", Outcome::Unreachable, now), Some(Outcome::Good(user())));
    }
}
