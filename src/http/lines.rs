//! Answers that come line by line (`application/x-ndjson`): what happens as it happens, and what came of it.

use std::convert::Infallible;

use actix_web::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_ENCODING};
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

/// The type of such an answer.
const LINES: &str = "application/x-ndjson";
/// Lines that wait for whoever reads them.
const WAITING: usize = 64;

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
