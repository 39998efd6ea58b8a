//! The Supervisor's ingress: an add-on's pages under the hub's own address, for whoever has a session.
//!
//! As the real one it asks for a session first, takes out what a client says of itself, and adds who opened
//! the session. It passes on whole answers: streams and WebSockets do not come through here.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use reqwest::redirect::Policy;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use url::Url;

use super::core::Core;
use super::http::{Answer, Request};
use super::office::SimUser;

/// Under this and an add-on's own token the hub serves its pages.
pub(super) const PREFIX: &str = "/api/hassio_ingress/";
/// The cookie that holds a session.
const COOKIE: &str = "ingress_session";
/// Fields of a request that are not passed on: what belongs to a connection, and what the hub says itself.
const OURS: [&str; 12] = [
    "connection",
    "content-length",
    "content-encoding",
    "transfer-encoding",
    "accept-encoding",
    "x-ingress-path",
    "x-remote-user-id",
    "x-remote-user-name",
    "x-remote-user-display-name",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
];

/// What is known of the ingress.
#[derive(Debug)]
pub(super) struct Ingress {
    /// Where the Supervisor lives: add-ons are reached from its address.
    home: Handle,
    client: reqwest::Client,
    add_on: Option<AddOn>,
    sessions: HashMap<String, Session>,
    /// How long a session lives without being used.
    lives: Duration,
}

#[derive(Debug)]
struct AddOn {
    slug: String,
    address: SocketAddr,
    token: String,
}

#[derive(Debug)]
struct Session {
    user: SimUser,
    until: Instant,
}

impl Ingress {
    /// One whose Supervisor lives on the current tokio runtime.
    pub(super) fn new(lives: Duration) -> std::io::Result<Self> {
        let client = reqwest::Client::builder().no_proxy().redirect(Policy::none()).build();
        Ok(Self {
            home: Handle::current(),
            client: client.map_err(std::io::Error::other)?,
            add_on: None,
            sessions: HashMap::new(),
            lives,
        })
    }

    /// Installs an add-on whose pages are at this address, in the place of another one.
    pub(super) fn install(&mut self, slug: &str, address: SocketAddr) {
        let token = format!("{:032x}-{:010x}", rand::random::<u128>(), rand::random::<u32>());
        self.add_on = Some(AddOn { slug: slug.to_owned(), address, token });
    }

    pub(super) fn uninstall(&mut self) {
        self.add_on = None;
    }

    /// Opens a session for a user.
    pub(super) fn open(&mut self, user: &SimUser) -> String {
        let session: String = (0..4).map(|_| format!("{:032x}", rand::random::<u128>())).collect();
        let until = Instant::now() + self.lives;
        self.sessions.insert(session.clone(), Session { user: user.clone(), until });
        session
    }

    /// Whose session it is; it lives longer then.
    pub(super) fn user_of(&mut self, session: &str) -> Option<SimUser> {
        let session = self.sessions.get_mut(session).filter(|session| session.until > Instant::now())?;
        session.until += self.lives;
        Some(session.user.clone())
    }

    pub(super) fn end_sessions(&mut self) {
        self.sessions.clear();
    }

    /// What the Supervisor tells of an add-on, as far as its pages are concerned.
    pub(super) fn info(&self, slug: &str) -> Option<Value> {
        let add_on = self.add_on.as_ref().filter(|add_on| add_on.slug == slug)?;
        let entry = format!("{PREFIX}{}", add_on.token);
        Some(json!({
            "slug": slug, "name": "Doorstep", "state": "started", "ingress": true, "ingress_entry": entry,
            "ingress_url": format!("{entry}/"), "ingress_port": add_on.address.port(), "ingress_panel": true,
        }))
    }

    fn address_of(&self, token: &str) -> Option<SocketAddr> {
        self.add_on.as_ref().filter(|add_on| add_on.token == token).map(|add_on| add_on.address)
    }
}

/// Answers a request below [`PREFIX`].
pub(super) async fn answer(core: &Core, request: Request) -> Answer {
    let path = request.path.strip_prefix(PREFIX).unwrap_or_default();
    let Some((token, path)) = path.split_once('/').map(|(token, path)| (token.to_owned(), path.to_owned()))
    else {
        return Answer::refusal(404);
    };
    let (passing, home) = {
        let mut office = core.office();
        let Some(ingress) = &mut office.ingress else { return Answer::refusal(404) };
        let user = request.cookie(COOKIE).and_then(|session| ingress.user_of(session));
        let Some(user) = user else { return Answer::refusal(401) };
        let Some(address) = ingress.address_of(&token) else { return Answer::refusal(503) };
        let Some(url) = request.with_query(&format!("http://{address}/{path}")) else {
            return Answer::refusal(400);
        };
        let passed = rewritten(ingress, &request, url, &token, &user);
        (passed.body(request.body), ingress.home.clone())
    };
    match home.spawn(pass(passing)).await {
        Ok(Some(answer)) => answer,
        _ => Answer::refusal(502),
    }
}

/// The request as the add-on gets it.
fn rewritten(
    ingress: &Ingress,
    request: &Request,
    url: Url,
    token: &str,
    user: &SimUser,
) -> reqwest::RequestBuilder {
    let method = request.method.parse().unwrap_or_default();
    let mut passed = ingress.client.request(method, url);
    for (name, value) in request.fields().filter(|(name, _)| !OURS.contains(name)) {
        passed = passed.header(name, value);
    }
    passed
        .header("X-Ingress-Path", format!("{PREFIX}{token}"))
        .header("X-Forwarded-Host", request.field("host").unwrap_or_default())
        .header("X-Forwarded-Proto", "http")
        .header("X-Forwarded-For", "127.0.0.1")
        .header("X-Remote-User-Id", &user.id)
        .header("X-Remote-User-Name", user.name.to_lowercase())
        .header("X-Remote-User-Display-Name", &user.name)
}

/// Asks the add-on.
async fn pass(request: reqwest::RequestBuilder) -> Option<Answer> {
    let reply = request.send().await.ok()?;
    let status = reply.status().as_u16();
    let fields = reply.headers().clone();
    let mut answer = Answer::raw(status, reply.bytes().await.ok()?);
    let kept = fields.iter().filter(|(name, _)| !OURS.contains(&name.as_str()));
    for (name, value) in kept {
        answer = answer.with(name.as_str().to_owned(), value.to_str().unwrap_or_default());
    }
    Some(answer)
}
