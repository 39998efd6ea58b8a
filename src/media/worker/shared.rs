//! What the threads of one camera share.

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::now_ms;
use crate::ear::Ear;
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
    /// The camera's microphone, while somebody may talk to its speaker.
    pub ear: Mutex<Option<Ear>>,
    /// The ear takes something out of the camera's sound, so it cannot be passed on as it is.
    pub cleans: AtomicBool,
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

    /// The camera's microphone.
    pub fn ear(&self) -> MutexGuard<'_, Option<Ear>> {
        self.ear.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Cleans 20 ms of the camera's sound in place. `ticks`: 48 kHz of the camera's own clock.
    pub fn hear(&self, samples: &mut [f32], ticks: i64) {
        if let Some(ear) = self.ear().as_mut() {
            ear.hear(samples, ticks, now_ms());
        }
    }

    /// The slate says this from now on, or nothing.
    pub fn explain(&self, trouble: Option<Trouble>) {
        *self.reason.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }
}

fn said(kbps: &AtomicU32) -> Option<u32> {
    Some(kbps.load(Ordering::Relaxed)).filter(|kbps| *kbps > 0)
}
