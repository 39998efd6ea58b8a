//! Everybody who talks to one camera, and what of it its speaker is given. Has no clock of its own.

use bytes::Bytes;

use super::floor::Floor;
use super::limiter::Limiter;
use super::talker::{Frame, Talker};
use super::tone::{TESTER, Tone};
use super::turn::Turn;
use crate::opus::PACKET;
use doorstep::media::talk::Duplex;

/// Most talkers; more than that and who was silent for longest goes.
const MOST: usize = 8;
/// Nobody has sent anything for this long: there is nothing to wait for.
const ASLEEP_MS: i64 = 1_000;

/// What the microphone's side knows.
#[derive(Debug, Clone, Copy)]
pub struct Visitor {
    /// Speaks now.
    pub voiced: bool,
    /// From the speaker to the microphone, ms.
    pub echo_ms: i64,
    /// Who may be heard at the same time.
    pub duplex: Duplex,
}

/// What a frame time brought.
pub struct Said {
    /// What the speaker is given, 20 ms; `None` while nobody needs it.
    pub samples: Option<Vec<f32>>,
    /// The microphone is held down.
    pub holds_microphone: bool,
}

/// One camera's.
#[derive(Default)]
pub struct Conversation {
    talkers: Vec<(u32, Talker)>,
    floor: Floor,
    turn: Turn,
    limiter: Limiter,
    /// Who was heard in the last frame.
    heard: Option<u32>,
    tone: Tone,
}

impl Conversation {
    /// Takes a packet of a talker's.
    pub fn hear(&mut self, talker: u32, sequence: u16, timestamp: u32, opus: Bytes, now_ms: i64) {
        if let Some(talker) = self.talker(talker, now_ms) {
            talker.put(sequence, timestamp, opus, now_ms);
        }
    }

    /// Plays a tone, if nobody talks.
    pub fn play_tone(&mut self) {
        if self.floor.talker().is_none_or(|talker| talker == TESTER) {
            self.tone.start();
        }
    }

    /// Forgets a talker.
    pub fn leave(&mut self, talker: u32) {
        self.talkers.retain(|(id, _)| *id != talker);
        self.floor.leave(talker);
    }

    /// Who has the speaker; `None` while nobody needs it.
    pub fn holder(&self) -> Option<u32> {
        self.floor.talker()
    }

    /// Nothing will happen before the next packet.
    pub fn is_asleep(&self, now_ms: i64) -> bool {
        let heard = self.talkers.iter().map(|(_, talker)| talker.heard_ms()).max();
        self.floor.talker().is_none()
            && self.tone.is_over()
            && heard.is_none_or(|heard| now_ms - heard > ASLEEP_MS)
    }

    /// The next 20 ms; called every 20 ms.
    pub fn frame(&mut self, visitor: Visitor, now_ms: i64) -> Said {
        let mut frames: Vec<(u32, Frame)> = Vec::new();
        for (id, talker) in &mut self.talkers {
            frames.extend(talker.frame(now_ms).map(|frame| (*id, frame)));
        }
        let tone = self.tone.frame();
        let voiced = frames.iter().filter(|(_, frame)| frame.voiced).map(|(id, _)| *id);
        let voiced: Vec<u32> = tone.iter().map(|_| TESTER).chain(voiced).collect();
        self.floor.step(&voiced, now_ms);
        let holder = self.floor.talker();
        let inside = holder.is_some_and(|holder| voiced.contains(&holder));
        let held = match visitor.duplex {
            Duplex::Full => Default::default(),
            Duplex::Half => self.turn.step(inside, visitor.voiced, visitor.echo_ms, now_ms),
        };
        let mut samples = holder.map(|holder| match tone {
            Some(tone) if holder == TESTER => tone,
            _ => vec![0.0; PACKET],
        });
        let speaks = holder.filter(|_| !held.speaker);
        for (id, frame) in frames {
            let Some((_, talker)) = self.talkers.iter_mut().find(|(other, _)| *other == id) else { continue };
            if speaks == Some(id) || self.heard == Some(id) {
                let mut frame = if self.heard == Some(id) { frame } else { talker.catch_up(frame) };
                ramp(&mut frame.samples, self.heard == Some(id), speaks == Some(id));
                talker.lift(&mut frame);
                samples = samples.map(|_| frame.samples);
            } else {
                talker.let_go(&frame);
            }
        }
        self.heard = speaks;
        if let Some(samples) = &mut samples {
            self.limiter.limit(samples);
        }
        Said { samples, holds_microphone: held.microphone }
    }

    fn talker(&mut self, id: u32, now_ms: i64) -> Option<&mut Talker> {
        if !self.talkers.iter().any(|(other, _)| *other == id) {
            let talker = Talker::new(now_ms).ok()?;
            if self.talkers.len() >= MOST {
                let longest = self.talkers.iter().min_by_key(|(_, talker)| talker.heard_ms());
                let longest = longest.map(|(id, _)| *id);
                longest.into_iter().for_each(|id| self.leave(id));
            }
            self.talkers.push((id, talker));
        }
        self.talkers.iter_mut().find(|(other, _)| *other == id).map(|(_, talker)| talker)
    }
}

/// From what the frame before was to what the next one is: no click.
fn ramp(samples: &mut [f32], from: bool, to: bool) {
    let last = samples.len().max(1) as f32;
    match (from, to) {
        (false, true) => samples.iter_mut().enumerate().for_each(|(n, sample)| *sample *= n as f32 / last),
        (true, false) => {
            samples.iter_mut().enumerate().for_each(|(n, sample)| *sample *= 1.0 - n as f32 / last)
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::super::line::Line;
    use super::*;
    use crate::level::dbfs;

    /// Callers on virtual time; each has a line of its own.
    struct House {
        conversation: Conversation,
        lines: Vec<(u32, Line, u16)>,
        visitor: Visitor,
        now: i64,
    }

    /// What the camera was told in each frame time: who has the speaker, its level, the microphone.
    type Told = (Option<u32>, Option<f32>, bool);

    impl House {
        fn new(duplex: Duplex) -> Self {
            let lines = [1, 2].map(|id| (id, Line::new(u64::from(id), false), 0));
            let visitor = Visitor { voiced: false, echo_ms: 0, duplex };
            Self { conversation: Conversation::default(), lines: lines.into(), visitor, now: 0 }
        }

        /// So many ms in which `saying` talk and the others send silence.
        fn go(&mut self, ms: i64, saying: &[u32]) -> Vec<Told> {
            let frames = (0..ms / 20).map(|_| {
                self.now += 20;
                for (id, line, sequence) in &mut self.lines {
                    *sequence = sequence.wrapping_add(1);
                    let words = line.packet(i64::from(*sequence));
                    let opus =
                        if saying.contains(id) { words } else { Bytes::from_static(&crate::opus::SILENCE) };
                    self.conversation.hear(*id, *sequence, u32::from(*sequence) * 960, opus, self.now - 7);
                }
                let said = self.conversation.frame(self.visitor, self.now);
                let level = said.samples.map(|samples| {
                    assert_eq!(samples.len(), PACKET);
                    dbfs(samples.iter().map(|s| s * s).sum::<f32>() / PACKET as f32)
                });
                (self.conversation.holder(), level, said.holds_microphone)
            });
            frames.collect()
        }
    }

    fn loud_ms(told: &[Told]) -> usize {
        told.iter().filter(|(_, level, _)| level.is_some_and(|level| level > -40.0)).count() * 20
    }

    #[test]
    fn the_speaker_is_given_something_in_every_frame_time_from_the_first_word_to_five_seconds_after_the_last()
    {
        let mut house = House::new(Duplex::Full);
        assert!(house.go(2_000, &[]).iter().all(|told| told.1.is_none()));
        let mut told = house.go(1_000, &[1]);
        told.extend(house.go(6_000, &[]));
        let opened = told.iter().position(|told| told.0 == Some(1)).unwrap();
        assert!(opened <= 5, "opened after {opened} frames");
        let open = told.iter().filter(|told| told.1.is_some()).count();
        assert!((295..=305).contains(&open), "{open} frames");
        assert!(told[opened..opened + open].iter().all(|told| told.1.is_some()), "without a gap");
        assert!(told[opened + open..].iter().all(|told| told.0.is_none()));
        let loud = loud_ms(&told);
        assert!((920..=1_140).contains(&loud), "the first word is whole: {loud} ms");
        assert_eq!(told[opened + 100].1, Some(-100.0));
    }

    #[test]
    fn a_second_talker_waits_until_the_first_is_silent_for_two_seconds_and_is_not_mixed_in() {
        let mut house = House::new(Duplex::Full);
        assert_eq!(house.go(1_000, &[1]).last().unwrap().0, Some(1));
        assert!(house.go(1_000, &[1, 2]).iter().all(|told| told.0 == Some(1)));
        let told = house.go(2_500, &[2]);
        let passed = told.iter().position(|told| told.0 == Some(2)).unwrap() * 20;
        assert!((1_960..=2_200).contains(&passed), "{passed} ms");
        assert!(loud_ms(&told[10..passed / 20]) == 0, "the other one is not heard before");
        assert!(loud_ms(&told[passed / 20..]) >= 2_500 - passed - 40);
        house.conversation.leave(2);
        assert_eq!(house.go(200, &[1]).last().unwrap().0, Some(1), "who leaves makes room at once");
    }

    #[test]
    fn in_half_duplex_the_microphone_is_held_while_somebody_talks_and_the_speaker_while_the_visitor_does() {
        let mut house = House::new(Duplex::Half);
        assert!(house.go(1_000, &[1])[10..].iter().all(|told| told.2));
        assert!(!house.go(1_000, &[]).last().unwrap().2);
        house.visitor.voiced = true;
        house.go(500, &[]);
        let told = house.go(160, &[1]);
        assert!(loud_ms(&told) == 0 && told.iter().all(|told| told.1.is_some()), "held down: {told:?}");
        let told = house.go(1_000, &[1]);
        assert!(loud_ms(&told) >= 840, "who breaks in loses no word: {} ms", loud_ms(&told));
        assert!(told.last().unwrap().2);
    }

    #[test]
    fn of_more_than_eight_talkers_the_one_that_was_silent_for_longest_goes() {
        let mut conversation = Conversation::default();
        for id in 0..20 {
            let opus = Bytes::from_static(&crate::opus::SILENCE);
            conversation.hear(id, 0, 0, opus, i64::from(id));
        }
        let kept: Vec<u32> = conversation.talkers.iter().map(|(id, _)| *id).collect();
        assert_eq!(kept, (12..20).collect::<Vec<_>>());
    }

    #[test]
    fn ten_thousand_packets_a_second_cost_little_and_leave_the_others_alone() {
        let mut house = House::new(Duplex::Full);
        let flood = house.lines[0].1.packet(0);
        let began = std::time::Instant::now();
        for _ in 0..5 {
            for n in 0..10_000_u32 {
                house.conversation.hear(9, n as u16, n * 960, flood.clone(), house.now + i64::from(n / 200));
            }
            house.go(1_000, &[]);
        }
        println!("50,000 packets in {:?}", began.elapsed());
        house.conversation.leave(9);
        house.go(6_000, &[]);
        assert!(loud_ms(&house.go(1_000, &[1])) >= 900);
    }
}
