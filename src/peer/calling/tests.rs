#![allow(clippy::unwrap_used)]
use proptest::prelude::*;

use super::*;

/// As the hub's go2rtc wrote it for a camera with a PCMU back channel.
const GO2RTC: &str = "v=0\r\no=- 8367250758788908791 1795359733 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n\
    a=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\na=setup:active\r\na=mid:0\r\n\
    a=rtcp-mux\r\na=rtpmap:0 PCMU/8000\r\na=ssrc:3720310998 cname:go2rtc\r\na=sendrecv\r\n\
    m=video 9 UDP/TLS/RTP/SAVPF 99 101\r\na=mid:1\r\na=rtpmap:99 H264/90000\r\na=rtpmap:101 H264/90000\r\na=sendonly\r\n";

#[test]
fn an_answer_of_the_hubs_relay_takes_talk_as_pcmu() {
    let answer = Answer::parse(GO2RTC).unwrap();
    let agreed = Agreed { picture: PictureFormat::H264, sound: Some(SoundFormat::Pcmu), talk: true };
    assert_eq!((answer.agreed(), answer.sound_type()), (agreed, Some(0)));
    let deaf = Answer::parse(&GO2RTC.replace("a=sendrecv", "a=sendonly")).unwrap();
    assert!(!deaf.agreed().talk && deaf.agreed().sound.is_some());
}

#[test]
fn an_answer_without_a_picture_of_ours_is_refused_with_a_reason() {
    for (from, to, why) in [
        ("m=video 9 ", "m=video 0 ", "no picture"),
        ("a=sendonly", "a=inactive", "no picture"),
        ("H264/90000", "VP8/90000", "no way"),
        ("v=0", "<html>", "is none"),
    ] {
        let error = Answer::parse(&GO2RTC.replace(from, to)).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn streams_of_one_name_or_none_get_names_of_their_own_and_static_types_their_codecs() {
    let bare = GO2RTC.replace("a=rtpmap:0 PCMU/8000\r\n", "").replace("SAVPF 0\r\n", "SAVPF 0 8\r\n");
    let text = bare.replace(
        "a=sendonly",
        "a=ssrc-group:FID 7 8\r\na=ssrc:7 cname:x\r\na=ssrc:8 cname:x\r\na=msid:a b\r\na=sendonly",
    );
    let answer = Answer::parse(&text).unwrap();
    let normalised = answer.normalised();
    let lines: Vec<&str> = normalised.lines().collect();
    let count = |wanted: &str| lines.iter().filter(|line| line.starts_with(wanted)).count();
    assert_eq!((count("a=ssrc:"), count("a=ssrc-group"), count("a=msid:")), (2, 0, 2), "{lines:?}");
    for line in ["a=msid:far audio", "a=msid:far video", "a=ssrc:7 cname:far", "a=rtpmap:8 PCMA/8000"] {
        assert_eq!(count(line), 1, "{line} in {lines:?}");
    }
}

#[test]
fn a_stream_that_the_answer_does_not_name_is_named_once() {
    let mut answer = Answer::parse(GO2RTC).unwrap();
    assert!(!answer.normalised().contains("a=ssrc:5 "));
    assert!(!answer.name(Kind::Sound(SoundFormat::Pcmu), 6), "it has a name");
    assert!(answer.name(Kind::Picture(PictureFormat::H264), 5));
    assert!(!answer.name(Kind::Picture(PictureFormat::H264), 6), "the first one counts");
    assert!(answer.normalised().contains("a=msid:far video\r\na=ssrc:5 cname:far\r\n"));
}

#[test]
fn no_address_reaches_the_stack_in_whatever_way_it_is_spelt() {
    for line in [
        "a=candidate:1 1 udp 1 169.254.169.254 80 typ host",
        "\ra=candidate:1 1 udp 1 169.254.169.254 80 typ host",
        "a= candidate:1 1 udp 1 169.254.169.254 80 typ host",
        " a=candidate:1 1 udp 1 169.254.169.254 80 typ host",
        "a=mid:1\ra=candidate:1 1 udp 1 169.254.169.254 80 typ host",
        "a=remote-candidates:1 169.254.169.254 80",
        "a=end-of-candidates",
        " a=end-of-candidates",
    ] {
        for text in [format!("{GO2RTC}{line}\r\n"), GO2RTC.replacen("t=0 0", &format!("t=0 0\r\n{line}"), 1)]
        {
            let shown = Answer::parse(&text).unwrap().normalised();
            assert!(!shown.contains("169.254") && !shown.contains("candidate"), "{line:?}: {shown}");
        }
    }
}

#[test]
fn an_answer_that_goes_on_for_ever_is_cut_or_refused() {
    let many = "0 ".repeat(20_000);
    let types = Answer::parse(&GO2RTC.replacen("SAVPF 0\r\n", &format!("SAVPF {many}\r\n"), 1)).unwrap();
    assert_eq!(types.normalised().matches("a=rtpmap:0 ").count(), 1);
    let sections = format!("{GO2RTC}{}", "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n".repeat(9));
    assert!(Answer::parse(&sections).unwrap_err().to_string().contains("sections"));
}

#[test]
fn the_offer_names_our_addresses_and_no_others() {
    let offer = "v=0\r\nm=audio 9 X 0\r\na=candidate:1 1 udp 1 10.9.9.9 1 typ host\r\na=mid:0\r\nm=video 9 X 102\r\na=mid:1\r\n";
    let finished = finish(offer, &["192.0.2.1:8555".parse().unwrap()]);
    assert!(!finished.contains("10.9.9.9"));
    assert_eq!(finished.matches(" 192.0.2.1 8555 typ host\r\na=end-of-candidates\r\n").count(), 2);
}

proptest! {
    #[test]
    fn no_text_can_upset_it(lines in prop::collection::vec("(m=(audio|video) |a=(rtpmap:|candidate:)|v=0)?[ -~]{0,30}", 0..30)) {
        let text = format!("v=0\n{}", lines.join("\n"));
        if let Ok(answer) = Answer::parse(&text) {
            prop_assert!(answer.candidates(true).count() <= MOST_CANDIDATES);
        }
    }
}
