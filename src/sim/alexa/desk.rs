//! What the two doubles know together.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::double::Arrival;
use super::script::{Call, Script};

/// Of the client that the doubles know.
pub(super) const CLIENT_ID: &str = "amzn1.application-oa2-client.5b1e0c5d";
/// Its secret.
pub(super) const CLIENT_SECRET: &str = "amzn1.oa2-cs.v1.double-secret-7d1f";

#[derive(Default)]
pub(super) struct Desk {
    book: Mutex<Book>,
    /// Something came.
    pub(super) news: Notify,
}

pub(super) struct Book {
    pub(super) script: Script,
    /// Codes that were not used yet.
    pub(super) codes: HashSet<String>,
    pub(super) refresh_tokens: HashSet<String>,
    /// Access tokens, and until when they are good.
    pub(super) access_tokens: HashMap<String, Instant>,
    pub(super) expires_in: Duration,
    /// Host that the question for the region is answered with.
    pub(super) region: String,
    pub(super) message_ids: HashSet<String>,
    pub(super) arrivals: Vec<Arrival>,
    /// When each call came.
    pub(super) calls: HashMap<Call, Vec<Instant>>,
}

impl Default for Book {
    fn default() -> Self {
        Self {
            script: Script::default(),
            codes: HashSet::new(),
            refresh_tokens: HashSet::new(),
            access_tokens: HashMap::new(),
            expires_in: Duration::from_secs(3600),
            region: String::new(),
            message_ids: HashSet::new(),
            arrivals: Vec::new(),
            calls: HashMap::new(),
        }
    }
}

impl Desk {
    pub(super) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    pub(super) fn came(&mut self, call: Call) {
        self.calls.entry(call).or_default().push(Instant::now());
    }

    pub(super) fn calls(&self, call: Call) -> Vec<Instant> {
        self.calls.get(&call).cloned().unwrap_or_default()
    }

    pub(super) fn is_good(&self, access_token: &str) -> bool {
        self.access_tokens.get(access_token).is_some_and(|until| Instant::now() < *until)
    }
}
