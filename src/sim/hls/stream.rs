//! A camera's live stream: its program, and what was cut from what it says.

use std::pin::{Pin, pin};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use tokio::process::{Child, ChildStdout};
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

    /// Runs the program, again and again, until the stream is ended or nobody asks for it any more.
    pub(in crate::sim) async fn run(self: Arc<Self>, core: Arc<Core>) {
        let mut over = pin!(self.over(core.options.stream_idle));
        loop {
            match program::start(&self.program, Stdio::null()) {
                Ok(child) => {
                    if self.play_until(&core, child, over.as_mut()).await {
                        break;
                    }
                }
                Err(error) => tracing::debug!(entity = %self.entity_id, %error, "a simulated stream"),
            }
            self.track.send_modify(Track::break_off);
            tokio::select! {
                () = &mut over => break,
                () = tokio::time::sleep(core.options.stream_retry) => {}
            }
        }
        core.office().streams.forget(&self);
        self.track.send_modify(|track| track.has_ended = true);
    }

    /// The stream was ended, or nobody has asked for it for so long.
    async fn over(&self, idle: Duration) {
        let asked = || self.asked.lock().unwrap_or_else(PoisonError::into_inner).elapsed();
        let is_idle = async {
            while asked() < idle {
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::select! {
            () = self.end.cancelled() => {}
            () = is_idle => {}
        }
    }

    /// Plays until the program ends, or the stream is over: then true. No program is left.
    async fn play_until(
        &self,
        core: &Core,
        mut child: Child,
        over: Pin<&mut impl Future<Output = ()>>,
    ) -> bool {
        let output = child.stdout.take();
        let play = async {
            if let Some(output) = output {
                self.play(core, output).await;
            }
        };
        let is_over = tokio::select! {
            () = over => true,
            () = play => false,
        };
        program::end(child).await;
        is_over
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
