//! The director's pictures: those that go past the worker, those that it makes, and the slate.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::{Director, PATIENCE, Role};
use crate::media::feed::direct::Direct;
use crate::media::fetch::{Form, PictureCodec};
use crate::media::timeline::Track;
use crate::media::{AccessUnit, FeedEvent, Sample, SoundFacts};

impl Director {
    pub(super) async fn picture(&mut self, data: Bytes, ticks: i64) {
        let Some(stream) = &mut self.stream else { return };
        let form = stream.form;
        let Form::Packets { picture: codec, .. } = form else { return };
        let must_change = codec == PictureCodec::H264 && self.limit.is_some() != self.limited;
        if must_change && codec.is_key(&data) {
            self.obey(form).await;
        }
        let Some(stream) = &mut self.stream else { return };
        if let Some((line, Role::Makes)) = &mut self.line {
            let key = codec.is_key(&data);
            if !line.picture(data, ticks, key) {
                self.ask_source();
            }
            return;
        }
        if codec != PictureCodec::H264 {
            return;
        }
        match stream.picture.take(&data) {
            Direct::Unfit(why) => {
                tracing::info!(camera = self.spec.camera, why, "the picture is encoded anew");
                let form = stream.form;
                self.hand_over(form, Role::Makes).await;
                if let Some((line, _)) = &mut self.line {
                    line.picture(data, ticks, true);
                }
            }
            Direct::News(data, key, video) => {
                let sound = sound_facts(stream.form);
                self.tell(FeedEvent::Opened { video, sound });
                self.show(data, ticks, key);
            }
            Direct::Pass(data, key) => self.show(data, ticks, key),
        }
    }

    /// At a key picture: has it made anew while it must not take what the source brings.
    pub(super) async fn obey(&mut self, form: Form) {
        let is_made = matches!(self.line, Some((_, Role::Makes)));
        match (is_made, self.limit) {
            (false, Some(_)) => {
                self.limited = true;
                self.timeline.begin_anew();
                self.hand_over(form, Role::Makes).await;
            }
            (true, None) if self.limited => {
                self.limited = false;
                self.timeline.begin_anew();
                self.take_role(form).await;
            }
            _ => {}
        }
    }

    /// Shows a picture that needs no worker.
    pub(super) fn show(&mut self, data: Bytes, ticks: i64, key: bool) {
        let now = self.now_ms();
        if let Some(flow) = self.stream.as_mut().and_then(|stream| stream.flow.take(ticks, data.len(), key)) {
            self.tell(FeedEvent::Flow(flow));
        }
        // Placed even if it is not shown: what is left out tells about the backlog.
        let at = self.timeline.place(Track::Picture, ticks, now);
        if self.needs_key && !key {
            return;
        }
        (self.needs_key, self.slate) = (false, false);
        self.seen();
        let had_slate = std::mem::take(&mut self.slate_wanted);
        match &self.line {
            Some((_, Role::Slate)) => self.line = None,
            Some((line, Role::Sounds | Role::Draws)) if had_slate => line.slate(false),
            _ => {}
        }
        self.put_picture(data, at, key, false);
    }

    /// The camera itself shows a picture.
    pub(super) fn seen(&mut self) {
        self.good_at = Instant::now();
        if std::mem::take(&mut self.first) {
            self.choice.showed(self.using);
            self.tell(FeedEvent::FirstPicture);
        }
    }

    pub(super) fn put_picture(&mut self, data: Bytes, ticks: i64, key: bool, slate: bool) {
        let timestamp = u64::try_from(ticks).unwrap_or(0);
        let unit = Arc::new(AccessUnit { data, timestamp, key, slate });
        self.shown.push(Arc::clone(&unit));
        if self.outlet.put(Sample::Picture(unit)) {
            tracing::warn!(camera = self.spec.camera, "the feed overflows; pictures are left out");
            self.want_key_frame();
        }
    }

    pub(super) fn made_picture(&mut self, unit: &AccessUnit, role: Role) {
        let late = self.good_at.elapsed() >= PATIENCE;
        let wanted = match role {
            Role::Reads | Role::Makes => true,
            // Its slate is of use only while there is no picture.
            Role::Sounds | Role::Slate | Role::Draws => unit.slate && (late || self.slate),
        };
        let is_own = matches!(role, Role::Reads | Role::Makes);
        if !wanted || !(is_own || self.slate || unit.key) {
            return;
        }
        let now = self.now_ms();
        let at = match role {
            Role::Reads | Role::Makes => {
                let ticks = i64::try_from(unit.timestamp).unwrap_or(i64::MAX);
                self.timeline.place(Track::Picture, ticks, now)
            }
            // At its own time: the source's clock has nothing to do with it.
            Role::Sounds | Role::Slate | Role::Draws => self.timeline.now(Track::Picture, now),
        };
        self.slate = unit.slate;
        if !unit.slate {
            if unit.key {
                self.key_came();
            }
            self.seen();
        } else if !is_own {
            // The camera's own pictures are of no use now before its next key picture.
            self.needs_key = true;
        }
        self.put_picture(unit.data.clone(), at, unit.key, unit.slate);
    }
}

fn sound_facts(form: Form) -> SoundFacts {
    match form {
        Form::Packets { sound: Some(codec), .. } => SoundFacts::of(codec),
        Form::Packets { sound: None, .. } | Form::Mp4 => SoundFacts::none(),
    }
}
