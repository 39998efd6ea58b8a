//! What is said of a way to a speaker that was found.

use super::TalkWay;
use crate::camera::sentence::Sentence;
use crate::media::talk::SpeakerFormat;

/// Why one can talk by this way.
pub(super) fn found(way: &TalkWay) -> Sentence {
    match way {
        TalkWay::Screen => on_screen(),
        TalkWay::BackChannel { format, .. } => offers(format),
        TalkWay::Relay(_) => Sentence::new("relay_speaker", "the hub's relay brings a speaker"),
    }
}

/// The test picture has no speaker.
pub(in crate::camera) fn on_screen() -> Sentence {
    Sentence::new("screen", "it shows how loud it is")
}

/// A back channel was found.
pub(in crate::camera) fn offers(format: &SpeakerFormat) -> Sentence {
    let text = format!("its own address offers a speaker ({format})");
    Sentence::new("back_channel", text).with("format", format.to_string())
}
