//! Decodes the group of pictures that the camera is in the middle of, beside the thread that copies them.

use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};

use ffmpeg_next as ffmpeg;

use crate::picture_decoder::PictureDecoder;
use crate::trouble::Trouble;

/// A decoder on its way to the camera's newest picture. Dropping this gives it up.
pub struct CatchUp {
    packets: Sender<ffmpeg::Packet>,
    arrived: Receiver<Arrived>,
}

/// The decoder, and what has come since it saw everything.
type Arrived = (PictureDecoder, Receiver<ffmpeg::Packet>);

impl CatchUp {
    /// Begins with the group so far.
    pub fn start(mut decoder: PictureDecoder, group: &[ffmpeg::Packet]) -> std::io::Result<Self> {
        let (packets, to_decode) = channel();
        for packet in group {
            // Its receiver is still here.
            packets.send(packet.clone()).ok();
        }
        let (arrive, arrived) = channel();
        let decode = move || {
            loop {
                match to_decode.try_recv() {
                    Ok(packet) if skim(&mut decoder, &packet).is_ok() => {}
                    Err(TryRecvError::Empty) => break,
                    // Given up, or of no use.
                    Ok(_) | Err(TryRecvError::Disconnected) => return,
                }
            }
            // Nobody takes it if it was given up meanwhile.
            arrive.send((decoder, to_decode)).ok();
        };
        std::thread::Builder::new().name("catch up".into()).spawn(decode)?;
        Ok(Self { packets, arrived })
    }

    /// The camera's next picture.
    pub fn pass(&self, packet: ffmpeg::Packet) {
        // Nobody takes it from a decoder that failed; the camera's next key picture ends that.
        self.packets.send(packet).ok();
    }

    /// The decoder, once it has seen all that was passed.
    pub fn arrived(&self) -> Result<Option<PictureDecoder>, Trouble> {
        let Ok((mut decoder, rest)) = self.arrived.try_recv() else { return Ok(None) };
        for packet in rest.try_iter() {
            skim(&mut decoder, &packet)?;
        }
        Ok(Some(decoder))
    }
}

/// Decodes without looking.
fn skim(decoder: &mut PictureDecoder, packet: &ffmpeg::Packet) -> Result<(), Trouble> {
    decoder.take(packet)?;
    while decoder.next() {}
    Ok(())
}
