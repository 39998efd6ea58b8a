//! A feed with the real worker program.

use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use doorstep::media::feed::{Feed, WorkerProgram};
use doorstep::media::{FeedEvent, FeedSpec, Sample, Source};
use secrecy::SecretString;
use tokio::time::timeout;

use crate::fixture::{OpenFeed, PATIENCE};

fn open(address: &str) -> OpenFeed {
    OpenFeed::of(vec![Source::parse(&SecretString::from(address.to_owned())).unwrap()])
}

/// Kinds of the units in an access unit.
fn kinds(data: &[u8]) -> Vec<u8> {
    (0..data.len().saturating_sub(3))
        .filter(|at| data[*at..].starts_with(&[0, 0, 1]))
        .map(|at| data[at + 3] & 31)
        .collect()
}

fn signal(pid: u32, name: &str) {
    let done =
        std::process::Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().unwrap();
    assert!(done.success());
}

/// Gone and reaped.
async fn gone(pid: u32) -> bool {
    for _ in 0..100 {
        if !Path::new(&format!("/proc/{pid}")).exists() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    false
}

#[tokio::test]
async fn the_test_source_shows_key_pictures_with_parameter_sets_and_steady_sound() {
    let mut open = open("test:");
    let began = Instant::now();
    let key = open.picture(|picture| picture.key).await;
    assert!(!key.slate);
    let kinds = kinds(&key.data);
    assert!([7, 8, 5].iter().all(|kind| kinds.contains(kind)), "{kinds:?}");
    println!("first picture after {:?}", began.elapsed());

    let (mut pictures, mut sounds, mut first) = (0_u64, 0_u64, None);
    let until = Instant::now() + Duration::from_secs(4);
    let mut span = 0;
    while Instant::now() < until {
        match open.sample().await {
            Sample::Picture(_) => pictures += 1,
            Sample::Sound(sound) => {
                let first = *first.get_or_insert(sound.timestamp);
                span = sound.timestamp - first;
                sounds += 1;
            }
        }
    }
    println!("{pictures} pictures, {sounds} packets of sound over {span} ticks");
    assert!(pictures > 50, "{pictures} pictures");
    // Sound may be late on a busy machine, but no packet is missing.
    assert_eq!(span, (sounds - 1) * 960);
    assert!((150..=250).contains(&sounds), "{sounds} packets of sound");
    open.event(|event| matches!(event, FeedEvent::Opened { video, .. } if video.width == 1280).then_some(()))
        .await;
}

#[tokio::test]
async fn a_key_picture_comes_when_it_is_asked_for() {
    let mut open = open("test:?gop=60&fps=10");
    open.picture(|picture| picture.key).await;
    open.picture(|picture| !picture.key).await;
    open.feed.request_key_frame();
    open.picture(|picture| picture.key).await;
}

#[tokio::test]
async fn a_worker_that_crashes_is_replaced_and_time_goes_on() {
    let mut open = open("test:");
    open.picture(|picture| picture.key).await;
    let first = open.pid();
    signal(first, "SEGV");
    let why = open.event(|event| if let FeedEvent::WorkerLost(why) = event { Some(why) } else { None }).await;
    println!("{why}");
    let began = Instant::now();
    open.picture(|picture| picture.key).await;
    println!("picture {:?} after the loss was known", began.elapsed());
    assert_ne!(open.pid(), first);
    assert!(gone(first).await);
    assert_eq!(open.feed.replaced(), 1);
}

#[tokio::test]
async fn a_worker_that_hangs_is_replaced_and_time_goes_on() {
    let mut open = open("test:");
    open.picture(|picture| picture.key).await;
    let first = open.pid();
    signal(first, "STOP");
    let began = Instant::now();
    open.event(|event| matches!(event, FeedEvent::WorkerLost(_)).then_some(())).await;
    println!("noticed after {:?}", began.elapsed());
    open.picture(|picture| picture.key).await;
    assert_ne!(open.pid(), first);
    assert!(gone(first).await);
}

#[tokio::test]
async fn talk_raises_the_level_at_the_speaker_and_its_end_lowers_it() {
    let mut open = open("test:");
    // The tone of the test source is at hand as something to say.
    let mut said = Vec::new();
    while said.len() < 100 {
        if let Sample::Sound(sound) = open.sample().await {
            said.push(sound.opus);
        }
    }
    let mut loudest = -100.0_f32;
    for (sequence, opus) in (65_500_u16..=u16::MAX).chain(0..64).zip(&said) {
        open.feed.talk(1, opus.clone(), sequence, u32::from(sequence) * 960);
        tokio::time::sleep(Duration::from_millis(20)).await;
        while let Ok(event) = open.events.try_recv() {
            if let FeedEvent::SpeakerLevel(level) = event {
                loudest = loudest.max(level);
            }
        }
    }
    assert!((-30.0..-10.0).contains(&loudest), "{loudest} dBFS");
    open.event(|event| (event == FeedEvent::SpeakerLevel(-100.0)).then_some(())).await;
}

#[tokio::test]
async fn garbage_and_floods_of_talk_do_no_harm() {
    let mut open = open("test:");
    open.picture(|picture| picture.key).await;
    let worker = open.pid();
    for n in 0..5_000_u16 {
        open.feed.talk(1, Bytes::from(vec![n as u8; usize::from(n) % 1600]), n.wrapping_mul(7), 0);
        if n % 50 == 0 {
            open.sample().await;
        }
    }
    open.picture(|picture| picture.key).await;
    assert_eq!(open.pid(), worker);
}

#[tokio::test]
async fn a_camera_that_refuses_gets_a_slate_and_a_reason_without_its_password() {
    let mut open = open("rtsp://admin:hunter2@127.0.0.1:1/live");
    let reason = open
        .event(|event| if let FeedEvent::Failed { reason, .. } = event { Some(reason) } else { None })
        .await;
    assert!(reason.contains("refused") && !reason.contains("hunter2"), "{reason}");
    let slate = open.picture(|_| true).await;
    assert!(slate.slate && slate.key);
    let kinds = kinds(&slate.data);
    assert!([7, 8, 5].iter().all(|kind| kinds.contains(kind)), "{kinds:?}");
    // At 3 s; the slate also has sound, which is silence.
    assert!(slate.timestamp < 90_000 * 10, "{}", slate.timestamp);
    open.picture(|picture| picture.slate && !picture.key).await;
}

#[tokio::test]
async fn dropping_the_feed_leaves_no_child_even_if_it_hangs() {
    let mut running = open("test:");
    running.picture(|picture| picture.key).await;
    let pid = running.pid();
    drop(running);
    assert!(gone(pid).await);

    let mut hanging = open("test:");
    hanging.picture(|picture| picture.key).await;
    let pid = hanging.pid();
    signal(pid, "STOP");
    drop(hanging);
    assert!(gone(pid).await);
}

#[test]
fn only_the_worker_is_linked_to_ffmpeg() {
    let names_ffmpeg = |program: &str| {
        let program = std::fs::read(program).unwrap();
        program.windows(11).any(|bytes| bytes == b"libavcodec." || bytes == b"libavformat")
    };
    assert!(names_ffmpeg(env!("CARGO_BIN_EXE_doorstep-media")));
    assert!(!names_ffmpeg(env!("CARGO_BIN_EXE_doorstep")));
}

#[tokio::test]
async fn a_program_that_is_no_worker_is_reported_and_tried_again_slowly() {
    let source = Source::parse(&SecretString::from("test:".to_owned())).unwrap();
    let program = WorkerProgram::at(Path::new("/bin/false"));
    let (feed, _samples, mut events) = Feed::open(
        FeedSpec { camera: "Front door".into(), sources: vec![source], max_kbps: 2_500, speaker: None },
        program,
    );
    let first = timeout(PATIENCE, events.recv()).await.unwrap().unwrap();
    assert_eq!(first, FeedEvent::Tries { source: 0 });
    let second = timeout(PATIENCE, events.recv()).await.unwrap().unwrap();
    assert_eq!(second, FeedEvent::Uses { source: 0, speaker: false, talk: false });
    for _ in 0..2 {
        let event = timeout(PATIENCE, events.recv()).await.unwrap().unwrap();
        assert!(matches!(event, FeedEvent::WorkerLost(_)), "{event:?}");
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(feed.replaced() <= 4, "{}", feed.replaced());
}
