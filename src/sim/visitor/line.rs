//! One session's way to the visitor's page and back.

use serde_json::{Value, json};
use tokio::sync::mpsc;

/// One session's way to the visitor's page and back. Dropping it tells the page that the session has ended.
#[derive(Debug)]
pub(in crate::sim) struct Line {
    session: String,
    to_page: mpsc::Sender<Value>,
    from_page: mpsc::Receiver<Value>,
}

impl Line {
    pub(super) fn new(session: &str, to_page: mpsc::Sender<Value>, from_page: mpsc::Receiver<Value>) -> Self {
        Self { session: session.to_owned(), to_page, from_page }
    }

    /// Tells the page something. False if it is gone or does not read.
    pub(in crate::sim) fn tell(&self, mut message: Value) -> bool {
        message["session"] = self.session.as_str().into();
        self.to_page.try_send(message).is_ok()
    }

    /// What the page says next; `None` once it is gone.
    pub(in crate::sim) async fn hear(&mut self) -> Option<Value> {
        self.from_page.recv().await
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.tell(json!({"end": true}));
    }
}
