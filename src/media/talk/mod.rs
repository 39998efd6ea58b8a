//! The way of a person's words to a camera's speaker, and what its microphone hears of them.

mod echo;
mod report;
mod setup;
mod speaker_event;
mod speaker_format;
mod speaker_spec;

pub use echo::{EchoFinding, EchoRule};
pub use report::TalkReport;
pub use setup::{Duplex, TalkSetup};
pub use speaker_event::SpeakerEvent;
pub use speaker_format::SpeakerFormat;
pub use speaker_spec::{SpeakerSpec, SpeakerWay};
