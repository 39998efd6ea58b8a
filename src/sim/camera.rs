//! The cameras of the simulated home.

/// A camera of the simulated home: one device with its entities.
#[derive(Debug, Clone)]
pub struct SimCamera {
    /// `front_door`: the second half of all its entity ids.
    pub key: String,
    /// The device's name.
    pub name: String,
    /// Name of the area that it is in.
    pub area: Option<String>,
    /// Model.
    pub model: String,
    /// Has `event.<key>_ring` of class doorbell, and `button.<key>_press` that rings it.
    pub doorbell: bool,
    /// Has `binary_sensor.<key>_motion`.
    pub motion: bool,
    /// What `camera/capabilities` says: `hls`, `web_rtc`, both or nothing.
    pub stream_types: Vec<String>,
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
            doorbell: false,
            motion: false,
            stream_types: vec!["hls".into()],
        }
    }
}
