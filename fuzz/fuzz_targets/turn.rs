//! Whatever a TURN server says, in whatever pieces: no panic, and nothing grows without bound.
#![no_main]

use std::time::{Duration, Instant};

use doorstep::peer::turn::{Frames, TurnClient};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|stream: &[u8]| {
    let mut now = Instant::now();
    let mut client = TurnClient::allocate("name".into(), "secret".into(), true, now).expect("a client");
    let mut frames = Frames::default();
    for piece in stream.chunks(97) {
        frames.push(piece);
        // What waits for a response is answered by whatever comes.
        let asked = client.poll_message();
        while let Ok(Some(message)) = frames.next_message() {
            let mut message = message.to_vec();
            if let (Some(asked), Some(id)) = (&asked, message.get_mut(4..20)) {
                id.copy_from_slice(&asked[4..20]);
            }
            let _ = client.receive(&message, now);
        }
        client.permit(([198, 51, 100, 7], 40000).into(), now);
        let mut wrapped = Vec::new();
        client.wrap(([198, 51, 100, 7], 40000).into(), b"datagram", true, now, &mut wrapped);
        assert!(wrapped.len() < 100);
        now += Duration::from_secs(1);
        client.tick(now);
    }
});
