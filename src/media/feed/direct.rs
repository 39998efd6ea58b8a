//! A fetched picture that needs no worker: H.264 that is passed on as it is.

use bytes::Bytes;

use crate::media::annex_b::ParameterSets;
use crate::media::sps::Sps;
use crate::media::{VideoFacts, why};

/// What becomes of a picture.
pub enum Direct {
    /// It is passed on; true for an IDR.
    Pass(Bytes, bool),
    /// As before, and this is news of the picture.
    News(Bytes, bool, VideoFacts),
    /// It cannot be passed on, and why.
    Unfit(&'static str),
}

/// One stream of access units.
#[derive(Default)]
pub struct DirectPicture {
    sets: ParameterSets,
    seen: Vec<u8>,
    hindrance: Option<&'static str>,
    keys_on_request: bool,
}

impl DirectPicture {
    /// `keys_on_request` is only told on.
    pub fn new(keys_on_request: bool) -> Self {
        Self { keys_on_request, ..Self::default() }
    }

    /// Takes an access unit, Annex B.
    pub fn take(&mut self, unit: &[u8]) -> Direct {
        let (whole, key) = self.sets.complete(unit);
        let mut news = None;
        if self.sets.sps() != self.seen {
            self.sets.sps().clone_into(&mut self.seen);
            if let Some(sps) = Sps::parse(&self.seen) {
                self.hindrance = sps.hindrance();
                news = Some(self.facts(sps));
            }
        }
        match (self.hindrance, news) {
            (Some(why), _) => Direct::Unfit(why),
            (None, Some(facts)) => Direct::News(whole, key, facts),
            (None, None) => Direct::Pass(whole, key),
        }
    }

    fn facts(&self, sps: Sps) -> VideoFacts {
        VideoFacts {
            codec: "h264".into(),
            width: sps.width,
            height: sps.height,
            copied: true,
            copyable: true,
            why: why::COPIED.into(),
            keys_on_request: self.keys_on_request,
        }
    }
}
