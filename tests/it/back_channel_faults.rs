//! The back channel of cameras that are difficult: each is a script.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use doorstep::media::back_channel::{BackChannel, BackChannelError, look};
use doorstep::media::talk::SpeakerFormat;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::back_channel::destination;
use crate::fixture::authority::Authority;
use crate::fixture::{Happened, Reply, RtspScript, Script};

const SDP: &str = "v=0\r\ns=x\r\nm=video 0 RTP/AVP 96\r\na=recvonly\r\na=control:video\r\n\
                   m=audio 0 RTP/AVP 0\r\na=sendonly\r\na=control:rtsp://198.51.100.7/back\r\n";

fn method(request: &str) -> &str {
    request.split(' ').next().unwrap()
}

fn answer(request: &str, status: u16, more: &str, body: &str) -> String {
    let cseq = request.split("CSeq: ").nth(1).unwrap().split("\r\n").next().unwrap();
    let length = body.len();
    format!("RTSP/1.0 {status} Word\r\nCSeq: {cseq}\r\n{more}Content-Length: {length}\r\n\r\n{body}")
}

/// A camera that works.
fn good(_: usize, request: &str) -> Reply {
    Reply::Says(match method(request) {
        "OPTIONS" => answer(request, 200, "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n", ""),
        "DESCRIBE" => answer(request, 200, "", SDP),
        "SETUP" => answer(request, 200, "Session: 77;timeout=60\r\n", ""),
        _ => answer(request, 200, "", ""),
    })
}

async fn camera(script: Script) -> (RtspScript, String) {
    let camera = RtspScript::start(script, None).await;
    let url = format!("rtsp://viewer:hunter2@127.0.0.1:{}/live", camera.port());
    (camera, url)
}

async fn refusal(script: Script) -> (BackChannelError, Happened, Duration) {
    let (camera, url) = camera(script).await;
    let start = Instant::now();
    let why = BackChannel::open(&destination(&url)).await.err().expect("a refusal");
    let took = start.elapsed();
    camera.wait_for("nobody is left", |happened| happened.open == 0).await;
    (why, camera.happened(), took)
}

fn frame() -> Bytes {
    Bytes::from_static(&[0x55; 160])
}

#[tokio::test]
async fn speech_that_waited_goes_at_no_more_than_double_speed_and_the_end_is_told() {
    let (camera, url) = camera(good).await;
    let channel = BackChannel::open(&destination(&url)).await.unwrap();
    let (frames, given) = mpsc::channel(50);
    (0..50).for_each(|_| frames.try_send(frame()).unwrap());
    drop(frames);
    assert_eq!(channel.run(given).await, Ok(()));
    camera.wait_for("nobody is left", |happened| happened.open == 0).await;
    let happened = camera.happened();
    let speech = happened.speech(0);
    assert_eq!(speech.len(), 50);
    let took = speech[49].0 - speech[0].0;
    println!("one second of speech in {took:?}");
    assert!(took >= Duration::from_millis(480), "{took:?}");
    assert_eq!(
        happened.requests.iter().map(|request| method(request)).collect::<Vec<_>>(),
        ["OPTIONS", "DESCRIBE", "SETUP", "PLAY", "TEARDOWN"]
    );
    assert!(
        happened.requests[2].starts_with("SETUP rtsp://198.51.100.7/back RTSP/1.0\r\n"),
        "asked of the same host"
    );
    assert!(!happened.requests.concat().contains("hunter2"));
    assert_eq!(happened.connected, 1);
}

#[tokio::test]
async fn a_camera_that_gives_its_speaker_only_with_the_rest_gets_the_rest() {
    fn all(connection: usize, request: &str) -> Reply {
        match (method(request), connection) {
            ("SETUP", 1) => Reply::Says(answer(request, 461, "", "")),
            // Its picture floods the connection.
            ("PLAY", _) => {
                let picture = format!("$\0\u{1}\0{}", "p".repeat(256)).repeat(2_000);
                Reply::Says(answer(request, 200, "", "") + picture.as_str())
            }
            _ => good(connection, request),
        }
    }
    let (camera, url) = camera(all).await;
    let channel = BackChannel::open(&destination(&url)).await.unwrap();
    let (frames, given) = mpsc::channel(50);
    let running = tokio::spawn(channel.run(given));
    for _ in 0..20 {
        frames.send(frame()).await.unwrap();
    }
    camera.wait_for("all is said", |happened| happened.speech(2).len() == 20).await;
    drop(frames);
    assert_eq!(running.await.unwrap(), Ok(()));
    let happened = camera.happened();
    let setups = happened.requests.iter().filter(|request| method(request) == "SETUP").count();
    assert_eq!((happened.connected, setups), (2, 3));
}

#[tokio::test]
async fn a_camera_that_refuses_whatever_is_tried_is_asked_twice() {
    fn refuses(connection: usize, request: &str) -> Reply {
        match method(request) {
            "PLAY" => Reply::Says(answer(request, 454, "", "")),
            _ => good(connection, request),
        }
    }
    let (why, happened, _) = refusal(refuses).await;
    assert_eq!((why, happened.connected), (BackChannelError::Refused(454), 2));
}

#[tokio::test]
async fn a_login_that_is_refused_is_tried_once() {
    fn locked(_: usize, request: &str) -> Reply {
        Reply::Says(answer(
            request,
            401,
            "WWW-Authenticate: Digest realm=\"x\", nonce=\"1\", qop=\"auth\"\r\n",
            "",
        ))
    }
    let (why, happened, _) = refusal(locked).await;
    assert_eq!(why, BackChannelError::Unauthorized);
    let signed = happened.requests.iter().filter(|request| request.contains("Authorization")).count();
    assert_eq!((signed, happened.connected), (1, 1));
}

#[tokio::test]
async fn what_fails_while_it_opens_is_told_apart_and_in_time() {
    fn full(connection: usize, request: &str) -> Reply {
        if method(request) == "SETUP" {
            Reply::Says(answer(request, 453, "", ""))
        } else {
            good(connection, request)
        }
    }
    fn hangs_up(_: usize, _: &str) -> Reply {
        Reply::HangsUp
    }
    fn mute(connection: usize, request: &str) -> Reply {
        if method(request) == "PLAY" { Reply::Nothing } else { good(connection, request) }
    }
    fn endless(_: usize, _: &str) -> Reply {
        Reply::Trickles(format!("RTSP/1.0 200 OK\r\nX: {}", "x".repeat(9_000)))
    }
    fn moved(connection: usize, request: &str) -> Reply {
        match method(request) {
            "DESCRIBE" => Reply::Says(answer(request, 302, "Location: rtsp://198.51.100.7/\r\n", "")),
            _ => good(connection, request),
        }
    }
    fn garbage(_: usize, _: &str) -> Reply {
        Reply::Says("\u{1}\u{2}\u{3}".repeat(99))
    }
    fn web(_: usize, _: &str) -> Reply {
        Reply::Says("HTTP/1.1 400 Bad Request\r\n".into())
    }
    let cases: [(Script, BackChannelError); 7] = [
        (full, BackChannelError::Busy),
        (hangs_up, BackChannelError::Busy),
        (mute, BackChannelError::Silent),
        (endless, BackChannelError::Silent),
        (moved, BackChannelError::Moved),
        (garbage, BackChannelError::NotRtsp),
        (web, BackChannelError::NotRtsp),
    ];
    for (script, expected) in cases {
        let (why, happened, took) = refusal(script).await;
        assert_eq!(why, expected);
        assert_eq!(happened.connected, 1, "{why}");
        assert!(took < Duration::from_secs(8), "{why}: {took:?}");
    }
}

#[tokio::test]
async fn a_camera_that_answers_a_byte_at_a_time_is_understood() {
    fn slow(connection: usize, request: &str) -> Reply {
        match good(connection, request) {
            Reply::Says(text) => Reply::Trickles(text),
            other => other,
        }
    }
    let (_camera, url) = camera(slow).await;
    assert_eq!(look(&destination(&url)).await, Ok(SpeakerFormat::Pcmu));
}

#[tokio::test]
async fn a_camera_that_ends_it_in_mid_sentence_is_noticed_at_once() {
    fn ends(connection: usize, request: &str) -> Reply {
        match method(request) {
            "PLAY" => Reply::Says(answer(request, 200, "", "") + "TEARDOWN * RTSP/1.0\r\nCSeq: 1\r\n\r\n"),
            _ => good(connection, request),
        }
    }
    let (camera, url) = camera(ends).await;
    let channel = BackChannel::open(&destination(&url)).await.unwrap();
    let (_frames, given) = mpsc::channel(50);
    let ended = timeout(Duration::from_secs(5), channel.run(given)).await.expect("an end");
    assert_eq!(ended, Err(BackChannelError::Closed));
    camera.wait_for("nobody is left", |happened| happened.open == 0).await;
}

#[tokio::test]
async fn a_camera_that_reads_no_more_is_given_up_and_no_speech_piles_up_for_it() {
    fn stops(connection: usize, request: &str) -> Reply {
        match method(request) {
            "PLAY" => Reply::Stops(answer(request, 200, "", "")),
            _ => good(connection, request),
        }
    }
    let (_camera, url) = camera(stops).await;
    let channel = BackChannel::open(&destination(&url)).await.unwrap();
    let (frames, given) = mpsc::channel(50);
    let start = Instant::now();
    let running = tokio::spawn(channel.run(given));
    while frames.send(frame()).await.is_ok() {
        sleep(Duration::from_millis(20)).await;
        assert!(start.elapsed() < Duration::from_secs(30), "it never ends");
    }
    println!("given up after {:?}", start.elapsed());
    assert_eq!(running.await.unwrap(), Err(BackChannelError::Silent));
}

#[tokio::test]
async fn a_camera_that_does_not_answer_the_end_is_left_all_the_same() {
    fn deaf(connection: usize, request: &str) -> Reply {
        if method(request) == "TEARDOWN" { Reply::Nothing } else { good(connection, request) }
    }
    let (camera, url) = camera(deaf).await;
    let channel = BackChannel::open(&destination(&url)).await.unwrap();
    let (frames, given) = mpsc::channel::<Bytes>(50);
    drop(frames);
    assert_eq!(timeout(Duration::from_secs(5), channel.run(given)).await, Ok(Ok(())));
    camera.wait_for("nobody is left", |happened| happened.open == 0).await;
}

#[tokio::test]
async fn an_address_of_rtsps_is_spoken_to_over_tls_whoever_signed_the_cameras_certificate() {
    let (chain, key) = Authority::new("another.name").issue("camera");
    let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let camera = RtspScript::start(good, Some(TlsAcceptor::from(Arc::new(config)))).await;
    let channel =
        BackChannel::open(&destination(&format!("rtsps://127.0.0.1:{}/", camera.port()))).await.unwrap();
    let (frames, given) = mpsc::channel(50);
    (0..25).for_each(|_| frames.try_send(frame()).unwrap());
    drop(frames);
    assert_eq!(channel.run(given).await, Ok(()));
    camera.wait_for("all is said", |happened| happened.speech(0).len() == 25 && happened.open == 0).await;

    let (_plain, url) = self::camera(good).await;
    let why = look(&destination(&url.replace("rtsp:", "rtsps:"))).await.unwrap_err();
    assert!(matches!(why, BackChannelError::NotReached(_)), "{why}");
}
