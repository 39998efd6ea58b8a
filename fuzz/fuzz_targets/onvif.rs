//! Whatever a camera answers: no panic, and nothing that takes long.
#![no_main]

use std::time::SystemTime;

use doorstep::media::onvif::{Answer, MediaVersion};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(answer) = Answer::parse(text) else { return };
    drop(answer.clock_ahead(SystemTime::UNIX_EPOCH));
    drop(answer.services());
    drop(answer.media_capability());
    for version in [MediaVersion::One, MediaVersion::Two] {
        let tokens = answer.profiles(version).unwrap_or_default();
        assert!(tokens.iter().all(|token| !token.is_empty() && token.chars().count() <= 64));
        drop(answer.stream_uri(version));
        drop(answer.synchronizes(version));
    }
});
