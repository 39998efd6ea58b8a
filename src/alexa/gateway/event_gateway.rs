//! The actor that sends events to Alexa.

use std::sync::Arc;
use std::time::Instant;

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Message, MessageResult,
    ResponseActFuture, SpawnHandle, WrapFuture,
};
use reqwest::Client;
use secrecy::{ExposeSecret, SecretString};
use time::OffsetDateTime;
use url::{Host, Url};

use super::accept_grant::{AcceptGrant, GrantError, accept};
use super::events_status::{EventsStatus, Journal, Linked, needs_link, trouble};
use super::outbox::{Next, Now, Outbox, Outcome, Parcel, Press, Reported};
use super::poster::post;
use super::region::{Region, under};
use super::region_finder::RegionFinder;
use super::token_client::{TokenClient, TokenError};
use super::token_keeper::TokenKeeper;
use crate::alexa::endpoint::Endpoint;
use crate::config;
use crate::seat::Retire;
use crate::state::{Grant, State};

mod errands;

const TOKEN_URL: &str = "https://api.amazon.com/auth/o2/token";
/// Notes that wait.
const MAILBOX: usize = 256;

/// Note: all endpoints that Alexa may know, as they stand now.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Report(pub Vec<Endpoint>);

impl Message for Press {
    type Result = ();
}

/// Ask: how sending stands. Answered from memory.
#[derive(Debug, Message)]
#[rtype(result = "EventsStatus")]
pub struct HowItStands;

/// Sends events to Alexa, while a user's grant lets it. What it must not forget is in the state, so that a
/// new one goes on where one died.
pub struct EventGateway {
    http: Client,
    client: Arc<TokenClient>,
    state: Arc<State>,
    outbox: Outbox,
    saved: Reported,
    keeper: TokenKeeper,
    finder: RegionFinder,
    journal: Journal,
    timer: Option<SpawnHandle>,
}

impl EventGateway {
    /// `None` unless the settings name the skill's client and its secret. `http` comes of
    /// [`client`](super::client).
    #[must_use]
    pub fn new(settings: &config::Alexa, state: Arc<State>, http: Client) -> Option<Self> {
        let url = settings.token_url.clone().or_else(|| Url::parse(TOKEN_URL).ok())?;
        let (id, secret) = (settings.client_id.clone()?, settings.client_secret.clone()?);
        // What an older version saved in another form is told anew.
        let saved: Reported = serde_json::from_value(state.reported()).unwrap_or_default();
        Some(Self {
            client: Arc::new(TokenClient { http: http.clone(), url, id, secret }),
            finder: RegionFinder::new(Region::of(settings)?),
            http,
            state,
            outbox: Outbox::new(saved.clone()),
            saved,
            keeper: TokenKeeper::default(),
            journal: Journal::default(),
            timer: None,
        })
    }

    /// Does what can be done now, and comes back by itself when there may be more.
    fn work(&mut self, ctx: &mut Context<Self>) {
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        if let Some(grant) = self.state.grant() {
            let now = Instant::now();
            let wake = self.work_with(&grant, now, ctx);
            self.timer = wake.map(|at| ctx.run_later(at.saturating_duration_since(now), Self::work));
        }
        for dropped in self.outbox.dropped() {
            tracing::warn!(what = dropped.what, endpoint = ?dropped.endpoint_id, why = %dropped.why, "an event is given up");
            self.journal.given_up(dropped);
        }
    }

    /// When to look again, if nothing comes before.
    fn work_with(&mut self, grant: &Grant, now: Instant, ctx: &mut Context<Self>) -> Option<Instant> {
        let advice = self.keeper.advise(grant, now, seconds_since_1970());
        if advice.refresh {
            self.refresh(grant.clone(), ctx);
        }
        let Some(token) = advice.token else { return advice.again };
        let mut wakes = vec![advice.again];
        if let Some(at) = self.finder.question(grant.host.as_deref(), now) {
            self.find_region(grant.clone(), at, token.clone(), ctx);
        }
        wakes.push(self.finder.again(now));
        let base = self.finder.base(grant.host.as_deref());
        if let Some(address) = base.and_then(|base| under(&base, "v3/events")) {
            wakes.push(self.send(&address, &token, now, ctx));
        }
        wakes.into_iter().flatten().min()
    }

    /// Sends whatever may be under way; nobody waits for anybody.
    fn send(
        &mut self,
        address: &Url,
        token: &SecretString,
        now: Instant,
        ctx: &mut Context<Self>,
    ) -> Option<Instant> {
        loop {
            let parcel = match self.outbox.next(now) {
                Next::Send(parcel) => parcel,
                Next::Wait(until) => return Some(until),
                Next::Idle => return None,
            };
            let body = parcel.body(token.expose_secret()).to_string();
            let posted = post(self.http.clone(), address.clone(), token.clone(), body);
            let token = token.clone();
            let settled =
                move |outcome, act: &mut Self, ctx: &mut _| act.settled(&parcel, token, outcome, ctx);
            ctx.spawn(posted.into_actor(self).map(settled));
        }
    }

    fn settled(&mut self, parcel: &Parcel, token: SecretString, outcome: Outcome, ctx: &mut Context<Self>) {
        let (what, endpoint) = (parcel.what(), parcel.endpoint_id().map(str::to_owned));
        tracing::info!(what, ?endpoint, ?outcome, "an event to Alexa");
        self.outbox.settle(parcel.id(), outcome, Instant::now());
        self.journal.answered(what, endpoint, outcome);
        match outcome {
            Outcome::Delivered => self.save_reported(),
            Outcome::TokenBad => self.denied(token),
            Outcome::SkillNeverEnabled => self.finder.doubt(),
            _ => {}
        }
        self.work(ctx);
    }

    fn save_reported(&mut self) {
        if *self.outbox.reported() == self.saved {
            return;
        }
        self.saved = self.outbox.reported().clone();
        match serde_json::to_value(&self.saved) {
            Ok(reported) => self.state.set_reported(reported),
            Err(error) => tracing::error!(%error, "what Alexa was told cannot be saved"),
        }
    }

    fn granted(&mut self, ctx: &mut Context<Self>) {
        tracing::info!("events to Alexa are granted");
        self.keeper = TokenKeeper::default();
        self.finder.begin_anew();
        self.outbox.granted(Instant::now());
        self.save_reported();
        self.work(ctx);
    }

    fn status(&self) -> EventsStatus {
        let standing = self.outbox.standing();
        let mut status = EventsStatus {
            configured: true,
            waiting: self.outbox.waiting(),
            rejected: self.journal.rejected(),
            sent: self.journal.sent(),
            ..EventsStatus::default()
        };
        let Some(grant) = self.state.grant() else { return status };
        let base = self.finder.base(grant.host.as_deref());
        let host = base.as_ref().and_then(Url::host);
        status.region = host.map(|host: Host<&str>| host.to_string());
        let refused = grant.link_again.map(|why| TokenError::Refused(why).to_string());
        status.link_again = refused.or_else(|| needs_link(standing).map(str::to_owned));
        if status.link_again.is_none() {
            let token = self.keeper.trouble().map(|error| error.to_string());
            let region = self.finder.trouble().map(|error| error.to_string());
            status.trouble = token.or(region).or_else(|| trouble(standing).map(str::to_owned));
        }
        let name = |id: String| {
            let link = self.state.links().into_iter().find(|link| link.user_id == id);
            link.map_or(id, |link| link.name)
        };
        status.linked = Some(Linked { since: grant.since, by: grant.user.map(name) });
        status
    }
}

fn seconds_since_1970() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp()
}

fn now() -> Now {
    Now { instant: Instant::now(), wall: OffsetDateTime::now_utc() }
}

impl Actor for EventGateway {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        self.work(ctx);
    }
}

impl Handler<Retire> for EventGateway {
    type Result = ();

    fn handle(&mut self, _: Retire, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

impl Handler<Report> for EventGateway {
    type Result = ();

    fn handle(&mut self, Report(endpoints): Report, ctx: &mut Self::Context) {
        self.outbox.report(endpoints, now());
        self.work(ctx);
    }
}

impl Handler<Press> for EventGateway {
    type Result = ();

    fn handle(&mut self, press: Press, ctx: &mut Self::Context) {
        self.outbox.press(press, now());
        self.work(ctx);
    }
}

impl Handler<AcceptGrant> for EventGateway {
    type Result = ResponseActFuture<Self, Result<(), GrantError>>;

    fn handle(&mut self, grant: AcceptGrant, _: &mut Self::Context) -> Self::Result {
        let accepted = accept(self.client.clone(), self.state.clone(), grant).into_actor(self);
        Box::pin(accepted.map(|accepted, act: &mut Self, ctx| {
            match accepted {
                Ok(()) => act.granted(ctx),
                Err(error) => tracing::warn!(%error, "a grant for events is not accepted"),
            }
            accepted
        }))
    }
}

impl Handler<HowItStands> for EventGateway {
    type Result = MessageResult<HowItStands>;

    fn handle(&mut self, _: HowItStands, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.status())
    }
}
