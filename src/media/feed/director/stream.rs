//! A fetched source's pieces on their way to viewers or to a worker.

use super::{Director, Role, Stream};
use crate::media::FeedEvent;
use crate::media::feed::direct::DirectPicture;
use crate::media::fetch::{Begin, Form, PictureCodec, Piece, SoundCodec};
use crate::media::flow::FlowMeter;
use crate::media::wire::{MAX_PICTURE, WireSource};

impl Director {
    pub(super) async fn piece(&mut self, piece: Piece) {
        match piece {
            Piece::Begin(begin) => self.begin_stream(begin).await,
            Piece::Bytes(data) => {
                let Some(stream) = &mut self.stream else { return };
                let is_head = !std::mem::replace(&mut stream.headed, true);
                if let Some((line, Role::Makes)) = &mut self.line {
                    if is_head { line.head(data).await } else { line.bytes(data).await }
                }
            }
            Piece::Picture { data, ticks } if data.len() <= MAX_PICTURE => self.picture(data, ticks).await,
            Piece::Picture { .. } => {}
            Piece::Sound { data, ticks } => match (&mut self.line, &self.stream) {
                (Some((line, Role::Makes | Role::Sounds)), _) => line.sound(data, ticks),
                (_, Some(Stream { form: Form::Packets { sound: Some(SoundCodec::Opus), .. }, .. })) => {
                    self.hear(&data, ticks);
                }
                _ => {}
            },
        }
    }

    pub(super) async fn begin_stream(&mut self, begin: Begin) {
        let Begin { form, speaker, key_frames } = begin;
        let brings = speaker.is_some();
        self.begin_pictures();
        self.limited = false;
        self.stream = Some(Stream {
            form,
            picture: DirectPicture::new(key_frames.is_some()),
            flow: FlowMeter::default(),
            speaker,
            key_frames,
            headed: false,
        });
        let talk = self.setup().is_some();
        self.tell(FeedEvent::Uses { source: self.using, speaker: brings, talk });
        self.take_role(form).await;
    }

    /// Gives the stream to a worker as far as it needs one.
    pub(super) async fn take_role(&mut self, form: Form) {
        let talks = self.setup().is_some();
        let role = match form {
            Form::Packets { picture: PictureCodec::H264, sound: Some(SoundCodec::Opus) | None } if !talks => {
                None
            }
            Form::Packets { picture: PictureCodec::H264, .. } => Some(Role::Sounds),
            _ => Some(Role::Makes),
        };
        match role {
            // A slate stays until the first picture.
            None => {
                if let Some((_, role)) = &mut self.line {
                    *role = Role::Slate;
                }
            }
            Some(role) => self.hand_over(form, role).await,
        }
    }

    /// Gives the stream to a worker.
    pub(super) async fn hand_over(&mut self, form: Form, role: Role) {
        let (mut line, _) = match self.line.take() {
            Some(line) => line,
            None => (self.start(WireSource::Handed), role),
        };
        line.begin(form, role == Role::Makes, self.setup()).await;
        self.slate_wanted = role == Role::Sounds && self.slate;
        if self.slate_wanted {
            line.slate(true);
        }
        self.line = Some((line, role));
    }
}
