//! How the hub's clock stands to ours: learned from what it stamps, for it may be hours off.

use std::time::{Duration, Instant};

/// A link that lives holds nothing back longer, seconds: what seems older was stamped by a clock that was
/// set back.
const LATEST: f64 = 40.0;
/// Clocks drift apart: what was learned counts for at most twice this.
const WINDOW: Duration = Duration::from_secs(600);

/// The least time from a stamp of the hub to its being heard, which is the difference of the clocks and
/// the way; what takes longer was held up.
#[derive(Debug, Default)]
pub(super) struct HubClock(Option<Learned>);

/// All in seconds from the hub's stamp to ours, which are counted from `zero`.
#[derive(Debug)]
struct Learned {
    zero: Instant,
    since: Instant,
    least: f64,
    /// That of the window before.
    before: f64,
}

impl Learned {
    fn difference(&self) -> f64 {
        self.least.min(self.before)
    }

    fn ours(&self, now: Instant) -> f64 {
        now.saturating_duration_since(self.zero).as_secs_f64()
    }
}

impl HubClock {
    /// Something that the hub stamped with `stamp` (Unix seconds) as it happened is heard.
    pub(super) fn heard(&mut self, stamp: f64, now: Instant) {
        if let Some(known) = &mut self.0 {
            let difference = known.ours(now) - stamp;
            if difference <= known.difference() + LATEST {
                if now.saturating_duration_since(known.since) > WINDOW {
                    (known.before, known.since) = (known.least, now);
                    known.least = difference;
                }
                known.least = known.least.min(difference);
                return;
            }
        }
        self.0 = Some(Learned { zero: now, since: now, least: -stamp, before: -stamp });
    }

    /// When a moment of the hub's clock (Unix seconds) was, by ours; never later than `now`.
    pub(super) fn ours(&self, moment: f64, now: Instant) -> Instant {
        let age = self.0.as_ref().map_or(0.0, |known| known.ours(now) - known.difference() - moment);
        Duration::try_from_secs_f64(age.max(0.0)).ok().and_then(|age| now.checked_sub(age)).unwrap_or(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The hub's clock at our zero: hours off.
    const HUB: f64 = 1_795_359_044.5;

    fn seconds(count: f64) -> Duration {
        Duration::from_secs_f64(count)
    }

    fn age(clock: &HubClock, moment: f64, now: Instant) -> f64 {
        let age = now - clock.ours(moment, now);
        (age.as_secs_f64() * 1e3).round() / 1e3
    }

    #[test]
    fn what_the_link_held_up_is_as_old_as_it_is_and_a_first_word_is_taken_for_prompt() {
        let (mut clock, zero) = (HubClock::default(), Instant::now());
        clock.heard(HUB, zero);
        assert_eq!(age(&clock, HUB - 2.0, zero), 2.0);
        let late = zero + seconds(60.0);
        clock.heard(HUB + 35.0, late);
        assert_eq!(age(&clock, HUB + 35.0, late), 25.0);
        assert_eq!(age(&clock, HUB + 70.0, late), 0.0, "nothing comes from the future");
    }

    #[test]
    fn a_clock_that_is_set_is_followed_at_once() {
        for step in [7200.0, -7200.0] {
            let (mut clock, zero) = (HubClock::default(), Instant::now());
            clock.heard(HUB, zero);
            let now = zero + seconds(60.0);
            clock.heard(HUB + 60.0 + step, now);
            assert_eq!(age(&clock, HUB + 60.0 + step, now), 0.0, "{step}");
        }
    }

    #[test]
    fn clocks_that_drift_apart_are_followed_within_two_windows() {
        let (mut clock, zero) = (HubClock::default(), Instant::now());
        for minute in 0..10_000 {
            let ours = 60.0 * f64::from(minute);
            // A hub that loses five seconds a day.
            let (hub, now) = (HUB + ours * (1.0 - 5.0 / 86_400.0), zero + seconds(ours));
            clock.heard(hub, now);
            assert!(age(&clock, hub, now) < 0.1, "minute {minute}");
        }
    }
}
