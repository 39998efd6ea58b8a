#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::time::Instant;

use proptest::prelude::*;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::RTCPeerConnectionBuilder;
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_H264, MIME_TYPE_OPUS, MediaEngine};
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};

use super::super::local_candidate::LocalKind;
use super::super::offer::tests::{GATEWAYS, OTHERS, damaged, gateway};
use super::*;

fn codec(kind: RtpCodecKind) -> RTCRtpCodec {
    let (mime_type, clock_rate, channels) = match kind {
        RtpCodecKind::Audio => (MIME_TYPE_OPUS, 48_000, 2),
        _ => (MIME_TYPE_H264, 90_000, 0),
    };
    RTCRtpCodec { mime_type: mime_type.to_owned(), clock_rate, channels, ..Default::default() }
}

fn track(kind: RtpCodecKind, ssrc: u32) -> MediaStreamTrack {
    let encoding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() },
        codec: codec(kind),
        ..Default::default()
    };
    MediaStreamTrack::new("inner".into(), kind.to_string(), "inner".into(), kind, vec![encoding])
}

/// The real stack's answer to what the gate hands it.
fn stack_answer(offer: &Offer) -> String {
    let mut engine = MediaEngine::default();
    for (kind, payload_type) in [(RtpCodecKind::Audio, 96), (RtpCodecKind::Video, 99)] {
        let parameters = RTCRtpCodecParameters { rtp_codec: codec(kind), payload_type };
        engine.register_codec(parameters, kind).unwrap();
    }
    let mut peer = RTCPeerConnectionBuilder::new().with_media_engine(engine).build(Instant::now()).unwrap();
    if offer.has_video() {
        peer.add_track(track(RtpCodecKind::Video, 7)).unwrap();
    }
    if offer.has_audio() {
        peer.add_track(track(RtpCodecKind::Audio, 8)).unwrap();
    }
    let remote = RTCSessionDescription::offer(offer.normalised().to_owned()).unwrap();
    peer.set_remote_description(Instant::now(), remote).unwrap();
    let answer = peer.create_answer(None).unwrap();
    peer.set_local_description(Instant::now(), answer).unwrap();
    peer.local_description().unwrap().sdp
}

/// The shape of the stack's answer, for properties that need many.
fn recorded_answer(offer: &Offer) -> String {
    let mut text = "v=0\r\no=- 9223372036854775810 12 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n\
                    a=fingerprint:sha-256 AB:CD\r\na=group:BUNDLE\r\n"
        .to_owned();
    for section in offer.sections().iter().filter(|section| section.accepted) {
        let (kind, mid) = (section.kind.as_str(), &section.inner_mid);
        text.push_str(&format!(
            "m={kind} 9 UDP/TLS/RTP/SAVPF 96\r\na=setup:active\r\na=mid:{mid}\r\na=ice-ufrag:ours\r\n\
             a=ice-pwd:ourpassword\r\na=rtcp-mux\r\na=rtcp-rsize\r\na=sendrecv\r\n"
        ));
    }
    text
}

fn hosts(addresses: &[&str]) -> Vec<LocalCandidate> {
    addresses.iter().map(|address| LocalCandidate::host(address.parse().unwrap())).collect()
}

fn facts() -> AnswerFacts {
    AnswerFacts {
        video_ssrc: Some(7),
        audio_ssrc: Some(8),
        cname: "doorstep".to_owned(),
        talk: true,
        candidates: hosts(&["198.51.100.4:8555", "203.0.113.5:8555"]),
    }
}

fn offer(text: &str) -> Offer {
    Offer::parse(text, false).unwrap()
}

/// m-line and attributes of each section.
fn sections(sdp: &str) -> Vec<(String, Vec<String>)> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    for line in sdp.lines() {
        if let Some(media) = line.strip_prefix("m=") {
            found.push((media.to_owned(), Vec::new()));
        } else if let (Some(attribute), Some((_, attributes))) = (line.strip_prefix("a="), found.last_mut()) {
            attributes.push(attribute.to_owned());
        }
    }
    found
}

#[test]
fn the_answer_to_the_offer_of_2023_line_by_line() {
    let offer = offer(&gateway("g3"));
    let answer = finish(&offer, &recorded_answer(&offer), &facts()).unwrap();
    let expected = "\
v=0
o=- 2 12 IN IP4 0.0.0.0
s=-
t=0 0
a=group:BUNDLE audio0 video0
m=audio 8555 UDP/TLS/RTP/SAVPF 96
c=IN IP4 198.51.100.4
a=candidate:1 1 UDP 2130706431 198.51.100.4 8555 typ host
a=candidate:2 1 UDP 2130706175 203.0.113.5 8555 typ host
a=ice-ufrag:ours
a=ice-pwd:ourpassword
a=fingerprint:sha-256 AB:CD
a=setup:active
a=mid:audio0
a=sendrecv
a=rtcp-mux
a=rtpmap:96 opus/48000/2
a=ssrc:8 cname:doorstep
m=video 8555 UDP/TLS/RTP/SAVPF 99
c=IN IP4 198.51.100.4
a=candidate:1 1 UDP 2130706431 198.51.100.4 8555 typ host
a=candidate:2 1 UDP 2130706175 203.0.113.5 8555 typ host
a=ice-ufrag:ours
a=ice-pwd:ourpassword
a=fingerprint:sha-256 AB:CD
a=setup:active
a=mid:video0
a=sendonly
a=rtcp-mux
a=rtpmap:99 H264/90000
a=rtcp-fb:99 nack
a=rtcp-fb:99 nack pli
a=rtcp-fb:99 ccm fir
a=ssrc:7 cname:doorstep
";
    assert_eq!(answer, expected.replace('\n', "\r\n"));
}

#[test]
fn the_stack_takes_every_offer_and_its_answer_finishes() {
    for (name, text) in GATEWAYS.into_iter().chain(OTHERS) {
        let offer = offer(text);
        let local = stack_answer(&offer);
        let answer = finish(&offer, &local, &facts()).unwrap();
        let (offered, answered) = (sections(text), sections(&answer));
        assert_eq!(offered.len(), answered.len(), "{name}");
        for ((was, _), (is, attributes)) in offered.iter().zip(&answered) {
            let words = |media: &str| media.split(' ').map(str::to_owned).collect::<Vec<_>>();
            let (was, is) = (words(was), words(is));
            assert_eq!((&was[0], &was[2]), (&is[0], &is[2]), "{name}: kind and protocol as offered");
            assert!(is[3..].iter().all(|format| was.contains(format)), "{name}: {is:?}");
            if is[1] == "0" {
                continue;
            }
            let has = |prefix: &str| attributes.iter().any(|attribute| attribute.starts_with(prefix));
            for needed in ["candidate:", "ice-ufrag:", "ice-pwd:", "fingerprint:sha-256 ", "ssrc:", "mid:"] {
                assert!(has(needed), "{name}: {needed} in\n{answer}");
            }
            let direction = if is[0] == "audio" { "sendrecv" } else { "sendonly" };
            assert!(has(direction) && has("setup:active"), "{name}\n{answer}");
        }
        RTCSessionDescription::answer(answer).unwrap().unmarshal().unwrap();
    }
}

#[test]
fn the_answer_goes_by_the_offered_protocol() {
    let offer = offer(&gateway("g1"));
    let answer = finish(&offer, &recorded_answer(&offer), &facts()).unwrap();
    assert!(
        answer.contains("m=audio 8555 RTP/SAVPF 96\r\n") && answer.contains("m=video 8555 RTP/SAVPF 99\r\n")
    );
}

#[test]
fn a_refused_section_keeps_its_place_with_port_zero() {
    let offer = offer(&gateway("g6"));
    let answer = finish(&offer, &recorded_answer(&offer), &facts()).unwrap();
    let (media, attributes) = sections(&answer).pop().unwrap();
    assert_eq!(media, "application 0 UDP/DTLS/SCTP webrtc-datachannel");
    // GStreamer's webrtcbin refuses the whole answer without these.
    for needed in ["ice-ufrag:", "ice-pwd:", "fingerprint:", "setup:", "mid:data0"] {
        assert!(attributes.iter().any(|attribute| attribute.starts_with(needed)), "{needed}");
    }
    assert!(!answer.contains("sctp"));
    assert!(answer.contains("a=group:BUNDLE audio0 video0\r\n"));
}

#[test]
fn the_group_never_grows_beyond_the_offered_one() {
    let offer = offer(&gateway("g5"));
    let answer = finish(&offer, &recorded_answer(&offer), &facts()).unwrap();
    assert!(answer.contains("a=group:BUNDLE video0\r\n"));
    assert!(sections(&answer).iter().all(|(media, _)| media.contains(" 8555 ")));
}

#[test]
fn sound_flows_as_both_sides_want() {
    for (offered, talk, sends, expected) in [
        ("sendrecv", true, true, "sendrecv"),
        ("sendrecv", false, true, "sendonly"),
        ("sendrecv", true, false, "recvonly"),
        ("sendrecv", false, false, "inactive"),
        ("recvonly", true, true, "sendonly"),
        ("sendonly", true, true, "recvonly"),
        ("sendonly", false, true, "inactive"),
    ] {
        let offer = offer(&gateway("g7").replace("sendrecv", offered));
        let facts = AnswerFacts { talk, audio_ssrc: sends.then_some(8), ..facts() };
        let answer = finish(&offer, &recorded_answer(&offer), &facts).unwrap();
        let has = |attribute: &str| answer.contains(&format!("\r\na={attribute}\r\n"));
        assert!(has(expected), "{offered} {talk} {sends}\n{answer}");
        assert_eq!(answer.contains("a=ssrc:"), expected.starts_with("send"), "{expected}");
    }
}

#[test]
fn the_dtls_role_is_what_the_stack_will_play() {
    for (offered, expected) in [("actpass", "active"), ("passive", "active"), ("active", "passive")] {
        let offer = offer(&gateway("g3").replace("actpass", offered));
        let answer = finish(&offer, &stack_answer(&offer), &facts()).unwrap();
        assert_eq!(answer.matches(&format!("a=setup:{expected}\r\n")).count(), 2, "{offered}");
    }
}

#[test]
fn streams_are_named_for_those_who_name_theirs() {
    let (_, chromium) = OTHERS[0];
    let offer = offer(chromium);
    let answer = finish(&offer, &recorded_answer(&offer), &facts()).unwrap();
    assert!(answer.contains("a=msid:doorstep audio\r\n") && answer.contains("a=msid:doorstep video\r\n"));
    assert!(answer.contains("a=fmtp:111 minptime=10;useinbandfec=1\r\n"));
    assert!(answer.contains("a=end-of-candidates\r\n"));
}

#[test]
fn an_answer_without_addresses_is_still_whole() {
    let offer = offer(&gateway("g3"));
    let facts = AnswerFacts { candidates: Vec::new(), ..facts() };
    let answer = finish(&offer, &recorded_answer(&offer), &facts).unwrap();
    assert!(!answer.contains("a=candidate") && answer.contains("m=audio 9 "));
}

#[test]
fn mapped_and_relayed_addresses_follow_our_own_with_what_lies_behind_them_and_none_is_named_twice() {
    let offer = offer(&gateway("g3"));
    let own: SocketAddrV4 = "192.168.1.4:8555".parse().unwrap();
    let behind = |kind, address: &str, related: &str| LocalCandidate {
        kind,
        address: address.parse().unwrap(),
        related: related.parse().unwrap(),
    };
    let candidates = vec![
        LocalCandidate::host(own),
        behind(LocalKind::ServerReflexive, "192.168.1.4:8555", "192.168.1.4:8555"),
        behind(LocalKind::ServerReflexive, "203.0.113.5:40000", "192.168.1.4:8555"),
        behind(LocalKind::Relayed, "198.51.100.9:50000", "203.0.113.5:40001"),
    ];
    let facts = AnswerFacts { candidates, ..facts() };
    let answer = finish(&offer, &recorded_answer(&offer), &facts).unwrap();
    let named: Vec<&str> = answer.lines().filter_map(|line| line.strip_prefix("a=candidate:")).collect();
    let expected = [
        "1 1 UDP 2130706431 192.168.1.4 8555 typ host",
        "2 1 UDP 1694498559 203.0.113.5 40000 typ srflx raddr 192.168.1.4 rport 8555",
        "3 1 UDP 16776703 198.51.100.9 50000 typ relay raddr 203.0.113.5 rport 40001",
    ];
    assert_eq!(named, [expected, expected].concat(), "in each of the two sections");
}

#[test]
fn a_stack_that_refuses_or_leaves_out_is_an_error() {
    let offer = offer(&gateway("g3"));
    let local = recorded_answer(&offer);
    for (text, expected) in [
        (local.replace("m=video 9", "m=video 0"), "refused the video section"),
        (local.replace("a=ice-ufrag", "a=x"), "no ice-ufrag in the stack's answer"),
        (local.replace("a=ice-pwd", "a=x"), "no ice-pwd in the stack's answer"),
        (local.replace("a=fingerprint", "a=x"), "no fingerprint in the stack's answer"),
    ] {
        assert_eq!(finish(&offer, &text, &facts()), Err(PeerError::Stack(expected.to_owned())));
    }
    let facts = AnswerFacts { cname: "two words".to_owned(), ..facts() };
    assert!(finish(&offer, &local, &facts).is_err());
}

/// What an answer must say whether it was offered or not.
const ALWAYS: [&str; 10] = [
    "candidate",
    "ice-ufrag",
    "ice-pwd",
    "fingerprint",
    "setup",
    "ssrc",
    "sendrecv",
    "sendonly",
    "recvonly",
    "inactive",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn nothing_is_answered_that_was_not_offered(text in damaged(), talk: bool) {
        if let Ok(offer) = Offer::parse(&text, false) {
            let answer = finish(&offer, &recorded_answer(&offer), &AnswerFacts { talk, ..facts() }).unwrap();
            let names: BTreeSet<&str> = text
                .lines()
                .filter_map(|line| line.strip_prefix("a="))
                .map(|attribute| attribute.split(':').next().unwrap().trim_end())
                .collect();
            for line in answer.lines().filter_map(|line| line.strip_prefix("a=")) {
                let name = line.split(':').next().unwrap();
                let known = names.contains(name)
                    || ALWAYS.contains(&name)
                    || (name == "msid" && names.contains("msid-semantic"))
                    || (name == "end-of-candidates" && names.contains("ice-options"));
                prop_assert!(known, "{name} in\n{answer}\nto\n{text}");
                for repeated in ["rtpmap", "rtcp-fb"] {
                    if name == repeated {
                        let offered = text.lines().any(|was| was.trim_end().eq_ignore_ascii_case(&format!("a={line}")));
                        let wildcard = text.contains("rtcp-fb:*") || text.contains("rtpmap:*");
                        prop_assert!(offered || wildcard, "{line} to\n{text}");
                    }
                }
            }
            let count = |text: &str| text.lines().filter(|line| line.starts_with("m=")).count();
            prop_assert_eq!(count(&answer), count(&text));
            // The stack's parser knows the registered kinds of media only.
            if offer.sections().iter().all(|section| !matches!(section.kind, Kind::Other(_))) {
                prop_assert!(RTCSessionDescription::answer(answer).is_ok());
            }
        }
    }
}
