//! Mono samples from one rate to another.

use ffmpeg_next as ffmpeg;
use ffmpeg_next::ChannelLayout;
use ffmpeg_next::software::resampling;

use crate::pcm;

/// From one rate to another.
pub struct Resampler {
    /// `None`: both are the same.
    context: Option<resampling::Context>,
    from: u32,
    to: u32,
}

impl Resampler {
    /// Rates in Hz.
    pub fn new(from: u32, to: u32) -> Result<Self, ffmpeg::Error> {
        let mono = ChannelLayout::MONO;
        let made = || resampling::Context::get(pcm::FORMAT, mono, from, pcm::FORMAT, mono, to);
        let context = (from != to).then(made).transpose()?;
        Ok(Self { context, from, to })
    }

    /// Hz of what comes in.
    pub fn from(&self) -> u32 {
        self.from
    }

    /// Appends what is ready; a few samples stay behind for the next time.
    pub fn run(&mut self, samples: &[f32], out: &mut Vec<f32>) -> Result<(), ffmpeg::Error> {
        let Some(context) = self.context.as_mut().filter(|_| !samples.is_empty()) else {
            out.extend_from_slice(samples);
            return Ok(());
        };
        let input = pcm::frame(samples, self.from)?;
        let room = samples.len() as u64 * u64::from(self.to) / u64::from(self.from) + 256;
        let mut output = pcm::empty(usize::try_from(room).unwrap_or(0), self.to)?;
        context.run(&input, &mut output)?;
        if output.samples() > 0 {
            out.extend_from_slice(output.plane::<f32>(0));
        }
        Ok(())
    }
}
