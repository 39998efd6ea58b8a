//! Whatever a camera says while its speaker is opened and spoken to, in whatever pieces: no panic, and nothing grows
//! without bound.
#![no_main]

use std::time::{Duration, Instant, UNIX_EPOCH};

use doorstep::media::back_channel::{Extent, Opening, StreamUrl};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|stream: &[u8]| {
    let url = StreamUrl::parse("rtsp://user:secret@192.0.2.7/live").expect("an address");
    let mut opening = Opening::new(&url, Extent::All);
    let mut now = Instant::now();
    let mut pieces = stream.chunks(97);
    for piece in pieces.by_ref() {
        let refused = opening.receive(piece).is_err();
        assert!(opening.unsent().len() < 100_000);
        opening.sent(41);
        if refused {
            return;
        }
        if opening.format().is_some() {
            break;
        }
    }
    let Some(mut session) = opening.into_session(now) else { return };
    for piece in pieces {
        session.speak(&[0; 160], now);
        if session.receive(piece, now).is_err() || session.tick(now, UNIX_EPOCH).is_err() {
            return;
        }
        assert!(session.unsent().len() < 100_000);
        session.sent(97, now);
        now += Duration::from_millis(500);
    }
});
