//! `Alexa.CameraStreamController`: a camera's HTTPS stream, for screens that know no WebRTC.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use super::envelope::Envelope;
use super::message::{Fault, Request};

/// The namespace.
pub const NAMESPACE: &str = "Alexa.CameraStreamController";

/// What a screen may be given. The stream is HLS, its picture H.264, and its address holds its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// AAC comes with the picture.
    pub sound: bool,
}

/// Where a screen finds it.
#[derive(Debug)]
pub struct Address {
    /// Of the stream; a secret.
    pub stream: SecretString,
    /// Of a still picture, for the time until the stream is there; a secret.
    pub image: SecretString,
    /// The stream ends when nobody has asked for it for this long, seconds.
    pub idle_seconds: u32,
}

impl Description {
    fn resolution(&self) -> Value {
        json!({ "width": self.width, "height": self.height })
    }

    fn audio_codec(&self) -> &'static str {
        if self.sound { "AAC" } else { "NONE" }
    }
}

/// How it is declared.
#[must_use]
pub fn capability(stream: &Description) -> Value {
    json!({
        "type": "AlexaInterface",
        "interface": NAMESPACE,
        "version": "3",
        "cameraStreamConfigurations": [{
            "protocols": ["HLS"],
            "resolutions": [stream.resolution()],
            "authorizationTypes": ["NONE"],
            "videoCodecs": ["H264"],
            "audioCodecs": [stream.audio_codec()],
        }],
    })
}

/// What a directive of this namespace asks for. There is one stream, so a list of wishes is good if that
/// one may be among them.
pub(super) fn request(name: &str, payload: &Map<String, Value>) -> Result<Request, Fault> {
    if name != "InitializeCameraStreams" {
        return Err(Fault::unknown(NAMESPACE, name));
    }
    let wishes = payload.get("cameraStreams").and_then(Value::as_array);
    let wishes = wishes.ok_or_else(|| Fault::value("payload.cameraStreams is not a list"))?;
    if wishes.iter().any(|wish| wish.get("protocol").and_then(Value::as_str) == Some("HLS")) {
        Ok(Request::Stream)
    } else {
        Err(Fault::value("payload.cameraStreams wants nothing by HLS"))
    }
}

/// The answer to InitializeCameraStreams.
#[must_use]
pub fn response(directive: &Envelope, stream: &Description, address: &Address) -> Value {
    let payload = json!({
        "cameraStreams": [{
            "uri": address.stream.expose_secret(),
            "idleTimeoutSeconds": address.idle_seconds,
            "protocol": "HLS",
            "resolution": stream.resolution(),
            "authorizationType": "NONE",
            "videoCodec": "H264",
            "audioCodec": stream.audio_codec(),
        }],
        "imageUri": address.image.expose_secret(),
    });
    directive.event(NAMESPACE, "Response", payload)
}
