//! Live streams and still pictures, made by FFmpeg and judged by FFmpeg.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::json;

use super::*;
use crate::sim::hub::{Faults, SimStill};

/// 15 pictures a second, a key picture and a beep each second, for ever.
const STREAM: &str = "ffmpeg -hide_banner -loglevel error -re -f lavfi -i testsrc2=size=320x240:rate=15 \
    -f lavfi -i sine=frequency=440:beep_factor=4 -c:v libx264 -preset ultrafast -tune zerolatency -g 15 \
    -pix_fmt yuv420p -c:a aac -f mp4 -movflags +frag_every_frame+empty_moov+default_base_moof pipe:1";
const STILL: &str =
    "ffmpeg -hide_banner -loglevel error -f lavfi -i testsrc2=size=320x240 -frames:v 1 -f mjpeg pipe:1";

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

fn garden() -> SimCamera {
    let still = Some(SimStill::Program(words(STILL)));
    SimCamera { hls: Some(words(STREAM)), still, ..SimCamera::garden() }
}

async fn hub_with(camera: SimCamera) -> (SimHub, Client) {
    let options = SimHubOptions {
        cameras: vec![camera],
        shortest_segment: Duration::from_millis(900),
        longest_part: Duration::from_millis(400),
        stream_idle: Duration::from_secs(4),
        ..quick()
    };
    let hub = SimHub::start(options).await.unwrap();
    let client = Client::logged_in(&hub).await;
    (hub, client)
}

/// The base address of a camera's stream.
async fn open(client: &mut Client, id: u64) -> String {
    let reply = client.ask(json!({"id": id, "type": "camera/stream", "entity_id": "camera.garden"})).await;
    let url = reply["result"]["url"].as_str().unwrap_or_else(|| panic!("{reply}"));
    let token =
        url.strip_prefix("/api/hls/").and_then(|rest| rest.strip_suffix("/master_playlist.m3u8")).unwrap();
    assert!(token.len() == 64 && token.bytes().all(|byte| byte.is_ascii_hexdigit()), "{token}");
    format!("/api/hls/{token}/")
}

async fn text(hub: &SimHub, path: &str) -> String {
    let (status, kind, body) = get(hub, path, None).await;
    assert_eq!((status, kind.as_str()), (200, "application/vnd.apple.mpegurl"), "{path}");
    String::from_utf8(body).unwrap()
}

async fn data(hub: &SimHub, path: &str) -> Vec<u8> {
    let (status, _, body) = get(hub, path, None).await;
    assert_eq!(status, 200, "{path}");
    body
}

/// What FFmpeg finds in a file: pictures that can be decoded.
async fn pictures(file: &Path) -> usize {
    let arguments =
        "-v error -count_frames -select_streams v:0 -show_entries stream=nb_read_frames -of csv=p=0";
    let output =
        tokio::process::Command::new("ffprobe").args(words(arguments)).arg(file).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.is_empty(), "{said}");
    String::from_utf8(output.stdout).unwrap().trim().trim_end_matches(',').parse().unwrap()
}

#[tokio::test]
async fn a_stream_is_read_part_by_part_as_it_is_made_and_every_picture_can_be_decoded() {
    let (hub, mut client) = hub_with(garden()).await;
    let base = open(&mut client, 1).await;
    let master = text(&hub, &format!("{base}master_playlist.m3u8")).await;
    assert!(
        master.contains("CODECS=\"avc1.") && master.contains(",mp4a.40.2\"\nplaylist.m3u8\n"),
        "{master}"
    );
    let mut bytes = data(&hub, &format!("{base}init.mp4")).await;
    let first = text(&hub, &format!("{base}playlist.m3u8")).await;
    assert!(first.contains("#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES"), "{first}");
    assert!(
        first.contains("./segment/0.0.m4s\",INDEPENDENT=YES\n") && first.contains("./segment/0.m4s\n"),
        "{first}"
    );
    let (mut segment, mut part) = (0, 0);
    let (mut parts, mut whole, mut longest) = (0, Vec::new(), Duration::ZERO);
    while segment < 3 {
        let began = Instant::now();
        let list = text(&hub, &format!("{base}playlist.m3u8?_HLS_msn={segment}&_HLS_part={part}")).await;
        longest = longest.max(began.elapsed());
        // What was asked for is there; a part beyond the last one is the next segment's first.
        if !list.contains(&format!("./segment/{segment}.{part}.m4s\""))
            || list.contains(&format!("TYPE=PART,URI=\"./segment/{segment}.{part}.m4s"))
        {
            assert!(list.contains(&format!("./segment/{}.0.m4s\"", segment + 1)), "{list}");
            let in_one = data(&hub, &format!("{base}segment/{segment}.m4s")).await;
            assert!(in_one == whole, "segment {segment} is its parts");
            (segment, part, whole) = (segment + 1, 0, Vec::new());
            continue;
        }
        let got = data(&hub, &format!("{base}segment/{segment}.{part}.m4s")).await;
        bytes.extend_from_slice(&got);
        whole.extend(got);
        (part, parts) = (part + 1, parts + 1);
    }
    assert!(parts >= 9, "{parts} parts of three segments of a second");
    assert!(longest > Duration::from_millis(100), "nothing was waited for");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stream.mp4");
    std::fs::write(&file, bytes).unwrap();
    assert_eq!(pictures(&file).await, 45);

    for (query, status) in [("_HLS_part=1", 400), ("_HLS_msn=999", 400), ("_HLS_msn=x", 400)] {
        assert_eq!(get(&hub, &format!("{base}playlist.m3u8?{query}"), None).await.0, status, "{query}");
    }
    for name in ["segment/999.m4s", "segment/999.0.m4s", "segment/x.m4s", "other"] {
        assert_eq!(get(&hub, &format!("{base}{name}"), None).await.0, 404, "{name}");
    }
}

#[tokio::test]
async fn ffmpegs_own_reader_plays_a_stream() {
    let (hub, mut client) = hub_with(garden()).await;
    let base = open(&mut client, 1).await;
    let url = hub.url.join(&format!("{base}master_playlist.m3u8")).unwrap();
    let arguments = format!("-v error -i {url} -t 2 -map 0:v -map 0:a -f framecrc -");
    let output = tokio::process::Command::new("ffmpeg").args(words(&arguments)).stdin(Stdio::null()).output();
    let output = tokio::time::timeout(Duration::from_secs(30), output).await.unwrap().unwrap();
    let frames = String::from_utf8(output.stdout).unwrap();
    let of = |track: &str| frames.lines().filter(|line| line.starts_with(track)).count();
    assert!(of("0,") >= 25 && of("1,") >= 50, "{frames}{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn a_stream_ends_when_nobody_asks_for_it_or_the_hub_ends_it_and_its_address_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let line = format!("echo $$ > {}; exec {STREAM}", file.display());
    let program = Some(vec!["sh".to_owned(), "-c".to_owned(), line]);
    let is_gone = || {
        let pid = std::fs::read_to_string(&file).unwrap();
        !Path::new("/proc").join(pid.trim()).exists()
    };
    let (hub, mut client) = hub_with(SimCamera { hls: program, ..SimCamera::garden() }).await;
    let base = open(&mut client, 1).await;
    assert_eq!(open(&mut client, 2).await, base, "one stream for all");
    let list = format!("{base}playlist.m3u8");
    text(&hub, &list).await;
    assert_eq!(hub.streams(), 1);
    let began = Instant::now();
    while hub.streams() > 0 {
        assert!(began.elapsed() < SOON, "it never ends");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(began.elapsed() > Duration::from_secs(1));
    assert!(is_gone(), "its program ends with it");
    assert_eq!(get(&hub, &list, None).await.0, 404);

    let other = open(&mut client, 3).await;
    assert_ne!(other, base);
    text(&hub, &format!("{other}playlist.m3u8")).await;
    assert!(hub.end_stream("camera.garden"));
    assert_eq!(get(&hub, &format!("{other}playlist.m3u8"), None).await.0, 404);
    assert!(!hub.end_stream("camera.garden"));

    let last = open(&mut client, 4).await;
    text(&hub, &format!("{last}playlist.m3u8")).await;
    assert!(!is_gone());
    hub.stop().await;
    assert!(is_gone(), "none is left when the hub has stopped");
}

#[tokio::test]
async fn a_stalled_stream_brings_nothing_new_and_a_broken_one_begins_anew_with_a_break() {
    let mut broken = garden();
    broken.hls = Some(words(&STREAM.replace(" -c:v", " -t 1.5 -c:v")));
    let options = SimHubOptions {
        cameras: vec![broken],
        shortest_segment: Duration::from_millis(900),
        longest_part: Duration::from_millis(400),
        stream_retry: Duration::from_millis(100),
        ..quick()
    };
    let hub = SimHub::start(options).await.unwrap();
    let mut client = Client::logged_in(&hub).await;
    let base = open(&mut client, 1).await;
    let began = Instant::now();
    while !text(&hub, &format!("{base}playlist.m3u8")).await.contains("#EXT-X-DISCONTINUITY\n") {
        assert!(began.elapsed() < SOON, "no break");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    hub.set_faults(Faults { stalled_streams: true, ..Faults::default() });
    let list = text(&hub, &format!("{base}playlist.m3u8")).await;
    let (_, hint) = list.split_once("TYPE=PART,URI=\"./").unwrap();
    let next = hint.split('"').next().unwrap();
    assert_eq!(get(&hub, &format!("{base}{next}"), None).await.0, 404, "{next}");
    hub.set_faults(Faults { no_streams: true, ..Faults::default() });
    let reply = client.ask(json!({"id": 2, "type": "camera/stream", "entity_id": "camera.garden"})).await;
    error(2, "start_stream_failed")(&reply);
}

#[tokio::test]
async fn a_still_picture_is_for_those_with_a_good_bearer_or_one_of_the_cameras_last_two_tokens() {
    let (hub, mut client) = hub_with(garden()).await;
    let path = "/api/camera_proxy/camera.garden";
    let good = Some(hub.token.clone());
    let good = good.as_deref();
    let (status, kind, picture) = get(&hub, path, good).await;
    assert_eq!((status, kind.as_str()), (200, "image/jpeg"));
    assert!(picture.starts_with(&[0xff, 0xd8, 0xff]) && picture.len() > 1000);
    for (path, token, status) in [
        ("/api/camera_proxy/camera.none", good, 404),
        (path, None, 403),
        ("/api/camera_proxy/camera.garden?token=bad", None, 403),
        (path, Some("nobody's"), 401),
    ] {
        assert_eq!(get(&hub, path, token).await.0, status, "{path}");
    }
    assert_eq!(hub.failed_logins(), 1, "only the wrong bearer is a failed login");

    client.say(json!({"id": 1, "type": "subscribe_entities", "entity_ids": ["camera.garden"]})).await;
    let first = client.until(|m| m["event"]["a"].is_object()).await.pop().unwrap();
    let own = first["event"]["a"]["camera.garden"]["a"]["entity_picture"].as_str().unwrap().to_owned();
    for status in [200, 200, 403] {
        assert_eq!(get(&hub, &own, None).await.0, status);
        hub.rotate_tokens();
    }
    hub.set_faults(Faults { no_stills: true, ..Faults::default() });
    assert_eq!(get(&hub, path, good).await.0, 500);
    hub.set_faults(Faults::default());
    hub.set_state("camera.garden", "off");
    assert_eq!(get(&hub, path, good).await.0, 503);
}

#[tokio::test]
async fn a_camera_that_gives_no_picture_in_time_is_an_error() {
    let still = Some(SimStill::Program(words("sleep 60")));
    let (hub, _client) = hub_with(SimCamera { still, ..SimCamera::garden() }).await;
    let began = Instant::now();
    assert_eq!(get(&hub, "/api/camera_proxy/camera.garden", Some(&hub.token)).await.0, 500);
    assert!(began.elapsed() >= Duration::from_secs(2));
}
