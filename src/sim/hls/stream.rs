//! A camera's live stream: its program, and what was cut from what it says.

use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use tokio::process::ChildStdout;
use tokio::sync::watch;
use tokio_util::codec::FramedRead;
use tokio_util::sync::CancellationToken;

use super::cutter::{Cut, Cutter};
use super::mp4::{BoxCodec, Head};
use super::track::Track;
use crate::sim::core::Core;
use crate::sim::program;

/// Between two looks whether anybody asks for the stream.
const LOOK: Duration = Duration::from_millis(200);

/// A camera's live stream.
#[derive(Debug)]
pub(in crate::sim) struct Stream {
    /// Whoever knows it may look.
    pub(in crate::sim) token: String,
    entity_id: String,
    program: Vec<String>,
    pub(super) track: watch::Sender<Track>,
    asked: Mutex<Instant>,
    end: CancellationToken,
}

impl Stream {
    pub(super) fn new(entity_id: &str, program: Vec<String>, end: CancellationToken) -> Self {
        Self {
            token: format!("{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>()),
            entity_id: entity_id.to_owned(),
            program,
            track: watch::Sender::new(Track::default()),
            asked: Mutex::new(Instant::now()),
            end,
        }
    }

    /// Somebody asks for it.
    pub(super) fn touch(&self) {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    pub(super) fn end(&self) {
        self.end.cancel();
    }

    /// Runs the program, again and again, until nobody asks for the stream any more.
    pub(in crate::sim) async fn run(self: Arc<Self>, core: Arc<Core>) {
        tokio::select! {
            () = self.end.cancelled() => {}
            () = self.idle(core.options.stream_idle) => {}
            () = self.play_on(&core) => {}
        }
        core.office().streams.forget(&self);
        self.track.send_modify(|track| track.has_ended = true);
    }

    async fn idle(&self, limit: Duration) {
        while self.asked.lock().unwrap_or_else(PoisonError::into_inner).elapsed() < limit {
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn play_on(&self, core: &Core) {
        loop {
            match program::start(&self.program, Stdio::null()) {
                Ok(mut child) => {
                    if let Some(output) = child.stdout.take() {
                        self.play(core, output).await;
                    }
                    program::end(child).await;
                }
                Err(error) => tracing::debug!(entity = %self.entity_id, %error, "a simulated stream"),
            }
            self.track.send_modify(Track::break_off);
            tokio::time::sleep(core.options.stream_retry).await;
        }
    }

    /// Cuts what the program says, until it ends.
    async fn play(&self, core: &Core, output: ChildStdout) {
        let mut boxes = FramedRead::new(output, BoxCodec);
        let (mut init, mut moof) = (BytesMut::new(), Bytes::new());
        let mut cutter = None;
        while let Some(Ok((kind, bytes))) = boxes.next().await {
            match &kind {
                b"ftyp" => init.extend_from_slice(&bytes),
                b"moov" => {
                    init.extend_from_slice(&bytes);
                    let Some(head) = Head::read(&bytes) else { return };
                    let (init, codecs) = (init.split().freeze(), head.codecs.clone());
                    self.track.send_modify(|track| (track.init, track.codecs) = (init, codecs));
                    let options = &core.options;
                    cutter = Some(Cutter::new(head, options.shortest_segment, options.longest_part));
                }
                b"moof" => moof = bytes,
                b"mdat" => {
                    let cuts = cutter.as_mut().map(|cutter| cutter.take(&moof, &bytes)).unwrap_or_default();
                    if !cuts.is_empty() && !core.office().faults.stalled_streams {
                        self.track.send_modify(|track| cuts.into_iter().for_each(|cut| apply(track, cut)));
                    }
                }
                _ => {}
            }
        }
    }
}

fn apply(track: &mut Track, cut: Cut) {
    match cut {
        Cut::Segment => track.begin_segment(),
        Cut::Part(part) => track.add_part(part),
    }
}
