//! What the Echo's user says: decoded, and its level measured.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::opus::{OpusDecoder, PACKET};
use crate::stage::Stage;
use doorstep::media::FeedEvent;

/// dBFS of silence.
pub const SILENT: i32 = -100;
const EVERY: Duration = Duration::from_millis(100);
/// Twice what a talker sends; more is a flood.
const MOST_PACKETS: u32 = 10;

/// One packet of talk.
pub struct TalkPacket {
    /// Opus.
    pub opus: Bytes,
    /// RTP sequence number.
    pub sequence: u16,
}

/// Starts the thread. The level, in whole dBFS, is kept in `level` for who wants to show it.
pub fn start(stage: Arc<Stage>, level: Arc<AtomicI32>) -> std::io::Result<SyncSender<TalkPacket>> {
    let (to, from) = sync_channel(64);
    std::thread::Builder::new().name("talk".into()).spawn(move || run(&from, &stage, &level))?;
    Ok(to)
}

fn run(from: &Receiver<TalkPacket>, stage: &Stage, shown: &AtomicI32) {
    let Ok(mut decoder) = OpusDecoder::new() else {
        stage.tell(FeedEvent::SpeakerLevel(SILENT as f32));
        return;
    };
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
            Ok(packet) => {
                packets += 1;
                let step = last.map_or(1, |last| packet.sequence.wrapping_sub(last));
                // Late, doubled, or more than anybody can say.
                if packets > MOST_PACKETS || step == 0 || step > 0x8000 {
                    continue;
                }
                last = Some(packet.sequence);
                meter.silence(usize::from(step - 1).min(5) * PACKET);
                if decoder.decode(&packet.opus, &mut meter.samples).is_err() {
                    meter.silence(PACKET);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
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
