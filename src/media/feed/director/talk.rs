//! What is said, on its way to the camera's speaker: through the worker, then by the source that is shown, if it
//! brings a speaker, or by one that is opened for it.

use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::Director;
use crate::media::feed::speaker::SpeakerNews;
use crate::media::fetch::SpeakerLine;
use crate::media::talk::{SpeakerEvent, SpeakerWay, TalkSetup};
use crate::media::wire::ToWorker;
use crate::media::{FeedEvent, Source};

impl Director {
    /// What a worker is told of the speaker; `None` if no way leads to one.
    pub(super) fn setup(&self) -> Option<TalkSetup> {
        let spec = self.spec.speaker.as_ref()?;
        let format = match (&spec.way, self.brought(), &self.speaker) {
            (_, Some(line), _) => Some(line.format),
            (SpeakerWay::Screen, None, _) => match self.spec.sources.get(self.using) {
                Some(Source::Test(_)) => None,
                _ => return None,
            },
            (_, None, Some(speaker)) => Some(speaker.format()),
            (_, None, None) => return None,
        };
        Some(TalkSetup { format, echo: spec.echo, duplex: spec.duplex })
    }

    /// The speaker that the source brings, if talk may go that way.
    fn brought(&self) -> Option<&SpeakerLine> {
        let wanted = matches!(self.spec.speaker.as_ref()?.way, SpeakerWay::Source(_));
        self.stream.as_ref()?.speaker.as_ref().filter(|_| wanted)
    }

    /// A piece of what somebody says.
    pub(super) fn talk(&mut self, talk: ToWorker) {
        let Some((line, role)) = &self.line else { return };
        if role.sounds() && !line.wish(talk) {
            self.counts.talk_dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Plays a tone. Whoever asks for one wants to know how the speaker is now.
    pub(super) fn play_tone(&mut self) {
        if let Some(speaker) = &mut self.speaker {
            speaker.forgive();
        }
        self.talk(ToWorker::Tone);
    }

    /// Somebody talks, or nobody any more.
    pub(super) fn talks(&mut self, talker: Option<u32>) {
        self.tell(FeedEvent::Talks { talker });
        self.talker = talker;
        match (self.brought(), talker) {
            (Some(line), Some(_)) => {
                let format = line.format;
                self.audible(true);
                self.tell(FeedEvent::Speaker(SpeakerEvent::Opened { format }));
            }
            (Some(_), None) => self.tell(FeedEvent::Speaker(SpeakerEvent::Closed)),
            (None, Some(_)) => self.open_speaker(),
            (None, None) => {}
        }
        if let (Some(speaker), None) = (&mut self.speaker, talker) {
            speaker.close();
        }
    }

    fn open_speaker(&mut self) {
        if let Some(speaker) = &mut self.speaker {
            speaker.open();
            let is_open = speaker.is_open();
            self.audible(is_open);
        }
    }

    /// Lets the worker know whether anybody hears what it makes.
    fn audible(&self, plays: bool) {
        if let Some((line, role)) = &self.line
            && role.sounds()
        {
            line.wish(ToWorker::Audible { plays });
        }
    }

    /// The worker is another one now, which has yet to hear who talks.
    pub(super) fn fall_silent(&mut self) {
        self.talker = None;
        if let Some(speaker) = &mut self.speaker {
            speaker.close();
        }
    }

    /// A frame for the speaker.
    pub(super) fn speak(&mut self, frame: Bytes) {
        if let Some(line) = self.brought() {
            // What does not fit is late.
            line.frames.try_send(frame).ok();
        } else if let (Some(speaker), Some(_)) = (&mut self.speaker, self.talker) {
            speaker.speak(frame);
        }
    }

    /// What becomes of a speaker that was opened to talk.
    pub(super) fn spoke(&mut self, news: SpeakerNews) {
        let event = match news {
            SpeakerNews::Open(format) => {
                let setup = self.setup();
                if let Some((line, role)) = &self.line
                    && role.sounds()
                {
                    line.speaker(setup);
                }
                self.audible(true);
                SpeakerEvent::Opened { format }
            }
            SpeakerNews::Over(Ok(())) => SpeakerEvent::Closed,
            SpeakerNews::Over(Err(failure)) => {
                self.audible(false);
                SpeakerEvent::Failed { reason: failure.reason, lasting: failure.lasting }
            }
        };
        self.tell(FeedEvent::Speaker(event));
    }
}
