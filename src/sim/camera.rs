//! The cameras of the simulated home.

use serde::Deserialize;

/// A camera of the simulated home: one device with its entities.
///
/// Programs are given as their arguments, the first one being the program itself. They are killed without
/// warning; one that starts others must replace itself by them (`exec`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimCamera {
    /// `front_door`: the second half of all its entity ids.
    pub key: String,
    /// The device's name.
    pub name: String,
    /// Name of the area that it is in.
    pub area: Option<String>,
    /// Model.
    pub model: String,
    /// It can be switched on and off.
    pub can_be_off: bool,
    /// Has `event.<key>_ring` of class doorbell, and `button.<key>_press` that rings it.
    pub doorbell: bool,
    /// Has `binary_sensor.<key>_motion`.
    pub motion: bool,
    /// Bell, button and motion are at a child device of the camera's.
    pub bell_on_child: bool,
    /// What `camera/capabilities` says: `hls`, `web_rtc`, both or nothing. `web_rtc` alone makes it a
    /// camera that speaks WebRTC itself; else the hub's own go2rtc stands between.
    pub stream_types: Vec<String>,
    /// What `camera/capabilities` says of its speaker; `None`: a hub that does not know that key yet.
    pub two_way_audio: Option<bool>,
    /// The program that is the far end of `camera/webrtc/offer`, started anew for each session. It reads and
    /// writes one JSON object a line. To it: `{"offer": "<sdp>"}`, then `{"candidate": "candidate:…"}` for each
    /// candidate of the client's; the end of its input ends it. From it: `{"answer": "<sdp>"}`,
    /// `{"candidate": "candidate:…"}`, `{"error": {"code": …, "message": …}}`; any other object is a report
    /// ([`SimHub::relay_reports`](super::hub::SimHub::relay_reports)).
    pub relay: Option<Vec<String>>,
    /// The far end is the visitor's page instead ([`SimHub::visitor`](super::hub::SimHub::visitor)).
    pub visitor: bool,
    /// Name of the data channel that it wants in an offer.
    pub data_channel: Option<String>,
    /// The program that writes its stream as fragmented MP4 (H.264 or H.265, AAC or none) to its output, with the
    /// options `-f mp4 -movflags +frag_every_frame+empty_moov+default_base_moof` of FFmpeg: the hub cuts parts
    /// at pictures, not at key pictures.
    pub hls: Option<Vec<String>>,
    /// Where its still pictures come from.
    pub still: Option<SimStill>,
    /// Further camera entities of the same device.
    pub profiles: Vec<SimProfile>,
}

/// Where still pictures come from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SimStill {
    /// Always the same JPEG.
    Jpeg(Vec<u8>),
    /// A program that prints a JPEG and ends.
    Program(Vec<String>),
}

/// A further camera entity of a device: `camera.<key>_<suffix>`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimProfile {
    /// `sub`
    pub suffix: String,
    /// `Sub stream`: the second half of its name.
    pub name: String,
    /// As of [`SimCamera`].
    pub stream_types: Vec<String>,
    /// Disabled by its integration.
    pub disabled: bool,
    /// Hidden by its integration.
    pub hidden: bool,
}

impl SimCamera {
    /// The demo's doorbell: `front_door`, with bell and motion.
    #[must_use]
    pub fn front_door() -> Self {
        Self {
            key: "front_door".into(),
            name: "Front door".into(),
            area: Some("Entrance".into()),
            model: "Doorbell One".into(),
            doorbell: true,
            motion: true,
            stream_types: vec!["hls".into()],
            two_way_audio: Some(false),
            ..Self::default()
        }
    }

    /// The demo's plain camera: `garden`.
    #[must_use]
    pub fn garden() -> Self {
        Self {
            key: "garden".into(),
            name: "Garden".into(),
            area: Some("Garden area".into()),
            model: "Cam Two".into(),
            stream_types: vec!["hls".into()],
            two_way_audio: Some(false),
            ..Self::default()
        }
    }

    /// The demo's other doorbell: `side_door`, whose camera, microphone and speaker are those of the visitor's page.
    #[must_use]
    pub fn side_door() -> Self {
        Self {
            key: "side_door".into(),
            name: "Side door".into(),
            area: Some("Entrance".into()),
            model: "Doorbell Two".into(),
            doorbell: true,
            motion: true,
            stream_types: vec!["web_rtc".into()],
            two_way_audio: Some(true),
            visitor: true,
            ..Self::default()
        }
    }

    /// Speaks WebRTC itself, without go2rtc between.
    pub(super) fn is_native(&self) -> bool {
        self.offers("web_rtc") && !self.offers("hls")
    }

    pub(super) fn offers(&self, way: &str) -> bool {
        self.stream_types.iter().any(|known| known == way)
    }
}
