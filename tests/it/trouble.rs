//! What cameras do to calls, before and in the middle of them. The rows are those of the fault matrix,
//! "media input"; a peer that is not ours judges with its decoder.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::fixture::house::{House, wait_for};
use crate::fixture::offers::offer;
use crate::fixture::workers::{descriptors, most_memory, processor_time, workers};
use crate::fixture::{
    AiortcPeer, BadLine, Camera, CameraOptions, Clock, Fault, Outcome, Peer, PeerOptions, Summary, hostile,
};

const SLATE: (u32, u32) = (1280, 720);
const OWN: (u32, u32) = (640, 360);
const HOUR: i32 = 3_600;
/// A camera that is there again is shown after its answers and its next key picture; twice that on a busy machine, ms.
const SHOWN_AGAIN: f64 = 3_000.0;
/// Most memory of a worker, MiB.
const MOST_MEMORY: u64 = 300;

fn front_door(url: &str) -> String {
    format!("[[camera]]\nid = 'front_door'\nname = 'Front door'\nsource = '{url}'\n")
}

fn options_of(house: &House, session: &str) -> PeerOptions {
    PeerOptions::new(&format!("http://{}", house.door), &house.token, "front_door").session(session)
}

/// A camera behind a bad line, a house, and a call that shows the camera's picture by now.
struct Watched {
    camera: Camera,
    line: BadLine,
    house: House,
    peer: Peer,
    /// When the offer was posted.
    offered: Instant,
}

impl Watched {
    /// The call goes on for so long.
    async fn start(options: CameraOptions, fault: Fault, seconds: f64) -> Self {
        let camera = Camera::start(options.gop(1.0)).await;
        let line = BadLine::to(camera.port()).await;
        line.spoil(fault);
        let house = House::start(&front_door(&line.url()));
        let mut peer = AiortcPeer::start(options_of(&house, "watched").seconds(seconds));
        let first = peer.wait_for("first_frame").await["ms"].as_f64().unwrap();
        let offered = Instant::now() - Duration::from_secs_f64(first / 1_000.0);
        let watched = Self { camera, line, house, peer, offered };
        watched.is_shown().await;
        watched
    }

    /// Of another call to the same camera.
    fn options(&self, session: &str) -> PeerOptions {
        options_of(&self.house, session)
    }

    /// Waits until the camera's own picture is shown.
    async fn is_shown(&self) {
        wait_for("the camera's own picture", async || {
            (self.house.camera("front_door").await["live"]["picture"] == true).then_some(())
        })
        .await;
    }

    /// Now, in ms of the call.
    fn now(&self) -> f64 {
        self.offered.elapsed().as_secs_f64() * 1_000.0
    }

    /// Waits until the camera's trouble says this.
    async fn trouble(&self, words: &str) {
        wait_for(words, async || {
            let camera = self.house.camera("front_door").await;
            camera["live"]["trouble"].as_str()?.contains(words).then_some(())
        })
        .await;
    }

    fn worker(&self) -> i32 {
        *workers().first().expect("a worker")
    }

    async fn end(self) -> (Outcome, Value) {
        let outcome = self.peer.outcome().await;
        let record = self.house.call_record("watched", |call| call["ended"].is_string()).await;
        assert_eq!(record["end_reason"], "hung up", "the call went on: {record}");
        let summary = outcome.summary();
        assert!(summary.connected && summary.problems.is_empty(), "{summary:?}");
        (outcome, record)
    }
}

async fn seconds(seconds: f64) {
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
}

/// When the first picture of this size came after `from`, ms of the call.
fn shown_again(summary: &Summary, size: (u32, u32), from: f64) -> f64 {
    let sizes = summary.sizes.iter();
    let at = sizes.filter(|(width, height, at)| (*width, *height) == size && *at > from).map(|size| size.2);
    at.fold(None, |first, at| first.or(Some(at))).unwrap_or_else(|| panic!("never again: {summary:?}"))
}

/// Sound and picture have kept their distance.
fn assert_together(name: &str, summary: &Summary) {
    let last = |lags: &[f64]| lags[lags.len() - 2];
    let apart = last(&summary.video_lags_ms) - last(&summary.audio_lags_ms);
    println!("{name}: apart by {apart} ms");
    assert!(apart.abs() < 150.0, "{name}: {:?} {:?}", summary.video_lags_ms, summary.audio_lags_ms);
}

#[actix::test]
async fn m1_a_camera_that_refuses_is_named_with_its_reason_and_without_its_password() {
    let locked = Camera::start(CameraOptions::default().locked("admin", "rightpass", "digest")).await;
    let refusing = Camera::start(CameraOptions::default().fault("refuse", 0.0)).await;
    let closed = Camera::start(CameraOptions::default().fault("closed", 0.0)).await;
    let wrong = locked.url().replace("rightpass", "canary-secret");
    let lost = locked.url().replace("/live", "/nowhere");
    let cases = [
        ("unknown", wrong.as_str(), "wrong user name or password"),
        ("lost", &lost, "does not know this path"),
        ("busy", refusing.url(), "no free place"),
        ("off", closed.url(), "refused the connection"),
    ];
    let cameras = cases.map(|(id, url, _)| format!("[[camera]]\nid = '{id}'\nsource = '{url}'\n"));
    let house = House::start(&cameras.concat());
    for (id, _, reason) in cases {
        let began = Instant::now();
        house.offer(id, id, &offer("g3-2023")).await;
        let trouble = wait_for(reason, async || {
            Some(house.camera(id).await["live"]["trouble"].as_str()?.to_owned())
                .filter(|text| text.contains(reason))
        })
        .await;
        println!("{id}: {trouble} after {:?}", began.elapsed());
        let event = house.offer(id, "again", &offer("g3-2023")).await;
        assert_eq!(event["event"]["payload"]["type"], "ENDPOINT_UNREACHABLE", "{id}: {event}");
        assert!(!event.to_string().contains("canary-secret"), "{event}");
    }
    for path in ["calls", "cameras", "status", "diagnostics"] {
        let page = house.api(path).await.to_string();
        assert!(!page.contains("canary-secret") && !page.contains("rightpass"), "{path}");
    }
}

#[actix::test]
async fn m2_a_camera_that_accepts_and_says_nothing_holds_up_nothing() {
    let mute = Camera::start(CameraOptions::default().fault("mute", 0.0)).await;
    let house = House::start(&front_door(mute.url()));
    let began = Instant::now();
    let event = house.offer("front_door", "mute", &offer("g3-2023")).await;
    assert_eq!(event["event"]["header"]["name"], "AnswerGeneratedForSession", "{event}");
    assert!(began.elapsed() < Duration::from_secs(4));
    wait_for("its trouble", async || {
        let camera = house.camera("front_door").await;
        camera["live"]["trouble"].as_str()?.contains("does not answer").then_some(())
    })
    .await;
    println!("given up after {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}

#[actix::test]
async fn m3_a_camera_that_stalls_is_named_and_shown_again_when_it_returns() {
    let watched = Watched::start(CameraOptions::default(), Fault::default(), 24.0).await;
    seconds(2.0).await;
    let stalled = Instant::now();
    watched.line.spoil(Fault { stalled: true, ..Fault::default() });
    watched.trouble("stopped sending").await;
    println!("named after {:?}", stalled.elapsed());
    assert!(stalled.elapsed() < Duration::from_secs(7));
    // A first try finds it as silent as before.
    seconds(2.0).await;
    let returned = watched.now();
    watched.line.spoil(Fault::default());
    let connects = watched.line.clients();
    let (outcome, record) = watched.end().await;
    let summary = outcome.summary();
    let again = shown_again(summary, OWN, returned);
    println!("picture {} ms after its return; {connects} connections", again - returned);
    assert!(summary.sizes.iter().any(|(width, height, _)| (*width, *height) == SLATE), "{summary:?}");
    assert!(again - returned < SHOWN_AGAIN, "{} ms: {:?} {record}", again - returned, summary.sizes);
    assert!(record["trouble"].to_string().contains("stopped sending"), "{record}");
}

#[actix::test]
async fn m3_a_picture_that_stalls_while_the_sound_goes_on_is_noticed() {
    let watched = Watched::start(CameraOptions::default(), Fault::default(), 18.0).await;
    seconds(2.0).await;
    watched.line.spoil(Fault { lost: 1, ..Fault::default() });
    watched.trouble("no picture").await;
    let returned = watched.now();
    watched.line.spoil(Fault::default());
    let (outcome, _) = watched.end().await;
    let again = shown_again(outcome.summary(), OWN, returned) - returned;
    println!("picture {again} ms after its return");
    assert!(again < SHOWN_AGAIN, "{again} ms: {:?}", outcome.summary());
}

#[actix::test]
async fn m4_a_camera_that_drops_its_connection_again_and_again_is_shown_in_between() {
    let watched = Watched::start(CameraOptions::default(), Fault::default(), 22.0).await;
    let worker = watched.worker();
    let (mut open, mut connects) = (Vec::new(), watched.line.clients());
    for _ in 0..4 {
        seconds(3.0).await;
        open.push(descriptors(worker));
        watched.line.cut();
        wait_for("another connection", async || (watched.line.clients() > connects).then_some(())).await;
        connects = watched.line.clients();
    }
    seconds(2.5).await;
    open.push(descriptors(worker));
    assert_eq!(watched.worker(), worker, "the worker stays");
    assert!(open.iter().all(|count| *count == open[0]), "descriptors: {open:?}");
    let (outcome, record) = watched.end().await;
    let summary = outcome.summary();
    println!("longest gap {} ms", summary.longest_gap_ms(0.0));
    assert!(summary.longest_gap_ms(0.0) < SHOWN_AGAIN, "{summary:?}");
    assert!(summary.frames > 200, "{summary:?}");
    assert!(!record["trouble"].as_array().unwrap().is_empty(), "{record}");
}

#[actix::test]
async fn m5_a_damaged_picture_goes_on_with_its_faults_copied_and_encoded_anew() {
    for (name, options) in [
        ("copied", CameraOptions::default()),
        ("b frames", CameraOptions::default().b_frames(2)),
        ("h265", CameraOptions::default().codec("h265")),
    ] {
        let watched = Watched::start(options, Fault::default(), 9.0).await;
        let worker = watched.worker();
        watched.line.spoil(Fault { noise: 1e-4, lost: 100, ..Fault::default() });
        seconds(4.0).await;
        watched.line.spoil(Fault::default());
        let sound = watched.now();
        seconds(2.0).await;
        assert_eq!(watched.worker(), worker, "{name}: the worker stays");
        let (outcome, record) = watched.end().await;
        let summary = outcome.summary();
        println!("{name}: {} frames, longest gap {} ms", summary.frames, summary.longest_gap_ms(0.0));
        assert!(summary.frames > 60, "{name}: {summary:?}");
        assert!(summary.frame_ms.last().unwrap() > &(sound + 1_500.0), "{name}: {summary:?} {record}");
    }
}

#[actix::test]
async fn m6_hostile_pictures_are_refused_or_left_out_within_the_workers_memory() {
    let bomb: Vec<Vec<u8>> =
        hostile::bombs().into_iter().chain(hostile::picture(640, 368, 1).into_iter().skip(1)).collect();
    let watched = Watched::start(CameraOptions::default(), Fault::default(), 45.0).await;
    let worker = watched.worker();
    let spoil = |instead: Vec<Vec<u8>>| watched.line.spoil(Fault { instead, ..Fault::default() });
    for (name, instead) in [
        ("supplemental information", bomb),
        ("32 references", hostile::picture(640, 368, 32)),
        ("a unit of 4 MiB", hostile::unit(5, 4 << 20)),
    ] {
        spoil(instead);
        seconds(1.0).await;
        spoil(Vec::new());
        seconds(1.0).await;
        println!("{name}: {} MiB", most_memory(worker));
    }
    spoil(hostile::middle(1, 4 << 20));
    seconds(6.0).await;
    spoil(hostile::picture(16_384, 16_384, 16));
    watched.trouble("unsupported picture size 16384x16384").await;
    // What gathers the unit takes all memory that a worker may have. One that was encoding meanwhile, for a viewer whose
    // line the floods had filled, finds none left and is replaced.
    let memory = most_memory(watched.worker());
    println!("16384x16384: {memory} MiB");
    spoil(Vec::new());
    let over = watched.now();
    assert!(memory < MOST_MEMORY, "{memory} MiB");
    watched.is_shown().await;
    // The floods of packets may have upset the first peer's decoder, which is not ours: another one judges.
    let options = watched.options("after").seconds(4.0);
    let after = AiortcPeer::run(options).await;
    let summary = after.summary();
    assert!(summary.problems.is_empty() && summary.frames > 20, "{summary:?}");
    assert_eq!((summary.width, summary.height), (Some(OWN.0), Some(OWN.1)));
    let (outcome, _) = watched.end().await;
    let summary = outcome.summary();
    assert!(summary.idr_ms.last().unwrap() > &(over + 3_000.0), "{summary:?}");
}

#[actix::test]
async fn m6_a_camera_that_is_hostile_from_the_start_is_refused_within_the_workers_memory() {
    for (name, options) in
        [("h264", CameraOptions::default()), ("b frames", CameraOptions::default().b_frames(2))]
    {
        let camera = Camera::start(options).await;
        let line = BadLine::to(camera.port()).await;
        line.spoil(Fault {
            instead: hostile::picture(16_384, 16_384, 16),
            description: Some(("sprop-parameter-sets", "xprop-parameter-sets")),
            ..Fault::default()
        });
        let house = House::start(&front_door(&line.url()));
        house.offer("front_door", "hostile", &offer("g3-2023")).await;
        let worker = wait_for("a worker", async || workers().first().copied()).await;
        wait_for("its refusal", async || {
            let camera = house.camera("front_door").await;
            camera["live"]["trouble"].as_str()?.contains("unsupported picture size").then_some(())
        })
        .await;
        println!("{name}: {} MiB", most_memory(worker));
        assert!(most_memory(worker) < MOST_MEMORY, "{name}: {} MiB", most_memory(worker));
    }
}

/// The camera changes in mid-call; the peer sees no other sizes than the one before and the one after.
async fn changes(name: &str, options: CameraOptions, change: &str, size: (u32, u32), mode: &str) {
    let mut watched = Watched::start(options.then(change, 3.0), Fault::default(), 8.0).await;
    watched.camera.wait_for("fault", Duration::from_secs(20)).await;
    let changed = watched.now();
    let (outcome, record) = watched.end().await;
    let summary = outcome.summary();
    let gap = summary.longest_gap_ms(changed - 500.0);
    println!("{name}: longest gap {gap} ms; {:?}", summary.sizes);
    assert_eq!(record["video"]["mode"], mode, "{name}: {record}");
    let last = summary.sizes.last().unwrap();
    assert_eq!((last.0, last.1), size, "{name}: {summary:?}");
    let foreign = |seen: &&(u32, u32, f64)| ![OWN, size, SLATE].contains(&(seen.0, seen.1));
    assert_eq!(summary.sizes.iter().find(foreign), None, "{name}: no other size is shown");
    assert!(gap < SHOWN_AGAIN, "{name}: {gap} ms");
    assert!(summary.frame_ms.last().unwrap() > &(changed + 2_500.0), "{name}: {summary:?}");
}

#[actix::test]
async fn m7_a_change_of_size_or_codec_in_mid_stream_is_shown_unstretched() {
    let turned = "size=480x640";
    changes("size", CameraOptions::default(), turned, (480, 640), "copy").await;
    changes("size anew", CameraOptions::default().codec("h265"), turned, (480, 640), "transcode").await;
    changes("codec", CameraOptions::default(), "codec=h265", OWN, "transcode").await;
}

#[actix::test]
async fn m7_a_change_of_profile_in_mid_stream_is_encoded_anew_only_while_it_has_to_be() {
    let (with, without) = ("profile=main,bframes=2", "profile=main,bframes=0");
    changes("profile", CameraOptions::default(), with, OWN, "transcode").await;
    changes("back", CameraOptions::default().b_frames(2), without, OWN, "copy").await;
}

#[actix::test]
async fn m8_timestamps_that_jump_wrap_or_stand_stop_neither_picture_nor_sound() {
    for (name, options) in
        [("copied", CameraOptions::default()), ("encoded anew", CameraOptions::default().b_frames(2))]
    {
        let wraps = Fault { clock: Clock::Wraps(4), ..Fault::default() };
        let watched = Watched::start(options, wraps, 15.5).await;
        seconds(4.0).await;
        for clock in
            [Clock::Off(HOUR), Clock::Off(-HOUR), Clock::Still, Clock::OffButReports(HOUR), Clock::True]
        {
            watched.line.spoil(Fault { clock, ..Fault::default() });
            seconds(2.0).await;
        }
        let (outcome, record) = watched.end().await;
        let summary = outcome.summary();
        let gap = summary.longest_gap_ms(0.0);
        println!("{name}: {} frames, longest gap {gap} ms", summary.frames);
        assert!(gap < 1_000.0, "{name}: {gap} ms: {summary:?}");
        assert!(summary.fps > 15.0, "{name}: {summary:?}");
        assert_together(name, summary);
        assert!(record["trouble"].as_array().unwrap().is_empty(), "{name}: {record}");
        let loud = summary.audio_levels.iter().filter(|level| **level > -40.0).count();
        assert!(loud * 10 > summary.audio_levels.len() * 7, "{name}: {:?}", summary.audio_levels);
    }
}

#[actix::test]
async fn m9_sound_that_is_missing_late_or_at_another_rate_holds_no_picture_up() {
    let (slower, faster) = ("MPEG4-GENERIC/48000", "MPEG4-GENERIC/08000");
    for (name, fault) in [
        ("missing", Fault { mute: true, ..Fault::default() }),
        ("late", Fault { sound_late: Duration::from_millis(1_500), ..Fault::default() }),
        ("slower", Fault { description: Some(("MPEG4-GENERIC/16000", slower)), ..Fault::default() }),
        ("faster", Fault { description: Some(("MPEG4-GENERIC/16000", faster)), ..Fault::default() }),
    ] {
        let watched = Watched::start(CameraOptions::default(), fault, 6.0).await;
        let (outcome, record) = watched.end().await;
        let summary = outcome.summary();
        let gap = summary.longest_gap_ms(0.0);
        println!("{name}: first after {:?}, gap {gap}, {:?}", summary.first_frame_ms, summary.audio_levels);
        assert!(summary.first_frame_ms.unwrap() < 4_000.0, "{name}: {summary:?}");
        assert!(gap < 1_000.0, "{name}: {gap} ms: {summary:?}");
        let lags = &summary.video_lags_ms[1..summary.video_lags_ms.len() - 1];
        let spread =
            lags.iter().fold(f64::MIN, |a, b| a.max(*b)) - lags.iter().fold(f64::MAX, |a, b| a.min(*b));
        assert!(spread < 500.0, "{name}: {:?}", summary.video_lags_ms);
        assert!(summary.audio_packets > 60, "{name}: {}", summary.audio_packets);
        assert!(record["trouble"].as_array().unwrap().is_empty(), "{name}: {record}");
        let silent = summary.audio_levels.iter().all(|level| *level < -80.0);
        assert_eq!(silent, name == "missing", "{name}: {:?}", summary.audio_levels);
    }
}

#[actix::test]
async fn m12_a_flood_of_garbage_talk_costs_little_and_the_picture_goes_on() {
    let house = House::start(
        "[[camera]]\nid = 'front_door'\nname = 'Front door'\nkind = 'doorbell'\nsource = 'test:?fps=10'\n",
    );
    let door = format!("http://{}", house.door);
    let options = PeerOptions::new(&door, &house.token, "front_door").session("flood").seconds(10.0);
    let mut peer = AiortcPeer::start(options.talk_flood(1_000));
    peer.wait_for("first_frame").await;
    let worker = *workers().first().unwrap();
    let before = processor_time(worker);
    seconds(5.0).await;
    let used = (processor_time(worker) - before).as_secs_f64() / 5.0;
    // Decoding all of it would take several times that.
    assert!(used < 0.5, "the worker takes {used} of a core");
    let outcome = peer.outcome().await;
    let summary = outcome.summary();
    assert!(summary.connected && summary.talk_sent > 5_000, "{summary:?}");
    assert!(summary.longest_gap_ms(0.0) < 1_500.0, "{summary:?}");
    assert!(summary.fps > 7.0, "{summary:?}");
    assert_eq!(workers().first(), Some(&worker), "the worker stays");
    let record = house.call_record("flood", |call| call["ended"].is_string()).await;
    assert!(record["counters"]["talk_packets"].as_u64().unwrap() > 1_000, "{record}");
}
