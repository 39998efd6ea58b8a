//! A camera's sound on its way to Opus: copied when it is that already and nothing is to be taken out of it, else
//! encoded anew.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use ffmpeg_next as ffmpeg;

use crate::opus::{self, OpusEncoder, PACKET};
use crate::pcm;
use crate::resampler::Resampler;
use crate::shared::Shared;
use crate::stream_facts::StreamFacts;
use doorstep::media::wire::MAX_OPUS;

/// Samples whose timestamps leave a hole larger than this begin anew.
const HOLE: i64 = 2 * PACKET as i64;

/// One camera's sound.
pub struct SoundPath {
    facts: StreamFacts,
    copy: bool,
    recoder: Option<Recoder>,
    recoder_parameters: ffmpeg::codec::Parameters,
}

impl SoundPath {
    /// For a stream whose codec is one that may be decoded.
    pub fn new(facts: StreamFacts, parameters: ffmpeg::codec::Parameters) -> Self {
        let copy = facts.codec == ffmpeg::codec::Id::OPUS;
        Self { facts, copy, recoder: None, recoder_parameters: parameters }
    }

    /// One packet of the camera's.
    pub fn take(&mut self, packet: &ffmpeg::Packet, shared: &Shared) -> Result<(), ffmpeg::Error> {
        let Some(data) = packet.data().filter(|data| !data.is_empty()) else { return Ok(()) };
        let ticks = packet.pts().or(packet.dts()).map(|at| self.facts.ticks(at, 48_000));
        let copied = self.copy && !shared.cleans.load(Ordering::Relaxed);
        if copied && data.len() <= MAX_OPUS && opus::samples(data) == Some(PACKET) {
            if let Some(ticks) = ticks {
                shared.stage.sound(Bytes::copy_from_slice(data), ticks);
            }
            return Ok(());
        }
        let recoder = match &mut self.recoder {
            Some(recoder) => recoder,
            None => self.recoder.insert(Recoder::new(self.recoder_parameters.clone())?),
        };
        recoder.take(packet, ticks, shared)
    }
}

/// Decoder, resampler and encoder of one stream; all on the source's thread.
struct Recoder {
    decoder: ffmpeg::decoder::Audio,
    frame: ffmpeg::frame::Audio,
    decoded: Vec<f32>,
    resampler: Option<Resampler>,
    /// 48 kHz samples that are no whole packet yet, and where the first one belongs.
    waiting: Vec<f32>,
    head: Option<i64>,
    /// The last timestamp.
    said: Option<i64>,
    encoder: OpusEncoder,
}

impl Recoder {
    fn new(parameters: ffmpeg::codec::Parameters) -> Result<Self, ffmpeg::Error> {
        let context = ffmpeg::codec::Context::from_parameters(parameters)?;
        Ok(Self {
            decoder: context.decoder().audio()?,
            frame: ffmpeg::frame::Audio::empty(),
            decoded: Vec::new(),
            resampler: None,
            waiting: Vec::new(),
            head: None,
            said: None,
            encoder: OpusEncoder::new()?,
        })
    }

    fn take(
        &mut self,
        packet: &ffmpeg::Packet,
        ticks: Option<i64>,
        shared: &Shared,
    ) -> Result<(), ffmpeg::Error> {
        self.decoder.send_packet(packet)?;
        let mut ticks = ticks;
        while self.decoder.receive_frame(&mut self.frame).is_ok() {
            let rate = match self.frame.rate() {
                0 => self.decoder.rate(),
                rate => rate,
            };
            if !(4_000..=192_000).contains(&rate) {
                return Err(ffmpeg::Error::InvalidData);
            }
            self.decoded.clear();
            pcm::mono(&self.frame, &mut self.decoded)?;
            if self.decoded.is_empty() {
                continue;
            }
            // Only the first frame of a packet has the packet's timestamp.
            self.settle(ticks.take());
            self.resample(rate)?;
        }
        self.send(shared)
    }

    /// Decides where the samples that come now belong.
    fn settle(&mut self, ticks: Option<i64>) {
        let end = self.head.map(|head| head.saturating_add(self.waiting.len() as i64));
        // A clock that stands says nothing: the samples go on.
        let ticks = ticks.filter(|ticks| self.said.replace(*ticks) != Some(*ticks));
        let holes = |end: i64| ticks.is_some_and(|ticks| ticks.saturating_sub(end).saturating_abs() > HOLE);
        if end.is_none_or(holes) {
            self.waiting.clear();
            self.head = ticks.or(end);
        }
    }

    fn resample(&mut self, rate: u32) -> Result<(), ffmpeg::Error> {
        let resampler = match self.resampler.take().filter(|resampler| resampler.from() == rate) {
            Some(resampler) => resampler,
            None => Resampler::new(rate, 48_000)?,
        };
        self.resampler.insert(resampler).run(&self.decoded, &mut self.waiting)
    }

    fn send(&mut self, shared: &Shared) -> Result<(), ffmpeg::Error> {
        let Some(mut head) = self.head else {
            self.waiting.clear();
            return Ok(());
        };
        let whole = self.waiting.len() / PACKET * PACKET;
        let mut ready: Vec<f32> = self.waiting.drain(..whole).collect();
        for samples in ready.chunks_exact_mut(PACKET) {
            shared.hear(samples, head);
            shared.stage.sound(self.encoder.encode(samples)?, head);
            head = head.saturating_add(PACKET as i64);
        }
        self.head = Some(head);
        Ok(())
    }
}
