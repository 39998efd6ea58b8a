//! A camera's compressed pictures on their way to pixels.

use ffmpeg_next as ffmpeg;
use ffmpeg_next::codec::threading;

use crate::picture_path::{HIGHEST, WIDEST};
use crate::stream_facts::StreamFacts;
use crate::trouble::Trouble;
use doorstep::media::TroubleKind;

/// Packets in a row that cannot be decoded before the camera is given up.
const MOST_BAD: u32 = 250;

/// The decoder of one stream. What one thread began another may go on with.
pub struct PictureDecoder {
    decoder: ffmpeg::decoder::Video,
    decoded: ffmpeg::frame::Video,
    /// A picture that needs no other has come: what comes before it only makes the decoder complain.
    begun: bool,
    bad: u32,
}

impl PictureDecoder {
    /// For a stream whose codec is one that may be decoded.
    pub fn new(facts: &StreamFacts, parameters: ffmpeg::codec::Parameters) -> Result<Self, Trouble> {
        let codec =
            ffmpeg::decoder::find(facts.codec).ok_or(ffmpeg::Error::DecoderNotFound).map_err(failed)?;
        let mut context = ffmpeg::codec::Context::from_parameters(parameters).map_err(failed)?;
        // Threads that share a picture hold none back.
        context
            .set_threading(threading::Config { count: 2, ..threading::Config::kind(threading::Type::Slice) });
        let mut options = ffmpeg::Dictionary::new();
        options.set("max_pixels", &(WIDEST * HIGHEST).to_string());
        let decoder = context.decoder().open_as_with(codec, options).and_then(|opened| opened.video());
        Ok(Self {
            decoder: decoder.map_err(failed)?,
            decoded: ffmpeg::frame::Video::empty(),
            begun: false,
            bad: 0,
        })
    }

    /// Takes one packet of the camera's. An error means that too many in a row were of no use.
    pub fn take(&mut self, packet: &ffmpeg::Packet) -> Result<(), Trouble> {
        self.begun |= packet.is_key();
        if !self.begun {
            return Ok(());
        }
        match self.decoder.send_packet(packet) {
            Ok(()) => self.bad = 0,
            Err(error) => {
                self.bad += 1;
                if self.bad > MOST_BAD {
                    return Err(failed(error));
                }
            }
        }
        Ok(())
    }

    /// Decodes the next picture of what was taken; false if there is none.
    pub fn next(&mut self) -> bool {
        self.begun && self.decoder.receive_frame(&mut self.decoded).is_ok()
    }

    /// No more packets come: what is held back can be decoded.
    pub fn finish(&mut self) {
        // A decoder that has begun nothing holds nothing back.
        self.decoder.send_eof().ok();
    }

    /// Gives the picture that was decoded last away.
    pub fn take_picture(&mut self) -> ffmpeg::frame::Video {
        std::mem::replace(&mut self.decoded, ffmpeg::frame::Video::empty())
    }

    /// The picture that was decoded last.
    pub fn picture(&self) -> &ffmpeg::frame::Video {
        &self.decoded
    }
}

fn failed(error: ffmpeg::Error) -> Trouble {
    Trouble::lasting(TroubleKind::Format, format!("its picture cannot be decoded ({error})"))
}
