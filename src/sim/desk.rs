//! The hub's side of one client's connection: what it asked to hear, and what waits for it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::office::SimUser;
use super::subscription::Subscription;

/// Messages that may wait for one client before the hub drops it.
const MOST_WAITING: usize = 4096;
/// Messages that may wait for one client for [`LONG_WAIT`].
const MANY_WAITING: usize = 1024;
const LONG_WAIT: Duration = Duration::from_secs(10);

/// How a client's connection is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// With a close frame of code 1000, which is what the hub sends whatever the reason.
    Close,
    /// Without a word, as when a cable is cut.
    Cut,
}

/// By which way a client came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// To the hub itself.
    Direct,
    /// By way of the Supervisor.
    Proxy,
}

/// The hub's side of one client's connection.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) user: SimUser,
    pub(super) token: String,
    pub(super) way: Way,
    pub(super) last_id: u64,
    pub(super) coalesce: bool,
    pub(super) subscriptions: BTreeMap<u64, Subscription>,
    waiting: VecDeque<String>,
    many_since: Option<Instant>,
    end: Option<End>,
    /// There is something to send or to end.
    pub(super) wake: Arc<Notify>,
    /// The connection ends even in the middle of a send.
    pub(super) kill: Arc<Notify>,
}

/// What a client is to be sent now.
pub(super) enum Outgoing {
    Frames(Vec<String>),
    Ended(End),
}

impl Desk {
    pub(super) fn new(user: SimUser, token: String, way: Way) -> Self {
        Self {
            user,
            token,
            way,
            last_id: 0,
            coalesce: false,
            subscriptions: BTreeMap::new(),
            waiting: VecDeque::new(),
            many_since: None,
            end: None,
            wake: Arc::default(),
            kill: Arc::default(),
        }
    }

    /// Puts one message, as text, into the queue to this client.
    pub(super) fn push(&mut self, text: String) {
        self.waiting.push_back(text);
        if self.waiting.len() <= MANY_WAITING {
            self.many_since = None;
        } else {
            let since = *self.many_since.get_or_insert_with(Instant::now);
            if self.waiting.len() > MOST_WAITING || since.elapsed() > LONG_WAIT {
                self.end(End::Close);
            }
        }
        self.wake.notify_one();
    }

    /// Ends the connection; the first reason counts.
    pub(super) fn end(&mut self, how: End) {
        self.end.get_or_insert(how);
        self.kill.notify_one();
        self.wake.notify_one();
    }

    /// What the client is to be sent now: with coalescing all that waits in one frame.
    pub(super) fn take(&mut self, silent: bool) -> Outgoing {
        if let Some(end) = self.end {
            return Outgoing::Ended(end);
        }
        if silent {
            return Outgoing::Frames(Vec::new());
        }
        let messages: Vec<String> = self.waiting.drain(..).collect();
        if self.coalesce && messages.len() > 1 {
            return Outgoing::Frames(vec![format!("[{}]", messages.join(","))]);
        }
        Outgoing::Frames(messages)
    }
}
