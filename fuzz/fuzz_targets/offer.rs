//! Whatever text comes as an offer: no panic, and what passes the gate is whole.
#![no_main]

use doorstep::peer::answer::{AnswerFacts, finish};
use doorstep::peer::offer::Offer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(offer) = Offer::parse(text, true) else { return };
    let again = Offer::parse(offer.normalised(), true).expect("a normalised offer passes the gate");
    assert_eq!(again.normalised(), offer.normalised());

    let mut local = "v=0\na=fingerprint:sha-256 AB\na=ice-ufrag:ours\na=ice-pwd:ours\n".to_owned();
    for section in offer.sections().iter().filter(|section| section.accepted) {
        local.push_str(&format!("m={} 9 x 1\na=mid:{}\n", section.kind.as_str(), section.inner_mid));
    }
    let (video_ssrc, rtx_ssrc, audio_ssrc) = (Some(7), Some(9), Some(8));
    let cname = "fuzz".to_owned();
    let facts =
        AnswerFacts { video_ssrc, rtx_ssrc, audio_ssrc, cname, talk: true, ..AnswerFacts::default() };
    let answer = finish(&offer, &local, &facts).expect("an accepted offer has an answer");
    let sections = |text: &str| text.lines().filter(|line| line.starts_with("m=")).count();
    assert_eq!(sections(&answer), sections(text));
});
