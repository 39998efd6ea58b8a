//! The handle of the doubles.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use super::super::http::{Answer, Request};
use super::desk::{CLIENT_ID, CLIENT_SECRET, Desk};
use super::script::{Call, Kind, Step};
use super::{event_gateway, token_server};

/// An event that came, and how it was answered.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// When it was there, whole.
    pub at: Instant,
    /// Status that it got.
    pub status: u16,
    /// What it said; null if it was no JSON.
    pub body: Value,
    /// What was wrong with it, in sentences.
    pub faults: Vec<String>,
}

impl Arrival {
    /// `DoorbellPress`, `ChangeReport` and so on.
    #[must_use]
    pub fn name(&self) -> &str {
        self.text("/event/header/name")
    }

    /// The endpoint that it is about; empty for a report of endpoints.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        self.text("/event/endpoint/endpointId")
    }

    /// The token that it carries.
    #[must_use]
    pub fn token(&self) -> &str {
        super::judge::token_in(&self.body).map_or("", String::as_str)
    }

    fn text(&self, place: &str) -> &str {
        self.body.pointer(place).and_then(Value::as_str).unwrap_or_default()
    }
}

/// A token server and an event gateway at one address. Dropping it stops both.
pub struct AlexaDouble {
    address: SocketAddr,
    desk: Arc<Desk>,
    _stop: DropGuard,
}

impl AlexaDouble {
    /// Starts at a free port of the loopback, on the current tokio runtime.
    ///
    /// # Errors
    /// When there is none.
    pub async fn start() -> std::io::Result<Self> {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// The same at an address of one's own.
    ///
    /// # Errors
    /// When it cannot be listened at.
    pub async fn start_at(address: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let desk = Arc::new(Desk::default());
        desk.book().region = format!("http://{address}");
        let stop = CancellationToken::new();
        let (serving, ended) = (desk.clone(), stop.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = tokio::select! {
                () = ended.cancelled() => return,
                accepted = listener.accept() => accepted,
            } {
                tokio::spawn(ended.clone().run_until_cancelled_owned(serve(serving.clone(), stream)));
            }
        });
        Ok(Self { address, desk, _stop: stop.drop_guard() })
    }

    /// For `alexa.token_url`.
    #[must_use]
    pub fn token_url(&self) -> String {
        format!("http://{}/auth/o2/token", self.address)
    }

    /// For `alexa.events_url`.
    #[must_use]
    pub fn events_url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// For `alexa.client_id`.
    #[must_use]
    pub fn client_id(&self) -> &'static str {
        CLIENT_ID
    }

    /// For `alexa.client_secret`.
    #[must_use]
    pub fn client_secret(&self) -> &'static str {
        CLIENT_SECRET
    }

    /// A code for AcceptGrant; good once.
    #[must_use]
    pub fn make_code(&self) -> String {
        let code = format!("AN{}", Uuid::new_v4().simple());
        self.desk.book().codes.insert(code.clone());
        code
    }

    /// How long access tokens last that are made from now on.
    pub fn set_expires_in(&self, lifetime: Duration) {
        self.desk.book().expires_in = lifetime;
    }

    /// The host that the question for the region is answered with.
    pub fn set_region(&self, host: &str) {
        host.clone_into(&mut self.desk.book().region);
    }

    /// All access tokens are refused from now on; new ones are good.
    pub fn forget_access_tokens(&self) {
        self.desk.book().access_tokens.clear();
    }

    /// All refresh tokens are refused from now on: the user has taken the permission away.
    pub fn forget_refresh_tokens(&self) {
        self.desk.book().refresh_tokens.clear();
    }

    /// How the next calls are answered, one after the other.
    pub fn script(&self, call: Call, steps: impl IntoIterator<Item = Step>) {
        self.desk.book().script.add(call, steps);
    }

    /// How all calls are answered that no script is for.
    pub fn stand(&self, call: Call, step: Step) {
        self.desk.book().script.stand(call, step);
    }

    /// The events that came so far, in the order of their answers.
    #[must_use]
    pub fn events(&self) -> Vec<Arrival> {
        self.desk.book().arrivals.clone()
    }

    /// When calls of a kind came.
    #[must_use]
    pub fn calls(&self, call: Call) -> Vec<Instant> {
        self.desk.book().calls(call)
    }

    /// All refresh and access tokens that are good.
    #[must_use]
    pub fn tokens(&self) -> Vec<String> {
        let book = self.desk.book();
        book.refresh_tokens.iter().chain(book.access_tokens.keys()).cloned().collect()
    }

    /// Waits until `look` finds something among the events that came; `None` when it does not in time.
    pub async fn wait_for<T>(&self, within: Duration, look: impl Fn(&[Arrival]) -> Option<T>) -> Option<T> {
        let found = async {
            loop {
                let news = self.desk.news.notified();
                if let Some(found) = look(&self.events()) {
                    return found;
                }
                news.await;
            }
        };
        tokio::time::timeout(within, found).await.ok()
    }
}

async fn serve(desk: Arc<Desk>, mut stream: TcpStream) {
    let mut bytes = Vec::new();
    while let Some(request) = Request::read(&mut stream, &mut bytes).await {
        let Some(answer) = answer(&desk, &request).await else { return };
        if answer.write(&mut stream).await.is_err() || request.is_last() {
            return;
        }
    }
}

/// `None`: the connection is closed.
async fn answer(desk: &Desk, request: &Request) -> Option<Answer> {
    let call = match request.path.as_str() {
        "/auth/o2/token" => Call::Token,
        "/v3/events" if request.method == "POST" => Call::Events,
        "/v1/alexaApiEndpoint" => Call::Endpoint,
        _ => return Some(Answer::refusal(404)),
    };
    let at = Instant::now();
    let Step { delay, kind } = {
        let mut book = desk.book();
        book.came(call);
        book.script.next(call)
    };
    tokio::time::sleep(delay).await;
    let scripted = match kind {
        Kind::Proper => None,
        Kind::Refusal(status, code) => Some((status, code)),
        Kind::Garbage => {
            return Some(Answer::ok("application/json", &b"\xff{\"access_token\": [garbage"[..]));
        }
        Kind::Hang => std::future::pending().await,
        Kind::HangUp => return None,
    };
    let answer = {
        let mut book = desk.book();
        match (call, scripted) {
            (Call::Token, Some((status, error))) => token_server::refusal(status, &error),
            (Call::Token, None) => token_server::answer(&mut book, request),
            (Call::Endpoint, Some((status, code))) => event_gateway::refusal(status, &code),
            (Call::Endpoint, None) => event_gateway::endpoint(&book, request),
            (Call::Events, scripted) => event_gateway::event(&mut book, request, at, scripted),
        }
    };
    desk.news.notify_waiters();
    Some(answer)
}
