//! Who may speak at the door, and for whom.
//!
//! *May this caller speak?* The header's bearer is the door token, or the directive's own token.
//! *For whom?* The directive's token is an access token of a hub user who is linked. Without a hub,
//! and in the demo, the door token suffices in both places.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures_util::future::BoxFuture;
use secrecy::SecretString;

use super::claims::Claims;
use super::fingerprint::Fingerprint;
use super::verdicts::{Advice, Outcome, Verdicts};
use crate::camera::Caller;
use crate::error::ErrorKind;
use crate::hub::bridge::{HubBridge, Identify};
use crate::hub::{HubError, HubUser};
use crate::seat::Seat;
use crate::state::State;

/// Longest wait for the hub to say whose token it is.
const HUB_PATIENCE: Duration = Duration::from_millis(2_500);

/// Longest wait for an outcome: a moment longer, so that it is there also when the hub was late.
const OUTCOME_PATIENCE: Duration = Duration::from_millis(2_700);

/// Asks the hub whose token this is.
pub type WhoseToken =
    Arc<dyn Fn(SecretString) -> BoxFuture<'static, Result<HubUser, HubError>> + Send + Sync>;

/// Asks through the bridge.
#[must_use]
pub fn hub_identify(bridge: Seat<HubBridge>) -> WhoseToken {
    Arc::new(move |token| {
        let bridge = bridge.clone();
        Box::pin(async move {
            let reply = bridge.ask(Identify { token }, HUB_PATIENCE).await;
            reply.unwrap_or_else(|error| Err(HubError::Down(error.to_string())))
        })
    })
}

/// Why nobody speaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallerError {
    /// There is no token, it has not the form of one, or it is nobody's.
    #[error("the token in the directive is not a good one")]
    Refused,
    /// The token has run out.
    #[error("the token in the directive has run out")]
    Expired,
    /// A good token of a user who is not linked.
    #[error(
        "{0} is not linked; press \"Let another person link\" in Doorstep's page, then try again within 10 minutes"
    )]
    NotLinked(String),
    /// Too many tokens were refused lately.
    #[error("too many tokens were refused lately; this one is looked at in a minute")]
    Throttled,
    /// Only the hub could tell, and it cannot be asked.
    #[error("the hub is not reached, so the token cannot be looked at")]
    HubDown,
}

impl CallerError {
    /// The kind that the edges see.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Refused | Self::NotLinked(_) => ErrorKind::Unauthorized,
            Self::Expired => ErrorKind::Expired,
            Self::Throttled => ErrorKind::Throttled,
            Self::HubDown => ErrorKind::BridgeDown,
        }
    }
}

/// Knows who may speak. Shared by all handlers.
pub struct Callers {
    door: Fingerprint,
    door_token_suffices: bool,
    state: Arc<State>,
    whose: Option<WhoseToken>,
    verdicts: Arc<Mutex<Verdicts>>,
}

impl Callers {
    /// `whose` is absent where there is no hub; `door_token_suffices` is true there and in the demo.
    #[must_use]
    pub fn new(
        door_token: SecretString,
        door_token_suffices: bool,
        state: Arc<State>,
        whose: Option<WhoseToken>,
    ) -> Self {
        Self {
            door: Fingerprint::of(&door_token),
            door_token_suffices,
            state,
            whose,
            verdicts: Arc::default(),
        }
    }

    /// True if the header's bearer is the door token or the directive's own.
    #[must_use]
    pub fn may_speak(&self, header: Option<&str>, own: Option<&SecretString>) -> bool {
        let Some(header) = header.map(Fingerprint::of_text) else { return false };
        let is_own = own.is_some_and(|own| header.is(&Fingerprint::of(own)));
        header.is(&self.door) | is_own
    }

    /// For whom a directive with this token speaks. Takes at most 2.7 s.
    ///
    /// # Errors
    /// When the token is nobody's, has run out, belongs to a user who is not linked, or cannot be
    /// looked at now.
    pub async fn for_whom(&self, token: Option<&SecretString>) -> Result<Caller, CallerError> {
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
        let advice = lock(&self.verdicts).advise(print, &claims, Instant::now());
        let outcome = match advice {
            Advice::Known(outcome) => outcome,
            Advice::Throttled => return Err(CallerError::Throttled),
            Advice::Wait(pending) => wait(pending).await,
            Advice::Ask(tell, pending) => {
                let (question, verdicts) = (whose(token.clone()), self.verdicts.clone());
                // A task of its own: it must end properly also if this caller hangs up.
                tokio::spawn(async move {
                    let outcome = match tokio::time::timeout(HUB_PATIENCE, question).await {
                        Ok(Ok(user)) => Outcome::Good(user),
                        Ok(Err(HubError::Refused)) => Outcome::Refused,
                        Ok(Err(error)) => {
                            tracing::warn!(%error, "the hub could not be asked whose token it is");
                            Outcome::Unreachable
                        }
                        Err(_late) => Outcome::Unreachable,
                    };
                    let outcome = lock(&verdicts).settle(print, &claims, outcome, Instant::now());
                    tell.send_replace(Some(outcome));
                });
                wait(pending).await
            }
        };
        match outcome {
            Outcome::Good(user) => self.linked(user),
            Outcome::Refused => Err(CallerError::Refused),
            Outcome::Unreachable => Err(CallerError::HubDown),
        }
    }

    /// The user as a caller, linked now if linking is open. Looked at for every directive, so that
    /// a link that is taken away ends at once.
    fn linked(&self, user: HubUser) -> Result<Caller, CallerError> {
        if self.state.link(&user.id, &user.name) {
            Ok(Caller::User(user.id))
        } else {
            Err(CallerError::NotLinked(user.name))
        }
    }
}

async fn wait(mut pending: super::verdicts::Pending) -> Outcome {
    let outcome = tokio::time::timeout(OUTCOME_PATIENCE, pending.wait_for(Option::is_some)).await;
    outcome.ok().and_then(Result::ok).and_then(|outcome| outcome.clone()).unwrap_or(Outcome::Unreachable)
}

fn lock(verdicts: &Mutex<Verdicts>) -> std::sync::MutexGuard<'_, Verdicts> {
    verdicts.lock().unwrap_or_else(PoisonError::into_inner)
}

fn seconds_since_1970() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests;
