//! How a call's line was over time.

use serde::{Deserialize, Serialize};

/// Spans of time that are kept; when there are more, each two become one.
pub const POINTS: usize = 60;
/// Length of a span at first, ms.
const EVERY_MS: u32 = 2_000;

/// How a call's line was over time, in even spans. A few hundred bytes, however long the call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Plot {
    /// Where the first span begins, ms since the offer came.
    pub from_ms: u64,
    /// Length of each span, ms.
    pub every_ms: u32,
    /// What was sent of the picture in each, headers and packets sent again included, kbit/s.
    pub kbps: Vec<u32>,
    /// Packets of the picture that did not arrive at once, percent.
    pub loss_percent: Vec<f32>,
    /// The round trip at the end of each, ms; `None` while none was measured.
    pub round_trip_ms: Vec<Option<u32>>,
}

impl Default for Plot {
    fn default() -> Self {
        Self {
            from_ms: 0,
            every_ms: EVERY_MS,
            kbps: Vec::new(),
            loss_percent: Vec::new(),
            round_trip_ms: Vec::new(),
        }
    }
}

impl Plot {
    /// Adds a span; the next one may have to be twice as long.
    pub fn push(&mut self, kbps: u32, loss_percent: f32, round_trip_ms: Option<u32>) {
        self.kbps.push(kbps);
        self.loss_percent.push((loss_percent * 10.0).round() / 10.0);
        self.round_trip_ms.push(round_trip_ms);
        if self.kbps.len() >= POINTS {
            self.kbps = pairs(&self.kbps, |a, b| a.midpoint(b));
            self.loss_percent = pairs(&self.loss_percent, |a, b| (a.midpoint(b) * 10.0).round() / 10.0);
            self.round_trip_ms = pairs(&self.round_trip_ms, Option::max);
            self.every_ms = self.every_ms.saturating_mul(2);
        }
    }
}

fn pairs<T: Copy>(all: &[T], join: impl Fn(T, T) -> T) -> Vec<T> {
    all.chunks(2).filter_map(|pair| pair.iter().copied().reduce(&join)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_long_the_call_the_plot_stays_small_and_spans_all_of_it() {
        let mut plot = Plot::default();
        let mut ms = 0;
        while ms < 4 * 3_600_000 {
            ms += u64::from(plot.every_ms);
            plot.push(if ms < 7_200_000 { 1_000 } else { 3_000 }, 0.0, Some(20));
        }
        let count = u64::try_from(plot.kbps.len()).unwrap_or_default();
        assert!((15..POINTS).contains(&plot.kbps.len()), "{plot:?}");
        assert!(count * u64::from(plot.every_ms) >= ms - u64::from(plot.every_ms), "{plot:?}");
        assert_eq!((plot.kbps.first(), plot.kbps.last()), (Some(&1_000), Some(&3_000)));
        assert_eq!((plot.loss_percent.len(), plot.round_trip_ms.len()), (plot.kbps.len(), plot.kbps.len()));
    }
}
