//! Takes echo away.

use aec3::api::config::EchoCanceller3Config;
use aec3::audio_processing::aec3::aec3_common::BLOCK_SIZE;
use aec3::audio_processing::aec3::block::Block;
use aec3::audio_processing::aec3::block_processor::BlockProcessor;
use aec3::audio_processing::audio_buffer::AudioBuffer;
use aec3::audio_processing::high_pass_filter::HighPassFilter;
use aec3::audio_processing::ns::{NoiseSuppressor, NsConfig, SuppressionLevel};

use super::EarError;
use super::energy::mean_square;

/// Hz.
const RATE: usize = 16_000;
/// Samples of 16 kHz in 10 ms.
pub const FRAME: usize = 160;
/// 10 ms at 16 kHz.
pub type Frame = [f32; FRAME];
/// The crate counts in 16 bit steps.
const FULL_SCALE: f32 = 32_768.0;
/// From here on a microphone is overdriven.
const OVERDRIVEN: f32 = 32_700.0;
/// How long the modelled echo is, in blocks of 4 ms.
const ECHO_BLOCKS: usize = 20;

/// Takes echo, and noise, out of what a microphone hears.
pub trait EchoCanceller: Send {
    /// Cleans the next frame in place; `reference` is what the speaker was given for it, none if that is to be
    /// ignored.
    fn clean(&mut self, reference: Option<&Frame>, microphone: &mut Frame) -> Removal;
}

/// Mean squares of a frame on its way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Removal {
    /// With echo and noise, but without rumble.
    pub heard: f32,
    /// Less the echo that a linear model of the room explains.
    pub linear: f32,
    /// At the end.
    pub cleaned: f32,
}

/// WebRTC's AEC3, told where the echo is, and WebRTC's noise suppression.
pub struct Aec3 {
    echo: BlockProcessor,
    low_cut: HighPassFilter,
    noise: NoiseSuppressor,
    /// Frames are cut into blocks: what is no whole block yet, and what is no whole frame yet.
    reference: Vec<f32>,
    microphone: Vec<f32>,
    cleaned: Vec<f32>,
    block: Block,
    linear: Block,
    frame: AudioBuffer,
    rumbling: [Vec<f32>; 1],
}

impl Aec3 {
    /// Begins without any knowledge.
    ///
    /// # Errors
    /// When the crate refuses the settings.
    pub fn new() -> Result<Self, EarError> {
        let noise = NsConfig {
            target_level: SuppressionLevel::K12dB,
            analyze_linear_aec_output_when_available: false,
        };
        let mut echo = BlockProcessor::new(config()?, RATE as i32, 1, 1);
        echo.set_audio_buffer_delay(0);
        Ok(Self {
            echo,
            low_cut: HighPassFilter::new(RATE as i32, 1),
            noise: NoiseSuppressor::new(noise, RATE, 1),
            reference: Vec::new(),
            microphone: Vec::new(),
            // So that there is always a whole frame.
            cleaned: vec![0.0; FRAME % BLOCK_SIZE],
            block: Block::new(1, 1),
            linear: Block::new(1, 1),
            frame: AudioBuffer::from_sample_rates(RATE, 1, RATE, 1, RATE),
            rumbling: [vec![0.0; FRAME]],
        })
    }

    /// Takes the echo out of all whole blocks; gives the energy without rumble, and less the linear model's echo.
    fn cancel(&mut self) -> (f32, f32) {
        let (mut heard, mut linear) = (0.0, 0.0);
        let (references, _) = self.reference.as_chunks::<BLOCK_SIZE>();
        let (blocks, rest) = self.microphone.as_chunks::<BLOCK_SIZE>();
        for (reference, block) in references.iter().zip(blocks) {
            *self.block.view_mut(0, 0) = *reference;
            self.echo.buffer_render(&self.block);
            *self.block.view_mut(0, 0) = *block;
            heard += energy(block);
            let overdriven = block.iter().any(|sample| sample.abs() >= OVERDRIVEN);
            self.echo.process_capture(false, overdriven, Some(&mut self.linear), &mut self.block);
            linear += energy(self.linear.view(0, 0));
            self.cleaned.extend_from_slice(self.block.view(0, 0));
        }
        let whole = self.microphone.len() - rest.len();
        self.microphone.drain(..whole);
        self.reference.drain(..whole);
        (heard, linear)
    }
}

impl EchoCanceller for Aec3 {
    fn clean(&mut self, reference: Option<&Frame>, microphone: &mut Frame) -> Removal {
        let reference = reference.unwrap_or(&[0.0; FRAME]);
        self.reference.extend(reference.iter().map(|sample| sample * FULL_SCALE));
        for (to, from) in self.rumbling.iter_mut().flatten().zip(microphone.iter()) {
            *to = from * FULL_SCALE;
        }
        self.low_cut.process(&mut self.rumbling);
        self.microphone.extend(self.rumbling.iter().flatten());
        let (heard, linear) = self.cancel();
        for (to, from) in self.frame.channel_mut(0).iter_mut().zip(self.cleaned.drain(..FRAME)) {
            *to = from;
        }
        self.noise.analyze(&self.frame);
        self.noise.process(&mut self.frame);
        for (to, from) in microphone.iter_mut().zip(self.frame.channel(0)) {
            *to = from / FULL_SCALE;
        }
        let scale = 1.0 / (FRAME as f32 * FULL_SCALE * FULL_SCALE);
        Removal { heard: heard * scale, linear: linear * scale, cleaned: mean_square(microphone) }
    }
}

fn energy(block: &[f32; BLOCK_SIZE]) -> f32 {
    block.iter().map(|sample| sample * sample).sum()
}

fn config() -> Result<EchoCanceller3Config, EarError> {
    let mut config = EchoCanceller3Config::default();
    config.delay.use_external_delay_estimator = true;
    config.filter.export_linear_aec_output = true;
    config.filter.main.length_blocks = ECHO_BLOCKS;
    config.filter.main_initial.length_blocks = ECHO_BLOCKS;
    config.filter.shadow.length_blocks = ECHO_BLOCKS;
    config.filter.shadow_initial.length_blocks = ECHO_BLOCKS;
    if config.validate() { Ok(config) } else { Err(EarError::Settings) }
}
