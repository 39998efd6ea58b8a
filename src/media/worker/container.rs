//! A container whose bytes are handed over in bursts: read by a thread of its own, shown evenly.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Buf, Bytes};
use ffmpeg_next as ffmpeg;
use ffmpeg_next::format::context::StreamIo;

use crate::clock::now_ms;
use crate::handed::{AGAIN, Inbox, Next, Order};
use crate::liveness::Liveness;
use crate::pace::Pace;
use crate::programme::{self, DECODERS, FORMATS, Programme};
use crate::shared::Shared;
use crate::trouble::Trouble;
use doorstep::media::TroubleKind;
use doorstep::media::wire::PieceKind;

const OPEN_MS: i64 = 10_000;
const WORK_MS: i64 = 5_000;
/// Bytes in which streams must be found.
const PROBE: &str = "1000000";
/// Packets that wait to be shown: some seconds.
const WAITING: usize = 1_024;

/// The bytes of a container: they end where the source ends or begins anew.
struct Bytestream {
    inbox: Arc<Mutex<Inbox>>,
    rest: Bytes,
    /// On the worker's clock; can be changed at any time.
    ends_ms: Arc<AtomicI64>,
}

impl Read for Bytestream {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        while self.rest.is_empty() && now_ms() < self.ends_ms.load(Ordering::Relaxed) {
            let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
            match inbox.next(AGAIN) {
                Next::Order(Order::Piece { kind: PieceKind::Bytes, data, .. }) => self.rest = data,
                Next::Order(Order::Piece { .. }) | Next::Nothing => {}
                Next::Order(order) => {
                    inbox.held = Some(order);
                    self.ends_ms.store(0, Ordering::Relaxed);
                }
                Next::Over => self.ends_ms.store(0, Ordering::Relaxed),
            }
        }
        let length = self.rest.len().min(to.len());
        if let Some(to) = to.get_mut(..length) {
            self.rest.copy_to_slice(to);
        }
        Ok(length)
    }
}

/// Shows the container's streams until they end.
pub fn show(inbox: &Arc<Mutex<Inbox>>, shared: &Shared) -> Result<(), Trouble> {
    let ends_ms = Arc::new(AtomicI64::new(now_ms() + OPEN_MS));
    let bytes = Bytestream { inbox: Arc::clone(inbox), rest: Bytes::new(), ends_ms: Arc::clone(&ends_ms) };
    let end = open(bytes, &shared.liveness).and_then(|mut input| {
        ends_ms.store(i64::MAX, Ordering::Relaxed);
        let programme = Programme::new(&input, shared)?;
        std::thread::scope(|scope| {
            let (to, packets) = sync_channel(WAITING);
            let reads = move || read_all(&mut input, &to, &shared.liveness);
            std::thread::Builder::new().name("container".into()).spawn_scoped(scope, reads).map_err(
                |error| {
                    Trouble::passing(
                        TroubleKind::Other,
                        &format!("no thread can be started to read the stream ({error})"),
                    )
                },
            )?;
            let end = present(&packets, programme, shared);
            ends_ms.store(0, Ordering::Relaxed);
            end
        })
    });
    let is_told = inbox.lock().unwrap_or_else(PoisonError::into_inner).held.is_some();
    // It ended as it was told to.
    if is_told { Ok(()) } else { end }
}

fn read_all(
    input: &mut ffmpeg::format::context::Input,
    to: &SyncSender<Result<ffmpeg::Packet, Trouble>>,
    liveness: &Liveness,
) {
    loop {
        let read = programme::read(input, liveness);
        let is_over = read.is_err();
        if to.send(read).is_err() || is_over {
            return;
        }
    }
}

/// Takes what is read, and shows each packet when it is due.
fn present(
    packets: &Receiver<Result<ffmpeg::Packet, Trouble>>,
    mut programme: Programme<'_>,
    shared: &Shared,
) -> Result<(), Trouble> {
    let mut pace = Pace::default();
    // How often the source's clock has jumped, when it shows on that clock, and in which order it came.
    let mut waiting: BTreeMap<(u32, i64, u64), ffmpeg::Packet> = BTreeMap::new();
    let (mut jumps, mut last_at, mut number) = (0_u32, 0_i64, 0_u64);
    let mut end = None;
    loop {
        let now = now_ms();
        shared.liveness.back_within(WORK_MS);
        while let Some(first) = waiting.first_entry().filter(|first| {
            let (of, at, _) = *first.key();
            of < jumps || pace.due(at) <= now
        }) {
            programme.take(&first.remove())?;
        }
        let next_ms = waiting.first_key_value().map_or(now + 200, |((_, at, _), _)| pace.due(*at));
        let patience = Duration::from_millis(next_ms.saturating_sub(now_ms()).clamp(0, 200).unsigned_abs());
        if let Some(end) = &end {
            if waiting.is_empty() {
                return Err(Trouble::clone(end));
            }
            std::thread::sleep(patience);
            continue;
        }
        match packets.recv_timeout(patience) {
            Ok(Ok(packet)) => {
                number += 1;
                last_at = programme.at_ms(&packet).unwrap_or(last_at);
                if !pace.arrived(last_at, now_ms()) {
                    jumps += 1;
                }
                waiting.insert((jumps, last_at, number), packet);
                if waiting.len() > WAITING {
                    return Err(Trouble::passing(TroubleKind::Format, "the stream sends more than it shows"));
                }
            }
            Ok(Err(trouble)) => end = Some(trouble),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                end = Some(Trouble::passing(TroubleKind::BrokeOff, "the stream cannot be read"));
            }
        }
    }
}

fn open(bytes: Bytestream, liveness: &Arc<Liveness>) -> Result<ffmpeg::format::context::Input, Trouble> {
    let mut options = ffmpeg::Dictionary::new();
    options.set("format_whitelist", FORMATS);
    options.set("codec_whitelist", DECODERS);
    options.set("analyzeduration", "100000");
    options.set("fpsprobesize", "0");
    options.set("probesize", PROBE);
    liveness.back_within(OPEN_MS);
    let watch = Arc::clone(liveness);
    StreamIo::from_read(bytes)
        .and_then(|io| {
            ffmpeg::format::input_from_stream_with_interrupt(io, None, Some(options), move || {
                watch.is_overdue()
            })
        })
        .map_err(|error| Trouble::at_open(error, liveness))
}
