//! The director's sound, both ways.

use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::{Director, Role, Stream};
use crate::media::sound_line::SILENCE;
use crate::media::talk::SpeakerFormat;
use crate::media::timeline::Track;
use crate::media::wire::ToWorker;
use crate::media::{Sample, SoundPacket};

impl Director {
    /// A packet of Opus; ticks of its own clock.
    pub(super) fn hear(&mut self, opus: &Bytes, ticks: i64) {
        let now = self.now_ms();
        let at = self.timeline.place(Track::Sound, ticks, now);
        let place = self.sound.place(at, now);
        self.silence(place.silence);
        if place.take {
            self.put_sound(opus.clone());
        }
    }

    pub(super) fn silence(&mut self, packets: i64) {
        for _ in 0..packets {
            self.put_sound(Bytes::from_static(&SILENCE));
        }
    }

    pub(super) fn put_sound(&mut self, opus: Bytes) {
        let timestamp = u64::try_from(self.sound.step()).unwrap_or(0);
        self.outlet.put(Sample::Sound(SoundPacket { opus, timestamp }));
    }

    pub(super) fn talk(&mut self, talker: u32, opus: Bytes, sequence: u16, timestamp: u32) {
        let taken = match (&mut self.stream, &self.line) {
            (Some(Stream { speaker: Some(speaker), said, .. }), _)
                if speaker.format == SpeakerFormat::Opus =>
            {
                // Late and doubled ones would be heard at the wrong place.
                let step = said.map_or(1, |last| sequence.wrapping_sub(last));
                if step == 0 || step > 0x8000 {
                    return;
                }
                *said = Some(sequence);
                speaker.frames.try_send(opus).is_ok()
            }
            (_, Some((line, role))) if *role != Role::Slate => {
                line.wish(ToWorker::Talk { talker, opus, sequence, timestamp })
            }
            _ => return,
        };
        if !taken {
            self.counts.talk_dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}
