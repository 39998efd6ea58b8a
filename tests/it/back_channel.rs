//! Speech through a camera's ONVIF back channel: GStreamer's server is the camera, and tells what its speaker played.

use std::f64::consts::TAU;
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use doorstep::media::Destination;
use doorstep::media::back_channel::{BackChannel, BackChannelError, Unreached, look};
use doorstep::media::talk::SpeakerFormat;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::fixture::{Camera, CameraOptions, Talk};

const FRAME: Duration = Duration::from_millis(20);
const SAMPLES: u32 = 160;
const TONE_HZ: f64 = 1_000.0;
const PASSWORD: &str = "pa:ss\"w\\d+%";
const SOON: Duration = Duration::from_secs(20);

pub fn destination(url: &str) -> Destination {
    serde_json::from_value(json!({ "address": url, "ip": "127.0.0.1" })).unwrap()
}

/// G.711 of a sample (ITU-T G.711, tables 1 and 2).
fn encode(format: SpeakerFormat, sample: i32) -> u8 {
    let sign = if sample < 0 { 0 } else { 0x80 };
    let is_mu = format == SpeakerFormat::Pcmu;
    let size = (sample.abs() + if is_mu { 132 } else { 0 }).clamp(0, 32_767);
    if is_mu {
        let exponent = (0..8).rev().find(|exponent| size >= 128 << exponent).unwrap_or(0);
        let mantissa = size >> (exponent + 3) & 15;
        !(u8::try_from(exponent << 4 | mantissa).unwrap() | (0x80 - sign))
    } else {
        let exponent = (1..8).rev().find(|exponent| size >= 128 << exponent).unwrap_or(0);
        let mantissa = size >> (exponent.max(1) + 3) & 15;
        (u8::try_from(exponent << 4 | mantissa).unwrap() | sign) ^ 0x55
    }
}

/// A frame of a tone.
fn frame(format: SpeakerFormat, number: u32) -> Bytes {
    let sample = |at: u32| {
        let angle = TAU * TONE_HZ * f64::from(number * SAMPLES + at) / 8_000.0;
        #[allow(clippy::cast_possible_truncation)]
        encode(format, (8_000.0 * angle.sin()) as i32)
    };
    (0..SAMPLES).map(sample).collect()
}

/// Says that many frames, on time.
async fn say(frames: &mpsc::Sender<Bytes>, format: SpeakerFormat, numbers: std::ops::Range<u32>) {
    let start = Instant::now();
    for (place, number) in numbers.enumerate() {
        sleep_until(start + FRAME * u32::try_from(place).unwrap()).await;
        frames.send(frame(format, number)).await.unwrap();
    }
}

/// Access units of a tone, by FFmpeg's encoder: its ADTS without the headers (ISO/IEC 13818-7, section 6.2).
fn aac_units(seconds: u32) -> Vec<Bytes> {
    let tone = format!("sine=frequency={TONE_HZ}:sample_rate=16000:duration={seconds}");
    let encoded = Command::new("ffmpeg")
        .args([
            "-v", "error", "-f", "lavfi", "-i", &tone, "-ac", "1", "-c:a", "aac", "-b:a", "32k", "-f",
            "adts", "-",
        ])
        .output()
        .expect("ffmpeg, see `make setup-test`");
    let (mut rest, mut units) = (Bytes::from(encoded.stdout), Vec::new());
    while rest.len() > 7 {
        let length = usize::from(rest[3] & 3) << 11 | usize::from(rest[4]) << 3 | usize::from(rest[5] >> 5);
        units.push(rest.split_to(length).slice(7..));
    }
    units
}

/// What the speaker has played once it has played so much.
async fn played(camera: &Camera, samples: u32) -> Talk {
    let until = Instant::now() + SOON;
    loop {
        let talk = camera.talk();
        match talk {
            Some(talk) if talk.samples >= samples.into() => return talk,
            talk => assert!(Instant::now() < until, "{talk:?}"),
        }
        sleep(FRAME).await;
    }
}

async fn all_left(camera: &Camera) {
    let until = Instant::now() + SOON;
    while {
        let (came, _, left) = camera.clients();
        came != left
    } {
        assert!(Instant::now() < until, "{:?}", camera.clients());
        sleep(FRAME).await;
    }
}

#[tokio::test]
async fn speech_is_played_by_a_cameras_speaker_from_the_first_frame_to_the_last() {
    for (codec, format, login) in
        [("pcmu", SpeakerFormat::Pcmu, "digest"), ("pcma", SpeakerFormat::Pcma, "basic")]
    {
        let options = CameraOptions::default().speaker(codec).locked("view@er", PASSWORD, login);
        let camera = Camera::start(options).await;
        let to = destination(camera.url());
        assert_eq!(look(&to).await, Ok(format));
        all_left(&camera).await;
        assert_eq!(camera.clients(), (1, 0, 1), "to look is not to play");

        let opening = Instant::now();
        let channel = BackChannel::open(&to).await.unwrap();
        println!("{codec}: open after {:?}", opening.elapsed());
        assert_eq!(channel.format(), format);
        let (frames, given) = mpsc::channel(50);
        let running = tokio::spawn(channel.run(given));
        say(&frames, format, 0..200).await;
        // The camera tells once a second, and only what was played by then: the last word comes after a pause.
        sleep(Duration::from_millis(1_200)).await;
        say(&frames, format, 200..201).await;
        let talk = played(&camera, 201 * SAMPLES).await;
        assert_eq!(talk.samples, u64::from(201 * SAMPLES));
        let tone = talk.tone_hz.unwrap();
        assert!((tone - TONE_HZ).abs() < 5.0, "{talk:?}");
        // A tone of a quarter of full scale, as -15.3 dBFS.
        assert!(talk.levels[1..3].iter().all(|level| (level + 15.3).abs() < 1.0), "{talk:?}");

        drop(frames);
        let ended = timeout(Duration::from_secs(5), running).await.expect("an end").unwrap();
        assert_eq!(ended, Ok(()));
        all_left(&camera).await;
    }
}

#[tokio::test]
async fn a_speaker_that_takes_only_aac_gets_it() {
    let camera = Camera::start(CameraOptions::default().speaker("aac")).await;
    let channel = BackChannel::open(&destination(camera.url())).await.unwrap();
    assert_eq!(channel.format(), SpeakerFormat::Aac { rate: 16_000, channels: 1 });
    let (frames, given) = mpsc::channel(16);
    let running = tokio::spawn(channel.run(given));
    let units = aac_units(4);
    let count = u32::try_from(units.len()).unwrap();
    for unit in units {
        frames.send(unit).await.unwrap();
        sleep(Duration::from_millis(64)).await;
    }
    // The decoder keeps one unit until the next comes.
    let talk = played(&camera, (count - 20) * 1_024).await;
    assert!((talk.tone_hz.unwrap() - TONE_HZ).abs() < 5.0, "{talk:?}");
    drop(frames);
    assert_eq!(running.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn what_waited_while_the_speaker_was_opened_is_played_in_full_and_the_end_of_interest_hangs_up() {
    let camera = Camera::start(CameraOptions::default().speaker("pcmu")).await;
    let channel = BackChannel::open(&destination(camera.url())).await.unwrap();
    let (frames, given) = mpsc::channel(50);
    for number in 0..50 {
        frames.try_send(frame(channel.format(), number)).unwrap();
    }
    let running = tokio::spawn(channel.run(given));
    say(&frames, SpeakerFormat::Pcmu, 50..130).await;
    sleep(Duration::from_millis(1_200)).await;
    say(&frames, SpeakerFormat::Pcmu, 130..131).await;
    assert_eq!(played(&camera, 131 * SAMPLES).await.samples, u64::from(131 * SAMPLES));
    running.abort();
    all_left(&camera).await;
}

#[tokio::test]
async fn a_camera_without_a_speaker_says_so() {
    let camera = Camera::start(CameraOptions::default()).await;
    let to = destination(camera.url());
    assert_eq!(look(&to).await, Err(BackChannelError::NoSpeaker));
    assert_eq!(BackChannel::open(&to).await.err(), Some(BackChannelError::NoSpeaker));
    all_left(&camera).await;
}

#[tokio::test]
async fn a_wrong_password_is_told_without_it() {
    for login in ["digest", "basic"] {
        let options = CameraOptions::default().speaker("pcmu").locked("viewer", PASSWORD, login);
        let camera = Camera::start(options).await;
        let wrong = format!("rtsp://viewer:hunter2@127.0.0.1:{}/live", camera.port());
        for url in [wrong, format!("rtsp://127.0.0.1:{}/live", camera.port())] {
            let why = look(&destination(&url)).await.unwrap_err();
            assert_eq!(why, BackChannelError::Unauthorized);
            assert!(why.is_lasting() && !why.to_string().contains("hunter2"));
        }
        all_left(&camera).await;
    }
}

#[tokio::test]
async fn cameras_that_are_away_busy_or_mute_are_told_apart() {
    for (fault, why) in [
        ("closed", BackChannelError::NotReached(Unreached::Port)),
        ("refuse", BackChannelError::Busy),
        ("mute", BackChannelError::Silent),
    ] {
        let camera = Camera::start(CameraOptions::default().fault(fault, 0.0)).await;
        let start = Instant::now();
        let failed = BackChannel::open(&destination(camera.url())).await.err();
        assert_eq!(failed, Some(why.clone()));
        assert!(!why.is_lasting() && start.elapsed() < Duration::from_secs(8), "{fault}");
    }
    let picture = destination("http://127.0.0.1:1/still.jpg");
    assert_eq!(look(&picture).await, Err(BackChannelError::NotRtspAddress));
}
