//! What the threads of one camera share.

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};
use std::sync::{Arc, PoisonError};

use crate::liveness::Liveness;
use crate::pulse::Reason;
use crate::stage::Stage;
use crate::trouble::Trouble;

/// Made when the camera is opened; every thread holds it.
pub struct Shared {
    pub stage: Stage,
    /// Of the source's thread.
    pub liveness: Arc<Liveness>,
    /// Why there is no picture.
    pub reason: Reason,
    /// Somebody wants a key picture.
    pub key_wanted: AtomicBool,
    /// Somebody wants a picture of now, even if it has to be made anew.
    pub fresh_wanted: AtomicBool,
    /// dBFS at the speaker.
    pub speaker: AtomicI32,
    /// Most that an encoded picture may take, kbit/s.
    pub max_kbps: u32,
    /// Most that any picture may take for now, kbit/s; 0 if there is no such limit.
    pub limit_kbps: AtomicU32,
    /// Most that an encoded picture may take by the viewers' offers, kbit/s; 0 if they do not say.
    pub allowed_kbps: AtomicU32,
    /// What the viewers' lines carry of late of what is encoded, kbit/s; 0 if they do not say.
    pub rate_kbps: AtomicU32,
}

impl Shared {
    /// Most that any picture may take for now, kbit/s.
    pub fn limit(&self) -> Option<u32> {
        said(&self.limit_kbps)
    }

    /// Most that an encoded picture may take, kbit/s; decides its size.
    pub fn encoded_kbps(&self) -> u32 {
        let least = [self.limit(), said(&self.allowed_kbps)].into_iter().flatten().min();
        least.map_or(self.max_kbps, |kbps| kbps.min(self.max_kbps))
    }

    /// Most that a picture may take that is encoded now, kbit/s.
    pub fn rate_kbps(&self) -> u32 {
        let encoded = self.encoded_kbps();
        said(&self.rate_kbps).map_or(encoded, |kbps| kbps.min(encoded))
    }

    /// The slate says this from now on, or nothing.
    pub fn explain(&self, trouble: Option<Trouble>) {
        *self.reason.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }
}

fn said(kbps: &AtomicU32) -> Option<u32> {
    Some(kbps.load(Ordering::Relaxed)).filter(|kbps| *kbps > 0)
}
