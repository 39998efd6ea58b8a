//! A camera's picture on its way out: copied where an Echo shows it as it is, else made anew.

use std::sync::atomic::Ordering;

use ffmpeg_next as ffmpeg;
use ffmpeg_next::codec::Id;

use crate::catch_up::CatchUp;
use crate::group::Group;
use crate::picture_decoder::PictureDecoder;
use crate::picture_recoder::PictureRecoder;
use crate::shared::Shared;
use crate::stream_facts::StreamFacts;
use crate::trouble::Trouble;
use doorstep::media::annex_b::ParameterSets;
use doorstep::media::flow::FlowMeter;
use doorstep::media::sps::Sps;
use doorstep::media::why::{ANEW, COPIED, FRESH, SENDS, TOO_MUCH, UNREADABLE};
use doorstep::media::wire::MAX_PICTURE;
use doorstep::media::{FeedEvent, SoundFacts, TroubleKind, VideoFacts};

pub const WIDEST: u32 = 4096;
pub const HIGHEST: u32 = 2304;
/// So many key pictures in a row that are too large end the stream.
const OVERSIZED: u32 = 2;
/// Room for parameter sets.
const MARGIN: usize = 32 * 1024;
/// Codecs that may be decoded, and what people call them.
const DECODED: [(Id, &str); 4] =
    [(Id::HEVC, "H.265"), (Id::MJPEG, "JPEG pictures"), (Id::MPEG4, "MPEG-4 video"), (Id::H264, "H.264")];

/// One camera's picture.
pub struct PicturePath {
    pub facts: StreamFacts,
    parameters: ffmpeg::codec::Parameters,
    sound: SoundFacts,
    sets: ParameterSets,
    /// The parameter set that was judged last.
    seen: Vec<u8>,
    /// Key pictures in a row that are too large.
    oversized: u32,
    recoder: Option<PictureRecoder>,
    /// It could be copied and is made anew for a time.
    for_a_time: bool,
    /// What was copied since the last key picture.
    group: Group,
    catch_up: Option<CatchUp>,
    flow: FlowMeter,
    /// Pixels of the camera's pictures.
    size: (u32, u32),
    why: String,
}

impl PicturePath {
    /// `sound` is only told on. An error means that the picture cannot be shown.
    pub fn new(
        facts: StreamFacts,
        parameters: ffmpeg::codec::Parameters,
        sound: SoundFacts,
    ) -> Result<Self, Trouble> {
        fits(facts.width, facts.height)?;
        let name = DECODED.iter().find(|(codec, _)| *codec == facts.codec).map(|(_, name)| *name);
        let name = name.ok_or_else(|| {
            let codec = facts.codec.name();
            Trouble::lasting(
                TroubleKind::Format,
                format!("the camera sends {codec}, which cannot be shown; choose its H.264 or H.265 stream"),
            )
        })?;
        let sets = ParameterSets::from_extradata(&facts.extradata);
        let size = (facts.width, facts.height);
        let mut path = Self {
            facts,
            parameters,
            sound,
            sets,
            seen: Vec::new(),
            oversized: 0,
            recoder: None,
            for_a_time: false,
            group: Group::default(),
            catch_up: None,
            flow: FlowMeter::default(),
            size,
            why: COPIED.into(),
        };
        if path.facts.codec != Id::H264 {
            path.make_anew(&format!("{SENDS}{name}"))?;
        } else if !path.sets.sps().is_empty() {
            path.judge()?;
        }
        Ok(path)
    }

    /// What is known of picture and sound by now.
    pub fn opened(&self) -> FeedEvent {
        let codec = self.facts.codec.name().to_owned();
        let (width, height) = self.size;
        FeedEvent::Opened {
            video: VideoFacts {
                codec,
                width,
                height,
                copied: self.recoder.is_none(),
                copyable: self.recoder.is_none() || self.for_a_time,
                why: self.why.clone(),
                keys_on_request: self.recoder.is_some(),
            },
            sound: self.sound.clone(),
        }
    }

    /// One packet of the camera's. True if it was shown; an error means that it may not be.
    pub fn take(&mut self, packet: &ffmpeg::Packet, shared: &Shared) -> Result<bool, Trouble> {
        let shown = self.pass_on(packet, shared)?;
        if shown {
            shared.explain(None);
        }
        Ok(shown)
    }

    fn pass_on(&mut self, packet: &ffmpeg::Packet, shared: &Shared) -> Result<bool, Trouble> {
        let Some(data) = packet.data().filter(|data| !data.is_empty() && data.len() <= MAX_PICTURE - MARGIN)
        else {
            return Ok(false);
        };
        let mut whole_packet = None;
        if self.facts.codec == Id::H264 {
            let (whole, idr) = self.sets.complete(data);
            // Only a key picture can have another size or form than those before.
            let news = idr && self.judge()?;
            let changes = idr && self.obey(shared)?;
            if news || changes {
                shared.stage.tell(self.opened());
            }
            if self.oversized > 0 {
                return Ok(false);
            }
            if self.recoder.is_none() && !self.freshens(packet, &whole, idr, shared)? {
                self.measure(packet, data.len(), idr, shared);
                let at = packet.pts().or(packet.dts()).map(|at| self.facts.ticks(at, 90_000));
                return Ok(shared.stage.picture(whole, at, idr));
            }
            // A decoder that begins here knows no parameter sets of before.
            if whole.len() > data.len() && self.facts.extradata.is_empty() {
                whole_packet = Some(with_data(packet, &whole));
            }
        }
        if shared.fresh_wanted.swap(false, Ordering::Relaxed) {
            shared.key_wanted.store(true, Ordering::Relaxed);
        }
        self.measure(packet, data.len(), packet.is_key(), shared);
        let packet = whole_packet.as_ref().unwrap_or(packet);
        let Some(recoder) = &mut self.recoder else { return Ok(false) };
        let made = recoder.take(packet, shared)?;
        if let Some(size) = made.size {
            fits(size.0, size.1)?;
            self.size = size;
            shared.stage.tell(self.opened());
        }
        Ok(made.shown)
    }

    fn measure(&mut self, packet: &ffmpeg::Packet, bytes: usize, key: bool, shared: &Shared) {
        let Some(at) = packet.dts().or(packet.pts()) else { return };
        if let Some(flow) = self.flow.take(self.facts.ticks(at, 90_000), bytes, key) {
            shared.stage.tell(FeedEvent::Flow(flow));
        }
    }

    /// The last picture once more, if it is made here.
    pub fn repeat(&mut self, shared: &Shared) -> Result<(), Trouble> {
        self.recoder.as_mut().map_or(Ok(()), |recoder| recoder.repeat(shared))
    }

    /// Looks at the parameter set of a key picture. True if it has other facts than the one before.
    fn judge(&mut self) -> Result<bool, Trouble> {
        if self.sets.sps() == self.seen {
            self.oversized = 0;
            return Ok(false);
        }
        let sps = Sps::parse(self.sets.sps());
        if let Some(Err(trouble)) = sps.map(|sps| fits(sps.width, sps.height)) {
            // One may be damaged on its way; the same again is meant.
            self.oversized += 1;
            return if self.oversized < OVERSIZED && !self.seen.is_empty() {
                Ok(false)
            } else {
                Err(trouble)
            };
        }
        self.oversized = 0;
        self.sets.sps().clone_into(&mut self.seen);
        let before = self.opened();
        self.size = sps.map_or(self.size, |sps| (sps.width, sps.height));
        match sps.map_or(Some(UNREADABLE), |sps| sps.hindrance()) {
            Some(hindrance) if self.recoder.is_none() || self.for_a_time => {
                self.for_a_time = false;
                self.make_anew(hindrance)?;
            }
            Some(_) => {}
            None => self.copy(),
        }
        Ok(self.opened() != before)
    }

    /// At a key picture: made anew while it must not take what the camera sends. True if that changes
    /// something.
    fn obey(&mut self, shared: &Shared) -> Result<bool, Trouble> {
        match (&self.recoder, shared.limit()) {
            (None, Some(_)) => self.make_anew(TOO_MUCH)?,
            (Some(_), None) if self.for_a_time => {
                self.copy();
                return Ok(true);
            }
            (Some(_), Some(_)) if self.for_a_time && !self.why.contains(TOO_MUCH) => self.explain(TOO_MUCH),
            _ => return Ok(false),
        }
        self.for_a_time = true;
        Ok(true)
    }

    /// Begins to catch up with the camera when somebody wants a picture of now. True once that is done, with
    /// this packet to be made anew.
    fn freshens(
        &mut self,
        packet: &ffmpeg::Packet,
        whole: &[u8],
        key: bool,
        shared: &Shared,
    ) -> Result<bool, Trouble> {
        let wanted = shared.fresh_wanted.swap(false, Ordering::Relaxed);
        match &self.catch_up {
            Some(catch_up) if !key => match catch_up.arrived()? {
                Some(decoder) => {
                    self.recoder = Some(PictureRecoder::new(&self.facts, decoder));
                    self.for_a_time = true;
                    self.explain(FRESH);
                    (self.catch_up, self.group) = (None, Group::default());
                    shared.stage.tell(self.opened());
                    return Ok(true);
                }
                None => catch_up.pass(with_data(packet, whole)),
            },
            // The key picture is here.
            Some(_) => {
                self.catch_up = None;
                shared.stage.tell(self.opened());
            }
            None => {}
        }
        self.group.push(with_data(packet, whole), key);
        if wanted && !key && self.catch_up.is_none() && !self.group.packets().is_empty() {
            let decoder = PictureDecoder::new(&self.facts, self.parameters.clone())?;
            // Without a thread for it who joins waits, as long as the group is.
            self.catch_up = CatchUp::start(decoder, self.group.packets()).ok();
        }
        Ok(false)
    }

    fn copy(&mut self) {
        (self.recoder, self.for_a_time) = (None, false);
        self.why = COPIED.into();
    }

    fn make_anew(&mut self, why: &str) -> Result<(), Trouble> {
        let decoder = PictureDecoder::new(&self.facts, self.parameters.clone())?;
        self.recoder = Some(PictureRecoder::new(&self.facts, decoder));
        (self.catch_up, self.group) = (None, Group::default());
        self.explain(why);
        Ok(())
    }

    fn explain(&mut self, why: &str) {
        self.why = format!("{ANEW}{why}");
    }
}

fn with_data(packet: &ffmpeg::Packet, data: &[u8]) -> ffmpeg::Packet {
    let mut with = ffmpeg::Packet::copy(data);
    with.set_pts(packet.pts());
    with.set_dts(packet.dts());
    with.set_flags(packet.flags());
    with.set_stream(packet.stream());
    with
}

fn fits(width: u32, height: u32) -> Result<(), Trouble> {
    if width > WIDEST || height > WIDEST || width.saturating_mul(height) > WIDEST * HIGHEST {
        return Err(Trouble::lasting(
            TroubleKind::Format,
            format!("unsupported picture size {width}x{height}"),
        ));
    }
    Ok(())
}
