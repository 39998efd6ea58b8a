//! What grows while cameras are shown, also by those that misbehave for an hour (`make soak`), and whether the
//! call goes on. `SOAK_MINUTES` says for how long. The rows are those of the fault matrix.

use std::path::Path;
use std::time::{Duration, Instant};

use doorstep::media::feed::{Feed, WorkerProgram};
use doorstep::media::{FeedSpec, Sample, Source};
use secrecy::SecretString;
use tokio::time::{sleep, timeout};

use crate::fixture::house::wait_for;
use crate::fixture::measured::{Growth, Moment};
use crate::fixture::program::{Program, TOKEN};
use crate::fixture::workers::memory;
use crate::fixture::{AiortcPeer, BadLine, Camera, CameraOptions, Fault, Peer, PeerOptions, Summary};

/// Between two looks.
const LOOK: Duration = Duration::from_secs(5);
/// Between two lines of progress.
const TELL: Duration = Duration::from_secs(30);
/// Most that memory may grow, MiB/h, and what cannot be told from noise in a shorter time, MiB.
const SLOPE: f64 = 1.0;
const NOISE: f64 = 0.5;
/// Most that the log may grow, bytes per hour.
const LOG: f64 = 1024.0 * 1024.0;

fn length() -> Duration {
    let minutes = std::env::var("SOAK_MINUTES").ok().map_or(60.0, |text| text.parse().expect("minutes"));
    Duration::from_secs_f64(minutes * 60.0)
}

/// A camera behind a bad line, the program, and a call that goes on all the time.
struct Soak {
    name: &'static str,
    camera: Camera,
    line: BadLine,
    program: Program,
    peer: Peer,
    began: Instant,
    told: Instant,
    moments: Vec<Moment>,
}

impl Soak {
    async fn start(name: &'static str, options: CameraOptions) -> Self {
        let camera = Camera::start(options.gop(1.0)).await;
        let line = BadLine::to(camera.port()).await;
        let url = line.url();
        let program = Program::start(&format!("[[camera]]\nid = 'door'\nsource = '{url}'\n")).await;
        let options = PeerOptions::new(&program.door, TOKEN, "door");
        let mut peer = AiortcPeer::start(options.seconds(length().as_secs_f64()).with("--progress", 5));
        peer.wait_for("first_frame").await;
        wait_for("the camera's picture", async || {
            let cameras = program.api("cameras").await;
            (cameras["cameras"][0]["live"]["picture"] == true).then_some(())
        })
        .await;
        let now = Instant::now();
        println!("{}", Moment::head());
        Self { name, camera, line, program, peer, began: now, told: now, moments: Vec::new() }
    }

    /// True until the time is nearly over: the call must not end before the last look.
    fn goes_on(&self) -> bool {
        self.began.elapsed() + LOOK * 2 < length()
    }

    /// Waits, and then sees how things are.
    async fn look(&mut self) {
        sleep(LOOK).await;
        let pictures = self.peer.pictures();
        let moment = Moment::of(&self.program, self.began.elapsed(), self.line.clients(), pictures).await;
        if self.moments.is_empty() || self.told.elapsed() >= TELL {
            self.told = Instant::now();
            println!("{:<8} {moment}", self.name);
        }
        self.moments.push(moment);
    }

    /// Prints the table, judges what all soaks have in common, and gives what the peer saw.
    async fn end(self) -> (Summary, Vec<Moment>) {
        let outcome = self.peer.outcome().await;
        let summary = outcome.summary().clone();
        let growth = Growth::of(&self.moments);
        println!("\n{}: at the quarters\n{}", self.name, Moment::head());
        for quarter in 0..=4 {
            println!("{:<8} {}", self.name, self.moments[(self.moments.len() - 1) * quarter / 4]);
        }
        println!(
            "{}: {growth}; {} pictures decoded, longest gap {:.1} s\n",
            self.name,
            summary.frames,
            summary.longest_gap_ms(0.0) / 1_000.0
        );
        assert!(summary.connected && summary.ended == "time", "{}: the call went on: {summary:?}", self.name);
        let first = self.moments.first().unwrap();
        for moment in &self.moments {
            assert_eq!((moment.workers, moment.lost), (1, 0), "{}: no worker was lost: {moment}", self.name);
            assert!(moment.live, "{}: the feed stays: {moment}", self.name);
            assert_eq!(moment.worker, first.worker, "{}: the worker stays: {moment}", self.name);
        }
        let may_grow = (SLOPE * growth.hours).max(NOISE);
        assert!(growth.memory * growth.hours <= may_grow, "{}: {growth}", self.name);
        assert!(growth.descriptors <= 0, "{}: {growth}", self.name);
        assert!(growth.log <= LOG, "{}: {growth}", self.name);
        drop(self.camera);
        (summary, self.moments)
    }
}

#[actix::test]
async fn a_worker_keeps_nothing_of_what_it_has_passed_on() {
    let options = CameraOptions::default().with("--pattern", "noise").with("--kbps", 4_000);
    let camera = Camera::start(options).await;
    let source = Source::parse(&SecretString::from(camera.url().to_owned())).unwrap();
    let program = WorkerProgram::at(Path::new(env!("CARGO_BIN_EXE_doorstep-media")));
    let spec =
        FeedSpec { camera: "Front door".into(), sources: vec![source], max_kbps: 2_500, speaker: None };
    let (feed, mut samples, _events) = Feed::open(spec, program);
    let mut passed = async |time: Duration| {
        let mut bytes = 0;
        let count = async {
            loop {
                match samples.recv().await.expect("the feed goes on") {
                    Sample::Picture(picture) if !picture.slate => bytes += picture.data.len(),
                    _ => {}
                }
            }
        };
        timeout(time, count).await.unwrap_err();
        bytes as f64 / f64::from(1 << 20)
    };
    // Pools fill.
    assert!(passed(Duration::from_secs(8)).await > 0.0);
    let worker = i32::try_from(feed.worker_pid().unwrap()).unwrap();
    let before = memory(worker);
    let passed = passed(Duration::from_secs(20)).await;
    let kept = memory(worker) - before;
    println!("kept {kept:.1} of {passed:.1} MiB");
    assert!(passed > 4.0, "{passed} MiB");
    assert!(kept < passed / 4.0, "kept {kept} of {passed} MiB");
}

#[actix::test]
#[ignore = "takes an hour: make soak"]
async fn m4_a_camera_that_drops_its_connection_every_ten_seconds_leaves_nothing_behind() {
    let mut soak = Soak::start("m4", CameraOptions::default()).await;
    let mut cuts = 0;
    while soak.goes_on() {
        soak.look().await;
        soak.look().await;
        soak.line.cut();
        cuts += 1;
    }
    let (summary, moments) = soak.end().await;
    let connections = moments.last().unwrap().connections;
    println!("m4: {cuts} cuts, {connections} connections");
    assert!(connections >= cuts, "each was followed by another connection");
    assert!(summary.longest_gap_ms(0.0) < 4_000.0, "there are pictures in between");
}

/// A bit in ten thousand is wrong, and a packet in a hundred is missing, all the time.
async fn noise(name: &'static str, options: CameraOptions) {
    let mut soak = Soak::start(name, options).await;
    soak.line.spoil(Fault { noise: 1e-4, lost: 100, ..Fault::default() });
    while soak.goes_on() {
        soak.look().await;
    }
    soak.line.spoil(Fault::default());
    let (summary, _) = soak.end().await;
    assert!(summary.longest_gap_ms(0.0) < 30_000.0, "there are pictures, however damaged");
}

#[actix::test]
#[ignore = "takes an hour: make soak"]
async fn m5_p11_a_copied_picture_full_of_noise_ends_nothing_and_floods_no_log() {
    noise("m5 copy", CameraOptions::default()).await;
}

#[actix::test]
#[ignore = "takes an hour: make soak"]
async fn m5_p11_a_decoded_picture_full_of_noise_ends_nothing_and_floods_no_log() {
    noise("m5 code", CameraOptions::default().b_frames(2)).await;
}
