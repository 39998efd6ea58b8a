//! The hub's HTTPS stream of a camera, for screens that know no WebRTC: whether Alexa may be told of it,
//! and where it is. Pure, but for [`StreamSource::find`].

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::Value;
use url::{Host, Url};

use super::CameraError;
use super::catalogue::Learnings;
use super::entity::Entity;
use crate::hub::bridge::{FindState, HubAddress, HubBridge, OpenStream};
use crate::hub::protocol::http_address;
use crate::hub::{HubCameraEntity, HubError};
use crate::media::TroubleKind;
use crate::seat::{AskError, Seat};
use crate::state::LearnedStream;

/// A stream that nobody reads ends at the hub after this long, seconds.
pub const IDLE_SECONDS: u32 = 30;
/// Largest state of an entity, bytes.
const LARGEST_STATE: usize = 256 * 1024;

/// How it stands with the stream of a camera for which the settings want one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ScreenStream {
    /// Alexa is told of it.
    Offered(ScreenStreamFacts),
    /// Alexa is not told of it; why, for people.
    Withheld(String),
}

/// What the stream is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScreenStreamFacts {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// AAC comes with the picture.
    pub sound: bool,
}

/// Where a stream comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamSource {
    /// The camera of the hub.
    pub entity: Entity,
    /// Where the hub is reached from the internet.
    pub base: Url,
    /// Nobody has looked at it yet.
    pub is_unknown: bool,
}

/// Ask of a CameraSession: where the stream is for a screen. Opens it at the hub.
#[derive(Debug, actix::Message)]
#[rtype(result = "Result<OpenedStream, CameraError>")]
pub struct FindStream {
    /// The answer must be there by then.
    pub within: Duration,
}

/// Answer to [`FindStream`].
#[derive(Debug, Clone)]
pub struct OpenedStream {
    /// What it is.
    pub facts: ScreenStreamFacts,
    /// Of its master playlist; a secret.
    pub stream: SecretString,
    /// Of a still picture; a secret.
    pub image: SecretString,
}

/// Whether Alexa may be told of the stream of this entity, and where it comes from.
#[must_use]
pub fn judge(
    entity: Option<&HubCameraEntity>,
    external_url: Option<&Url>,
    learned: &Learnings,
) -> (ScreenStream, Option<StreamSource>) {
    let no = |why: &str| (ScreenStream::Withheld(why.to_owned()), None);
    let Some(entity) = entity else { return no("the hub does not stream it by HLS") };
    let Some(base) = external_url.filter(|url| is_public(url)) else {
        return no(
            "a screen needs the hub's address in the internet: set the external URL in the hub's network \
             settings, https on port 443 with a host name",
        );
    };
    let known = learned.get(&entity.registry_id).and_then(|learned| learned.stream.as_ref());
    let source = StreamSource {
        entity: Entity { registry_id: entity.registry_id.clone(), entity_id: entity.entity_id.clone() },
        base: base.clone(),
        is_unknown: known.is_none(),
    };
    let stream = known.map_or_else(
        || {
            ScreenStream::Withheld(
                "its size and codecs are not known yet; the hub's stream is looked at".into(),
            )
        },
        facts,
    );
    (stream, Some(source))
}

/// A screen comes over the internet, and looks at the certificate's name.
fn is_public(url: &Url) -> bool {
    let has_name =
        matches!(url.host(), Some(Host::Domain(name)) if name.contains('.') && !name.ends_with(".local"));
    let is_plain = url.username().is_empty() && url.password().is_none();
    url.scheme() == "https" && url.port_or_known_default() == Some(443) && has_name && is_plain
}

/// What Alexa may be told of a stream whose codecs are known (RFC 6381).
fn facts(known: &LearnedStream) -> ScreenStream {
    let mut codecs = known.codecs.split(',').map(str::trim);
    if !codecs.clone().any(|codec| codec.starts_with("avc1.")) {
        return ScreenStream::Withheld(format!(
            "Alexa's screens take H.264 only, and the hub streams what the camera sends ({}); choose its H.264 \
             stream",
            known.codecs
        ));
    }
    // 40.34 is MP3.
    let sound = codecs.any(|codec| codec.starts_with("mp4a.40.") && codec != "mp4a.40.34");
    ScreenStream::Offered(ScreenStreamFacts { width: known.width, height: known.height, sound })
}

impl StreamSource {
    /// Opens the stream at the hub, and finds the camera's still picture there. Gives both addresses.
    ///
    /// # Errors
    /// When the hub is away, or does not stream this camera now.
    pub async fn find(
        &self,
        camera: &str,
        bridge: &Seat<HubBridge>,
        http: &reqwest::Client,
        within: Duration,
    ) -> Result<(SecretString, SecretString), CameraError> {
        let entity_id = self.entity.entity_id.clone();
        let open = OpenStream { entity_id: entity_id.clone(), base: Some(self.base.clone()) };
        let stream = async { told(camera, bridge.ask(open, within).await) };
        let image = async {
            let state = told(camera, bridge.ask(FindState { entity_id }, within).await)?;
            self.image(camera, state, http).await
        };
        let both = async { tokio::try_join!(stream, image) };
        tokio::time::timeout(within, both).await.map_err(|_| CameraError::Late(camera.to_owned()))?
    }

    /// The address of the still picture, as the hub itself gives it.
    async fn image(
        &self,
        camera: &str,
        state: HubAddress,
        http: &reqwest::Client,
    ) -> Result<SecretString, CameraError> {
        let away = |_| CameraError::HubAway(camera.to_owned());
        let none = || CameraError::Unreachable {
            camera: camera.to_owned(),
            kind: TroubleKind::Hub,
            reason: "the hub gives no still picture of it".into(),
        };
        let request = http.get(state.url).bearer_auth(state.bearer.expose_secret());
        let mut response = request.send().await.map_err(away)?;
        if !response.status().is_success() {
            return Err(none());
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(away)? {
            if body.len() + chunk.len() > LARGEST_STATE {
                return Err(none());
            }
            body.extend_from_slice(&chunk);
        }
        let state: Value = serde_json::from_slice(&body).map_err(|_| none())?;
        let picture = state.pointer("/attributes/entity_picture").and_then(Value::as_str);
        let address = picture.and_then(|path| http_address(&self.base, path).ok()).ok_or_else(none)?;
        Ok(String::from(address).into())
    }
}

/// What the hub said, or why it did not, as a camera's failure.
pub(super) fn told<T>(camera: &str, reply: Result<Result<T, HubError>, AskError>) -> Result<T, CameraError> {
    let camera = camera.to_owned();
    match reply {
        Ok(Ok(told)) => Ok(told),
        Ok(Err(HubError::Command { message, .. })) => {
            let reason = format!("the hub says: {message}");
            Err(CameraError::Unreachable { camera, kind: TroubleKind::Hub, reason })
        }
        Err(AskError::Late) => Err(CameraError::Late(camera)),
        Ok(Err(_)) | Err(_) => Err(CameraError::HubAway(camera)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::state::Learned;

    fn entity() -> HubCameraEntity {
        HubCameraEntity {
            registry_id: "r1".into(),
            entity_id: "camera.door".into(),
            name: String::new(),
            available: true,
            streams: true,
            switches: false,
            off: false,
            ways: None,
        }
    }

    fn with(codecs: &str, external_url: &str) -> ScreenStream {
        let stream = Some(LearnedStream { codecs: codecs.into(), width: 640, height: 360 });
        let learned = Learnings::from([("r1".into(), Learned { stream, ..Learned::default() })]);
        judge(Some(&entity()), Url::parse(external_url).ok().as_ref(), &learned).0
    }

    const PUBLIC: &str = "https://home.example.org";

    #[test]
    fn a_stream_is_told_with_the_size_and_the_sound_that_it_has() {
        let offered = |sound| ScreenStream::Offered(ScreenStreamFacts { width: 640, height: 360, sound });
        assert_eq!(with("avc1.640028,mp4a.40.2", PUBLIC), offered(true));
        assert_eq!(with("avc1.640028", PUBLIC), offered(false));
        assert_eq!(with("avc1.640028,mp4a.40.34", PUBLIC), offered(false));
    }

    #[test]
    fn a_stream_that_no_screen_could_show_is_withheld_with_the_reason() {
        let why = |stream: ScreenStream| match stream {
            ScreenStream::Withheld(why) => why,
            offered => format!("{offered:?}"),
        };
        assert!(why(with("hvc1.1.6.L120.B0,mp4a.40.2", PUBLIC)).contains("H.264 only"));
        for base in [
            "http://home.example.org",
            "https://home.example.org:8123",
            "https://192.0.2.7",
            "https://[2001:db8::1]",
            "https://homeassistant",
            "https://homeassistant.local",
            "https://user:word@home.example.org",
            "none",
        ] {
            assert!(why(with("avc1.640028", base)).contains("external URL"), "{base}");
        }
        let unknown = judge(Some(&entity()), Url::parse(PUBLIC).ok().as_ref(), &Learnings::new());
        assert!(why(unknown.0).contains("not known yet") && unknown.1.unwrap().is_unknown);
        assert!(why(judge(None, None, &Learnings::new()).0).contains("HLS"));
    }
}
