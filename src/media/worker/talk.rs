//! The thread that makes what a camera's speaker is given of what the Echos' users say.
//!
//! Packets are taken when they come; every 20 ms one frame time of the conversation is made of them. Only the thread
//! knows the time: all below it is told.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use bytes::Bytes;

use crate::clock::now_ms;
use crate::shared::Shared;
use doorstep::media::talk::TalkSetup;
use mouth::Mouth;
use talker::FRAME_MS;

mod conversation;
mod floor;
mod gain;
mod jitter_buffer;
mod limiter;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod line;
mod mouth;
mod rate_limit;
mod speaker_level;
mod stretch;
mod talker;
mod tone;
mod transit;
mod turn;
mod voice;

/// A thread that is late by more than this does not make up for it: frames never go out in bursts.
const LATE_MS: i64 = 2 * FRAME_MS;

/// What the thread is told.
pub enum TalkOrder {
    /// A packet of talk.
    Packet {
        /// The call.
        talker: u32,
        /// Opus.
        opus: Bytes,
        /// RTP sequence number.
        sequence: u16,
        /// RTP timestamp, 48 kHz.
        timestamp: u32,
    },
    /// The speaker plays what it is given, or it does not.
    Audible(bool),
    /// Play a tone, if nobody talks.
    Tone,
    /// A call has ended.
    Leave(u32),
    /// The camera has a speaker that takes this, or none that needs encoding.
    Speaker(Option<TalkSetup>),
}

/// Starts the thread.
pub fn start(shared: Arc<Shared>) -> std::io::Result<SyncSender<TalkOrder>> {
    let (to, from) = sync_channel(64);
    std::thread::Builder::new().name("talk".into()).spawn(move || run(&from, &shared))?;
    Ok(to)
}

fn run(from: &Receiver<TalkOrder>, shared: &Shared) {
    let mut mouth = Mouth::new(shared);
    let mut due = now_ms();
    loop {
        let now = now_ms();
        let order = if mouth.is_asleep(now) {
            from.recv().map_err(RecvTimeoutError::from)
        } else if now < due {
            from.recv_timeout(Duration::from_millis(now.abs_diff(due)))
        } else {
            // The time at which it should be, so that a late thread does not look like a late packet.
            due = if now - due > LATE_MS { now } else { due };
            mouth.frame(due);
            due += FRAME_MS;
            continue;
        };
        match order {
            Ok(order) => take(&mut mouth, order),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn take(mouth: &mut Mouth<'_>, order: TalkOrder) {
    match order {
        TalkOrder::Packet { talker, opus, sequence, timestamp } => {
            mouth.hear(talker, sequence, timestamp, opus, now_ms());
        }
        TalkOrder::Audible(plays) => mouth.set_audible(plays),
        TalkOrder::Tone => mouth.play_tone(),
        TalkOrder::Leave(talker) => mouth.leave(talker),
        TalkOrder::Speaker(setup) => mouth.set_up(setup),
    }
}
