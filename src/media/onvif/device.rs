//! A camera's ONVIF services over HTTP.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use futures_util::future::select_ok;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use reqwest::{Client, StatusCode};
use time::OffsetDateTime;

use super::OnvifError;
use super::answer::{Answer, Refused};
use super::login::Login;
use super::request::{MediaVersion, Request};
use super::target::{StreamPath, Target};
use crate::media::AddressPolicy;

/// Of one request.
const DEADLINE: Duration = Duration::from_secs(2);
/// Bytes.
pub const MAX_ANSWER: usize = 256 << 10;
const DEVICE_SERVICE: &str = "/onvif/device_service";
/// Where makers put the device service: most at 80, some at one of the others.
const PORTS: [u16; 5] = [80, 8080, 8000, 8899, 2020];
const TLS_PORT: u16 = 443;
/// Codes of faults that want a login, or another one.
const NO_LOGIN: [&str; 2] = ["NotAuthorized", "FailedAuthentication"];

/// A client that follows nobody elsewhere.
pub fn client() -> Result<Client, OnvifError> {
    Client::builder()
        .no_proxy()
        .timeout(DEADLINE)
        // Cameras have few connections to give, and close them when they like.
        .pool_max_idle_per_host(0)
        .redirect(reqwest::redirect::Policy::none())
        // A camera's certificate is its own work; what is sent tells no password.
        .tls_danger_accept_invalid_certs(true)
        .build()
        .map_err(|_| OnvifError::Connection)
}

/// A camera whose device service has answered.
pub struct Device {
    http: Client,
    /// `http://192.0.2.7:8899`
    base: String,
    /// How far its clock is ahead of ours.
    ahead: time::Duration,
    login: Option<Login>,
}

/// The media service's profile that is the stream that is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    version: MediaVersion,
    path: String,
    token: String,
}

impl Device {
    /// Looks for the device service at the ports that are usual for it, but where the policy forbids it.
    pub async fn find(http: &Client, target: &Target, policy: &AddressPolicy) -> Result<Self, OnvifError> {
        let tls = target.tls.then_some(("https", TLS_PORT));
        let places = tls.into_iter().chain(PORTS.map(|port| ("http", port)));
        let allowed: Vec<_> = places
            .map(|(scheme, port)| (scheme, SocketAddr::new(target.ip, port)))
            .filter(|(_, at)| policy.allows(*at))
            .map(|(scheme, at)| Self::at(http.clone(), format!("{scheme}://{at}")).boxed())
            .collect();
        if allowed.is_empty() {
            return Err(OnvifError::NoDevice);
        }
        let (mut device, _others) = select_ok(allowed).await.map_err(|_| OnvifError::NoDevice)?;
        device.login = target.user.clone().map(Login::new);
        Ok(device)
    }

    /// A clock can be asked for by anybody. Whoever tells none is no ONVIF device.
    async fn at(http: Client, base: String) -> Result<Self, OnvifError> {
        let mut device = Self { http, base, ahead: time::Duration::ZERO, login: None };
        let text = device.ask(DEVICE_SERVICE, Request::SystemDateAndTime).await?;
        device.ahead = Answer::parse(&text)?.clock_ahead(SystemTime::now())?;
        Ok(device)
    }

    /// The profile whose stream is this one, of the newer media service if that knows it.
    pub async fn profile(&mut self, stream: &StreamPath) -> Result<Profile, OnvifError> {
        let mut last = OnvifError::NoMedia;
        for (version, path) in self.media().await? {
            match self.profile_of(version, &path, stream).await {
                Ok(token) => return Ok(Profile { version, path, token }),
                // A camera may lock a user out who fails too often.
                Err(OnvifError::Unauthorized) => return Err(OnvifError::Unauthorized),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Asks for a key picture.
    pub async fn synchronize(&mut self, profile: &Profile) -> Result<(), OnvifError> {
        let request = Request::SynchronizationPoint(profile.version, &profile.token);
        let text = self.ask(&profile.path, request).await?;
        Ok(Answer::parse(&text)?.synchronizes(profile.version)?)
    }

    async fn media(&mut self) -> Result<Vec<(MediaVersion, String)>, OnvifError> {
        let services = match self.ask(DEVICE_SERVICE, Request::Services).await {
            Ok(text) => Answer::parse(&text)?.services(),
            Err(OnvifError::Status(_)) => Err(Refused::Senseless("nothing")),
            Err(error) => return Err(error),
        };
        match services {
            Ok(services) if !services.is_empty() => Ok(services),
            // It is older than the question.
            _ => {
                let text = self.ask(DEVICE_SERVICE, Request::Capabilities).await?;
                let path = Answer::parse(&text)?.media_capability()?;
                Ok(path.map(|path| (MediaVersion::One, path)).into_iter().collect())
            }
        }
    }

    async fn profile_of(
        &mut self,
        version: MediaVersion,
        path: &str,
        stream: &StreamPath,
    ) -> Result<String, OnvifError> {
        let text = self.ask(path, Request::Profiles(version)).await?;
        let mut tokens = Answer::parse(&text)?.profiles(version)?;
        let mut given = Vec::with_capacity(tokens.len());
        for token in &tokens {
            // Of a profile without a picture there is no stream.
            let uri = match tokens.len() {
                1 => None,
                _ => match self.ask(path, Request::StreamUri(version, token)).await {
                    Ok(text) => Answer::parse(&text)?.stream_uri(version).ok().flatten(),
                    Err(OnvifError::Status(_)) => None,
                    Err(error) => return Err(error),
                },
            };
            given.push(uri.as_deref().and_then(StreamPath::parse));
        }
        Ok(tokens.swap_remove(stream.find(&given)?))
    }

    /// Asks, with a login only where one is needed.
    async fn ask(&mut self, path: &str, request: Request<'_>) -> Result<String, OnvifError> {
        match self.ask_as(path, request, !request.is_open()).await {
            Err(OnvifError::Unauthorized) if request.is_open() && self.login.is_some() => {
                self.ask_as(path, request, true).await
            }
            answer => answer,
        }
    }

    /// Asks, and once more by HTTP Digest if the camera wants that.
    async fn ask_as(&mut self, path: &str, request: Request<'_>, user: bool) -> Result<String, OnvifError> {
        let login = self.login.as_ref().filter(|_| user);
        let now = OffsetDateTime::now_utc().checked_add(self.ahead).ok_or(Refused::Senseless("no date"))?;
        let header = login.map(|login| login.header(now, rand::random())).unwrap_or_default();
        let response = self.post(path, request, request.envelope(&header), None).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return read(response).await;
        }
        let login = self.login.as_mut().filter(|_| user).ok_or(OnvifError::Unauthorized)?;
        let body = request.envelope("");
        let challenges = response.headers().get_all(WWW_AUTHENTICATE).iter();
        let challenges = challenges.filter_map(|challenge| challenge.to_str().ok());
        let authorization = login.answer(challenges, path, body.as_bytes())?;
        read(self.post(path, request, body, Some(authorization)).await?).await
    }

    async fn post(
        &self,
        path: &str,
        request: Request<'_>,
        body: String,
        authorization: Option<String>,
    ) -> Result<reqwest::Response, OnvifError> {
        let kind = format!("application/soap+xml; charset=utf-8; action=\"{}\"", request.action());
        let mut post = self.http.post(format!("{}{path}", self.base)).header(CONTENT_TYPE, kind).body(body);
        if let Some(authorization) = authorization {
            post = post.header(AUTHORIZATION, authorization);
        }
        // The client's own text holds the address.
        post.send().await.map_err(|_| OnvifError::Connection)
    }
}

/// The text of an answer. A fault comes with a status of its own, so only an empty one is judged by that.
async fn read(mut response: reqwest::Response) -> Result<String, OnvifError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| OnvifError::Connection)? {
        if bytes.len() + chunk.len() > MAX_ANSWER {
            return Err(OnvifError::Connection);
        }
        bytes.extend_from_slice(&chunk);
    }
    let status = response.status();
    match String::from_utf8(bytes) {
        _ if status == StatusCode::UNAUTHORIZED => Err(OnvifError::Unauthorized),
        Ok(text) if NO_LOGIN.iter().any(|code| text.contains(code)) => Err(OnvifError::Unauthorized),
        Ok(text) if text.contains("Envelope") => Ok(text),
        _ => Err(OnvifError::Status(status.as_u16())),
    }
}
