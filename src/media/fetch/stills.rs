//! A camera's still pictures, one a second.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use reqwest::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::mpsc;
use tokio::time::{sleep_until, timeout};
use url::Url;

use super::{Begin, Fetch, FetchEnd, Form, PictureCodec, Piece};
use crate::media::TroubleKind;
use crate::media::still::is_jpeg;

/// Between two pictures; the hub asks the camera for each.
const EVERY: Duration = Duration::from_secs(1);
/// The hub itself gives a camera 10 s.
const PATIENCE: Duration = Duration::from_secs(12);
/// Largest picture, bytes.
const LARGEST: usize = 4 * 1024 * 1024;

/// How a picture is fetched.
#[derive(Debug, Clone)]
pub struct StillRequest {
    /// Where it is.
    pub url: Url,
    /// Whoever holds this may see it.
    pub bearer: SecretString,
}

/// Says how the picture is fetched at the moment.
pub type FindRequest = Arc<dyn Fn() -> BoxFuture<'static, Result<StillRequest, FetchEnd>> + Send + Sync>;

/// Fetches a camera's still picture over and over.
#[derive(Clone)]
pub struct Stills {
    http: reqwest::Client,
    find: FindRequest,
}

impl std::fmt::Debug for Stills {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stills")
    }
}

impl Stills {
    /// `find` is asked each time that the source begins.
    #[must_use]
    pub fn new(http: reqwest::Client, find: FindRequest) -> Self {
        Self { http, find }
    }

    /// Fetches a single one.
    ///
    /// # Errors
    /// As for the source; the text is for people.
    pub async fn fetch_one(&self) -> Result<Bytes, FetchEnd> {
        let request = (self.find)().await?;
        self.in_time(&request).await
    }

    async fn in_time(&self, request: &StillRequest) -> Result<Bytes, FetchEnd> {
        let late = || passing("the hub gave no picture in time");
        timeout(PATIENCE, self.one(request)).await.map_err(|_| late())?
    }

    async fn one(&self, request: &StillRequest) -> Result<Bytes, FetchEnd> {
        let get = self.http.get(request.url.clone()).bearer_auth(request.bearer.expose_secret());
        // The client's own text may hold the address.
        let mut response = get.send().await.map_err(|error| passing(super::plainly(&error)))?;
        match response.status() {
            status if status.is_success() => {}
            StatusCode::SERVICE_UNAVAILABLE => return Err(lasting("the camera is switched off in the hub")),
            StatusCode::NOT_FOUND => return Err(lasting("the hub has no picture of this camera")),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                let reason = "the hub refuses our token; make a new one in the hub";
                return Err(FetchEnd::lasting(TroubleKind::HubLogin, reason));
            }
            StatusCode::INTERNAL_SERVER_ERROR => return Err(passing("the camera gave the hub no picture")),
            status => return Err(passing(format!("the hub answers HTTP {}", status.as_u16()))),
        }
        let mut picture = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| passing(super::plainly(&error)))? {
            if picture.len() + chunk.len() > LARGEST {
                return Err(lasting("its picture is too large"));
            }
            picture.extend_from_slice(&chunk);
        }
        if is_jpeg(&picture) { Ok(picture.freeze()) } else { Err(lasting("its picture is no JPEG")) }
    }

    async fn run(&self, to: &mpsc::Sender<Piece>) -> Result<(), FetchEnd> {
        let request = (self.find)().await?;
        let began = Instant::now();
        let mut begun = false;
        loop {
            let next = Instant::now() + EVERY;
            let data = self.in_time(&request).await?;
            if !begun {
                begun = true;
                let form = Form::Packets { picture: PictureCodec::Jpeg, sound: None };
                let begin = Begin { form, speaker: None, key_frames: None };
                if to.send(Piece::Begin(begin)).await.is_err() {
                    return Ok(());
                }
            }
            let ticks = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX / 90) * 90;
            if to.send(Piece::Picture { data, ticks }).await.is_err() {
                return Ok(());
            }
            sleep_until(next.into()).await;
        }
    }
}

fn passing(reason: impl Into<String>) -> FetchEnd {
    FetchEnd::passing(TroubleKind::Hub, reason)
}

fn lasting(reason: &str) -> FetchEnd {
    FetchEnd::lasting(TroubleKind::Hub, reason)
}

#[async_trait]
impl Fetch for Stills {
    fn name(&self) -> &'static str {
        "the hub's stills"
    }

    async fn fetch(&self, to: mpsc::Sender<Piece>) -> FetchEnd {
        match self.run(&to).await {
            Ok(()) => passing("nobody looks any more"),
            Err(end) => end,
        }
    }
}
