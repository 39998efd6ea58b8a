//! The source that needs no camera: a moving pattern with clock, tone and a speaker to look at.

use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use bytes::Bytes;

use crate::canvas::{AMBER, Canvas, Colour, DARK, GREEN, GREY, WHITE};
use crate::clock::{now_ms, wall};
use crate::h264_encoder::{H264Encoder, H264Settings};
use crate::level::SILENT;
use crate::opus::{OpusEncoder, PACKET};
use crate::shared::Shared;
use doorstep::media::flow::FlowMeter;
use doorstep::media::{FeedEvent, SoundFacts, TestPattern, VideoFacts};

const BARS: [Colour; 8] = [
    WHITE,
    Colour(168, 44, 136),
    Colour(145, 147, 44),
    Colour(133, 63, 52),
    Colour(63, 193, 204),
    Colour(51, 109, 212),
    Colour(28, 212, 120),
    DARK,
];
/// At the start of each second, so that flash and tone show how far picture and sound are apart.
const PULSE_MS: i64 = 120;
/// A key picture on request no more often than this.
const KEY_EVERY_MS: i64 = 500;

/// Runs until the process ends; an error means that FFmpeg lacks an encoder.
pub fn run(camera: &str, pattern: TestPattern, shared: &Shared) -> Result<(), ffmpeg_next::Error> {
    let pattern = pattern.bounded();
    shared.liveness.back_within(3_000);
    let mut screen = Screen::new(camera, &pattern)?;
    let mut sound = OpusEncoder::new()?;
    shared.stage.begin();
    shared.stage.tell(opened(&pattern));
    let began = now_ms();
    let (mut picture_no, mut sound_no, mut key_at) = (0_i64, 0_i64, began);
    let fps = i64::from(pattern.fps);
    let mut flow = FlowMeter::default();
    loop {
        shared.liveness.back_within(3_000);
        let now = now_ms();
        let picture_at = began + picture_no * 1_000 / fps;
        let sound_at = began + sound_no * 20;
        if sound_at <= now {
            shared.stage.sound(sound.encode(&tone(sound_no))?, sound_at * 48);
            sound_no = caught_up(sound_no, now - sound_at, 50);
        } else if picture_at <= now {
            let wanted = pattern.answers_key_requests
                && now >= key_at
                && shared.key_wanted.swap(false, Ordering::Relaxed);
            if wanted {
                key_at = now + KEY_EVERY_MS;
            }
            let (data, key) = screen.next(picture_no, sound_no, &shared.speaker, wanted)?;
            let ticks = began * 90 + picture_no * 90_000 / fps;
            if let Some(flow) = flow.take(ticks, data.len(), key) {
                shared.stage.tell(FeedEvent::Flow(flow));
            }
            shared.stage.picture(data, Some(ticks), key);
            picture_no = caught_up(picture_no, now - picture_at, fps);
        } else {
            let wait = (picture_at.min(sound_at) - now).clamp(1, 100);
            std::thread::sleep(Duration::from_millis(wait.unsigned_abs()));
        }
    }
}

/// The number after this one; those that a starved machine has no time for are left out.
fn caught_up(number: i64, late_ms: i64, per_second: i64) -> i64 {
    let missed = if late_ms > 300 { late_ms * per_second / 1_000 } else { 0 };
    number + 1 + missed
}

fn opened(pattern: &TestPattern) -> FeedEvent {
    FeedEvent::Opened {
        video: VideoFacts {
            codec: "h264".into(),
            width: pattern.width,
            height: pattern.height,
            copied: false,
            copyable: false,
            why: doorstep::media::why::TEST.into(),
            keys_on_request: pattern.answers_key_requests,
        },
        sound: SoundFacts { codec: "opus".into(), rate: 48_000 },
    }
}

/// 440 Hz at -18 dBFS at the start of each second.
fn tone(packet: i64) -> Vec<f32> {
    let first = packet.rem_euclid(50) * PACKET as i64;
    let last = PULSE_MS * 48;
    (first..first + PACKET as i64)
        .map(
            |n| {
                if n < last {
                    0.18 * (n as f32 * 440.0 * std::f32::consts::TAU / 48_000.0).sin()
                } else {
                    0.0
                }
            },
        )
        .collect()
}

/// The picture.
struct Screen {
    canvas: Canvas,
    encoder: H264Encoder,
    noise: bool,
    box_at: usize,
    pulse: bool,
    level: i32,
}

impl Screen {
    fn new(camera: &str, pattern: &TestPattern) -> Result<Self, ffmpeg_next::Error> {
        let gop = (pattern.gop * f64::from(pattern.fps)).round().max(1.0);
        let encoder = H264Encoder::new(&H264Settings {
            width: pattern.width,
            height: pattern.height,
            fps: pattern.fps,
            gop: gop as u32,
            most_kbps: pattern.kbps.unwrap_or(2_000),
            fill: pattern.kbps.is_some(),
        })?;
        let mut canvas = Canvas::new(pattern.width as usize, pattern.height as usize);
        let (width, height) = (canvas.width, canvas.height);
        canvas.fill(0, 0, width, height, DARK);
        for (n, colour) in BARS.into_iter().enumerate() {
            canvas.fill(width * n / 8, 0, width / 8 + 2, height / 3, colour);
        }
        canvas.text(20, height / 3 + 10, camera, 1);
        canvas.text(20, height - 44, "speaker", 1);
        Ok(Self { canvas, encoder, noise: pattern.kbps.is_some(), box_at: 0, pulse: false, level: i32::MIN })
    }

    fn next(
        &mut self,
        number: i64,
        sound_no: i64,
        speaker: &AtomicI32,
        key: bool,
    ) -> Result<(Bytes, bool), ffmpeg_next::Error> {
        let (width, height) = (self.canvas.width, self.canvas.height);
        if self.noise {
            self.canvas.noise(0, height / 3, u32::try_from(number & 0xFFFF_FFFF).unwrap_or(1));
        }
        let scale = if width >= 960 { 2 } else { 1 };
        let clock_y = height / 3 + 50;
        self.canvas.fill(0, clock_y, width, 32 * scale, DARK);
        self.canvas.centred(clock_y, &wall(), scale);

        let lane = height * 2 / 3;
        self.canvas.fill(self.box_at, lane, 48, 48, DARK);
        self.box_at = (usize::try_from(number * 6).unwrap_or(0) % (width - 48)) & !1;
        self.canvas.fill(self.box_at, lane, 48, 48, AMBER);

        let pulse = sound_no.rem_euclid(50) * 20 < PULSE_MS;
        if pulse != self.pulse {
            self.pulse = pulse;
            self.canvas.fill(width - 80, height / 3 + 10, 60, 32, if pulse { WHITE } else { DARK });
        }
        let level = speaker.load(Ordering::Relaxed);
        if level != self.level {
            self.level = level;
            self.speaker_bar(level);
        }
        self.encoder.encode(&self.canvas, key)
    }

    /// From -60 to 0 dBFS.
    fn speaker_bar(&mut self, level: i32) {
        let (left, top) = (160, self.canvas.height - 40);
        let full = self.canvas.width - left - 20;
        let lit = usize::try_from((level + 60).clamp(0, 60)).unwrap_or(0) * full / 60;
        self.canvas.fill(left, top, full, 24, GREY);
        if level > SILENT as i32 {
            self.canvas.fill(left, top, lit, 24, GREEN);
        }
    }
}
