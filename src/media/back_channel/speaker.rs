//! Which of a camera's tracks is its speaker, and in which format it is spoken to.

use super::BackChannelError;
use super::aac::aac;
use super::description::{Description, Encoding, Track};
use crate::media::scrub::tidy;
use crate::media::talk::SpeakerFormat;

/// Formats that are named when none fits.
const NAMED: usize = 4;

/// A camera's speaker as it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Speaker {
    /// Place in [`Description::tracks`].
    pub track: usize,
    pub payload: u8,
    pub format: SpeakerFormat,
}

impl Speaker {
    /// The speaker that is offered, in the format that is best for talk: µ-law, which every camera with a back
    /// channel must take, then A-law, both with a frame of 20 ms; AAC, whose frame lasts 64 ms at 16 kHz and whose
    /// decoders add one more, only where there is nothing else. A camera's own order says nothing about that.
    ///
    /// # Errors
    /// When there is none, or none that is spoken to here.
    pub fn choose(description: &Description) -> Result<Self, BackChannelError> {
        let tracks = || description.tracks.iter().enumerate();
        // Who marks its picture so, too, means its own direction: that is a microphone.
        let is_muddled = tracks().any(|(_, track)| track.kind == "video" && track.is_sendonly);
        let is_speaker = |track: &Track| track.kind == "audio" && track.is_sendonly && !is_muddled;
        let speakers = tracks().filter(|(_, track)| is_speaker(track));
        let offered: Vec<_> =
            speakers.flat_map(|(at, track)| track.encodings().map(move |encoding| (at, encoding))).collect();
        if !tracks().any(|(_, track)| is_speaker(track)) {
            return Err(BackChannelError::NoSpeaker);
        }
        let fitting = offered.iter().filter_map(|(track, encoding)| {
            let format = format(encoding)?;
            Some(Self { track: *track, payload: encoding.payload, format })
        });
        let best = fitting.min_by_key(|speaker| match speaker.format {
            SpeakerFormat::Pcmu => 0,
            SpeakerFormat::Pcma => 1,
            SpeakerFormat::Aac { .. } | SpeakerFormat::Opus => 2,
        });
        best.ok_or_else(|| BackChannelError::Format(names(offered.iter().map(|(_, encoding)| encoding))))
    }
}

fn format(encoding: &Encoding<'_>) -> Option<SpeakerFormat> {
    match (encoding.name.as_str(), encoding.clock_rate, encoding.channels) {
        ("PCMU", 8_000, 1) => Some(SpeakerFormat::Pcmu),
        ("PCMA", 8_000, 1) => Some(SpeakerFormat::Pcma),
        ("MPEG4-GENERIC", ..) => aac(encoding),
        _ => None,
    }
}

/// For people: `G726-32 (8000 Hz), L16 (16000 Hz)`.
fn names<'a>(offered: impl Iterator<Item = &'a Encoding<'a>>) -> String {
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let mut names: Vec<String> = Vec::new();
    for Encoding { name, clock_rate, .. } in offered {
        let name: String = tidy(name, 20).chars().filter(is_plain).collect();
        let name = format!("{name} ({clock_rate} Hz)");
        if names.len() < NAMED && !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() { "a format that it does not name".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn choose(sections: &str) -> Result<Speaker, BackChannelError> {
        let sdp = format!("v=0\r\no=- 1 1 IN IP4 10.0.0.2\r\ns=x\r\na=control:*\r\n{sections}");
        Speaker::choose(&Description::parse(sdp.as_bytes()))
    }

    const PICTURE: &str = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=recvonly\r\na=control:t1\r\n";
    const MICROPHONE: &str = "m=audio 0 RTP/AVP 0\r\na=recvonly\r\na=control:t2\r\n";

    #[test]
    fn the_speaker_is_the_sound_that_the_client_sends() {
        let speaker = "m=audio 0 RTP/AVP 8\na=sendonly\na=control:t3\n";
        let found = choose(&format!("{PICTURE}{MICROPHONE}{speaker}")).unwrap();
        assert_eq!(found, Speaker { track: 2, payload: 8, format: SpeakerFormat::Pcma });
        assert_eq!(choose(&format!("{PICTURE}{MICROPHONE}")), Err(BackChannelError::NoSpeaker));
        let own_direction = format!("{PICTURE}{MICROPHONE}").replace("recvonly", "sendonly");
        assert_eq!(choose(&own_direction), Err(BackChannelError::NoSpeaker));
        assert_eq!(choose("m=application 0 RTP/AVP 107\na=sendonly\n"), Err(BackChannelError::NoSpeaker));
    }

    #[test]
    fn of_several_formats_the_one_with_the_least_delay_is_taken() {
        let aac = "a=rtpmap:97 MPEG4-GENERIC/16000/1\na=fmtp:97 mode=AAC-hbr;config=1408;sizelength=13;indexlength=3;indexdeltalength=3\n";
        let section =
            |payloads: &str, maps: &str| format!("m=audio 0 RTP/AVP {payloads}\n{maps}a=sendonly\n");
        let pcmu = Speaker { track: 0, payload: 0, format: SpeakerFormat::Pcmu };
        assert_eq!(choose(&section("97 8 0", aac)).unwrap(), pcmu);
        let pcma = Speaker { payload: 8, format: SpeakerFormat::Pcma, ..pcmu };
        assert_eq!(choose(&section("97 8", aac)).unwrap(), pcma);
        let two = format!("{}{}", section("97", aac), section("98", "a=rtpmap:98 PCMU/8000\n"));
        assert_eq!(choose(&two).unwrap(), Speaker { track: 1, payload: 98, ..pcmu });
        let one = Speaker { payload: 97, format: SpeakerFormat::Aac { rate: 16_000, channels: 1 }, ..pcmu };
        assert_eq!(choose(&section("97", aac)).unwrap(), one);
    }

    #[test]
    fn formats_that_are_not_made_are_named() {
        let section = "m=audio 0 RTP/AVP 2 98 99 99 100 110\na=sendonly\na=rtpmap:98 PCMU/16000\na=rtpmap:99 L16/16000/2\n\
                       a=rtpmap:100 <b>x y/8000\n";
        let named = "G726-32 (8000 Hz), PCMU (16000 Hz), L16 (16000 Hz), BXY (8000 Hz)";
        assert_eq!(choose(section), Err(BackChannelError::Format(named.into())));
        let none = choose("m=audio 0 RTP/AVP 110\na=sendonly\n").unwrap_err();
        assert!(none.is_lasting() && none.to_string().contains("does not name"), "{none}");
    }

    proptest::proptest! {
        #[test]
        fn any_body_can_be_read(body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300), text in "(m=audio 0 RTP/AVP [0-9 ]{0,9}\n|a=[a-z]{1,8}:?[0-9]{0,3} ?[A-Z/0-9;=]{0,20}\n){0,9}") {
            Speaker::choose(&Description::parse(&body)).ok();
            Speaker::choose(&Description::parse(text.as_bytes())).ok();
        }
    }
}
