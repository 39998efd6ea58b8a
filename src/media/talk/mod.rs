//! The way of a person's words to a camera's speaker, and what its microphone hears of them.

mod echo;
mod report;
mod setup;
mod speaker;
mod speaker_format;

pub use echo::{EchoFinding, EchoRule};
pub use report::TalkReport;
pub use setup::{Duplex, TalkSetup};
pub use speaker::{SpeakerEvent, SpeakerSpec, SpeakerWay};
pub use speaker_format::SpeakerFormat;
