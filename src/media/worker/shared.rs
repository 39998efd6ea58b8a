//! What the threads of one camera share.

use std::sync::atomic::{AtomicBool, AtomicI32};
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
    /// dBFS at the speaker.
    pub speaker: AtomicI32,
    /// Most that an encoded picture may take, kbit/s.
    pub max_kbps: u32,
}

impl Shared {
    /// The slate says this from now on, or nothing.
    pub fn explain(&self, trouble: Option<Trouble>) {
        *self.reason.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }
}
