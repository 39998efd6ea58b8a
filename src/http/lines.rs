//! Answers that come line by line (`application/x-ndjson`): what happens as it happens, and what came of it.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_ENCODING};
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::refusal;

/// The type of such an answer.
const LINES: &str = "application/x-ndjson";
/// Lines that wait for whoever reads them.
const WAITING: usize = 64;

/// One piece of work of a kind at a time: each opens a camera or a connection, and the page is no tool to look around in
/// the network.
pub(super) struct OneAtATime<Kind>(Arc<Semaphore>, PhantomData<fn() -> Kind>);

impl<Kind> Default for OneAtATime<Kind> {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)), PhantomData)
    }
}

impl<Kind> OneAtATime<Kind> {
    /// The place, until it is dropped; `None` while it is taken.
    pub(super) fn place(&self) -> Option<OwnedSemaphorePermit> {
        self.0.clone().try_acquire_owned().ok()
    }
}

/// 429 with the reason, for people.
pub(super) fn busy(text: &str) -> HttpResponse {
    refusal(StatusCode::TOO_MANY_REQUESTS, text)
}

/// Takes what happens, for whoever reads the answer.
#[derive(Clone)]
pub(super) struct Progress(mpsc::Sender<Value>);

impl Progress {
    /// A line `{"progress": ...}`.
    pub(super) fn tell(&self, progress: impl Into<Value>) {
        self.line(json!({ "progress": progress.into() }));
    }

    /// Any line. Whoever reads too slowly misses it, but not the last one.
    pub(super) fn line(&self, line: Value) {
        self.0.try_send(line).ok();
    }
}

/// Whether an answer is wanted line by line.
pub(super) fn wanted(request: &HttpRequest) -> bool {
    request.headers().get(ACCEPT).is_some_and(|kinds| kinds.as_bytes() == LINES.as_bytes())
}

/// Answers with what `work` tells and then with what it gives. It ends when whoever asked leaves;
/// `place` is held until then.
pub(super) fn lines<W>(place: OwnedSemaphorePermit, work: impl FnOnce(Progress) -> W) -> HttpResponse
where
    W: Future<Output = Value> + 'static,
{
    let (lines, told) = mpsc::channel(WAITING);
    let work = work(Progress(lines.clone()));
    actix_web::rt::spawn(async move {
        let _place = place;
        let last = tokio::select! {
            () = lines.closed() => return,
            last = work => last,
        };
        lines.send(last).await.ok();
    });
    let body = futures_util::stream::unfold(told, async |mut told| Some((told.recv().await?, told)));
    let body = body.map(|line: Value| Ok::<_, Infallible>(web::Bytes::from(format!("{line}\n"))));
    HttpResponse::Ok()
        .content_type(LINES)
        .insert_header((CACHE_CONTROL, "no-store"))
        // A compressor would hold lines back.
        .insert_header((CONTENT_ENCODING, "identity"))
        .streaming(body)
}
