//! Makes what waits to be heard a little shorter or longer, where it is heard least: by whole periods of the voice.
//!
//! Overlap-add at the lag at which the signal is most like itself (WSOLA).

/// Shortest and longest piece that is taken out or put in: 2.5 and 15 ms.
const LAGS: (usize, usize) = (120, 720);
/// Samples over which the two ends are faded into each other, 5 ms.
const FADE: usize = 240;
/// Lags and samples are searched in steps of this.
const STEP: usize = 6;
/// Below this power nobody hears a cut: -50 dBFS.
const QUIET: f32 = 1e-5;
/// The ends must be this much alike, unless there is no time left.
const ALIKE: f32 = 0.6;

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// Only in silence.
    None,
    /// Only where it is hardly heard.
    Low,
    /// Now.
    High,
}

/// Takes up to `most` samples out at the front; gives how many.
pub fn shorten(samples: &mut Vec<f32>, most: usize, urgency: Urgency) -> usize {
    let Some(lag) = best_lag(samples, most, urgency) else { return 0 };
    let joined = fade(samples, samples.get(lag..).unwrap_or_default());
    samples.splice(..lag + joined.len(), joined);
    lag
}

/// Puts up to `most` samples in at the front; gives how many.
pub fn lengthen(samples: &mut Vec<f32>, most: usize, urgency: Urgency) -> usize {
    let Some(lag) = best_lag(samples, most, urgency) else { return 0 };
    let joined = fade(samples.get(lag..).unwrap_or_default(), samples);
    let again = samples.get(joined.len()..).unwrap_or_default().to_vec();
    samples.truncate(lag);
    samples.extend(joined.into_iter().chain(again));
    lag
}

/// From one signal to the other.
fn fade(from: &[f32], to: &[f32]) -> Vec<f32> {
    let share = |n: usize| (n as f32 + 0.5) / FADE as f32;
    let both = from.iter().zip(to).take(FADE).enumerate();
    both.map(|(n, (from, to))| from + (to - from) * share(n)).collect()
}

fn best_lag(samples: &[f32], most: usize, urgency: Urgency) -> Option<usize> {
    let longest = most.min(LAGS.1).min(samples.len().saturating_sub(FADE));
    if longest < LAGS.0 {
        return None;
    }
    let heard = samples.get(..longest + FADE)?;
    if heard.iter().map(|sample| sample * sample).sum::<f32>() < QUIET * heard.len() as f32 {
        return Some(longest);
    }
    if urgency == Urgency::None {
        return None;
    }
    let likeness = (LAGS.0..=longest).step_by(STEP).map(|lag| (lag, likeness(samples, lag)));
    let (lag, alike) = likeness.max_by(|one, other| one.1.total_cmp(&other.1))?;
    (alike >= ALIKE || urgency == Urgency::High).then_some(lag)
}

/// Normalised correlation of the signal with itself, so many samples later.
fn likeness(samples: &[f32], lag: usize) -> f32 {
    let pairs = samples.iter().zip(samples.get(lag..).unwrap_or_default()).take(2 * FADE).step_by(STEP);
    let (product, one, other) = pairs.fold((0.0, 0.0, 1e-12), |(product, one, other), (a, b)| {
        (product + a * b, one + a * a, other + b * b)
    });
    product / (one * other).sqrt().max(1e-12)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    /// A voice of 125 Hz: the period is 384 samples.
    fn voice(samples: usize) -> Vec<f32> {
        let at = |n: usize, times: f32| (n as f32 * 125.0 * times * std::f32::consts::TAU / 48_000.0).sin();
        (0..samples).map(|n| 0.2 * at(n, 1.0) + 0.1 * at(n, 3.0) + 0.05 * at(n, 7.0)).collect()
    }

    fn steepest(samples: &[f32]) -> f32 {
        samples.windows(2).map(|two| (two[1] - two[0]).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn a_voice_loses_and_gains_whole_periods_without_a_click() {
        let smooth = steepest(&voice(4_800));
        let mut shorter = voice(2_000);
        assert_eq!(shorten(&mut shorter, 700, Urgency::Low), 384);
        assert_eq!(shorter.len(), 2_000 - 384);
        assert!(steepest(&shorter) < 1.1 * smooth);
        let mut longer = voice(2_000);
        assert_eq!(lengthen(&mut longer, 700, Urgency::Low), 384);
        assert_eq!(longer.len(), 2_000 + 384);
        assert!(steepest(&longer) < 1.1 * smooth);
    }

    #[test]
    fn noise_is_cut_only_when_it_must_be_and_silence_at_once() {
        let mut state = 1_u32;
        let mut noise: Vec<f32> = (0..1_000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 16) as f32 / 65_536.0 - 0.5
            })
            .collect();
        assert_eq!(shorten(&mut voice(2_000), 700, Urgency::None), 0);
        assert_eq!(shorten(&mut noise, 700, Urgency::Low), 0);
        assert!(shorten(&mut noise, 700, Urgency::High) >= 120);
        assert_eq!(shorten(&mut vec![0.0; 1_000], 700, Urgency::None), 700);
    }

    #[test]
    fn what_is_too_short_stays_as_it_is() {
        for length in 0..360 {
            let mut samples = vec![0.1; length];
            assert_eq!(
                shorten(&mut samples, 700, Urgency::High) + lengthen(&mut samples, 700, Urgency::High),
                0
            );
            assert_eq!(samples.len(), length);
        }
    }
}
