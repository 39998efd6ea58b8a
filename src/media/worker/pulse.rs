//! The thread that keeps time: sound without gaps, the slate, the sign of life.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::now_ms;
use crate::shared::Shared;
use crate::slate::{FPS, Slate};
use crate::trouble::Trouble;
use doorstep::media::wire::FromWorker;

const TICK: Duration = Duration::from_millis(20);

/// Why the camera shows nothing, for the slate.
pub type Reason = Mutex<Option<Trouble>>;

/// Starts the thread.
pub fn start(camera: String, shared: Arc<Shared>) -> std::io::Result<()> {
    std::thread::Builder::new().name("pulse".into()).spawn(move || run(&camera, &shared)).map(drop)
}

fn run(camera: &str, shared: &Shared) {
    let Shared { stage, liveness, reason, .. } = shared;
    let mut slate: Option<Slate> = None;
    let (mut alive_at, mut slate_at) = (now_ms(), now_ms());
    loop {
        stage.keep_sounding();
        let now = now_ms();
        if now >= alive_at {
            alive_at = now + 1_000;
            if liveness.holds() {
                stage.say(&FromWorker::Alive);
            }
        }
        if now >= slate_at {
            slate_at = now + 1_000 / i64::from(FPS);
            if stage.wants_slate() {
                let reason = reason.lock().unwrap_or_else(PoisonError::into_inner).clone();
                // Without an encoder there is no slate, and the call ends in time without it.
                if slate.is_none() {
                    slate = Slate::new(camera).ok();
                }
                if let Some(Ok((data, key))) = slate.as_mut().map(|slate| slate.next(reason.as_ref())) {
                    stage.slate(data, key);
                }
            } else {
                slate = None;
            }
        }
        std::thread::sleep(TICK);
    }
}
