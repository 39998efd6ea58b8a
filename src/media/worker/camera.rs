//! A real camera: opened, read, and opened again, for as long as the worker lives.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use ffmpeg_next as ffmpeg;
use ffmpeg_next::codec::Id;
use ffmpeg_next::media::Type;
use url::Url;

use crate::liveness::Liveness;
use crate::picture_path::PicturePath;
use crate::pulse::Reason;
use crate::sound_path::SoundPath;
use crate::stage::Stage;
use crate::stream_facts::StreamFacts;
use crate::trouble::Trouble;
use doorstep::media::{FeedEvent, SoundFacts};

const OPEN_MS: i64 = 10_000;
const STALL_MS: i64 = 5_000;
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Decoders that may be opened on a camera's bytes, in this step only for sound and for looking.
const DECODERS: &str = "h264,hevc,aac,aac_latm,pcm_mulaw,pcm_alaw,opus,libopus";
const FORMATS: &str = "rtsp,mpegts,flv,mov,mp4,matroska,webm,h264";
const SOUNDS: [Id; 5] = [Id::AAC, Id::AAC_LATM, Id::PCM_MULAW, Id::PCM_ALAW, Id::OPUS];

/// Never comes back.
pub fn run(address: &str, stage: &Stage, liveness: &Arc<Liveness>, reason: &Reason) {
    let mut pause = Duration::ZERO;
    loop {
        let mut shown = false;
        let trouble = match show(address, stage, liveness, reason, &mut shown) {
            Ok(never) => match never {},
            Err(trouble) => trouble,
        };
        stage.tell(FeedEvent::Failed { reason: trouble.reason.clone(), unauthorized: trouble.unauthorized });
        let lasting = trouble.lasting;
        *reason.lock().unwrap_or_else(PoisonError::into_inner) = Some(trouble);
        pause = if shown { Duration::ZERO } else { pause * 2 }.clamp(Duration::from_secs(1), LONGEST_PAUSE);
        if lasting {
            // A camera may lock out who tries too often.
            pause = pause.max(Duration::from_secs(10));
        }
        liveness.back_within(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX / 2));
        std::thread::sleep(pause);
    }
}

/// Opens the camera and passes on what it sends until it no longer does.
fn show(
    address: &str,
    stage: &Stage,
    liveness: &Arc<Liveness>,
    reason: &Reason,
    shown: &mut bool,
) -> Result<std::convert::Infallible, Trouble> {
    let mut input = open(address, liveness)?;
    let picture = input.streams().best(Type::Video).map(|stream| StreamFacts::of(&stream));
    let picture = picture.ok_or_else(|| Trouble::lasting("the camera sends no picture".into()))?;
    if picture.codec != Id::H264 {
        return Err(not_showable(picture.codec));
    }
    let sound = input
        .streams()
        .best(Type::Audio)
        .map(|stream| (StreamFacts::of(&stream), stream.parameters()))
        .filter(|(facts, _)| SOUNDS.contains(&facts.codec));
    let sound_facts = sound.as_ref().map_or_else(
        || SoundFacts { codec: "none".into(), rate: 48_000 },
        |(facts, _)| SoundFacts { codec: facts.codec.name().to_owned(), rate: facts.rate },
    );
    let sound_index = sound.as_ref().map(|(facts, _)| facts.index);
    let mut sound = sound.map(|(facts, parameters)| SoundPath::new(facts, parameters));
    let mut picture = PicturePath::new(picture, sound_facts)?;
    stage.begin();
    stage.tell(picture.opened());
    let mut sound_errors = 0_u32;
    let mut packet = ffmpeg::Packet::empty();
    loop {
        liveness.back_within(STALL_MS);
        match packet.read(&mut input) {
            // An interrupted read first gives out what the parsers still hold.
            Ok(()) if liveness.is_overdue() => return Err(Trouble::in_stream(ffmpeg::Error::Exit, liveness)),
            Ok(()) => {}
            // One bad packet; the next one may be good.
            Err(ffmpeg::Error::InvalidData) if !liveness.is_overdue() => continue,
            Err(error) => return Err(Trouble::in_stream(error, liveness)),
        }
        if packet.stream() == picture.facts.index {
            if picture.take(&packet, stage)? && !*shown {
                *shown = true;
                *reason.lock().unwrap_or_else(PoisonError::into_inner) = None;
            }
        } else if Some(packet.stream()) == sound_index
            && let Some(path) = &mut sound
            && let Err(error) = path.take(&packet, stage)
        {
            sound_errors += 1;
            // Sound that cannot be decoded must not cost the picture; silence takes its place.
            if sound_errors.is_power_of_two() {
                eprintln!("{sound_errors} packets of sound cannot be decoded: {error}");
            }
        }
    }
}

fn open(address: &str, liveness: &Arc<Liveness>) -> Result<ffmpeg::format::context::Input, Trouble> {
    let scheme = Url::parse(address).map(|url| url.scheme().to_owned()).unwrap_or_default();
    let protocols = match scheme.as_str() {
        "rtsp" => "rtsp,tcp",
        "rtsps" => "rtsps,tls,tcp",
        "http" => "http,tcp",
        "https" => "https,http,tls,tcp",
        _ => return Err(Trouble::lasting("this kind of address cannot be opened".into())),
    };
    let mut options = ffmpeg::Dictionary::new();
    options.set("protocol_whitelist", protocols);
    options.set("format_whitelist", FORMATS);
    options.set("codec_whitelist", DECODERS);
    options.set("user_agent", concat!("Doorstep/", env!("CARGO_PKG_VERSION")));
    if scheme.starts_with("rtsp") {
        // The session description names the streams; all else is in the stream itself.
        options.set("analyzeduration", "100000");
        options.set("fpsprobesize", "0");
        options.set("rtsp_transport", "tcp");
        options.set("allowed_media_types", "video+audio");
        options.set("timeout", "10000000");
    } else {
        options.set("analyzeduration", "500000");
        options.set("rw_timeout", "10000000");
    }
    liveness.back_within(OPEN_MS);
    let watch = Arc::clone(liveness);
    ffmpeg::format::input_with_interrupt_and_dictionary(address, move || watch.is_overdue(), options)
        .map_err(|error| Trouble::at_open(error, liveness))
}

fn not_showable(codec: Id) -> Trouble {
    Trouble::lasting(match codec {
        Id::HEVC => "the camera sends H.265, which an Echo cannot show; choose its H.264 sub-stream".into(),
        other => {
            format!("the camera sends {}, which an Echo cannot show; choose its H.264 stream", other.name())
        }
    })
}
