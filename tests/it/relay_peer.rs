//! Calls that we make as a peer, with webrtcbin at the other end in the place of the hub's go2rtc.

use std::io::Write;
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use doorstep::peer::connection::Peers;
use doorstep::peer::{
    Agreed, CallOptions, Calling, PeerEvent, PictureFormat, PortConfig, Received, SoundFormat,
};
use tokio::time::{Instant, sleep_until, timeout};

use crate::fixture::CameraPeer;
use crate::fixture::house::wait_for;

const PATIENCE: Duration = Duration::from_secs(20);

fn open() -> Peers {
    let config =
        PortConfig { bind: vec![Ipv4Addr::LOCALHOST], allow_loopback: true, ..PortConfig::default() };
    Peers::open(&config).unwrap()
}

async fn call(peers: &Peers, talk: bool) -> Calling {
    let options = CallOptions { talk, label: "test".into(), ..CallOptions::default() };
    peers.call(options).await.unwrap()
}

/// A call to a far end with these options, answered; each candidate came twice, late, as go2rtc's do.
async fn answered(peers: &Peers, talk: bool, options: &[&str]) -> (CameraPeer, Calling, Agreed) {
    let mut far = CameraPeer::start(options);
    let calling = call(peers, talk).await;
    let agreed = calling.call.answered(&far.answer(&calling.sdp).await).await.unwrap();
    for candidate in far.candidates().await {
        calling.call.candidate(&candidate).await;
        calling.call.candidate(&format!("{candidate} ufrag abcd")).await;
    }
    (far, calling, agreed)
}

/// What came until there were so many pictures.
async fn receive(calling: &mut Calling, pictures: usize) -> Vec<Received> {
    let mut all = Vec::new();
    let mut seen = 0;
    let receiving = async {
        while seen < pictures {
            let one = calling.media.recv().await.expect("it goes on");
            seen += usize::from(matches!(one, Received::Picture { .. }));
            all.push(one);
        }
    };
    timeout(PATIENCE, receiving).await.unwrap_or_else(|_| panic!("only {seen} pictures"));
    all
}

/// How many pictures FFmpeg decodes of what came; it is told to mind every error.
fn decoded(received: &[Received], format: &str) -> usize {
    let mut ffprobe = Command::new("ffprobe")
        .args(["-v", "error", "-err_detect", "explode", "-f", format, "-count_frames"])
        .args(["-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("ffprobe is there: run `make setup-test`");
    let mut stdin = ffprobe.stdin.take().unwrap();
    for one in received {
        if let Received::Picture { data, .. } = one {
            stdin.write_all(data).unwrap();
        }
    }
    drop(stdin);
    let output = ffprobe.wait_with_output().unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(complaints.is_empty(), "{complaints}");
    String::from_utf8_lossy(&output.stdout).trim().parse().unwrap()
}

fn timestamps(received: &[Received], of_picture: bool) -> Vec<u64> {
    let of = |one: &Received| match one {
        Received::Picture { timestamp, .. } => of_picture.then_some(*timestamp),
        Received::Sound { timestamp, .. } => (!of_picture).then_some(*timestamp),
    };
    received.iter().filter_map(of).collect()
}

fn is_key(one: &Received) -> bool {
    matches!(one, Received::Picture { key: true, .. })
}

/// Nothing of any call is left at the port.
async fn assert_quiet(peers: &Peers) {
    wait_for("an empty port", async || {
        let port = peers.port_counters();
        (port.live_ufrags == 0 && port.live_addresses == 0 && port.live_transactions == 0).then_some(())
    })
    .await;
}

/// The call's end, with its reason.
async fn ended(calling: &mut Calling) -> String {
    let ending = async {
        loop {
            match calling.events.recv().await.expect("the reason comes before the end") {
                PeerEvent::Ended(how) => return how.to_string(),
                _ => continue,
            }
        }
    };
    timeout(Duration::from_secs(45), ending).await.expect("it ends")
}

#[tokio::test]
async fn h264_and_opus_arrive_whole_in_order_and_from_a_key_picture_on() {
    let peers = open();
    let (_far, mut calling, agreed) = answered(&peers, false, &["--gop", "1"]).await;
    assert_eq!(agreed, Agreed { picture: PictureFormat::H264, sound: Some(SoundFormat::Opus), talk: false });
    let received = receive(&mut calling, 75).await;
    let first = received.iter().find(|one| matches!(one, Received::Picture { .. })).unwrap();
    assert!(is_key(first));
    assert_eq!(decoded(&received, "h264"), 75);
    assert!(received.iter().filter(|one| is_key(one)).count() >= 3, "one a second");
    let pictures = timestamps(&received, true);
    assert!(pictures.windows(2).all(|two| two[1] - two[0] == 3600), "25 a second: {pictures:?}");
    let sounds = timestamps(&received, false);
    assert!(sounds.len() > 100, "{}", sounds.len());
    // An Opus encoder's first packet is shorter by its look-ahead.
    assert!(sounds[1..].windows(2).all(|two| two[1] - two[0] == 960), "20 ms each: {sounds:?}");
    calling.call.close().await;
    assert_quiet(&peers).await;
}

#[tokio::test]
async fn h265_arrives_likewise() {
    let peers = open();
    let options = ["--pattern", "h265", "--sound", "none", "--size", "320x180"];
    let (_far, mut calling, agreed) = answered(&peers, false, &options).await;
    assert_eq!(agreed, Agreed { picture: PictureFormat::H265, sound: None, talk: false });
    let received = receive(&mut calling, 30).await;
    assert!(is_key(&received[0]));
    assert_eq!(decoded(&received, "hevc"), 30);
    calling.call.close().await;
    assert_quiet(&peers).await;
}

/// 20 ms of a tone as G.711 µ-law (ITU-T G.711).
fn tone(hz: f64, block: u32) -> Bytes {
    let sample = |n: u32| (f64::from(block * 160 + n) / 8000.0 * hz * std::f64::consts::TAU).sin() * 8000.0;
    (0..160).map(|n| mu_law(sample(n))).collect()
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn mu_law(sample: f64) -> u8 {
    let magnitude = (sample.abs() as u32).min(32_635) + 132;
    let exponent = 24 - magnitude.leading_zeros();
    let mantissa = (magnitude >> (exponent + 3)) & 0x0F;
    let sign = if sample < 0.0 { 0x80 } else { 0 };
    !(sign | (exponent << 4) as u8 | mantissa as u8)
}

#[tokio::test]
async fn talk_reaches_a_speaker_that_takes_pcmu_while_its_sound_comes_as_pcmu() {
    let peers = open();
    let (mut far, mut calling, agreed) =
        answered(&peers, true, &["--sound", "pcmu", "--talk", "sendrecv"]).await;
    assert_eq!(agreed, Agreed { picture: PictureFormat::H264, sound: Some(SoundFormat::Pcmu), talk: true });
    let received = receive(&mut calling, 10).await;
    let sounds = timestamps(&received, false);
    assert!(sounds.windows(2).all(|two| two[1] > two[0]) && !sounds.is_empty(), "{sounds:?}");
    let began = Instant::now();
    for block in 0..200_u32 {
        sleep_until(began + Duration::from_millis(20) * block).await;
        calling.call.send_sound(&tone(700.0, block), block * 160).await.unwrap();
        while calling.media.try_recv().is_ok() {}
    }
    let heard = far.wait_until("talk", |talk| talk["tone_hz"].is_f64()).await;
    assert!((heard["tone_hz"].as_f64().unwrap() - 700.0).abs() < 10.0, "{heard}");
    let heard = far.wait_until("talk", |talk| talk["packets"].as_u64() >= Some(190)).await;
    assert!(heard["dbfs"].as_f64().unwrap() > -20.0, "{heard}");
}

#[tokio::test]
async fn a_far_end_without_a_speaker_is_not_spoken_to() {
    let peers = open();
    let (_far, mut calling, agreed) = answered(&peers, true, &["--talk", "none"]).await;
    assert!(!agreed.talk);
    receive(&mut calling, 5).await;
    calling.call.send_sound(&Bytes::from_static(&[0; 160]), 0).await.expect_err("nobody takes it");
}

#[tokio::test]
async fn candidates_may_come_before_the_answer_and_nonsense_among_them() {
    let peers = open();
    let mut far = CameraPeer::start(&[]);
    let mut calling = call(&peers, false).await;
    let answer = far.answer(&calling.sdp).await;
    let candidates = far.candidates().await;
    let nonsense = ["", "candidate:", "candidate:1 1 udp 1 fe80::1 9 typ host", "a=candidate:x y", "💡"];
    for candidate in nonsense.into_iter().chain(candidates.iter().map(String::as_str)) {
        calling.call.candidate(candidate).await;
        calling.call.candidate(candidate).await;
    }
    calling.call.answered(&answer).await.unwrap();
    receive(&mut calling, 5).await;
}

#[tokio::test]
async fn an_answer_that_names_no_streams_is_as_good() {
    let peers = open();
    let (_far, mut calling, _) = answered(&peers, false, &["--nameless", "--gop", "1"]).await;
    let received = receive(&mut calling, 30).await;
    assert_eq!(decoded(&received, "h264"), 30);
    assert!(timestamps(&received, false).len() > 20);
}

#[tokio::test]
async fn a_key_picture_comes_when_it_is_asked_for() {
    let peers = open();
    let (far, mut calling, _) = answered(&peers, false, &["--gop", "60"]).await;
    receive(&mut calling, 10).await;
    let before = far.key_pictures_asked();
    calling.call.request_key_frame();
    let asking = async {
        loop {
            if let Some(one) = calling.media.recv().await.filter(is_key) {
                return one;
            }
        }
    };
    timeout(PATIENCE, asking).await.expect("a key picture");
    assert!(far.key_pictures_asked() > before);
}

#[tokio::test]
async fn a_far_end_that_leaves_ends_the_call_with_a_reason_and_leaves_nothing_behind() {
    let peers = open();
    let (mut far, mut calling, _) = answered(&peers, false, &[]).await;
    receive(&mut calling, 5).await;
    assert_eq!(peers.port_counters().live_ufrags, 1);
    far.kill();
    let reason = ended(&mut calling).await;
    assert!(reason.contains("consent") || reason.contains("far end"), "{reason}");
    assert_quiet(&peers).await;
}

#[tokio::test]
async fn what_is_given_up_leaves_nothing_behind() {
    let peers = open();
    // Never answered, refused, and dropped in the middle of its pictures.
    drop(call(&peers, true).await);
    let refused = call(&peers, true).await;
    refused.call.answered("v=0\r\n").await.expect_err("no answer at all");
    refused.call.close().await;
    refused.call.close().await;
    let (_far, mut calling, _) = answered(&peers, false, &[]).await;
    receive(&mut calling, 5).await;
    drop(calling);
    assert_quiet(&peers).await;
}
