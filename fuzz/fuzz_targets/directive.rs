//! Whatever bytes come to the door: no panic.
#![no_main]

use doorstep::alexa::message::Directive;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    // What it is does not matter here, only that reading it ends.
    drop(Directive::parse(body));
});
