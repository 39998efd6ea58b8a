//! What is kept of one call.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Outcome, Plot};

/// What is kept of one call.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CallRecord {
    /// Our own id of the call.
    pub id: String,
    /// Camera's name at the time.
    pub camera: String,
    /// Camera's endpoint id.
    pub endpoint_id: String,
    /// Alexa's id of the call.
    pub session_id: String,
    /// The page played the Echo.
    pub from_page: bool,
    /// RFC 3339, UTC, ms.
    pub started: String,
    /// RFC 3339, UTC, ms; absent while it goes on.
    pub ended: Option<String>,
    /// How it ended, for people; absent while it goes on.
    pub end_reason: Option<String>,
    /// What became of it; absent while it goes on.
    pub outcome: Option<Outcome>,
    /// What the outcome's sentence says beside the names, such as seconds.
    pub outcome_values: Map<String, Value>,
    /// What was shown: copied or encoded and why, codec, size; absent before the first picture.
    pub video: Option<VideoRecord>,
    /// What went wrong during the call, for people.
    pub trouble: Vec<String>,
    /// ms since the offer came.
    pub stages: Stages,
    /// What flowed.
    pub counters: Counters,
    /// How the line to the far end was; absent until a path was found.
    pub network: Option<NetworkRecord>,
    /// How one talked; absent before the answer.
    pub talk: Option<TalkRecord>,
    /// How the line was over time; absent in lists of calls that have ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plot: Option<Plot>,
}

impl CallRecord {
    /// An offer that got no answer.
    #[must_use]
    pub fn is_unanswered(&self) -> bool {
        self.ended.is_some() && self.stages.answer_sent.is_none()
    }
}

/// See [`CallRecord::talk`]. Levels are in dBFS, of the loudest second; absent before somebody talked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TalkRecord {
    /// The way to the speaker, for people: `its own back channel`, `the hub's relay`; absent if there is none.
    pub path: Option<String>,
    /// Why it is so, for people.
    pub why: String,
    /// `full`, or `half`: one side at a time.
    pub duplex: String,
    /// This call's user had the speaker.
    pub talked: bool,
    /// When the speaker was first open, ms since the offer came.
    pub opened: Option<u64>,
    /// What went wrong with the speaker last, for people.
    pub trouble: Option<String>,
    /// What the speaker was given.
    pub speaker_dbfs: Option<f32>,
    /// What the microphone heard.
    pub microphone_dbfs: Option<f32>,
    /// What of that was passed on.
    pub passed_dbfs: Option<f32>,
    /// How much of the echo was taken away, dB, as measured last.
    pub erle_db: Option<f32>,
    /// From the speaker to the microphone, ms, as measured last.
    pub delay_ms: Option<u32>,
    /// What was found out about the echo: `none`, `cancelled`, `left`.
    pub echo: Option<String>,
}

/// See [`CallRecord::network`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NetworkRecord {
    /// How we reach the far end: `direct` or `relay`.
    pub path: String,
    /// What its address is to it: `host`, `srflx`, `prflx` or `relay` (RFC 8445 4).
    pub far: String,
    /// The last measured round trip, ms; absent if it reported none.
    pub round_trip_ms: Option<u32>,
    /// The longest one, ms.
    pub longest_round_trip_ms: Option<u32>,
    /// Packets of the picture that did not arrive at once, percent.
    pub loss_percent: f64,
    /// The same for the worst five seconds.
    pub worst_loss_percent: f64,
    /// Most that the line carries now, kbit/s; absent while no end was seen.
    pub rate_kbps: Option<u32>,
    /// The least that it carried, kbit/s.
    pub least_rate_kbps: Option<u32>,
}

/// See [`CallRecord::video`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct VideoRecord {
    /// Where it comes from: `its own address`, `the hub's relay`.
    pub from: String,
    /// `copy` or `transcode`.
    pub mode: String,
    /// Why.
    pub why: String,
    /// The camera's codec.
    pub codec: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

/// See [`CallRecord::stages`]; each absent until it happened.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Stages {
    /// The answer left.
    pub answer_sent: Option<u64>,
    /// ICE found a path.
    pub ice_connected: Option<u64>,
    /// DTLS is up.
    pub dtls_connected: Option<u64>,
    /// The camera's own picture was there to be sent.
    pub camera_shown: Option<u64>,
    /// The first picture left, or one that says that the camera shows nothing.
    pub first_video_sent: Option<u64>,
    /// The first sound from the far end.
    pub first_talk_received: Option<u64>,
}

/// See [`CallRecord::counters`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counters {
    /// RTP packets sent, without those sent again.
    pub packets_sent: u64,
    /// RTP packets sent again.
    pub retransmitted: u64,
    /// RTP packets that the far end asked for again.
    pub repairs_wanted: u64,
    /// Wishes for a packet that were not fulfilled: too often, too late, or more than the line bears.
    pub repairs_refused: u64,
    /// NACK messages.
    pub nack: u64,
    /// PLI messages.
    pub pli: u64,
    /// FIR messages.
    pub fir: u64,
    /// Last REMB, kbit/s; 0 if none came.
    pub remb_kbps: u32,
    /// Opus packets from the far end.
    pub talk_packets: u64,
    /// Pictures not sent because this viewer was slow.
    pub pictures_dropped: u64,
}
