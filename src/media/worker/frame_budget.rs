//! Whether there is time to encode one more picture.

/// Weighs the time that pictures take to make against the time that they show. When making takes longer, pictures
/// are left out evenly, so that what is shown stays close to now.
#[derive(Debug)]
pub struct FrameBudget {
    /// Time left over, ms; negative when behind.
    credit_ms: i64,
    last_ms: Option<i64>,
    /// How long a picture usually shows, ms.
    usual_ms: i64,
}

/// A slow start may be caught up with.
const MOST_MS: i64 = 1_000;
/// Further behind than this is forgotten: what is lost is lost.
const LEAST_MS: i64 = -1_000;
/// Two pictures that are further apart than this have a gap between them, or the source's clock has jumped.
const GAP_MS: i64 = 2_000;

impl FrameBudget {
    /// For so many pictures a second.
    pub fn new(fps: u32) -> Self {
        Self { credit_ms: 0, last_ms: None, usual_ms: 1_000 / i64::from(fps.max(1)) }
    }

    /// A picture of this time on the source's clock, ms, has been decoded. True if it is to be encoded.
    pub fn allows(&mut self, at_ms: i64) -> bool {
        if let Some(last) = self.last_ms.replace(at_ms) {
            let shown = at_ms.saturating_sub(last);
            if (1..=GAP_MS).contains(&shown) {
                self.usual_ms = shown;
            }
            // A clock that stands or jumps says nothing.
            self.credit_ms = self.credit_ms.saturating_add(self.usual_ms).min(MOST_MS);
        }
        self.credit_ms >= 0
    }

    /// Decoding or encoding took so long.
    pub fn spend(&mut self, ms: i64) {
        self.credit_ms = self.credit_ms.saturating_sub(ms).max(LEAST_MS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pictures encoded out of 1000, when decoding and encoding take so long.
    fn encoded(every: i64, decode: i64, encode: i64) -> usize {
        let mut budget = FrameBudget::new(25);
        (0..1000)
            .filter(|n| {
                let wanted = budget.allows(n * every);
                budget.spend(decode + if wanted { encode } else { 0 });
                wanted
            })
            .count()
    }

    #[test]
    fn who_keeps_up_leaves_nothing_out_and_who_does_not_leaves_out_just_enough() {
        assert_eq!(encoded(40, 10, 20), 1000);
        // 40 ms for each, 10 for decoding: 30 are left for encoding, which takes 60.
        assert!((450..550).contains(&encoded(40, 10, 60)), "{}", encoded(40, 10, 60));
        assert_eq!(encoded(40, 41, 10) / 100, 0);
    }

    #[test]
    fn a_clock_that_stands_or_jumps_leaves_no_picture_out() {
        for (runs, jumps) in [(0, 0), (1, 3_600_000), (1, -3_600_000)] {
            let mut budget = FrameBudget::new(25);
            for n in 0..1000 {
                assert!(budget.allows(n * 40 * runs + n / 50 * jumps), "picture {n}");
                budget.spend(30);
            }
        }
    }
}
