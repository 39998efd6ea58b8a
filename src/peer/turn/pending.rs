//! Requests that wait for their response.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rtc::stun::message::TransactionId;

use super::ask::Ask;

/// From one sending of a request to the next, and from the last to giving up. Over a stream, where
/// nothing is sent twice, their sum.
pub(in crate::peer) const WAITS: [Duration; 5] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_millis(1000),
    Duration::from_millis(2000),
    Duration::from_millis(4000),
];
/// Requests at once.
const MOST: usize = 64;

/// A request on its way.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) ask: Ask,
    /// Times that the server wanted it signed anew.
    pub(super) challenged: u32,
    message: Vec<u8>,
    sent: usize,
    at: Instant,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Pending {
    /// Nothing gets lost on the way.
    reliable: bool,
    requests: HashMap<[u8; 12], Request>,
}

impl Pending {
    pub(super) fn new(reliable: bool) -> Self {
        Self { reliable, requests: HashMap::new() }
    }

    /// False if there are too many already.
    pub(super) fn has_room(&self) -> bool {
        self.requests.len() < MOST
    }

    pub(super) fn insert(
        &mut self,
        id: TransactionId,
        ask: Ask,
        challenged: u32,
        message: Vec<u8>,
        now: Instant,
    ) {
        let wait = if self.reliable { WAITS.iter().sum() } else { WAITS[0] };
        let sent = if self.reliable { WAITS.len() } else { 1 };
        self.requests.insert(id.0, Request { ask, challenged, message, sent, at: now + wait });
    }

    pub(super) fn remove(&mut self, id: TransactionId) -> Option<Request> {
        self.requests.remove(&id.0)
    }

    pub(super) fn put_back(&mut self, id: TransactionId, request: Request) {
        self.requests.insert(id.0, request);
    }

    pub(super) fn is_asking(&self, ask: Ask) -> bool {
        self.requests.values().any(|request| request.ask == ask)
    }

    /// When there is something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.requests.values().map(|request| request.at).min()
    }

    /// Sends again what is due; what was never answered is taken out and returned.
    pub(super) fn tick(&mut self, now: Instant, mut send: impl FnMut(Vec<u8>)) -> Vec<Ask> {
        let mut silent = Vec::new();
        self.requests.retain(|_, request| {
            if request.at > now {
                return true;
            }
            let Some(wait) = WAITS.get(request.sent) else {
                silent.push(request.ask);
                return false;
            };
            send(request.message.clone());
            request.sent += 1;
            request.at = now + *wait;
            true
        });
        silent
    }
}
