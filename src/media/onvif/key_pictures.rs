//! When a camera is asked for a key picture, and when not any more. Pure.

use std::time::{Duration, Instant};

/// A camera is asked at most this often.
const PAUSE: Duration = Duration::from_millis(500);
/// A key picture that was asked for has come by then.
const ANSWER: Duration = Duration::from_secs(2);
/// So many wishes that a camera took and did not fulfil, one after the other, and it is not asked again.
const IN_VAIN: u32 = 2;
/// A camera that cannot be asked is looked at again after this long: it may count failed logins.
const AGAIN: Duration = Duration::from_secs(600);

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing before there is news, or this moment has come.
    Rest(Option<Instant>),
    /// Find out how the camera is asked.
    Find,
    /// Ask it.
    Ask,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Camera {
    Unknown,
    /// It cannot be asked, since then.
    Mute(Instant),
    Known,
    /// It takes wishes and does nothing.
    Deaf,
}

/// One camera's key pictures, those that are wanted and those that come.
#[derive(Debug)]
pub struct KeyPictures {
    camera: Camera,
    /// When one was last wanted.
    wanted: Option<Instant>,
    /// Wishes of before are met, or given up.
    met: Option<Instant>,
    /// When the camera was last asked.
    asked: Option<Instant>,
    /// It has taken that, and no key picture has come since.
    waits: bool,
    in_vain: u32,
}

impl Default for KeyPictures {
    fn default() -> Self {
        Self { camera: Camera::Unknown, wanted: None, met: None, asked: None, waits: false, in_vain: 0 }
    }
}

impl KeyPictures {
    /// Somebody wants one. May be said again.
    pub fn wanted(&mut self, at: Instant) {
        self.wanted = self.wanted.max(Some(at));
    }

    /// One came. May be said again.
    pub fn came(&mut self, at: Instant) {
        self.met = self.met.max(Some(at));
        if let Some(asked) = self.asked.filter(|asked| self.waits && *asked <= at) {
            self.judge(at.duration_since(asked) <= ANSWER);
        }
    }

    /// It was found out how the camera is asked, or that it cannot be.
    pub fn found(&mut self, known: bool, at: Instant) {
        self.camera = if known { Camera::Known } else { Camera::Mute(at) };
    }

    /// The camera was asked at this moment, and took it or refused.
    pub fn asked(&mut self, taken: bool, at: Instant) {
        (self.asked, self.waits) = (Some(at), taken);
        self.met = self.met.max(Some(at));
        if !taken {
            self.camera = Camera::Mute(at);
        }
    }

    /// What to do now.
    pub fn step(&mut self, now: Instant) -> Step {
        let answer_until = self.asked.filter(|_| self.waits).map(|asked| asked + ANSWER);
        if answer_until.is_some_and(|until| until < now) {
            self.judge(false);
        }
        if self.wanted <= self.met {
            return Step::Rest(None);
        }
        let busy_until = match (self.waits, self.asked) {
            (true, _) => answer_until,
            (false, asked) => asked.map(|asked| asked + PAUSE),
        };
        match self.camera {
            Camera::Deaf => self.give_up(),
            Camera::Mute(since) if now.saturating_duration_since(since) < AGAIN => self.give_up(),
            Camera::Unknown | Camera::Mute(_) => Step::Find,
            Camera::Known => match busy_until.filter(|until| *until >= now) {
                Some(until) => Step::Rest(Some(until)),
                None => Step::Ask,
            },
        }
    }

    fn give_up(&mut self) -> Step {
        self.met = self.wanted;
        Step::Rest(None)
    }

    /// What was asked for came in time, or not.
    fn judge(&mut self, good: bool) {
        self.waits = false;
        self.in_vain = if good { 0 } else { self.in_vain + 1 };
        if self.in_vain >= IN_VAIN {
            self.camera = Camera::Deaf;
        }
    }

    /// True if the camera takes wishes and does nothing.
    pub fn is_deaf(&self) -> bool {
        self.camera == Camera::Deaf
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// A camera that is asked, by a clock of its own.
    struct Play {
        keys: KeyPictures,
        now: Instant,
    }

    impl Play {
        fn new() -> Self {
            Self { keys: KeyPictures::default(), now: Instant::now() }
        }

        fn known() -> Self {
            let mut play = Self::new();
            play.want();
            assert_eq!(play.step(), Step::Find);
            play.keys.found(true, play.now);
            assert_eq!(play.step(), Step::Ask, "the first wish is fulfilled when the camera is found");
            play
        }

        fn pass(&mut self, ms: u32) -> &mut Self {
            self.now += MS * ms;
            self
        }

        fn want(&mut self) {
            self.keys.wanted(self.now);
        }

        fn step(&mut self) -> Step {
            self.keys.step(self.now)
        }

        fn taken(&mut self) {
            self.keys.asked(true, self.now);
        }

        fn came(&mut self) {
            self.keys.came(self.now);
        }
    }

    #[test]
    fn a_camera_is_looked_for_at_the_first_wish_and_not_before() {
        let mut play = Play::new();
        assert_eq!(play.step(), Step::Rest(None));
        play.came();
        assert_eq!(play.step(), Step::Rest(None));
        play.pass(1).want();
        assert_eq!(play.step(), Step::Find);
        play.pass(300).came();
        play.keys.found(true, play.now);
        assert_eq!(play.step(), Step::Rest(None), "a key picture came meanwhile by itself");
    }

    #[test]
    fn wishes_at_the_same_time_are_one_and_later_ones_wait_half_a_second() {
        let mut play = Play::known();
        play.taken();
        play.pass(100).came();
        play.pass(10).want();
        let due = play.now - MS * 110 + PAUSE;
        assert_eq!(play.step(), Step::Rest(Some(due)));
        play.pass(10).want();
        assert_eq!(play.step(), Step::Rest(Some(due)));
        play.pass(400).step();
        assert_eq!(play.step(), Step::Ask);
    }

    #[test]
    fn a_camera_that_promises_twice_in_vain_is_never_asked_again() {
        let mut play = Play::known();
        play.taken();
        play.pass(500).want();
        assert!(matches!(play.step(), Step::Rest(Some(_))), "it has two seconds");
        play.pass(1_501);
        assert_eq!(play.step(), Step::Ask);
        play.taken();
        play.pass(2_001).want();
        assert_eq!(play.step(), Step::Rest(None));
        assert!(play.keys.is_deaf());
        play.pass(3_600_000).want();
        assert_eq!(play.step(), Step::Rest(None));
    }

    #[test]
    fn a_key_picture_that_is_late_counts_as_none_and_one_in_time_makes_good() {
        for (ms, deaf) in [(1_999, false), (2_500, true)] {
            let mut play = Play::known();
            for _ in 0..2 {
                play.taken();
                play.pass(ms).came();
                // Told again, it is still one key picture.
                play.came();
                play.pass(1).want();
                assert_eq!(play.keys.is_deaf(), deaf && play.keys.in_vain == 2);
                play.step();
            }
            assert_eq!(play.keys.is_deaf(), deaf);
        }
    }

    #[test]
    fn a_camera_that_cannot_be_asked_is_looked_at_again_after_ten_minutes() {
        let mut play = Play::new();
        play.want();
        assert_eq!(play.step(), Step::Find);
        play.keys.found(false, play.now);
        assert_eq!(play.step(), Step::Rest(None));
        for _ in 0..599 {
            play.pass(1_000).want();
            assert_eq!(play.step(), Step::Rest(None));
        }
        play.pass(1_000).want();
        assert_eq!(play.step(), Step::Find);
        play.keys.found(true, play.now);
        assert_eq!(play.step(), Step::Ask);
        play.keys.asked(false, play.now);
        play.pass(1_000).want();
        assert_eq!(play.step(), Step::Rest(None), "one that refuses is left alone, too");
    }
}
