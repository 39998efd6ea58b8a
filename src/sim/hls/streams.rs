//! The streams that run now.

use std::collections::HashMap;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::stream::Stream;

/// The streams that run now, by camera entity.
#[derive(Debug)]
pub(in crate::sim) struct Streams {
    running: HashMap<String, Arc<Stream>>,
    stop: CancellationToken,
}

impl Streams {
    /// All of them end with `stop`.
    pub(in crate::sim) fn new(stop: CancellationToken) -> Self {
        Self { running: HashMap::new(), stop }
    }

    /// The stream of a camera, and whether it is a new one, which is to be run.
    pub(in crate::sim) fn open(&mut self, entity_id: &str, program: Vec<String>) -> (Arc<Stream>, bool) {
        if let Some(stream) = self.running.get(entity_id) {
            stream.touch();
            return (stream.clone(), false);
        }
        let stream = Arc::new(Stream::new(entity_id, program, self.stop.child_token()));
        self.running.insert(entity_id.to_owned(), stream.clone());
        (stream, true)
    }

    pub(super) fn with_token(&self, token: &str) -> Option<Arc<Stream>> {
        self.running.values().find(|stream| stream.token == token).cloned()
    }

    /// Ends a camera's stream: its address is good no longer. False if there was none.
    pub(in crate::sim) fn end(&mut self, entity_id: &str) -> bool {
        let ended = self.running.remove(entity_id);
        ended.inspect(|stream| stream.end()).is_some()
    }

    /// Ends all streams.
    pub(in crate::sim) fn end_all(&mut self) {
        self.running.drain().for_each(|(_, stream)| stream.end());
    }

    /// Forgets a stream that has ended by itself.
    pub(super) fn forget(&mut self, ended: &Stream) {
        self.running.retain(|_, stream| stream.token != ended.token);
    }

    /// Streams that run.
    pub(in crate::sim) fn count(&self) -> usize {
        self.running.len()
    }
}
