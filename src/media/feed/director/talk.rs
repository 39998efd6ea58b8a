//! What is said, on its way to the camera's speaker: through the worker, then by the source that is shown, if it
//! brings a speaker, or by one that is opened for it.

use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::{Director, Role};
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
        if *role != Role::Slate && !line.wish(talk) {
            self.counts.talk_dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Somebody talks, or nobody any more.
    pub(super) fn talks(&mut self, talker: Option<u32>) {
        self.tell(FeedEvent::Talks { talker });
        let opens = talker.is_some();
        if let Some(line) = self.brought() {
            let format = line.format;
            self.tell(FeedEvent::Speaker(match opens {
                true => SpeakerEvent::Opened { format },
                false => SpeakerEvent::Closed,
            }));
        } else if let Some(speaker) = &mut self.speaker {
            if opens { speaker.open() } else { speaker.close() }
        }
    }

    /// Whoever talked is heard no more: the source or its worker is another one now.
    pub(super) fn fall_silent(&mut self) {
        if let Some(speaker) = &mut self.speaker {
            speaker.close();
        }
    }

    /// A frame for the speaker.
    pub(super) fn speak(&mut self, frame: Bytes) {
        if let Some(line) = self.brought() {
            // What does not fit is late.
            line.frames.try_send(frame).ok();
        } else if let Some(speaker) = &mut self.speaker {
            speaker.speak(frame);
        }
    }

    /// What becomes of a speaker that was opened to talk.
    pub(super) fn spoke(&mut self, news: SpeakerNews) {
        let event = match news {
            SpeakerNews::Open(format) => {
                let setup = self.setup();
                if let Some((line, role)) = &self.line
                    && *role != Role::Slate
                {
                    line.speaker(setup);
                }
                SpeakerEvent::Opened { format }
            }
            SpeakerNews::Over(Ok(())) => SpeakerEvent::Closed,
            SpeakerNews::Over(Err(failure)) => {
                SpeakerEvent::Failed { reason: failure.reason, gone: failure.gone }
            }
        };
        self.tell(FeedEvent::Speaker(event));
    }
}
