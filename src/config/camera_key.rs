//! The keys of one `[[camera]]`, and what they are set to.

use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::masked_address::masked;
use super::{Camera, Kind, Prefer, Talk, Toggle};

/// What can be set of a camera, beside the `id` or `entity` that says which one it is.
pub const CAMERA_KEYS: &[&str] =
    &["name", "kind", "bell", "motion", "source", "prefer", "talk", "echo_cancel", "warm", "stream", "alexa"];

impl Camera {
    /// All of [`CAMERA_KEYS`], the address without what is secret in it.
    #[must_use]
    pub fn shown(&self) -> Value {
        json!({
            "name": self.name,
            "kind": self.kind.map(|kind| match kind {
                Kind::Camera => "camera",
                Kind::Doorbell => "doorbell",
            }),
            "bell": self.bell,
            "motion": self.motion,
            "source": self.source.as_ref().map(|source| masked(source.expose_secret())),
            "prefer": match self.prefer {
                Prefer::Auto => "auto",
                Prefer::Source => "source",
                Prefer::Relay => "relay",
                Prefer::Hls => "hls",
                Prefer::Still => "still",
            },
            "talk": match self.talk {
                Talk::Auto => "auto",
                Talk::None => "none",
                Talk::Rtsp => "rtsp",
                Talk::Relay => "relay",
            },
            "echo_cancel": match self.echo_cancel {
                Toggle::Auto => "auto",
                Toggle::On => "on",
                Toggle::Off => "off",
            },
            "warm": self.warm,
            "stream": self.stream,
            "alexa": self.alexa,
        })
    }

    /// True if anything of it is set to something else there.
    #[must_use]
    pub fn differs(&self, other: &Self) -> bool {
        let source = |camera: &Self| camera.source.as_ref().map(|source| source.expose_secret().to_owned());
        let is_same = self.id == other.id && self.entity == other.entity && source(self) == source(other);
        !is_same || self.shown() != other.shown()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_camera_shows_all_of_its_keys_as_they_are_written() {
        let written = json!({
            "name": "Front", "kind": "doorbell", "bell": "event.a", "motion": "binary_sensor.a",
            "source": "rtsp://cam/1", "prefer": "source", "talk": "rtsp", "echo_cancel": "off",
            "warm": true, "stream": true, "alexa": false,
        });
        let camera: Camera = serde_json::from_value(written.clone()).unwrap();
        assert_eq!(camera.shown(), written);
        let shown = camera.shown();
        assert!(CAMERA_KEYS.iter().all(|key| shown.get(key).is_some()));
        for (key, choices) in [
            ("kind", &["camera", "doorbell"][..]),
            ("prefer", &["auto", "source", "relay", "hls", "still"]),
            ("talk", &["auto", "none", "rtsp", "relay"]),
            ("echo_cancel", &["auto", "on", "off"]),
        ] {
            for choice in choices {
                let camera: Camera = serde_json::from_value(json!({ key: choice })).unwrap();
                assert_eq!(camera.shown()[key], **choice);
            }
        }
    }

    #[test]
    fn a_camera_with_another_password_is_another_one() {
        let camera = |source: &str| -> Camera {
            serde_json::from_value(json!({ "id": "a", "source": source })).unwrap()
        };
        assert!(camera("rtsp://u:one@cam/").differs(&camera("rtsp://u:two@cam/")));
        assert!(!camera("rtsp://u:one@cam/").differs(&camera("rtsp://u:one@cam/")));
    }
}
