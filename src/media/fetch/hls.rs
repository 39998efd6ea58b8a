//! A live HLS stream, read part by part as it is made (low latency HLS).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use reqwest::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use url::Url;

use super::playlist::{self, Playlist};
use super::reader::{Reader, Step};
use super::{Begin, Fetch, FetchEnd, Form, Piece};
use crate::media::TroubleKind;

mod facts;

pub use facts::StreamFacts;

/// A stream that brings nothing new for this long has ended.
const STALL: Duration = Duration::from_secs(10);
/// The hub opens the camera for the first playlist.
const FIRST: Duration = Duration::from_secs(20);
/// Between two looks at a playlist whose server does not wait.
const POLL: Duration = Duration::from_millis(400);
/// A blocking reload that is answered without news is not asked again at once.
const BREATH: Duration = Duration::from_millis(50);
/// Largest part, bytes: some seconds of a camera at its best.
const LARGEST: usize = 32 * 1024 * 1024;
/// Bytes that are handed on at once; the worker's pipe takes no larger ones.
const BLOCK: usize = 4 * 1024 * 1024;

/// Opens the stream, and gives the address of its master playlist. It is a secret.
pub type OpenStream = Arc<dyn Fn() -> BoxFuture<'static, Result<SecretString, FetchEnd>> + Send + Sync>;

/// Reads a live stream.
#[derive(Clone)]
pub struct Hls {
    http: reqwest::Client,
    open: OpenStream,
}

impl std::fmt::Debug for Hls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hls")
    }
}

fn passing(reason: impl Into<String>) -> FetchEnd {
    FetchEnd::passing(TroubleKind::Hub, reason)
}

impl Hls {
    /// `open` is asked each time that the source begins.
    #[must_use]
    pub fn new(http: reqwest::Client, open: OpenStream) -> Self {
        Self { http, open }
    }

    async fn get(&self, url: Url, most: usize) -> Result<Bytes, FetchEnd> {
        let failed = |error: reqwest::Error| passing(super::plainly(&error));
        let mut response = self.http.get(url).send().await.map_err(failed)?;
        match response.status() {
            status if status.is_success() => {}
            StatusCode::NOT_FOUND | StatusCode::GONE => return Err(passing("the hub has ended the stream")),
            status => return Err(passing(format!("the hub answers HTTP {}", status.as_u16()))),
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > most {
                return Err(passing("the hub sends more than a stream can need"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }

    async fn text(&self, url: Url) -> Result<String, FetchEnd> {
        let body = self.get(url, playlist::LARGEST).await?;
        String::from_utf8(body.into()).map_err(|_| passing("the hub sent a playlist that cannot be read"))
    }

    async fn run(&self, to: &mpsc::Sender<Piece>) -> Result<(), FetchEnd> {
        let unreadable = || passing("the hub sent a playlist that cannot be read");
        let master = (self.open)().await?;
        let master = Url::parse(master.expose_secret()).map_err(|_| unreadable())?;
        let late = |_| passing("the hub's stream did not begin in time");
        let text = timeout(FIRST, self.text(master.clone())).await.map_err(late)??;
        let media = match playlist::variant(&text) {
            Some(uri) => within(&master, uri)?,
            None => master,
        };
        let mut reader = Reader::default();
        let mut waited: Option<(u64, u32)> = None;
        let mut news_until = Instant::now() + FIRST;
        loop {
            let mut address = media.clone();
            if let Some((segment, part)) = waited {
                address.set_query(Some(&format!("_HLS_msn={segment}&_HLS_part={part}")));
            }
            let left = news_until.saturating_duration_since(Instant::now());
            let text = timeout(left, self.text(address))
                .await
                .map_err(|_| passing("the hub's stream has stalled"))??;
            let list = Playlist::parse(&text).ok_or_else(unreadable)?;
            let steps = reader.steps(&list);
            let is_news = !steps.is_empty();
            for step in steps {
                let (Step::Head(uri) | Step::Part(uri)) = &step;
                let get = self.get(within(&media, uri)?, LARGEST);
                let data =
                    timeout(STALL, get).await.map_err(|_| passing("the hub's stream has stalled"))??;
                if matches!(step, Step::Head(_)) {
                    let begin = Begin { form: Form::Mp4, speaker: None, key_frames: None };
                    if to.send(Piece::Begin(begin)).await.is_err() {
                        return Ok(());
                    }
                }
                for start in (0..data.len()).step_by(BLOCK) {
                    let block = data.slice(start..(start + BLOCK).min(data.len()));
                    if to.send(Piece::Bytes(block)).await.is_err() {
                        return Ok(());
                    }
                }
            }
            if list.ended {
                return Err(passing("the hub has ended the stream"));
            }
            if is_news {
                news_until = Instant::now() + STALL;
            }
            waited = reader.awaited().filter(|_| list.blocking && list.has_parts);
            match (waited, is_news) {
                (Some(_), true) => {}
                (Some(_), false) => sleep(BREATH).await,
                (None, _) => sleep(POLL).await,
            }
        }
    }
}

/// An address of the stream's own server: nobody is sent elsewhere.
fn within(base: &Url, uri: &str) -> Result<Url, FetchEnd> {
    let url = base.join(uri).map_err(|_| passing("the hub's stream names an address that is none"))?;
    if url.origin() == base.origin() { Ok(url) } else { Err(passing("the hub's stream leads elsewhere")) }
}

#[async_trait]
impl Fetch for Hls {
    fn name(&self) -> &'static str {
        "the hub's stream"
    }

    async fn fetch(&self, to: mpsc::Sender<Piece>) -> FetchEnd {
        match self.run(&to).await {
            Ok(()) => passing("nobody looks any more"),
            Err(end) => end,
        }
    }
}
