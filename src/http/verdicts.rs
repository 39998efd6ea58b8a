//! What the hub said of which token, and which questions may still be asked.
//!
//! A refused question counts at the hub as a failed login of our address, and a hub whose owner set
//! `login_attempts_threshold` bans an address that reaches it, for good tokens too. A good login sets
//! the hub's count back to nothing. So the book counts along, and asks so that the hub never counts
//! far:
//!
//! **A stranger can cause at most two failed logins an hour, and never a second one before a good
//! login of ours has set the hub's count back.** He is somebody without the door token, whose bearer
//! is a token that he made himself. In an hour in which an admin opened linking it is six more, of
//! which the hub counts at most two at a time; the same holds for whoever has the door token. A login
//! that a linked user is known to have is asked about whatever strangers do; it fails once, and is
//! a stranger's from then on. So no hub whose threshold is three or more bans us.
//!
//! The good login that is needed first is the house's own, wherever it speaks to the hub with a token
//! of its own. In an add-on it has none that the hub itself takes; there the next good token of a user
//! sets the count back, and until then strangers are not asked about.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::fingerprint::Fingerprint;
use crate::hub::HubUser;

/// How long a good token is taken for good without asking again.
pub(super) const FRESH: Duration = Duration::from_secs(60);
/// How long a refused token is not asked about again. It would hardly be good by then: a login that
/// was taken back does not return.
pub(super) const REFUSED: Duration = Duration::from_secs(3600);
/// After the hub could not be asked, how long it is not asked again.
pub(super) const HUB_PAUSE: Duration = Duration::from_secs(2);
/// Verdicts kept.
const MAX_VERDICTS: usize = 256;

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

/// What is known of whoever shows a token, before the hub is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// The token says that it is of a login that had good tokens of a linked user.
    Known,
    /// The bearer in the header was the door token.
    Vouched,
    /// An admin holds linking open.
    Invited,
    /// None of these.
    Stranger,
}

impl Standing {
    /// Refused questions in [`REFUSED`].
    const fn most_refused(self) -> usize {
        match self {
            Self::Known => usize::MAX,
            Self::Vouched | Self::Invited => 6,
            Self::Stranger => 2,
        }
    }

    /// Failed logins that the hub may count before another question.
    const fn most_counted(self) -> usize {
        match self {
            Self::Known => usize::MAX,
            Self::Vouched | Self::Invited => 1,
            Self::Stranger => 0,
        }
    }
}

/// Where the outcome of a question appears.
pub(super) type Pending = watch::Receiver<Option<Outcome>>;

/// What is to be done about a token.
pub(super) enum Advice {
    /// Nothing: it is known.
    Known(Outcome),
    /// The hub is to be asked; the outcome goes to [`Verdicts::settle`], then into the sender.
    Ask(watch::Sender<Option<Outcome>>, Pending),
    /// The house is to log in itself, so that the hub's count is set back; what came of it goes to
    /// [`Verdicts::logged_in`], then into the sender. After that this is asked anew.
    LogIn(watch::Sender<Option<Outcome>>, Pending),
    /// The hub is being asked already.
    Wait(Pending),
    /// The hub is being asked about another token; when that is over, this is asked anew.
    Queue(Pending),
    /// Too many questions were refused lately.
    Throttled,
}

struct Verdict {
    user: Option<HubUser>,
    judged: Instant,
    expires: u64,
}

impl Verdict {
    fn is_fresh(&self, now: Instant) -> bool {
        let holds = if self.user.is_some() { FRESH } else { REFUSED };
        now.saturating_duration_since(self.judged) < holds
    }
}

struct Question {
    pending: Pending,
    login: Fingerprint,
    standing: Standing,
}

/// A token that is not malformed and has not run out.
#[derive(Clone, Copy)]
pub(super) struct Shown {
    /// The token itself.
    pub(super) token: Fingerprint,
    /// The login that it says it belongs to.
    pub(super) login: Fingerprint,
    /// When it runs out, seconds since 1970.
    pub(super) expires: u64,
}

/// The book of verdicts. Bounded; clocks come from outside.
pub(super) struct Verdicts {
    known: HashMap<Fingerprint, Verdict>,
    questions: HashMap<Fingerprint, Question>,
    /// When questions were refused, by [`Standing`].
    refused: [VecDeque<Instant>; 4],
    /// The house's own login that is under way.
    login: Option<Pending>,
    /// Failed logins that the hub counts at our address.
    counted: usize,
    /// The house has a token of its own at the hub, with which the count is set back.
    logs_in: bool,
    hub_rests_until: Option<Instant>,
}

impl Verdicts {
    /// An empty book; `logs_in` if the house can log in at the hub itself.
    pub(super) fn new(logs_in: bool) -> Self {
        Self {
            known: HashMap::new(),
            questions: HashMap::new(),
            refused: Default::default(),
            login: None,
            counted: 0,
            logs_in,
            hub_rests_until: None,
        }
    }

    /// What to do about a token.
    pub(super) fn advise(&mut self, shown: &Shown, standing: Standing, now: Instant) -> Advice {
        if let Some(verdict) = self.known.get(&shown.token).filter(|verdict| verdict.is_fresh(now)) {
            return Advice::Known(verdict.user.clone().map_or(Outcome::Refused, Outcome::Good));
        }
        // A question whose asker is gone will never be answered.
        self.questions.retain(|_, question| question.pending.has_changed().is_ok());
        if let Some(question) = self.questions.get(&shown.token) {
            return Advice::Wait(question.pending.clone());
        }
        if self.hub_rests_until.is_some_and(|until| now < until) {
            return Advice::Known(self.without_hub(&shown.token));
        }
        let refused = &mut self.refused[standing as usize];
        refused.retain(|at| now.saturating_duration_since(*at) < REFUSED);
        if refused.len() >= standing.most_refused() {
            return Advice::Throttled;
        }
        // What may fail is asked one after another; logins that are known wait only for themselves.
        let before = self.questions.values().find(|question| match standing {
            Standing::Known => question.login == shown.login,
            _ => question.standing != Standing::Known,
        });
        if let Some(before) = before {
            return Advice::Queue(before.pending.clone());
        }
        if self.counted > 0 && standing != Standing::Known && self.logs_in {
            if let Some(login) = self.login.as_ref().filter(|login| login.has_changed().is_ok()) {
                return Advice::Queue(login.clone());
            }
            let (tell, pending) = watch::channel(None);
            self.login = Some(pending.clone());
            return Advice::LogIn(tell, pending);
        }
        if self.counted > standing.most_counted() {
            return Advice::Throttled;
        }
        let (tell, pending) = watch::channel(None);
        let question = Question { pending: pending.clone(), login: shown.login, standing };
        self.questions.insert(shown.token, question);
        Advice::Ask(tell, pending)
    }

    /// Writes down what came of a question, and returns what that means for the token.
    pub(super) fn settle(&mut self, shown: &Shown, outcome: Outcome, now: Instant) -> Outcome {
        let standing = self.questions.remove(&shown.token).map(|question| question.standing);
        let user = match outcome {
            Outcome::Unreachable => {
                self.hub_rests_until = Some(now + HUB_PAUSE);
                return self.without_hub(&shown.token);
            }
            Outcome::Refused => {
                self.counted += 1;
                // Of known logins each fails once; only the others need to be counted.
                if let Some(standing) = standing.filter(|standing| *standing != Standing::Known) {
                    self.refused[standing as usize].push_back(now);
                }
                None
            }
            Outcome::Good(user) => {
                self.counted = 0;
                Some(user)
            }
        };
        self.make_room(now);
        let verdict = Verdict { user: user.clone(), judged: now, expires: shown.expires };
        self.known.insert(shown.token, verdict);
        user.map_or(Outcome::Refused, Outcome::Good)
    }

    /// Writes down what came of the house's own login.
    pub(super) fn logged_in(&mut self, outcome: &Outcome, now: Instant) {
        self.login = None;
        match outcome {
            Outcome::Good(_) => self.counted = 0,
            Outcome::Refused => {
                self.counted += 1;
                // Once more would only make it worse.
                self.logs_in = false;
            }
            Outcome::Unreachable => self.hub_rests_until = Some(now + HUB_PAUSE),
        }
    }

    /// A token once judged good stays good as long as it says; whoever calls this has looked at that.
    fn without_hub(&self, token: &Fingerprint) -> Outcome {
        let user = self.known.get(token).and_then(|verdict| verdict.user.clone());
        user.map_or(Outcome::Unreachable, Outcome::Good)
    }

    fn make_room(&mut self, now: Instant) {
        if self.known.len() < MAX_VERDICTS {
            return;
        }
        self.known.retain(|_, verdict| verdict.user.is_some() || verdict.is_fresh(now));
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
mod tests;
