//! Who may speak at the door, and for whom.
//!
//! *May this caller speak?* The header's bearer is the door token, or the directive's own token.
//! *For whom?* The directive's token is an access token of a hub user who is linked. Without a hub,
//! and in the demo, the door token suffices in both places. Through the hub's ingress, the user who
//! opened it is the one whose token it is.
//!
//! This is the only road by which a stranger's input reaches the hub as a token: over the door, or
//! through the hub's ingress. The login of the pages never asks the hub.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures_util::future::BoxFuture;
use secrecy::SecretString;
use url::Url;

pub use caller_error::CallerError;

use super::claims::Claims;
use super::fingerprint::Fingerprint;
use super::verdicts::{Advice, Outcome, Pending, Shown, Standing, Verdicts};
use crate::camera::Caller;
use crate::hub::bridge::{HubBridge, Identify};
use crate::hub::{HubError, HubUser};
use crate::seat::Seat;
use crate::state::State;

mod caller_error;

/// Longest wait for the hub to say whose token it is.
const HUB_PATIENCE: Duration = Duration::from_millis(2_500);

/// Longest wait for an outcome, with what had to be asked before: a moment longer, so that it is
/// there also when the hub was late.
const OUTCOME_PATIENCE: Duration = Duration::from_millis(2_700);

/// Asks the hub whose token this is.
pub type WhoseToken =
    Arc<dyn Fn(SecretString) -> BoxFuture<'static, Result<HubUser, HubError>> + Send + Sync>;

/// Asks through the bridge, which asks the hub at `direct` where a proxy stands before it: an address
/// that nobody else uses all day, so that it is named when it does not answer.
#[must_use]
pub fn hub_identify(bridge: Seat<HubBridge>, direct: Option<Url>) -> WhoseToken {
    Arc::new(move |token| {
        let (bridge, direct) = (bridge.clone(), direct.clone());
        Box::pin(async move {
            let reply = bridge.ask(Identify { token }, HUB_PATIENCE).await;
            let reply = reply.unwrap_or_else(|error| Err(HubError::Down(error.to_string())));
            reply.map_err(|error| match (error, direct) {
                (HubError::Down(why), Some(at)) => {
                    HubError::Down(format!("{why}, at {at} (another address goes into hub.url)"))
                }
                (error, _) => error,
            })
        })
    })
}

/// What the bearer in the header was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bearer {
    /// The door token.
    Door,
    /// The directive's own token.
    Own,
}

/// Knows who may speak. Shared by all handlers.
pub struct Callers {
    door: Fingerprint,
    door_token_suffices: bool,
    state: Arc<State>,
    whose: Option<WhoseToken>,
    own: Option<SecretString>,
    verdicts: Arc<Mutex<Verdicts>>,
}

impl Callers {
    /// `whose` is absent where there is no hub; `door_token_suffices` is true there and in the demo.
    /// `own` is the house's own token, where the hub that `whose` asks takes it.
    #[must_use]
    pub fn new(
        door_token: SecretString,
        door_token_suffices: bool,
        state: Arc<State>,
        whose: Option<WhoseToken>,
        own: Option<SecretString>,
    ) -> Self {
        Self {
            door: Fingerprint::of(&door_token),
            door_token_suffices,
            state,
            whose,
            verdicts: Arc::new(Mutex::new(Verdicts::new(own.is_some()))),
            own,
        }
    }

    /// What the header's bearer is; `None` if whoever shows it may not speak.
    #[must_use]
    pub fn bearer(&self, header: Option<&str>, own: Option<&SecretString>) -> Option<Bearer> {
        let header = Fingerprint::of_text(header?);
        let is_own = own.is_some_and(|own| header.is(&Fingerprint::of(own)));
        match (header.is(&self.door), is_own) {
            (true, _) => Some(Bearer::Door),
            (_, true) => Some(Bearer::Own),
            _ => None,
        }
    }

    /// For whom a directive with this token speaks. Takes at most 2.7 s. `opened_by` is the hub's id of the
    /// user through whose ingress it came.
    ///
    /// # Errors
    /// When the token is nobody's, has run out, belongs to a user who is not linked or did not open the
    /// ingress, or cannot be looked at now.
    pub async fn for_whom(
        &self,
        token: Option<&SecretString>,
        bearer: Bearer,
        opened_by: Option<&str>,
    ) -> Result<Caller, CallerError> {
        let token = token.ok_or(CallerError::Refused)?;
        let print = Fingerprint::of(token);
        if self.door_token_suffices && print.is(&self.door) {
            return Ok(Caller::Door);
        }
        let whose = self.whose.as_ref().ok_or(CallerError::Refused)?;
        let claims = Claims::read(token).ok_or(CallerError::Refused)?;
        if claims.expires <= seconds_since_1970() {
            return Err(CallerError::Expired);
        }
        let login = Fingerprint::of_text(&claims.issuer);
        let shown = Shown { token: print, login, expires: claims.expires };
        let judged = self.judge(whose, token, &shown, bearer);
        match tokio::time::timeout(OUTCOME_PATIENCE, judged).await.unwrap_or(Ok(Outcome::Unreachable))? {
            // Before a link is made of it.
            Outcome::Good(user) if opened_by.is_some_and(|id| id != user.id) => {
                Err(CallerError::OpenedByAnother)
            }
            Outcome::Good(user) => self.linked(user, login),
            Outcome::Refused => Err(CallerError::Refused),
            Outcome::Unreachable => Err(CallerError::HubDown),
        }
    }

    /// What the hub says of a token, if it may be asked.
    async fn judge(
        &self,
        whose: &WhoseToken,
        token: &SecretString,
        shown: &Shown,
        bearer: Bearer,
    ) -> Result<Outcome, CallerError> {
        loop {
            let standing = self.standing(shown, bearer);
            let advice = lock(&self.verdicts).advise(shown, standing, Instant::now());
            match advice {
                Advice::Known(outcome) => return Ok(outcome),
                Advice::Throttled => return Err(CallerError::Throttled),
                Advice::Wait(pending) => return Ok(outcome_of(pending).await),
                // What came of another token is not ours to use; but now there is room.
                Advice::Queue(pending) => drop(outcome_of(pending).await),
                Advice::Ask(tell, pending) => {
                    let question = ask(whose(token.clone()));
                    let (verdicts, state, shown) = (self.verdicts.clone(), self.state.clone(), *shown);
                    // A task of its own: it must end properly also if this caller hangs up.
                    tokio::spawn(async move {
                        let outcome = question.await;
                        if outcome == Outcome::Refused {
                            // From here on it is a stranger's.
                            state.forget_login(&shown.login.to_text());
                        }
                        let outcome = lock(&verdicts).settle(&shown, outcome, Instant::now());
                        tell.send_replace(Some(outcome));
                    });
                    return Ok(outcome_of(pending).await);
                }
                Advice::LogIn(tell, pending) => {
                    let question = self.own.clone().map(|own| ask(whose(own)));
                    let verdicts = self.verdicts.clone();
                    tokio::spawn(async move {
                        let outcome = match question {
                            Some(question) => question.await,
                            None => Outcome::Unreachable,
                        };
                        lock(&verdicts).logged_in(&outcome, Instant::now());
                        tell.send_replace(Some(outcome));
                    });
                    drop(outcome_of(pending).await);
                }
            }
        }
    }

    fn standing(&self, shown: &Shown, bearer: Bearer) -> Standing {
        if self.state.knows_login(&shown.login.to_text()) {
            Standing::Known
        } else if bearer == Bearer::Door {
            Standing::Vouched
        } else if self.state.linking_left().is_some() {
            Standing::Invited
        } else {
            Standing::Stranger
        }
    }

    /// The user as a caller, linked now if linking is open. Looked at for every directive, so that
    /// a link that is taken away ends at once.
    fn linked(&self, user: HubUser, login: Fingerprint) -> Result<Caller, CallerError> {
        if self.state.link(&user.id, &user.name) {
            self.state.remember_login(&user.id, &login.to_text());
            Ok(Caller::User(user.id))
        } else {
            Err(CallerError::NotLinked(user.name))
        }
    }

    /// The hub refused a token that it took for good a moment ago: it is not shown there again, because each
    /// time counts as a failed login.
    pub fn taken_back(&self, token: &SecretString) {
        let Some(claims) = Claims::read(token) else { return };
        let (token, login) = (Fingerprint::of(token), Fingerprint::of_text(&claims.issuer));
        self.state.forget_login(&login.to_text());
        let shown = Shown { token, login, expires: claims.expires };
        lock(&self.verdicts).settle(&shown, Outcome::Refused, Instant::now());
    }

    /// False once the link of a caller was taken away.
    #[must_use]
    pub fn still_speaks(&self, caller: &Caller) -> bool {
        match caller {
            Caller::User(id) => self.state.is_linked(id),
            Caller::Door | Caller::Page => true,
        }
    }
}

/// What came of a question, at the latest when the hub's time is over.
async fn ask(question: BoxFuture<'static, Result<HubUser, HubError>>) -> Outcome {
    match tokio::time::timeout(HUB_PATIENCE, question).await {
        Ok(Ok(user)) => Outcome::Good(user),
        Ok(Err(HubError::Refused)) => Outcome::Refused,
        Ok(Err(error)) => {
            tracing::warn!(%error, "the hub could not be asked whose token it is");
            Outcome::Unreachable
        }
        Err(_late) => Outcome::Unreachable,
    }
}

async fn outcome_of(mut pending: Pending) -> Outcome {
    match pending.wait_for(Option::is_some).await {
        Ok(outcome) => outcome.clone().unwrap_or(Outcome::Unreachable),
        // Whoever asked has died.
        Err(_gone) => Outcome::Unreachable,
    }
}

fn lock(verdicts: &Mutex<Verdicts>) -> std::sync::MutexGuard<'_, Verdicts> {
    verdicts.lock().unwrap_or_else(PoisonError::into_inner)
}

fn seconds_since_1970() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests;
