//! A real camera: opened, read, and opened again, for as long as the worker lives.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use ffmpeg_next as ffmpeg;
use ffmpeg_next::codec::Id;
use ffmpeg_next::media::Type;
use url::Url;

use super::annex_b::ParameterSets;
use super::liveness::Liveness;
use super::pulse::Reason;
use super::sound_path::SoundPath;
use super::stage::Stage;
use super::stream_facts::StreamFacts;
use super::trouble::Trouble;
use crate::media::wire::MAX_PICTURE;
use crate::media::{FeedEvent, SoundFacts, VideoFacts};

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
        let trouble = match show(address, stage, liveness, &mut shown) {
            Ok(never) => match never {},
            Err(trouble) => trouble,
        };
        trouble.reason.clone_into(&mut reason.lock().unwrap_or_else(PoisonError::into_inner));
        stage.tell(FeedEvent::Failed { reason: trouble.reason, unauthorized: trouble.unauthorized });
        pause = if shown { Duration::ZERO } else { pause * 2 }.clamp(Duration::from_secs(1), LONGEST_PAUSE);
        if trouble.lasting {
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
    shown: &mut bool,
) -> Result<std::convert::Infallible, Trouble> {
    let mut input = open(address, liveness)?;
    let picture = input.streams().best(Type::Video).map(|stream| StreamFacts::of(&stream));
    let picture = picture.ok_or_else(|| Trouble::lasting("the camera sends no picture".into()))?;
    showable(&picture)?;
    let sound = input
        .streams()
        .best(Type::Audio)
        .map(|stream| (StreamFacts::of(&stream), stream.parameters()))
        .filter(|(facts, _)| SOUNDS.contains(&facts.codec));
    stage.opened(opened(&picture, sound.as_ref().map(|(facts, _)| facts)));
    let sound_index = sound.as_ref().map(|(facts, _)| facts.index);
    let mut sound = sound.map(|(facts, parameters)| SoundPath::new(facts, parameters));
    let mut sets = ParameterSets::from_extradata(&picture.extradata);
    let mut sound_errors = 0_u32;
    let mut packet = ffmpeg::Packet::empty();
    loop {
        liveness.back_within(STALL_MS);
        match packet.read(&mut input) {
            Ok(()) => {}
            // One bad packet; the next one may be good.
            Err(ffmpeg::Error::InvalidData) if !liveness.is_overdue() => continue,
            Err(error) => return Err(Trouble::in_stream(error, liveness)),
        }
        if packet.stream() == picture.index {
            *shown |= pass(&packet, &picture, &mut sets, stage);
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

/// True if the picture was shown.
fn pass(packet: &ffmpeg::Packet, picture: &StreamFacts, sets: &mut ParameterSets, stage: &Stage) -> bool {
    let Some(data) = packet.data().filter(|data| !data.is_empty() && data.len() <= MAX_PICTURE - 1024) else {
        return false;
    };
    let (whole, idr) = sets.complete(data);
    let at = packet.pts().or(packet.dts()).map(|at| picture.ticks(at, 90_000));
    stage.picture(whole, at, idr)
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
    options.set("analyzeduration", "500000");
    if scheme.starts_with("rtsp") {
        options.set("rtsp_transport", "tcp");
        options.set("allowed_media_types", "video+audio");
        options.set("timeout", "10000000");
    } else {
        options.set("rw_timeout", "10000000");
    }
    liveness.back_within(OPEN_MS);
    let watch = Arc::clone(liveness);
    ffmpeg::format::input_with_interrupt_and_dictionary(address, move || watch.is_overdue(), options)
        .map_err(|error| Trouble::at_open(error, liveness))
}

fn showable(picture: &StreamFacts) -> Result<(), Trouble> {
    const WIDEST: u32 = 4096;
    const HIGHEST: u32 = 2304;
    match picture.codec {
        Id::H264 => {}
        Id::HEVC => {
            return Err(Trouble::lasting(
                "the camera sends H.265, which an Echo cannot show; choose its H.264 sub-stream".into(),
            ));
        }
        other => {
            return Err(Trouble::lasting(format!(
                "the camera sends {}, which an Echo cannot show; choose its H.264 stream",
                other.name()
            )));
        }
    }
    if picture.width > WIDEST || picture.height > HIGHEST {
        return Err(Trouble::lasting(format!(
            "unsupported picture size {}x{}",
            picture.width, picture.height
        )));
    }
    Ok(())
}

fn opened(picture: &StreamFacts, sound: Option<&StreamFacts>) -> FeedEvent {
    let why = if picture.reordered {
        "copied: H.264, but with B frames, which some devices show unsteadily; switch them off in the camera"
    } else {
        "copied: H.264"
    };
    FeedEvent::Opened {
        video: VideoFacts {
            codec: picture.codec.name().to_owned(),
            width: picture.width,
            height: picture.height,
            copied: true,
            why: why.into(),
        },
        sound: sound.map_or_else(
            || SoundFacts { codec: "none".into(), rate: 48_000 },
            |facts| SoundFacts { codec: facts.codec.name().to_owned(), rate: facts.rate },
        ),
    }
}
