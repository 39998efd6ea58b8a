//! Who has the speaker.

/// A talker who has been silent for this long loses the speaker to another one.
const YIELDS_MS: i64 = 2_000;
/// After the last word of anybody the speaker is kept for this long.
const CLOSES_MS: i64 = 5_000;

/// One of several talkers at a time: who speaks first has the speaker, the others are not mixed in.
#[derive(Default)]
pub struct Floor {
    has: Option<Has>,
}

struct Has {
    talker: u32,
    /// Said the last word then.
    last_ms: i64,
    /// Has left.
    gone: bool,
}

impl Floor {
    /// Who has the speaker; `None` while nobody needs it.
    pub fn talker(&self) -> Option<u32> {
        self.has.as_ref().map(|has| has.talker)
    }

    /// Time goes on: `voiced` are speaking now, those who have been here longest first.
    pub fn step(&mut self, voiced: &[u32], now_ms: i64) {
        if let Some(has) = &mut self.has {
            if voiced.contains(&has.talker) {
                has.last_ms = now_ms;
                return;
            }
            if !has.gone && now_ms - has.last_ms < YIELDS_MS {
                return;
            }
        }
        if let Some(&talker) = voiced.first() {
            self.has = Some(Has { talker, last_ms: now_ms, gone: false });
        }
        self.has.take_if(|has| now_ms - has.last_ms >= CLOSES_MS);
    }

    /// The talker has left: another one need not wait.
    pub fn leave(&mut self, talker: u32) {
        if let Some(has) = self.has.as_mut().filter(|has| has.talker == talker) {
            has.gone = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps of 20 ms up to `until`; `voiced` speak all the time.
    fn go(floor: &mut Floor, now: &mut i64, until: i64, voiced: &[u32]) -> Option<u32> {
        while *now < until {
            *now += 20;
            floor.step(voiced, *now);
        }
        floor.talker()
    }

    #[test]
    fn who_speaks_first_has_the_speaker_until_silent_for_two_seconds() {
        let (mut floor, mut now) = (Floor::default(), 0);
        assert_eq!(go(&mut floor, &mut now, 1_000, &[]), None);
        assert_eq!(go(&mut floor, &mut now, 2_000, &[7]), Some(7));
        assert_eq!(go(&mut floor, &mut now, 3_000, &[3, 7]), Some(7));
        assert_eq!(go(&mut floor, &mut now, 4_980, &[3]), Some(7));
        assert_eq!(go(&mut floor, &mut now, 5_020, &[3]), Some(3));
        assert_eq!(go(&mut floor, &mut now, 6_000, &[7, 3]), Some(3));
    }

    #[test]
    fn the_speaker_closes_five_seconds_after_the_last_word() {
        let (mut floor, mut now) = (Floor::default(), 0);
        go(&mut floor, &mut now, 1_000, &[7]);
        assert_eq!(go(&mut floor, &mut now, 5_980, &[]), Some(7));
        assert_eq!(go(&mut floor, &mut now, 6_000, &[]), None);
        assert_eq!(go(&mut floor, &mut now, 6_020, &[7]), Some(7), "and opens again at once");
    }

    #[test]
    fn who_leaves_is_followed_at_once_by_who_speaks() {
        let (mut floor, mut now) = (Floor::default(), 0);
        go(&mut floor, &mut now, 1_000, &[7]);
        floor.leave(7);
        assert_eq!(go(&mut floor, &mut now, 1_020, &[3]), Some(3));
        floor.leave(7);
        assert_eq!(go(&mut floor, &mut now, 1_040, &[7]), Some(3));
    }
}
