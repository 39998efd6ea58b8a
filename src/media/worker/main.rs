//! The caged process that holds FFmpeg: one per live camera.
//!
//! Threads: `main` hears what `doorstep` wants; `source` opens and reads the camera, blocking, and
//! owns every context of FFmpeg's that belongs to it; `pulse` keeps sound, slate and sign of life
//! going; `talk` makes what the camera's speaker is given of what the Echos' users say; `still` makes
//! still pictures of what is shown. All output goes through the `Stage`.
//!
//! A crate of its own, not a module of the library: so `doorstep` cannot link FFmpeg even with
//! linkers that keep libraries of code that was thrown away.

use std::ffi::CStr;
use std::io::Write;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use ffmpeg_next as ffmpeg;

use doorstep::media::wire::{self, FromWorker, ToWorker, WireSource};
use handed::Order;
use liveness::Liveness;
use shared::Shared;
use stage::Stage;
use talk::TalkOrder;

mod cage;
mod camera;
mod canvas;
mod catch_up;
mod clock;
mod container;
mod ear;
mod frame_budget;
mod grade;
mod group;
mod h264_encoder;
mod handed;
mod level;
mod liveness;
mod network;
mod opus;
mod pace;
mod pcm;
mod picture_decoder;
mod picture_path;
mod picture_recoder;
mod programme;
mod pulse;
mod resampler;
mod shared;
mod slate;
mod sound_path;
mod speech;
mod speech_codec;
mod stage;
mod still;
mod stream_facts;
mod talk;
mod test_source;
mod trouble;

/// Pieces of a handed source that wait for its thread.
const ORDERS: usize = 16;

/// The worker's whole life: ends with its stdin.
fn main() -> ExitCode {
    cage::enter();
    if std::env::args().nth(1).as_deref() == Some("--version") {
        println!("{}", ffmpeg_version());
        return ExitCode::SUCCESS;
    }
    clock::now_ms();
    if !network::is_guarded() {
        eprintln!(
            "this build lets FFmpeg connect past its guard, so it opens nothing; build it with another linker"
        );
        return ExitCode::FAILURE;
    }
    if ffmpeg::init().is_err() {
        eprintln!("FFmpeg cannot be used");
        return ExitCode::FAILURE;
    }
    clock::wall();
    let sealed = cage::seal();
    // FFmpeg writes to stderr, which doorstep scrubs and passes on. The level is global: set once.
    ffmpeg::log::set_level(ffmpeg::log::Level::Error);
    match listen(sealed) {
        Ok(()) => cage::leave(0),
        Err(error) => {
            eprintln!("{error}");
            cage::leave(1)
        }
    }
}

#[allow(unsafe_code)]
fn ffmpeg_version() -> String {
    // SAFETY: FFmpeg gives a text of its own that ends in zero and is never freed.
    let version = unsafe { CStr::from_ptr(ffmpeg::ffi::av_version_info()) };
    version.to_string_lossy().into_owned()
}

fn listen(sealed: bool) -> std::io::Result<()> {
    let mut camera: Option<Camera> = None;
    let mut stdin = std::io::stdin().lock();
    while let Some(frame) = wire::read_frame(&mut stdin)? {
        match (ToWorker::decode(frame).map_err(std::io::Error::other)?, &camera) {
            (ToWorker::Hello { version: wire::VERSION }, None) => {
                let hello = FromWorker::Hello { version: wire::VERSION, sealed };
                hello.write(&mut std::io::stdout())?;
                std::io::stdout().flush()?;
            }
            (ToWorker::Hello { version }, _) => {
                return Err(std::io::Error::other(format!(
                    "doorstep speaks version {version} of the protocol"
                )));
            }
            (ToWorker::Open { camera: name, source, max_kbps }, None) => {
                camera = Some(Camera::open(name, source, max_kbps)?);
            }
            (ToWorker::Open { .. }, Some(_)) => {
                return Err(std::io::Error::other("a worker has one camera only"));
            }
            (ToWorker::Stop, _) => return Ok(()),
            (wish, Some(camera)) => camera.take(wish)?,
            (_, None) => {}
        }
    }
    Ok(())
}

/// The threads of the worker's camera.
struct Camera {
    shared: Arc<Shared>,
    talk: SyncSender<TalkOrder>,
    stills: SyncSender<Vec<Bytes>>,
    /// To the source's thread, if the source is handed over.
    orders: Option<SyncSender<Order>>,
}

impl Camera {
    fn open(name: String, source: WireSource, max_kbps: u32) -> std::io::Result<Self> {
        let destination = match &source {
            WireSource::Address(destination) => Some(destination),
            WireSource::Test(_) | WireSource::Handed => None,
        };
        cage::bar_ports_but(destination.map(|destination| destination.address().port()));
        if let Some(destination) = destination {
            network::open(destination.clone());
        }
        let shared = Arc::new(Shared {
            stage: Stage::new(),
            liveness: Arc::new(Liveness::new()),
            reason: pulse::Reason::default(),
            key_wanted: AtomicBool::new(false),
            fresh_wanted: AtomicBool::new(false),
            speaker: AtomicI32::new(level::SILENT as i32),
            ear: Mutex::default(),
            cleans: AtomicBool::new(false),
            max_kbps: max_kbps.clamp(100, 20_000),
            limit_kbps: AtomicU32::new(0),
            allowed_kbps: AtomicU32::new(0),
            rate_kbps: AtomicU32::new(0),
        });
        pulse::start(name.clone(), Arc::clone(&shared))?;
        let talk = talk::start(Arc::clone(&shared))?;
        let stills = still::start(Arc::clone(&shared))?;
        let (orders, handed) = sync_channel(ORDERS);
        let orders = (source == WireSource::Handed).then_some(orders);
        let of_thread = Arc::clone(&shared);
        std::thread::Builder::new().name("source".into()).spawn(move || match source {
            WireSource::Address(destination) => camera::run(destination.address().expose(), &of_thread),
            WireSource::Test(pattern) => {
                if let Err(error) = test_source::run(&name, pattern, &of_thread) {
                    eprintln!("the test pattern cannot be made: {error}");
                    cage::leave(1);
                }
            }
            WireSource::Handed => handed::run(handed, &of_thread),
        })?;
        Ok(Self { shared, talk, stills, orders })
    }

    fn take(&self, wish: ToWorker) -> std::io::Result<()> {
        match wish {
            ToWorker::KeyFrame => self.shared.key_wanted.store(true, Ordering::Relaxed),
            ToWorker::Fresh => self.shared.fresh_wanted.store(true, Ordering::Relaxed),
            ToWorker::Limit { kbps } => self.shared.limit_kbps.store(least(kbps), Ordering::Relaxed),
            ToWorker::Allow { kbps } => self.shared.allowed_kbps.store(least(kbps), Ordering::Relaxed),
            ToWorker::Rate { kbps } => self.shared.rate_kbps.store(least(kbps), Ordering::Relaxed),
            // When the decoder does not keep up, old words are worth nothing.
            ToWorker::Talk { talker, opus, sequence, timestamp } => {
                self.talk.try_send(TalkOrder::Packet { talker, opus, sequence, timestamp }).ok();
            }
            ToWorker::Leave { talker } => {
                self.talk.send(TalkOrder::Leave(talker)).map_err(std::io::Error::other)?;
            }
            ToWorker::Audible { plays } => {
                self.talk.send(TalkOrder::Audible(plays)).map_err(std::io::Error::other)?;
            }
            ToWorker::Tone => self.talk.send(TalkOrder::Tone).map_err(std::io::Error::other)?,
            ToWorker::Speaker { setup } => {
                self.talk.send(TalkOrder::Speaker(setup)).map_err(std::io::Error::other)?;
            }
            // Whoever gets no answer asks again.
            ToWorker::Still { units } => drop(self.stills.try_send(units)),
            ToWorker::Slate { shown } => self.shared.stage.show_slate(shown),
            ToWorker::Begin { form, pictures } => self.order(Order::Begin { form, pictures })?,
            ToWorker::Piece { kind, ticks, data } => self.order(Order::Piece { kind, ticks, data })?,
            ToWorker::End { reason } => self.order(Order::End { reason })?,
            ToWorker::Hello { .. } | ToWorker::Open { .. } | ToWorker::Stop => {}
        }
        Ok(())
    }

    /// Waits while the source's thread is behind: so `doorstep` notices.
    fn order(&self, order: Order) -> std::io::Result<()> {
        let orders = self.orders.as_ref();
        let orders =
            orders.ok_or_else(|| std::io::Error::other("this camera's source is not handed over"))?;
        orders.send(order).map_err(|_| std::io::Error::other("the source's thread is gone"))
    }
}

/// With less there is no picture; 0 stands for no limit.
fn least(kbps: Option<u32>) -> u32 {
    kbps.map_or(0, |kbps| kbps.max(100))
}
