//! The camera's sound on its way to viewers.

use bytes::Bytes;

use super::Director;
use crate::media::sound_line::SILENCE;
use crate::media::timeline::Track;
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
}
