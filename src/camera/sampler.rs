//! Measures a call's line in even spans. Pure.

use std::time::{Duration, Instant};

use super::line::{missing_of, percent};
use crate::peer::PeerCounters;
use crate::state::Plot;

/// The plot of a call, and where its next span began.
#[derive(Debug)]
pub struct Sampler {
    plot: Plot,
    since: Instant,
    counted: PeerCounters,
}

impl Sampler {
    /// Of a call that is connected at `now`, `from_ms` after its offer came.
    #[must_use]
    pub fn new(now: Instant, from_ms: u64) -> Self {
        let plot = Plot { from_ms, ..Plot::default() };
        Self { plot, since: now, counted: PeerCounters::default() }
    }

    /// Takes account of what was counted up to now.
    pub fn take(&mut self, counters: &PeerCounters, now: Instant) {
        let span = now.saturating_duration_since(self.since);
        if span < Duration::from_millis(self.plot.every_ms.into()) {
            return;
        }
        let ms = u64::try_from(span.as_millis()).unwrap_or(u64::MAX).max(1);
        let bits = counters.video_bytes.saturating_sub(self.counted.video_bytes).saturating_mul(8);
        let packets = counters.video_packets.saturating_sub(self.counted.video_packets);
        let missing = missing_of(counters).saturating_sub(missing_of(&self.counted));
        let round_trip = counters.round_trip().map(|measured| measured.round_trip.as_millis());
        #[allow(clippy::cast_possible_truncation)]
        let loss = percent(missing, packets) as f32;
        self.plot.push(
            u32::try_from(bits / ms).unwrap_or(u32::MAX),
            loss,
            round_trip.map(|ms| u32::try_from(ms).unwrap_or(u32::MAX)),
        );
        (self.since, self.counted) = (now, counters.clone());
    }

    /// As it is by now.
    #[must_use]
    pub fn plot(&self) -> Plot {
        self.plot.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_span_shows_what_was_sent_and_lost_in_it() {
        let start = Instant::now();
        let mut sampler = Sampler::new(start, 700);
        for half in 0..=12_u64 {
            // 1000 kbit/s for two seconds, then twice that, and every tenth packet lost.
            let (early, late) = (half.min(4), half.saturating_sub(4));
            let counters = PeerCounters {
                video_bytes: early * 62_500 + late * 125_000,
                video_packets: early * 50 + late * 100,
                repairs_wanted: late * 10,
                ..PeerCounters::default()
            };
            sampler.take(&counters, start + Duration::from_millis(half * 500));
        }
        let plot = sampler.plot();
        assert_eq!((plot.from_ms, plot.every_ms), (700, 2_000));
        assert_eq!(plot.kbps, [1_000, 2_000, 2_000]);
        assert_eq!(plot.loss_percent, [0.0, 10.0, 10.0]);
    }
}
