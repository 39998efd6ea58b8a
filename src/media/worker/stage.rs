//! What goes out to `doorstep`, in order: the camera's pictures or the slate, and the sound.

use std::io::{BufWriter, Stdout, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::cage;
use crate::clock::now_ms;
use crate::opus::SILENCE;
use doorstep::media::FeedEvent;
use doorstep::media::sound_line::SoundLine;
use doorstep::media::timeline::{Timeline, Track};
use doorstep::media::wire::FromWorker;

/// So long without a picture and the slate comes.
const PATIENCE_MS: i64 = 3_000;

/// When the slate is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SlateRule {
    /// After a time without pictures.
    Patient,
    /// Now.
    Now,
    /// Not: `doorstep` shows the pictures itself.
    Never,
}

/// Shared by the worker's threads.
pub struct Stage(Mutex<Inner>);

struct Inner {
    out: BufWriter<Stdout>,
    timeline: Timeline,
    sound: SoundLine,
    /// When the source was last seen to be good, or began to be opened.
    good_ms: i64,
    rule: SlateRule,
    /// The slate is on.
    slate: bool,
    /// The camera's pictures are of no use before its next key picture.
    needs_key: bool,
    /// No picture yet since the source was opened.
    first: bool,
}

impl Stage {
    /// Writes to stdout.
    pub fn new() -> Self {
        Self(Mutex::new(Inner {
            out: BufWriter::with_capacity(64 * 1024, std::io::stdout()),
            timeline: Timeline::new(90, 0),
            sound: SoundLine::default(),
            good_ms: now_ms(),
            rule: SlateRule::Patient,
            slate: false,
            needs_key: true,
            first: true,
        }))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Anything that is no sample.
    pub fn say(&self, message: &FromWorker) {
        self.inner().send(message);
    }

    /// News for the camera.
    pub fn tell(&self, event: FeedEvent) {
        self.say(&FromWorker::Event(event));
    }

    /// The source is open: its clock is a new one and its first key picture is awaited.
    pub fn begin(&self) {
        let mut inner = self.inner();
        inner.timeline.begin_anew();
        inner.needs_key = true;
        inner.first = true;
    }

    /// One of the source's pictures; 90 kHz ticks of its own clock, if it has a timestamp at all: the
    /// first one of an RTSP session often has none. True if it was shown.
    pub fn picture(&self, data: Bytes, ticks: Option<i64>, key: bool) -> bool {
        let mut inner = self.inner();
        let now = now_ms();
        // Placed even if it is not shown: what is left out tells about the backlog.
        let ticks = ticks.map(|ticks| inner.timeline.place(Track::Picture, ticks, now));
        if inner.needs_key && !key {
            return false;
        }
        let ticks = ticks.unwrap_or_else(|| inner.timeline.now(Track::Picture, now));
        inner.needs_key = false;
        inner.slate = false;
        inner.good_ms = now;
        if inner.first {
            inner.first = false;
            inner.send(&FromWorker::Event(FeedEvent::FirstPicture));
        }
        inner.send(&FromWorker::Picture { data, ticks, key, slate: false });
        true
    }

    /// One of the source's packets of 20 ms; 48 kHz ticks of its own clock.
    pub fn sound(&self, opus: Bytes, ticks: i64) {
        let mut inner = self.inner();
        let now = now_ms();
        let ticks = inner.timeline.place(Track::Sound, ticks, now);
        let place = inner.sound.place(ticks, now);
        inner.silence(place.silence);
        if place.take {
            let ticks = inner.sound.step();
            inner.send(&FromWorker::Sound { opus, ticks });
        }
    }

    /// Keeps the sound going when the source gives none.
    pub fn keep_sounding(&self) {
        let mut inner = self.inner();
        let due = inner.sound.due(now_ms());
        inner.silence(due);
    }

    /// False if `doorstep` shows the pictures itself, so that none will come here.
    pub fn expect_pictures(&self, expected: bool) {
        let mut inner = self.inner();
        inner.rule = if expected { SlateRule::Patient } else { SlateRule::Never };
        inner.slate &= expected;
    }

    /// Shows the slate at once, up to the next picture, or takes it away.
    pub fn show_slate(&self, shown: bool) {
        let mut inner = self.inner();
        inner.rule = if shown { SlateRule::Now } else { SlateRule::Never };
        inner.slate &= shown;
    }

    /// True while the slate is to be shown.
    pub fn wants_slate(&self) -> bool {
        let mut inner = self.inner();
        let due = match inner.rule {
            SlateRule::Patient => now_ms() - inner.good_ms > PATIENCE_MS,
            SlateRule::Now => true,
            SlateRule::Never => false,
        };
        if due && !inner.slate {
            inner.slate = true;
            inner.needs_key = true;
        }
        inner.slate
    }

    /// A picture of the slate; not shown if the source came back while it was drawn.
    pub fn slate(&self, data: Bytes, key: bool) {
        let mut inner = self.inner();
        if inner.slate {
            // On the source's track, but at the worker's own time.
            let ticks = inner.timeline.now(Track::Picture, now_ms());
            inner.send(&FromWorker::Picture { data, ticks, key, slate: true });
        }
    }
}

impl Inner {
    fn silence(&mut self, packets: i64) {
        for _ in 0..packets {
            let ticks = self.sound.step();
            self.send(&FromWorker::Sound { opus: Bytes::from_static(&SILENCE), ticks });
        }
    }

    fn send(&mut self, message: &FromWorker) {
        let sent = message.write(&mut self.out).and_then(|()| self.out.flush());
        if let Err(error) = sent {
            // Too large is the camera's fault and costs one picture; a broken pipe means that
            // there is nobody left to work for.
            if error.get_ref().is_none() {
                cage::leave(0);
            }
        }
    }
}
