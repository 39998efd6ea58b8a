//! A camera's H.264 on its way out: copied, with what a receiver needs in front of key pictures.

use ffmpeg_next as ffmpeg;

use crate::stage::Stage;
use crate::stream_facts::StreamFacts;
use crate::trouble::Trouble;
use doorstep::media::annex_b::ParameterSets;
use doorstep::media::sps::Sps;
use doorstep::media::wire::MAX_PICTURE;
use doorstep::media::{FeedEvent, SoundFacts, VideoFacts};

const WIDEST: u32 = 4096;
const HIGHEST: u32 = 2304;
/// Room for parameter sets.
const MARGIN: usize = 32 * 1024;

/// One camera's picture.
pub struct PicturePath {
    pub facts: StreamFacts,
    sound: SoundFacts,
    sets: ParameterSets,
    seen: Vec<u8>,
    sps: Option<Sps>,
}

impl PicturePath {
    /// `sound` is only told on. An error means that the picture may not be shown.
    pub fn new(facts: StreamFacts, sound: SoundFacts) -> Result<Self, Trouble> {
        let sets = ParameterSets::from_extradata(&facts.extradata);
        fits(facts.width, facts.height)?;
        let mut path = Self { facts, sound, sets, seen: Vec::new(), sps: None };
        path.look()?;
        Ok(path)
    }

    /// What is known of picture and sound by now.
    pub fn opened(&self) -> FeedEvent {
        let (width, height) =
            self.sps.map_or((self.facts.width, self.facts.height), |sps| (sps.width, sps.height));
        let why = match self.sps {
            Some(sps) if sps.reordered => {
                "copied, but it has B frames, which some devices show unsteadily: switch them off in the camera"
            }
            Some(sps) if sps.level > 41 => {
                "copied, but its level is above 4.1, which some devices do not show: choose a smaller stream"
            }
            _ => "copied as it is",
        };
        FeedEvent::Opened {
            video: VideoFacts {
                codec: "h264".into(),
                width,
                height,
                copied: true,
                why: why.into(),
                keys_on_request: false,
            },
            sound: self.sound.clone(),
        }
    }

    /// One packet of the camera's. True if it was shown; an error means that it may not be.
    pub fn take(&mut self, packet: &ffmpeg::Packet, stage: &Stage) -> Result<bool, Trouble> {
        let Some(data) = packet.data().filter(|data| !data.is_empty() && data.len() <= MAX_PICTURE - MARGIN)
        else {
            return Ok(false);
        };
        let (whole, idr) = self.sets.complete(data);
        if self.look()? {
            stage.tell(self.opened());
        }
        let at = packet.pts().or(packet.dts()).map(|at| self.facts.ticks(at, 90_000));
        Ok(stage.picture(whole, at, idr))
    }

    /// True if the parameter set is one with other facts than before.
    fn look(&mut self) -> Result<bool, Trouble> {
        if self.sets.sps() == self.seen {
            return Ok(false);
        }
        self.sets.sps().clone_into(&mut self.seen);
        let sps = Sps::parse(&self.seen);
        if let Some(sps) = sps {
            fits(sps.width, sps.height)?;
        }
        let news = sps.is_some() && sps != self.sps;
        self.sps = sps.or(self.sps);
        Ok(news)
    }
}

fn fits(width: u32, height: u32) -> Result<(), Trouble> {
    if width > WIDEST || height > HIGHEST {
        return Err(Trouble::lasting(format!("unsupported picture size {width}x{height}")));
    }
    Ok(())
}
