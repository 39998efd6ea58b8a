//! Between the conversation and everything around it: the speaker's codec, the camera's microphone, the news.

use std::mem::discriminant;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::conversation::{Conversation, Visitor};
use super::speaker_level::SpeakerLevel;
use crate::ear::{Ear, EarReport};
use crate::level::{Level, SILENT};
use crate::shared::Shared;
use crate::speech::SpeechEncoder;
use doorstep::media::FeedEvent;
use doorstep::media::talk::{Duplex, EchoFinding, EchoRule, TalkReport, TalkSetup};
use doorstep::media::wire::FromWorker;

/// ms between two reports.
const REPORT_MS: i64 = 1_000;

/// What one camera is told.
pub struct Mouth<'a> {
    shared: &'a Shared,
    conversation: Conversation,
    setup: Option<TalkSetup>,
    encoder: Option<SpeechEncoder>,
    is_audible: bool,
    speaker_level: SpeakerLevel,
    /// Who was said to have the speaker.
    holder: Option<u32>,
    /// Of the time since the last report.
    level: Level,
    report_ms: i64,
    /// The last report's news of the microphone.
    heard: Option<EarReport>,
}

impl<'a> Mouth<'a> {
    /// Of a camera without a speaker.
    pub fn new(shared: &'a Shared) -> Self {
        Self {
            shared,
            conversation: Conversation::default(),
            setup: None,
            encoder: None,
            is_audible: true,
            speaker_level: SpeakerLevel::default(),
            holder: None,
            level: Level::default(),
            report_ms: 0,
            heard: None,
        }
    }

    /// Takes a packet of talk.
    pub fn hear(&mut self, talker: u32, sequence: u16, timestamp: u32, opus: Bytes, now_ms: i64) {
        self.speaker_level.packet();
        self.conversation.hear(talker, sequence, timestamp, opus, now_ms);
    }

    /// The speaker plays what it is given, or it does not: then there is no echo of it to be learnt from.
    pub fn set_audible(&mut self, plays: bool) {
        self.is_audible = plays;
    }

    /// Plays a tone, if nobody talks.
    pub fn play_tone(&mut self) {
        self.speaker_level.packet();
        self.conversation.play_tone();
    }

    /// A call has ended.
    pub fn leave(&mut self, talker: u32) {
        self.conversation.leave(talker);
    }

    /// Nothing will happen before the next order.
    pub fn is_asleep(&self, now_ms: i64) -> bool {
        self.conversation.is_asleep(now_ms) && self.speaker_level.is_over()
    }

    /// The camera's speaker is this one from now on.
    pub fn set_up(&mut self, setup: Option<TalkSetup>) {
        let before = std::mem::replace(&mut self.setup, setup);
        let formats = [before, setup].map(|setup| setup.and_then(|setup| setup.format));
        if formats[0] != formats[1] {
            self.encoder = formats[1].map(SpeechEncoder::new).transpose().unwrap_or_else(|error| {
                eprintln!("what is said cannot be encoded for the camera's speaker: {error}");
                None
            });
        }
        // An ear that learns for itself needs not be told what was learnt.
        let rules = [before, setup].map(|setup| setup.map(|setup| discriminant(&setup.echo)));
        if rules[0] != rules[1] {
            self.heard = None;
            *self.shared.ear() = setup.and_then(|setup| {
                Ear::new(setup.echo).map_err(|error| eprintln!("the camera's echo stays: {error}")).ok()
            });
        }
        let cleans = setup.is_some_and(|setup| setup.echo != EchoRule::Off || setup.duplex == Duplex::Half);
        self.shared.cleans.store(cleans, Ordering::Relaxed);
    }

    /// The next 20 ms.
    pub fn frame(&mut self, now_ms: i64) {
        let said = self.conversation.frame(self.visitor(), now_ms);
        self.tell_holder(now_ms);
        if let Some(ear) = self.shared.ear().as_mut() {
            ear.hold(said.holds_microphone);
        }
        if let Some(samples) = said.samples {
            self.speaker_level.played(&samples);
            self.level.note(&samples);
            self.speak(&samples, now_ms);
            if now_ms >= self.report_ms {
                self.report(now_ms);
            }
        }
        if let Some(level) = self.speaker_level.step(now_ms) {
            self.shared.stage.tell(FeedEvent::SpeakerLevel(level));
            self.shared.speaker.store(level.round() as i32, Ordering::Relaxed);
        }
    }

    fn visitor(&self) -> Visitor {
        let echo = self.heard.and_then(|heard| heard.delay_ms).unwrap_or(0);
        Visitor {
            voiced: self.shared.ear().as_ref().is_some_and(Ear::hears_voice),
            echo_ms: i64::from(echo),
            duplex: self.duplex(),
        }
    }

    fn duplex(&self) -> Duplex {
        let left = self.heard.is_some_and(|heard| heard.echo == Some(EchoFinding::Left));
        let wanted = self.setup.map_or(Duplex::Full, |setup| setup.duplex);
        if left { Duplex::Half } else { wanted }
    }

    fn tell_holder(&mut self, now_ms: i64) {
        let talker = self.conversation.holder();
        if talker == self.holder {
            return;
        }
        let opens = self.holder.is_none();
        self.holder = talker;
        if opens {
            self.level = Level::default();
            self.report_ms = now_ms + REPORT_MS;
            // What was heard before anybody talked is no part of the conversation.
            self.listen();
        }
        if talker.is_none() {
            self.report(now_ms);
        }
        self.shared.stage.tell(FeedEvent::Talks { talker });
    }

    fn speak(&mut self, samples: &[f32], now_ms: i64) {
        let Some(encoder) = &mut self.encoder else { return };
        let frames = encoder.encode(samples).unwrap_or_default();
        for frame in frames {
            self.shared.stage.say(&FromWorker::Speech(frame.data));
            if let Some(ear) = self.shared.ear().as_mut().filter(|_| self.is_audible) {
                ear.played(&frame.played, now_ms);
            }
        }
    }

    fn listen(&mut self) {
        self.heard = self.shared.ear().as_mut().map(Ear::report).or(self.heard);
    }

    fn report(&mut self, now_ms: i64) {
        self.report_ms = now_ms + REPORT_MS;
        self.listen();
        let heard = self.heard;
        self.shared.stage.tell(FeedEvent::Conversation(TalkReport {
            talker: self.holder,
            speaker_dbfs: self.level.take(),
            microphone_dbfs: heard.map_or(SILENT, |heard| heard.microphone_dbfs),
            passed_dbfs: heard.map_or(SILENT, |heard| heard.passed_dbfs),
            erle_db: heard.and_then(|heard| heard.erle_db),
            delay_ms: heard.and_then(|heard| heard.delay_ms),
            heard: heard.is_some_and(|heard| heard.heard_speaker),
            echo: heard.and_then(|heard| heard.echo),
            duplex: self.duplex(),
        }));
    }
}
