//! The caged process that holds FFmpeg: one per live camera.
//!
//! Threads: `main` hears what `doorstep` wants; `source` opens and reads the camera, blocking, and
//! owns every context of FFmpeg's that belongs to it; `pulse` keeps sound, slate and sign of life
//! going; `talk` decodes what the Echo's user says. All output goes through the `Stage`.
//!
//! A crate of its own, not a module of the library: so `doorstep` cannot link FFmpeg even with
//! linkers that keep libraries of code that was thrown away.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::mpsc::SyncSender;

use ffmpeg_next as ffmpeg;

use doorstep::media::wire::{self, FromWorker, ToWorker, WireSource};
use liveness::Liveness;
use stage::Stage;
use talk::TalkPacket;

mod cage;
mod camera;
mod canvas;
mod clock;
mod h264_encoder;
mod liveness;
mod opus;
mod pcm;
mod picture_path;
mod pulse;
mod slate;
mod sound_path;
mod stage;
mod stream_facts;
mod talk;
mod test_source;
mod trouble;

/// The worker's whole life: ends with its stdin.
fn main() -> ExitCode {
    cage::enter();
    clock::now_ms();
    if ffmpeg::init().is_err() {
        return ExitCode::FAILURE;
    }
    // FFmpeg writes to stderr, which doorstep scrubs and passes on. The level is global: set once.
    ffmpeg::log::set_level(ffmpeg::log::Level::Error);
    match listen() {
        Ok(()) => cage::leave(0),
        Err(error) => {
            eprintln!("{error}");
            cage::leave(1)
        }
    }
}

fn listen() -> std::io::Result<()> {
    let stage = Arc::new(Stage::new());
    let key_wanted = Arc::new(AtomicBool::new(false));
    let mut talk: Option<SyncSender<TalkPacket>> = None;
    let mut stdin = std::io::stdin().lock();
    while let Some(frame) = wire::read_frame(&mut stdin)? {
        match ToWorker::decode(frame).map_err(std::io::Error::other)? {
            ToWorker::Hello { version: wire::VERSION } => {
                stage.say(&FromWorker::Hello { version: wire::VERSION });
            }
            ToWorker::Hello { version } => {
                return Err(std::io::Error::other(format!(
                    "doorstep speaks version {version} of the protocol"
                )));
            }
            ToWorker::Open { camera, source, max_kbps: _ } if talk.is_none() => {
                talk = Some(open(camera, source, &stage, &key_wanted)?);
            }
            ToWorker::Open { .. } => return Err(std::io::Error::other("a worker has one camera only")),
            ToWorker::KeyFrame => key_wanted.store(true, Ordering::Relaxed),
            ToWorker::Talk { opus, sequence, timestamp: _ } => {
                if let Some(talk) = &talk {
                    // When the decoder does not keep up, old words are worth nothing.
                    talk.try_send(TalkPacket { opus, sequence }).ok();
                }
            }
            ToWorker::Begin { .. }
            | ToWorker::End { .. }
            | ToWorker::Speaker { .. }
            | ToWorker::Piece { .. } => {
                return Err(std::io::Error::other("handed sources are not built yet"));
            }
            ToWorker::Stop => return Ok(()),
        }
    }
    Ok(())
}

/// Starts the threads.
fn open(
    camera: String,
    source: WireSource,
    stage: &Arc<Stage>,
    key_wanted: &Arc<AtomicBool>,
) -> std::io::Result<SyncSender<TalkPacket>> {
    let liveness = Arc::new(Liveness::new());
    let speaker = Arc::new(AtomicI32::new(talk::SILENT));
    let reason = pulse::Reason::default();
    pulse::start(Arc::clone(stage), Arc::clone(&liveness), camera.clone(), Arc::clone(&reason))?;
    let talk = talk::start(Arc::clone(stage), Arc::clone(&speaker))?;
    let (stage, key_wanted) = (Arc::clone(stage), Arc::clone(key_wanted));
    std::thread::Builder::new().name("source".into()).spawn(move || match source {
        WireSource::Address(address) => camera::run(&address, &stage, &liveness, &reason),
        WireSource::Test(pattern) => {
            let shared = test_source::Shared { stage, liveness, key_wanted, speaker };
            if let Err(error) = test_source::run(&camera, pattern, &shared) {
                eprintln!("the test pattern cannot be made: {error}");
                cage::leave(1);
            }
        }
        WireSource::Handed => cage::leave(1),
    })?;
    Ok(talk)
}
