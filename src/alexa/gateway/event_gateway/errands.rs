//! What the actor asks of Amazon so that it can send: new tokens, and the user's region.

use std::time::Instant;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{EventGateway, seconds_since_1970};
use crate::alexa::gateway::accept_grant::on_disk;
use crate::alexa::gateway::region::{Region, RegionError};
use crate::alexa::gateway::token_client::{TokenError, Tokens};
use crate::alexa::gateway::token_keeper::{TokenKeeper, renew};
use crate::state::{Grant, State};

impl EventGateway {
    /// Of a token that is not used any more this says nothing.
    pub(super) fn denied(&mut self, token: SecretString) {
        let current = self.state.grant().and_then(|grant| grant.access);
        if current.is_some_and(|access| access.token.expose_secret() == token.expose_secret()) {
            self.keeper.denied(token);
        }
    }

    pub(super) fn refresh(&mut self, grant: Grant, ctx: &mut Context<Self>) {
        self.keeper.refreshing();
        let (client, state) = (self.client.clone(), self.state.clone());
        let refreshed = async move {
            let kept = match client.refresh(&grant.refresh_token).await {
                Ok(tokens) => Ok(keep(&state, &grant, tokens)),
                Err(error) => Err(error),
            };
            // The refresh token may be another one now: it is on the disk before it is used.
            on_disk(state).await;
            (grant, kept)
        };
        let done = |(grant, kept), act: &mut Self, ctx: &mut _| act.refreshed(&grant, kept, ctx);
        ctx.spawn(refreshed.into_actor(self).map(done));
    }

    fn refreshed(&mut self, grant: &Grant, kept: Result<bool, TokenError>, ctx: &mut Context<Self>) {
        let now = Instant::now();
        if !self.is_current(grant) && kept != Ok(true) {
            // The grant is gone, or another one.
            self.keeper = TokenKeeper::default();
            return self.work(ctx);
        }
        match kept {
            Ok(true) => {
                self.keeper.renewed(now);
                self.outbox.resume();
            }
            Ok(false) => self.keeper = TokenKeeper::default(),
            Err(error) => {
                if self.keeper.trouble() != Some(error) {
                    tracing::warn!(%error, "no new token for events");
                }
                self.keeper.failed(error, now, rand::random());
                if let TokenError::Refused(why) = error {
                    self.state.change_grant(grant, |grant| grant.link_again = Some(why));
                }
            }
        }
        self.work(ctx);
    }

    fn is_current(&self, grant: &Grant) -> bool {
        self.state.grant().is_some_and(|current| current.is_same(grant))
    }

    pub(super) fn find_region(
        &mut self,
        grant: Grant,
        at: Url,
        token: SecretString,
        ctx: &mut Context<Self>,
    ) {
        let http = self.http.clone();
        let found = async move {
            let found = Region::ask(&http, &at, &token).await;
            (grant, token, found)
        };
        let done = |(grant, token, found), act: &mut Self, ctx: &mut _| {
            act.region_found(&grant, token, found, ctx);
        };
        ctx.spawn(found.into_actor(self).map(done));
    }

    fn region_found(
        &mut self,
        grant: &Grant,
        token: SecretString,
        found: Result<Url, RegionError>,
        ctx: &mut Context<Self>,
    ) {
        let now = Instant::now();
        if !self.is_current(grant) {
            // Of a grant that is gone, or whose tokens were renewed meanwhile: nothing was learned.
            self.finder.begin_anew();
            return self.work(ctx);
        }
        self.finder.answered(found.as_ref().err().copied(), now, rand::random());
        match found {
            Ok(base) if grant.host.as_deref() != Some(base.as_str()) => {
                tracing::info!(host = ?base.host_str(), "events go to this region of Alexa");
                self.state.change_grant(grant, |grant| grant.host = Some(base.into()));
                self.outbox.resume();
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "the region for events is not known");
                if error == RegionError::TokenBad {
                    self.denied(token);
                }
            }
        }
        self.work(ctx);
    }
}

/// Keeps new tokens; false if they are of a grant that is gone.
fn keep(state: &State, grant: &Grant, tokens: Tokens) -> bool {
    state.change_grant(grant, |grant| renew(grant, tokens, seconds_since_1970()))
}
