//! What the Echo's user says: decoded, and its level measured.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::opus::{OpusDecoder, PACKET};
use crate::shared::Shared;
use crate::speech::SpeechEncoder;
use doorstep::media::FeedEvent;
use doorstep::media::talk::TalkSetup;
use doorstep::media::wire::FromWorker;

/// dBFS of silence.
pub const SILENT: i32 = -100;
const EVERY: Duration = Duration::from_millis(100);
/// Twice what a talker sends; more is a flood.
const MOST_PACKETS: u32 = 10;

/// What the thread is told.
pub enum TalkOrder {
    /// A packet of talk.
    Packet {
        /// Opus.
        opus: Bytes,
        /// RTP sequence number.
        sequence: u16,
    },
    /// The camera has a speaker that takes this, or none that needs encoding.
    Speaker(Option<TalkSetup>),
}

/// Starts the thread. The level, in whole dBFS, is kept for who wants to show it.
pub fn start(shared: Arc<Shared>) -> std::io::Result<SyncSender<TalkOrder>> {
    let (to, from) = sync_channel(64);
    std::thread::Builder::new().name("talk".into()).spawn(move || run(&from, &shared))?;
    Ok(to)
}

fn run(from: &Receiver<TalkOrder>, shared: &Shared) {
    let Shared { stage, speaker: shown, .. } = shared;
    let Ok(mut decoder) = OpusDecoder::new() else {
        stage.tell(FeedEvent::SpeakerLevel(SILENT as f32));
        return;
    };
    let mut speech: Option<SpeechEncoder> = None;
    let mut meter = Meter::default();
    let mut tick = Instant::now() + EVERY;
    let mut last: Option<u16> = None;
    let mut packets = 0;
    // Nobody has talked yet.
    let mut missed = 2_u32;
    loop {
        let now = Instant::now();
        if now >= tick {
            tick = now + EVERY;
            missed = if packets > 0 { 0 } else { missed.saturating_add(1) };
            // Packets that come in bursts leave one tick empty; two are an end. It is told once.
            if missed == 0 || missed == 2 {
                let level = meter.take();
                stage.tell(FeedEvent::SpeakerLevel(level));
                shown.store(level.round() as i32, Ordering::Relaxed);
            }
            if missed == 2 {
                // A talker who comes back may have a new sequence.
                last = None;
            }
            packets = 0;
        }
        match from.recv_timeout(tick.saturating_duration_since(now)) {
            Ok(TalkOrder::Speaker(setup)) => speech = encoder(setup),
            Ok(TalkOrder::Packet { opus, sequence }) => {
                packets += 1;
                let step = last.map_or(1, |last| sequence.wrapping_sub(last));
                // Late, doubled, or more than anybody can say.
                if packets > MOST_PACKETS || step == 0 || step > 0x8000 {
                    continue;
                }
                last = Some(sequence);
                let before = meter.samples.len();
                meter.silence(usize::from(step - 1).min(5) * PACKET);
                if decoder.decode(&opus, &mut meter.samples).is_err() {
                    meter.silence(PACKET);
                }
                if let Some(speech) = &mut speech {
                    let said = meter.samples.get(before..).unwrap_or_default();
                    for frame in speech.encode(said).unwrap_or_default() {
                        stage.say(&FromWorker::Speech(frame));
                    }
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn encoder(setup: Option<TalkSetup>) -> Option<SpeechEncoder> {
    let encoder = setup.and_then(|setup| setup.format).map(SpeechEncoder::new).transpose();
    if let Err(error) = &encoder {
        eprintln!("what is said cannot be encoded for the camera's speaker: {error}");
    }
    encoder.ok().flatten().flatten()
}

#[derive(Default)]
struct Meter {
    samples: Vec<f32>,
}

impl Meter {
    fn silence(&mut self, samples: usize) {
        self.samples.resize(self.samples.len() + samples, 0.0);
    }

    /// dBFS since the last time, -100 for silence or nothing.
    fn take(&mut self) -> f32 {
        let power =
            self.samples.iter().map(|s| f64::from(s * s)).sum::<f64>() / self.samples.len().max(1) as f64;
        self.samples.clear();
        let level = 10.0 * power.log10();
        if level.is_finite() { (level as f32).clamp(SILENT as f32, 20.0) } else { SILENT as f32 }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn the_level_of_a_square_wave_is_its_amplitude_and_silence_is_minus_a_hundred() {
        let mut meter = Meter { samples: [0.1, -0.1].repeat(480) };
        assert!((meter.take() + 20.0).abs() < 0.01);
        assert_eq!(meter.take(), -100.0);
        meter.silence(960);
        assert_eq!(meter.take(), -100.0);
        meter.samples.push(f32::NAN);
        assert_eq!(meter.take(), -100.0);
    }
}
