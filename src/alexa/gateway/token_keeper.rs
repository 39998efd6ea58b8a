//! When the access token is used, and when a new one is fetched.

use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};

use super::pause::Pause;
use super::token_client::{TokenError, Tokens};
use crate::state::{AccessToken, Grant};

/// A new token is fetched that long before the old one ends, or at its half.
const AHEAD: Duration = Duration::from_secs(300);
/// The token server is not asked more often after it refused for good, or after its token was refused.
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
/// Pauses while the token server is in trouble.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(300);

/// Decides what is done with the grant's tokens. Pure: both clocks and chance come from outside.
#[derive(Default)]
pub(super) struct TokenKeeper {
    /// At most one refresh is under way.
    refreshing: bool,
    pause: Pause,
    renewed: Option<Instant>,
    /// An access token that the event gateway refuses, however long it should last.
    denied: Option<SecretString>,
    trouble: Option<TokenError>,
}

/// What is to be done now.
#[derive(Debug)]
pub(super) struct Advice {
    /// Send with it; `None`: nothing can be sent.
    pub(super) token: Option<SecretString>,
    /// Fetch a new one.
    pub(super) refresh: bool,
    /// Ask again by then.
    pub(super) again: Option<Instant>,
}

impl TokenKeeper {
    /// What to do with a grant. `wall` is in seconds since 1970.
    pub(super) fn advise(&self, grant: &Grant, now: Instant, wall: i64) -> Advice {
        let access = grant.access.as_ref().filter(|access| !self.is_denied(&access.token));
        let good = access.filter(|access| wall < access.expires_at && grant.link_again.is_none());
        let token = good.map(|access| access.token.clone());
        let left = good.map_or(0, |access| access.refresh_at.saturating_sub(wall));
        let mut advice = Advice { token, refresh: false, again: None };
        if let Some(left) = u64::try_from(left).ok().filter(|left| *left > 0) {
            advice.again = Some(now + Duration::from_secs(left.min(86_400)));
        } else if !self.refreshing {
            advice.again = self.pause.left(now);
            advice.refresh = advice.again.is_none();
        }
        advice
    }

    fn is_denied(&self, token: &SecretString) -> bool {
        self.denied.as_ref().is_some_and(|denied| denied.expose_secret() == token.expose_secret())
    }

    /// A new token is being fetched.
    pub(super) fn refreshing(&mut self) {
        self.refreshing = true;
    }

    /// A new token is there.
    pub(super) fn renewed(&mut self, now: Instant) {
        *self = Self { renewed: Some(now), ..Self::default() };
    }

    /// No new token came.
    pub(super) fn failed(&mut self, why: TokenError, now: Instant, chance: f64) {
        self.refreshing = false;
        self.trouble = Some(why);
        match why {
            TokenError::Refused(_) => self.pause.failed(now, MINUTE, HOUR, chance),
            TokenError::Trouble(_) | TokenError::Unreachable | TokenError::Senseless => {
                self.pause.failed(now, FIRST, LONGEST, chance);
            }
        }
    }

    /// The event gateway refuses an access token. The first time a new one is fetched at once; one that
    /// is refused right after it was fetched is left alone for a minute.
    pub(super) fn denied(&mut self, token: SecretString) {
        if let Some(renewed) = self.renewed {
            self.pause.at_least(renewed + MINUTE);
        }
        self.denied = Some(token);
    }

    /// Why no new token came, while that is so.
    pub(super) fn trouble(&self) -> Option<TokenError> {
        self.trouble
    }
}

/// The grant's new tokens, which came at `wall`, seconds since 1970.
pub(super) fn renew(grant: &mut Grant, tokens: Tokens, wall: i64) {
    let ahead = AHEAD.min(tokens.lasts / 2);
    let seconds = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    grant.access = Some(AccessToken {
        token: tokens.access,
        refresh_at: wall.saturating_add(seconds(tokens.lasts - ahead)),
        expires_at: wall.saturating_add(seconds(tokens.lasts)),
    });
    if let Some(refresh) = tokens.refresh {
        grant.refresh_token = refresh;
    }
    grant.link_again = None;
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::state::LinkAgain;

    const T0: i64 = 1_800_000_000;

    fn grant() -> Grant {
        let mut grant = Grant { refresh_token: "r".to_owned().into(), ..Grant::default() };
        renew(&mut grant, tokens("a", 3600), T0);
        grant
    }

    fn tokens(access: &str, seconds: u64) -> Tokens {
        Tokens { access: access.to_owned().into(), refresh: None, lasts: Duration::from_secs(seconds) }
    }

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn a_token_is_renewed_five_minutes_ahead_and_used_meanwhile() {
        let (mut keeper, now, grant) = (TokenKeeper::default(), Instant::now(), grant());
        let early = keeper.advise(&grant, now, T0 + 3_299);
        assert!(early.token.is_some() && !early.refresh);
        assert_eq!(early.again, Some(after(now, 1)));
        let due = keeper.advise(&grant, now, T0 + 3_300);
        assert!(due.token.is_some() && due.refresh);
        keeper.refreshing();
        let under_way = keeper.advise(&grant, now, T0 + 3_400);
        assert!(under_way.token.is_some() && !under_way.refresh, "one refresh at a time");
        assert!(keeper.advise(&grant, now, T0 + 3_600).token.is_none(), "it has run out");
    }

    #[test]
    fn a_token_that_lasts_shortly_is_renewed_at_its_half() {
        let mut grant = grant();
        renew(&mut grant, tokens("b", 20), T0);
        let keeper = TokenKeeper::default();
        assert!(!keeper.advise(&grant, Instant::now(), T0 + 9).refresh);
        assert!(keeper.advise(&grant, Instant::now(), T0 + 10).refresh);
    }

    #[test]
    fn a_refused_token_is_renewed_at_once_and_a_new_one_that_is_refused_too_after_a_minute() {
        let (mut keeper, now, mut grant) = (TokenKeeper::default(), Instant::now(), grant());
        keeper.denied("a".to_owned().into());
        let advice = keeper.advise(&grant, now, T0);
        assert!(advice.token.is_none() && advice.refresh);
        keeper.refreshing();
        renew(&mut grant, tokens("b", 3600), T0);
        keeper.renewed(now);
        assert!(keeper.advise(&grant, now, T0).token.is_some());
        keeper.denied("b".to_owned().into());
        let advice = keeper.advise(&grant, after(now, 1), T0);
        assert!(advice.token.is_none() && !advice.refresh);
        assert_eq!(advice.again, Some(after(now, 60)));
        assert!(keeper.advise(&grant, after(now, 60), T0).refresh);
    }

    #[test]
    fn after_a_refusal_for_good_the_token_server_is_asked_at_most_once_a_minute() {
        let (mut keeper, start, mut grant) = (TokenKeeper::default(), Instant::now(), grant());
        grant.link_again = Some(LinkAgain::GrantRefused);
        let (mut now, mut tries) = (start, Vec::new());
        while now < after(start, 24 * 3600) {
            let advice = keeper.advise(&grant, now, T0);
            assert!(advice.token.is_none());
            if advice.refresh {
                tries.push(now);
                keeper.refreshing();
                keeper.failed(TokenError::Refused(LinkAgain::GrantRefused), now, 0.0);
            }
            now += Duration::from_secs(1);
        }
        assert!(tries.windows(2).all(|pair| pair[1] - pair[0] >= MINUTE));
        assert!((24..40).contains(&tries.len()), "{} tries a day", tries.len());
    }

    #[test]
    fn a_token_server_in_trouble_is_asked_again_after_one_second_up_to_five_minutes() {
        let (mut keeper, mut now, mut grant) = (TokenKeeper::default(), Instant::now(), grant());
        grant.access = None;
        let mut pauses = Vec::new();
        for _ in 0..12 {
            assert!(keeper.advise(&grant, now, T0).refresh);
            keeper.refreshing();
            keeper.failed(TokenError::Unreachable, now, 0.0);
            let again = keeper.advise(&grant, now, T0).again.unwrap();
            pauses.push((again - now).as_secs());
            now = again;
        }
        assert_eq!(pauses[..4], [1, 2, 4, 8]);
        assert_eq!(pauses[11], 300);
        keeper.renewed(now);
        keeper.failed(TokenError::Unreachable, now, 0.0);
        assert_eq!(keeper.advise(&grant, now, T0).again, Some(after(now, 1)), "trouble begins anew");
    }
}
