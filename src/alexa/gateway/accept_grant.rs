//! A user lets us send events: the code is exchanged and what comes of it kept.

use std::sync::Arc;
use std::time::{Duration, Instant};

use secrecy::SecretString;
use time::OffsetDateTime;

use super::token_client::{TokenClient, TokenError, Tokens};
use super::token_keeper::renew;
use crate::state::{self, Grant, LinkAgain, State};

/// Before a token server that is not reached is asked again.
const AGAIN: Duration = Duration::from_millis(300);
/// Longest wait for the disk; the answer does not depend on it.
const DISK: Duration = Duration::from_millis(200);

/// Ask: a user lets us send events.
#[derive(Debug, actix::Message)]
#[rtype(result = "Result<(), GrantError>")]
pub struct AcceptGrant {
    /// Good once, and for minutes.
    pub code: SecretString,
    /// The hub's id of the user; `None`: the door token spoke.
    pub user: Option<String>,
    /// The exchange is given up then.
    pub deadline: Instant,
}

/// Why a grant was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// The token server does not take the code.
    #[error(
        "Amazon does not take the code: it was used, is too old, or is of another skill than alexa.client_id's; link \
         again"
    )]
    Code,
    /// There are no tokens for it.
    #[error(transparent)]
    Token(TokenError),
    /// See the text.
    #[error("Amazon's token server did not answer in time; link again")]
    Late,
    /// See the text.
    #[error("the link of the user was revoked")]
    Revoked,
}

impl From<TokenError> for GrantError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Refused(LinkAgain::GrantRefused) => Self::Code,
            error => Self::Token(error),
        }
    }
}

/// Exchanges the code and keeps what comes of it.
pub(super) async fn accept(
    client: Arc<TokenClient>,
    state: Arc<State>,
    grant: AcceptGrant,
) -> Result<(), GrantError> {
    let AcceptGrant { code, user, deadline } = grant;
    let exchanged = tokio::time::timeout_at(deadline.into(), exchange(&client, &code)).await;
    let mut tokens = exchanged.map_err(|_late| GrantError::Late)??;
    let refresh_token = tokens.refresh.take().ok_or(GrantError::Token(TokenError::Senseless))?;
    let mut kept = Grant { refresh_token, user, since: state::now(), ..Grant::default() };
    renew(&mut kept, tokens, OffsetDateTime::now_utc().unix_timestamp());
    if !state.keep_grant(kept) {
        return Err(GrantError::Revoked);
    }
    if tokio::time::timeout(DISK, on_disk(state)).await.is_err() {
        tracing::debug!("the disk is slow with a grant");
    }
    Ok(())
}

async fn exchange(client: &TokenClient, code: &SecretString) -> Result<Tokens, TokenError> {
    loop {
        match client.exchange(code).await {
            Err(TokenError::Unreachable | TokenError::Trouble(500..)) => tokio::time::sleep(AGAIN).await,
            exchanged => return exchanged,
        }
    }
}

/// Comes back when everything is on the disk, or the disk refuses: then it is in memory, and the page says so.
pub(super) async fn on_disk(state: Arc<State>) {
    if !matches!(tokio::task::spawn_blocking(move || state.flush()).await, Ok(true)) {
        tracing::warn!("the permission to send events is not saved");
    }
}
