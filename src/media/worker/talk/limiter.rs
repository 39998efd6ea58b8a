//! Keeps peaks below what a speaker can take, without clipping them.

/// -3 dBFS.
const LIMIT: f32 = 0.708;
/// Samples that are looked ahead, 2.5 ms; the gain is a straight line over them.
const BLOCK: usize = 120;
/// Of the way back to full gain, what is gone in one block: about 100 ms for most of it.
const RELEASE: f32 = 0.03;

/// 48 kHz, mono; late by 120 samples.
pub struct Limiter {
    /// Not yet given out.
    block: Vec<f32>,
    gain: f32,
}

impl Default for Limiter {
    fn default() -> Self {
        Self { block: vec![0.0; BLOCK], gain: 1.0 }
    }
}

impl Limiter {
    /// Takes and gives as many samples, a multiple of 120.
    pub fn limit(&mut self, samples: &mut [f32]) {
        for block in samples.chunks_exact_mut(BLOCK) {
            let released = self.gain + RELEASE * (1.0 - self.gain);
            let to = need(&self.block).min(need(block)).min(released);
            let step = (to - self.gain) / BLOCK as f32;
            for (n, (kept, sample)) in self.block.iter_mut().zip(block).enumerate() {
                std::mem::swap(kept, sample);
                *sample *= self.gain + step * n as f32;
            }
            self.gain = to;
        }
    }
}

/// The gain at which a block's peak is just allowed.
fn need(block: &[f32]) -> f32 {
    let peak = block.iter().map(|sample| sample.abs()).fold(0.0, f32::max);
    if peak > LIMIT { LIMIT / peak } else { 1.0 }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_quiet_enough_only_comes_later() {
        let tone: Vec<f32> = (0..960).map(|n| 0.7 * (n as f32 * 0.05).sin()).collect();
        let mut limited = tone.clone();
        Limiter::default().limit(&mut limited);
        assert_eq!(limited[120..], tone[..840]);
    }

    proptest! {
        #[test]
        fn nothing_is_louder_than_the_limit(
            levels in prop::collection::vec(0.0_f32..8.0, 1..30), seed in any::<u32>(),
        ) {
            let (mut limiter, mut random) = (Limiter::default(), seed);
            for level in levels {
                let mut frame: Vec<f32> = (0..960).map(|_| {
                    random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    level * ((random >> 8) as f32 / 8_388_608.0 - 1.0)
                }).collect();
                limiter.limit(&mut frame);
                prop_assert!(frame.iter().all(|sample| sample.abs() <= LIMIT + 1e-4));
            }
        }
    }
}
