//! Sources that the house reads itself, with the real worker program behind them.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use doorstep::media::fetch::{Begin, Fetch, FetchEnd, Form, PictureCodec, Piece, SoundCodec, SpeakerLine};
use doorstep::media::talk::{Duplex, EchoRule, SpeakerFormat, SpeakerSpec, SpeakerWay};
use doorstep::media::{AccessUnit, FeedEvent, Source, TroubleKind};
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::fixture::{OpenFeed, PATIENCE, speech_worker};

type Play = dyn Fn(mpsc::Sender<Piece>) -> BoxFuture<'static, FetchEnd> + Send + Sync;

/// A source that plays what the test wants.
struct Player(Box<Play>);

impl std::fmt::Debug for Player {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Player")
    }
}

#[async_trait]
impl Fetch for Player {
    fn name(&self) -> &'static str {
        "the player"
    }

    async fn fetch(&self, to: mpsc::Sender<Piece>) -> FetchEnd {
        (self.0)(to).await
    }
}

fn source<F, P>(play: P) -> Source
where
    F: Future<Output = FetchEnd> + Send + 'static,
    P: Fn(mpsc::Sender<Piece>) -> F + Send + Sync + 'static,
{
    Source::Fetched(Arc::new(Player(Box::new(move |to| Box::pin(play(to))))))
}

fn ended(reason: &str, lasting: bool) -> FetchEnd {
    FetchEnd { reason: reason.into(), kind: TroubleKind::Other, lasting }
}

fn begin(form: Form, speaker: Option<SpeakerLine>) -> Piece {
    Piece::Begin(Begin { form, speaker, key_frames: None })
}

/// What a program that is not ours makes.
fn ffmpeg(arguments: &str) -> Vec<u8> {
    let words = arguments.split(' ').filter(|word| !word.is_empty());
    let made = Command::new("ffmpeg").args(["-v", "error", "-nostdin"]).args(words).arg("-").output();
    let made = made.expect("ffmpeg runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    made.stdout
}

/// Width, height and mean colour (R, G, B) of what FFmpeg decodes of the pictures.
fn seen(pictures: &[(Instant, Arc<AccessUnit>)]) -> (u32, u32, [u8; 3], usize) {
    use std::io::Write;
    let scratch = tempfile::NamedTempFile::new().unwrap();
    let mut file = scratch.as_file();
    pictures.iter().for_each(|(_, picture)| file.write_all(&picture.data).unwrap());
    let probe = Command::new("ffprobe")
        .args(
            "-v error -f h264 -count_frames -show_entries stream=width,height,nb_read_frames -of csv=p=0"
                .split(' '),
        )
        .arg(scratch.path())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let text = String::from_utf8(probe.stdout).unwrap();
    let facts: Vec<u32> = text.trim().split(',').map(|fact| fact.parse().unwrap()).collect();
    let path = scratch.path().display();
    let pixel =
        ffmpeg(&format!("-f h264 -i {path} -vf scale=1:1:flags=area -frames:v 1 -f rawvideo -pix_fmt rgb24"));
    (facts[0], facts[1], [pixel[0], pixel[1], pixel[2]], facts[2] as usize)
}

fn is_red([red, green, blue]: [u8; 3]) -> bool {
    red > 180 && green < 60 && blue < 60
}

/// Access units of a stream that marks each with a delimiter.
fn access_units(stream: &[u8], delimiter: &[u8]) -> Vec<Bytes> {
    let starts: Vec<_> = (0..stream.len()).filter(|at| stream[*at..].starts_with(delimiter)).collect();
    let ends = starts.iter().skip(1).copied().chain([stream.len()]);
    starts.iter().zip(ends).map(|(from, to)| Bytes::copy_from_slice(&stream[*from..to])).collect()
}

/// A source of pictures alone that plays access units from one of them on, over and over.
fn pictures_of(picture: PictureCodec, units: Vec<Bytes>, from: i64) -> Source {
    source(move |to| {
        let units = units.clone();
        async move {
            to.send(begin(Form::Packets { picture, sound: None }, None)).await.ok();
            let mut number = from;
            while play_pictures(&to, &units, number).await {
                number += 1;
            }
            ended("over", false)
        }
    })
}

/// Plays the next access unit, 25 a second.
async fn play_pictures(to: &mpsc::Sender<Piece>, units: &[Bytes], number: i64) -> bool {
    let data = units[usize::try_from(number).unwrap() % units.len()].clone();
    sleep(Duration::from_millis(40)).await;
    to.send(Piece::Picture { data, ticks: number * 3_600 }).await.is_ok()
}

const H264_DELIMITER: &[u8] = &[0, 0, 0, 1, 9];
const H265_DELIMITER: &[u8] = &[0, 0, 0, 1, 0x46];

fn h264(options: &str) -> Vec<Bytes> {
    let made = ffmpeg(&format!(
        "-f lavfi -i color=red:s=640x480:r=25 -t 2 -c:v libx264 {options} -x264-params aud=1:keyint=25:level=3.1 -f h264"
    ));
    access_units(&made, H264_DELIMITER)
}

#[tokio::test]
async fn stills_become_a_picture_that_moves_on_and_answers_requests_for_key_pictures() {
    let still = Bytes::from(ffmpeg("-f lavfi -i color=red:s=1920x1080 -frames:v 1 -c:v mjpeg -f image2pipe"));
    let stills = source(move |to| {
        let still = still.clone();
        async move {
            to.send(begin(Form::Packets { picture: PictureCodec::Jpeg, sound: None }, None)).await.ok();
            for second in 0.. {
                let data = still.clone();
                if to.send(Piece::Picture { data, ticks: second * 90_000 }).await.is_err() {
                    break;
                }
                sleep(Duration::from_secs(1)).await;
            }
            ended("over", false)
        }
    });
    let mut open = OpenFeed::of(vec![stills]);
    let pictures = open.pictures(3).await;
    let (width, height, colour, frames) = seen(&pictures);
    assert_eq!((width, height), (1280, 720));
    assert!(is_red(colour), "{colour:?}");
    assert!((10..=20).contains(&frames), "{frames} pictures in 3 s");
    assert!(pictures.iter().all(|(_, picture)| !picture.slate));
    let video = open.video().await;
    assert_eq!((video.codec.as_str(), video.width, video.copied), ("mjpeg", 1920, false));

    open.picture(|picture| !picture.key).await;
    sleep(Duration::from_millis(600)).await;
    open.feed.request_key_frame();
    open.picture(|picture| picture.key).await;
}

#[tokio::test]
async fn a_container_that_comes_in_bursts_is_copied_and_shown_evenly_with_its_sound() {
    let made = ffmpeg(
        "-f lavfi -i color=red:s=640x480:r=25 -f lavfi -i sine=440:sample_rate=16000 -t 20 -c:v libx264 -bf 0 -g 25 \
         -preset ultrafast -c:a aac -movflags +empty_moov+default_base_moof+frag_keyframe -f mp4",
    );
    // One fragment a second, each from its `moof` on.
    let starts: Vec<_> =
        (4..made.len()).filter(|at| made[*at..].starts_with(b"moof")).map(|at| at - 4).collect();
    assert!(starts.len() >= 20, "{} fragments", starts.len());
    let made = Bytes::from(made);
    let stream = source(move |to| {
        let (made, starts) = (made.clone(), starts.clone());
        async move {
            to.send(begin(Form::Mp4, None)).await.ok();
            to.send(Piece::Bytes(made.slice(..starts[0]))).await.ok();
            for pair in starts.windows(2) {
                if to.send(Piece::Bytes(made.slice(pair[0]..pair[1]))).await.is_err() {
                    break;
                }
                sleep(Duration::from_secs(1)).await;
            }
            ended("the stream is over", false)
        }
    });
    let mut open = OpenFeed::of(vec![stream]);
    open.sound().await;
    let pictures = open.pictures(4).await;
    let (width, height, colour, frames) = seen(&pictures);
    assert_eq!((width, height), (640, 480));
    assert!(is_red(colour), "{colour:?}");
    assert!((80..=130).contains(&frames), "{frames} pictures in 4 s");
    // Bursts of a second would leave gaps of almost a second.
    let gaps = pictures.windows(2).map(|pair| pair[1].0 - pair[0].0);
    let longest = gaps.max().unwrap();
    assert!(longest < Duration::from_millis(600), "a gap of {longest:?}");
    let reason = open
        .event(|event| match event {
            FeedEvent::Failed { reason, .. } => Some(reason),
            _ => None,
        })
        .await;
    assert_eq!(reason, "the player: the stream is over");
}

#[tokio::test]
async fn h265_is_made_anew_and_begins_with_a_key_picture() {
    let made = ffmpeg(
        "-f lavfi -i color=red:s=1920x1080:r=25 -t 2 -c:v libx265 -preset ultrafast \
         -x265-params aud=1:keyint=25:bframes=0:log-level=error -f hevc",
    );
    let mut units = access_units(&made, H265_DELIMITER);
    assert_eq!(units.len(), 50);
    // Parameter sets by themselves, as some cameras send them.
    for at in [25, 0] {
        let slice = units[at]
            .windows(5)
            .position(|bytes| bytes[..3] == [0, 0, 1] && (16..=21).contains(&(bytes[3] >> 1)));
        let unit = units.remove(at);
        let slice = slice.expect("a key picture");
        units.insert(at, unit.slice(slice..));
        units.insert(at, unit.slice(..slice));
    }
    // In the middle of a group, as every call begins.
    let stream = pictures_of(PictureCodec::H265, units, 10);
    let mut open = OpenFeed::of(vec![stream]);
    let (width, height, colour, frames) = seen(&open.pictures(2).await);
    assert_eq!((width, height), (1280, 720));
    assert!(is_red(colour), "{colour:?}");
    assert!(frames > 10, "{frames} pictures in 2 s");
    let video = open.video().await;
    assert_eq!((video.codec.as_str(), video.copied), ("hevc", false));
    assert!(video.why.contains("H.265"), "{}", video.why);
}

#[tokio::test]
async fn b_frames_are_put_in_order_by_making_the_picture_anew() {
    let stream = pictures_of(PictureCodec::H264, h264("-bf 2"), 0);
    let mut open = OpenFeed::of(vec![stream]);
    let (width, _, colour, frames) = seen(&open.pictures(2).await);
    assert!(width == 640 && is_red(colour) && frames > 20, "{width} {colour:?} {frames}");
    let video = open.video().await;
    assert!(!video.copied && video.why.contains("B frames"), "{video:?}");
}

#[tokio::test]
async fn a_worker_makes_only_the_sound_when_the_picture_can_go_past_it_and_draws_a_slate_when_that_stops() {
    let units = h264("-bf 0 -profile:v baseline");
    let tone = Bytes::from(ffmpeg("-f lavfi -i sine=440:sample_rate=8000 -t 1 -c:a pcm_mulaw -f mulaw"));
    let (talk, mut heard) = mpsc::channel(50);
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let stream = source(move |to| {
        let (units, tone, talk, stopped) = (units.clone(), tone.clone(), talk.clone(), stopped.clone());
        async move {
            let speaker = SpeakerLine { format: SpeakerFormat::Pcmu, frames: talk };
            let form = Form::Packets { picture: PictureCodec::H264, sound: Some(SoundCodec::Pcmu) };
            to.send(begin(form, Some(speaker))).await.ok();
            for number in 0.. {
                let data = tone.slice((number % 25) * 320..(number % 25 + 1) * 320);
                let number = i64::try_from(number).unwrap();
                let sound = Piece::Sound { data, ticks: number * 320 };
                if to.send(sound).await.is_err() {
                    break;
                }
                if *stopped.borrow() {
                    sleep(Duration::from_millis(40)).await;
                } else if !play_pictures(&to, &units, number).await {
                    break;
                }
            }
            ended("over", false)
        }
    });
    let Source::Fetched(player) = stream.clone() else { unreachable!() };
    let way = SpeakerWay::Source(player);
    let speaker = SpeakerSpec { way, echo: EchoRule::Off, duplex: Duplex::Full };
    let mut open = OpenFeed::with(vec![stream], Some(speaker));
    open.event(|event| matches!(event, FeedEvent::Uses { source: 0, speaker: true, .. }).then_some(())).await;
    open.sound().await;
    let pictures = open.pictures(1).await;
    let (width, height, colour, _) = seen(&pictures);
    assert!((width, height) == (640, 480) && is_red(colour), "{width}x{height} {colour:?}");
    let video = open.video().await;
    assert!(video.copied, "{video:?}");

    let mut encoder = speech_worker::encoder();
    for sequence in 0..60_u16 {
        let is_said = (20..30).contains(&sequence);
        let words = speech_worker::words(&mut encoder, u32::from(sequence), is_said);
        open.feed.talk(1, words, sequence, u32::from(sequence) * 960);
        sleep(Duration::from_millis(20)).await;
        assert!(sequence > 20 || heard.is_empty(), "silence opens no speaker");
    }
    let mut frames = Vec::new();
    while frames.len() < 20 {
        frames.push(timeout(PATIENCE, heard.recv()).await.expect("nothing is said").unwrap());
    }
    assert!(frames.iter().all(|frame| frame.len() == 160));
    let silent = |frame: &Bytes| frame.iter().all(|byte| byte | 0x80 == 0xFF);
    assert!(frames.iter().any(|frame| !silent(frame)) && frames.iter().any(silent), "{frames:?}");

    stop.send(true).unwrap();
    let slate = open.picture(|picture| picture.slate).await;
    assert!(slate.key);
    open.sound().await;
    stop.send(false).unwrap();
    let back = open.picture(|picture| !picture.slate).await;
    assert!(back.key);
    for _ in 0..50 {
        assert!(!open.picture(|_| true).await.slate, "the slate comes in between");
    }
}

#[tokio::test]
async fn the_next_source_takes_over_when_one_cannot_be_shown_and_a_slate_says_why_while_there_is_none() {
    let refused = source(|_| async { ended("it has no stream", true) });
    let mut open = OpenFeed::of(vec![refused.clone()]);
    let reason = open
        .event(|event| match event {
            FeedEvent::Failed { reason, .. } => Some(reason),
            _ => None,
        })
        .await;
    assert_eq!(reason, "the player: it has no stream");
    let began = Instant::now();
    let slate = open.picture(|picture| picture.slate).await;
    assert!(slate.key);
    assert!(began.elapsed() < Duration::from_secs(15), "the slate came after {:?}", began.elapsed());

    let garbage = source(|to| async move {
        to.send(begin(Form::Mp4, None)).await.ok();
        for _ in 0..200 {
            to.send(Piece::Bytes(Bytes::from(vec![0x47; 4_096]))).await.ok();
        }
        sleep(PATIENCE).await;
        ended("over", false)
    });
    let program = Source::parse(&"test:".to_owned().into()).unwrap();
    let mut open = OpenFeed::of(vec![refused, garbage, program]);
    open.picture(|picture| picture.key && !picture.slate).await;
    let used = open.event(|event| matches!(event, FeedEvent::Uses { source: 2, .. }).then_some(()));
    used.await;
}
