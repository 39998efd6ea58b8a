//! What the house heard of its cameras.

use std::collections::VecDeque;

use serde::Serialize;

/// Happenings that are remembered.
const KEPT: usize = 200;

/// Something that the house heard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Happening {
    /// When, RFC 3339, UTC.
    pub at: String,
    /// What.
    pub what: What,
    /// Endpoint id of the camera; `None`: the house or its hub.
    pub endpoint_id: Option<String>,
    /// The camera's name at the time.
    pub camera: Option<String>,
}

/// The closed list of what is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The house started.
    Started,
    /// Somebody pressed the bell.
    Rang,
    /// The motion sensor sees something.
    MotionBegan,
    /// It sees nothing any more.
    MotionEnded,
    /// The camera cannot be shown.
    CameraAway,
    /// It can be shown again.
    CameraBack,
    /// Its privacy switch went off.
    SwitchedOff,
    /// Its privacy switch went on.
    SwitchedOn,
    /// Its part of the house died and is built anew.
    Restarted,
    /// The link to the hub was lost.
    HubAway,
    /// The hub is connected again.
    HubBack,
}

/// The last happenings, newest first.
#[derive(Debug, Default)]
pub(super) struct Happenings(VecDeque<Happening>);

impl Happenings {
    pub(super) fn add(&mut self, happening: Happening) {
        self.0.truncate(KEPT - 1);
        self.0.push_front(happening);
    }

    pub(super) fn last(&self, limit: usize) -> Vec<Happening> {
        self.0.iter().take(limit).cloned().collect()
    }
}
