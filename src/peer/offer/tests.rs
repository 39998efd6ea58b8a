#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use rtc::peer_connection::sdp::RTCSessionDescription;

use super::*;

macro_rules! vector {
    ($name:literal) => {
        ($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/offers/", $name, ".sdp")))
    };
}

/// Offers of the gateways behind an Echo, by generation.
pub(in crate::peer) const GATEWAYS: [(&str, &str); 7] = [
    vector!("g1-2018-documentation"),
    vector!("g2-2019"),
    vector!("g3-2023"),
    vector!("g4-static-rtpmaps"),
    vector!("g5-bundle-video-only"),
    vector!("g6-data-channel"),
    vector!("g7-audio-only"),
];

/// Offers of browsers and libraries: sound both ways, picture to them.
pub(in crate::peer) const OTHERS: [(&str, &str); 4] =
    [vector!("chromium"), vector!("aiortc"), vector!("webrtcbin"), vector!("webrtcbin-unbundled")];

pub(in crate::peer) fn gateway(name: &str) -> String {
    let (_, text) = GATEWAYS.iter().find(|(known, _)| known.starts_with(name)).unwrap();
    text.replace("\r\n", "\n")
}

fn parse(text: &str) -> Offer {
    Offer::parse(text, false).unwrap()
}

fn reason(text: &str) -> String {
    match Offer::parse(text, false) {
        Err(PeerError::Offer(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

/// G3 with one text in place of another, which must be there.
fn g3_with(from: &str, to: &str) -> String {
    let text = gateway("g3");
    assert!(text.contains(from), "{from}");
    text.replace(from, to)
}

fn g3_without(prefix: &str) -> String {
    let kept: Vec<String> =
        gateway("g3").lines().filter(|line| !line.starts_with(prefix)).map(str::to_owned).collect();
    kept.join("\n")
}

fn addresses(offer: &Offer) -> Vec<String> {
    offer.candidates().iter().map(|candidate| candidate.address.to_string()).collect()
}

#[test]
fn every_generation_of_gateway_offer_passes_with_either_line_end() {
    for (name, text) in GATEWAYS {
        let lf = text.replace("\r\n", "\n");
        let offer = parse(&lf);
        assert_eq!(offer, parse(&lf.replace('\n', "\r\n")), "{name}");

        let audio = offer.audio().unwrap();
        assert_eq!(audio.codec.as_ref().unwrap().payload_type, 96, "{name}");
        assert_eq!(audio.mid.as_deref(), Some("audio0"), "{name}");
        assert_eq!(offer.candidates().len(), 1, "{name}: one UDP candidate of component 1");
        assert!(offer.has_audio() && offer.offers_talk(), "{name}");

        assert_eq!(offer.has_video(), !name.starts_with("g7"), "{name}");
        let bandwidth = match name.get(..2).unwrap() {
            "g1" | "g2" => Some(500),
            "g7" => None,
            _ => Some(2500),
        };
        assert_eq!(offer.bandwidth_kbps(), bandwidth, "{name}");
        if let Some(video) = offer.video() {
            let codec = video.codec.as_ref().unwrap();
            assert_eq!((codec.payload_type, &codec.fmtp), (99, &None), "{name}");
            assert_eq!(codec.feedback, ["nack", "nack pli", "ccm fir"], "{name}");
        }
    }
}

#[test]
fn the_protocol_is_one_for_the_stack_and_kept_for_the_answer() {
    let offer = parse(&gateway("g1"));
    assert!(offer.sections().iter().all(|section| section.protocol == "RTP/SAVPF"));
    assert_eq!(offer.normalised().matches("9 UDP/TLS/RTP/SAVPF ").count(), 2);
}

#[test]
fn the_stack_sees_nothing_that_is_not_to_be_answered() {
    for (name, text) in GATEWAYS.into_iter().chain(OTHERS) {
        let offer = parse(text);
        let normalised = offer.normalised();
        for unwanted in ["extmap", "rsize", "transport-cc", "application", " 0 8", "ice-options", "msid"] {
            assert!(!normalised.contains(unwanted), "{name}: {unwanted} in\n{normalised}");
        }
        let repairs =
            usize::from(offer.video().is_some_and(|video| video.codec.as_ref().unwrap().rtx.is_some()));
        assert_eq!(normalised.matches(" rtx/90000\r\n").count(), repairs, "{name}");
        RTCSessionDescription::offer(normalised.to_owned()).unwrap().unmarshal().unwrap();
    }
}

#[test]
fn browsers_and_libraries_offer_a_stream_for_repairs_and_gateways_do_not() {
    let rtx =
        |text: &str| parse(text).video().and_then(|video| video.codec.clone()).and_then(|codec| codec.rtx);
    assert!(GATEWAYS.iter().all(|(_, text)| rtx(text).is_none()));
    let found: Vec<Option<u8>> = OTHERS.iter().map(|(_, text)| rtx(text)).collect();
    assert_eq!(found, [Some(117), Some(102), None, None]);
    let chromium = parse(OTHERS[0].1);
    assert!(chromium.normalised().contains("m=video 9 UDP/TLS/RTP/SAVPF 116 117\r\n"));
    assert!(chromium.normalised().contains("a=rtpmap:117 rtx/90000\r\na=fmtp:117 apt=116\r\n"));
}

#[test]
fn a_payload_type_repairs_only_what_it_names() {
    let rtx = |offered: &str| {
        let formats = "97 98 99 100 101 300 x";
        let text = g3_with("RTP/SAVPF 99", &format!("RTP/SAVPF {formats}"));
        parse(&(text + offered)).video().unwrap().codec.as_ref().unwrap().rtx
    };
    for (offered, expected) in [
        ("a=rtpmap:100 rtx/90000\na=fmtp:100 apt=99\n", Some(100)),
        ("a=rtpmap:100 RTX/90000\na=fmtp:100 rtx-time=3000; apt = 99\n", Some(100)),
        ("a=rtpmap:97 rtx/90000\na=fmtp:97 apt=98\na=rtpmap:98 rtx/90000\na=fmtp:98 apt=97\n", None),
        ("a=rtpmap:98 rtx/90000\na=fmtp:98 apt=98\na=rtpmap:101 rtx/90000\na=fmtp:101 apt=99\n", Some(101)),
        ("a=rtpmap:100 rtx/90000\na=fmtp:100 apt=99\na=rtpmap:101 rtx/90000\na=fmtp:101 apt=99\n", Some(100)),
        ("a=rtpmap:100 rtx/90000\n", None),
        ("a=rtpmap:100 rtx/90000\na=fmtp:100 apt=\n", None),
        ("a=rtpmap:100 rtx/48000\na=fmtp:100 apt=99\n", None),
        ("a=rtpmap:100 VP8/90000\na=fmtp:100 apt=99\n", None),
        ("a=rtpmap:102 rtx/90000\na=fmtp:102 apt=99\n", None),
        ("a=rtpmap:300 rtx/90000\na=fmtp:300 apt=99\n", None),
        ("a=rtpmap:x rtx/90000\na=fmtp:x apt=99\n", None),
        ("a=rtpmap:99 rtx/90000\na=fmtp:99 apt=99\n", None),
        ("a=fmtp:100 apt=99\n", None),
    ] {
        assert_eq!(rtx(offered), expected, "{offered}");
    }
    let without_nack = g3_without("a=rtcp-fb:99 nack").replace("RTP/SAVPF 99", "RTP/SAVPF 99 100");
    let offered = "\na=rtpmap:100 rtx/90000\na=fmtp:100 apt=99\n";
    assert_eq!(parse(&(without_nack + offered)).video().unwrap().codec.as_ref().unwrap().rtx, None);
}

#[test]
fn a_group_that_names_half_of_the_sections_is_completed_for_the_stack() {
    let offer = parse(&gateway("g5"));
    assert!(offer.normalised().contains("a=group:BUNDLE audio0 video0\r\n"));
    assert_eq!(offer.bundle(), ["video0"]);
}

#[test]
fn a_data_channel_stays_in_its_place_and_is_refused() {
    let offer = parse(&gateway("g6"));
    let kinds: Vec<_> =
        offer.sections().iter().map(|section| (section.kind.as_str(), section.accepted)).collect();
    assert_eq!(kinds, [("audio", true), ("video", true), ("application", false)]);
}

#[test]
fn browsers_and_libraries_get_the_best_h264_of_many() {
    let of = |name: &str| {
        let (_, text) = OTHERS.iter().find(|(known, _)| *known == name).unwrap();
        parse(text)
    };
    let chromium = of("chromium");
    let codec = chromium.video().unwrap().codec.clone().unwrap();
    assert_eq!(codec.payload_type, 116, "Main in mode 1, the highest that this one decodes");
    assert_eq!(
        codec.fmtp.as_deref(),
        Some("level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f")
    );
    assert_eq!(codec.feedback, ["nack", "nack pli", "ccm fir", "goog-remb"]);
    assert!(chromium.candidates().is_empty(), "a .local name is not looked up");
    assert_eq!(chromium.audio().unwrap().codec.as_ref().unwrap().payload_type, 111);
    assert!(chromium.names_streams() && chromium.end_of_candidates());

    let aiortc = of("aiortc");
    assert_eq!(aiortc.video().unwrap().codec.as_ref().unwrap().payload_type, 101);
    assert_eq!(addresses(&aiortc), ["192.0.2.2:48678"], "the ports of the other section are about to close");

    let webrtcbin = of("webrtcbin");
    assert!(webrtcbin.has_video(), "port 0 only waits for the bundle");
    assert_eq!(webrtcbin.cname(), Some("user3455676907@host-5ae38bd5"));
}

#[test]
fn without_a_bundle_the_picture_alone_gets_the_one_transport() {
    let (_, text) = OTHERS.iter().find(|(name, _)| *name == "webrtcbin-unbundled").unwrap();
    let offer = parse(text);
    assert!(offer.has_video() && offer.audio().is_none());
    assert_eq!(offer.transport().ufrag, "BkyttkarvaRW+8g21pbbUfpCboiCovQH");
    assert_eq!(addresses(&offer), ["192.0.2.2:40181"]);
}

#[test]
fn an_unusable_offer_is_refused_with_the_reason() {
    let g3 = gateway("g3");
    let (session, media) = g3.split_at(g3.find("m=").unwrap());
    let many = |count: usize| format!("{session}{}", "m=text 9 RTP/AVP 0\n".repeat(count));
    let duplicate = g3.replace("a=mid:video0", "a=mid:audio0");
    let wide: String = (0..65).map(|number| format!(" {}", number + 30)).collect();
    for (text, expected) in [
        (String::new(), "this is no SDP, it does not begin with v=0"),
        ("hello".to_owned(), "this is no SDP, it does not begin with v=0"),
        (media.to_owned(), "this is no SDP, it does not begin with v=0"),
        (session.to_owned(), "no media section"),
        (many(1000), "more than 16 media sections"),
        (many(3), "neither a video nor an audio section"),
        (format!("{g3}{}", "a=x\n".repeat(8000)), "larger than 32 KiB"),
        (g3_without("a=fingerprint"), "no fingerprint"),
        (g3_with("sha-256", "sha-1"), "no fingerprint of the kind sha-256"),
        (g3_with("A2:93", "A2:9"), "malformed fingerprint"),
        (g3_without("a=ice-ufrag"), "no ice-ufrag"),
        (g3_without("a=ice-pwd"), "no ice-pwd"),
        (g3_with("ufrag:gxfV", "ufrag:gx"), "malformed ice-ufrag"),
        (g3_with("KepKrlQ1", "KepKrlQ "), "malformed ice-pwd"),
        (g3_with("99 H264/90000", "99 H265/90000"), "no H.264 in the video section"),
        (g3_without("a=rtpmap:99"), "no H.264 in the video section"),
        (gateway("g7").replace("opus/48000/2", "PCMA/8000"), "no Opus in the audio section"),
        (g3_with("actpass", "holdconn"), "setup is none of actpass, active and passive"),
        (duplicate, "two sections with the same mid"),
        (g3_with("a=mid:video0", "a=mid:"), "malformed mid"),
        (g3_with("m=video 1 UDP/TLS/RTP/SAVPF 99", "m=video"), "malformed media line"),
        (g3_with("SAVPF 99", &format!("SAVPF{wide}")), "more than 64 payload types in a section"),
        (g3_with("a=sendrecv", "a=inactive"), "no section in which anything may be sent"),
        (g3_with("a=rtcp-mux", "a=rtcp-mux\rx"), "a control character within a line"),
    ] {
        assert_eq!(reason(&text), expected, "{text}");
    }
}

#[test]
fn what_is_legal_but_unusual_passes() {
    let attributes = ["a=ice-ufrag", "a=ice-pwd", "a=fingerprint", "a=setup"];
    let g3 = gateway("g3");
    let mut lifted: Vec<&str> = g3.lines().filter(|l| !attributes.iter().any(|a| l.starts_with(a))).collect();
    let wanted: Vec<&str> =
        attributes.iter().filter_map(|a| g3.lines().find(|line| line.starts_with(a))).collect();
    lifted.splice(6..6, wanted);
    assert_eq!(parse(&lifted.join("\n")).normalised(), parse(&g3).normalised(), "session level");

    for (from, to, setup) in [
        ("a=setup:actpass\n", "a=setup:active\n", Setup::Active),
        ("a=setup:actpass\n", "a=setup:passive\n", Setup::Passive),
        ("a=setup:actpass\n", "", Setup::Actpass),
    ] {
        assert_eq!(parse(&g3_with(from, to)).transport().setup, setup);
    }
    for protocol in ["RTP/SAVPF", "UDP/TLS/RTP/SAVP", "RTP/SAVP", "TCP/DTLS/RTP/SAVPF", "RTP/AVPF"] {
        let offer = parse(&g3_with("UDP/TLS/RTP/SAVPF", protocol));
        assert!(offer.has_video() && offer.audio().is_some(), "{protocol}");
        assert_eq!(offer.video().unwrap().protocol, protocol);
    }
}

#[test]
fn sections_without_a_mid_get_one_for_the_stack_alone() {
    let offer = parse(&g3_without("a=mid").replace("a=group:BUNDLE audio0 video0\n", ""));
    assert!(offer.normalised().contains("a=mid:0\r\n") && offer.normalised().contains("a=mid:1\r\n"));
    assert!(offer.sections().iter().all(|section| section.mid.is_none() && section.accepted));
}

#[test]
fn directions_decide_what_flows() {
    let video = |direction: &str| {
        let text = gateway("g3");
        let at = text.rfind("a=sendrecv").unwrap();
        Offer::parse(&format!("{}{direction}{}", &text[..at], &text[at + 10..]), false).unwrap()
    };
    assert!(video("a=recvonly").has_video());
    assert!(video("a=sendrecv").normalised().contains("a=recvonly"), "their picture is not wanted");
    for useless in ["a=sendonly", "a=inactive"] {
        let offer = video(useless);
        assert!(!offer.has_video() && offer.has_audio(), "{useless}");
        assert!(!offer.normalised().contains("m=video"), "{useless}");
    }
    let audio = |direction: &str| parse(&gateway("g3").replacen("a=sendrecv", direction, 1));
    assert!(audio("a=recvonly").has_audio() && !audio("a=recvonly").offers_talk());
    assert!(!audio("a=sendonly").has_audio() && audio("a=sendonly").offers_talk());
    assert!(audio("a=inactive").audio().is_none());
}

#[test]
fn only_an_ordinary_ipv4_host_is_dialled() {
    let with = |candidate: &str, allow_loopback: bool| {
        let text = g3_with("1 1 UDP 2013266431 192.0.2.23 60128 typ host", candidate);
        addresses(&Offer::parse(&text, allow_loopback).unwrap())
    };
    let at = |address: &str| format!("1 1 UDP 2013266431 {address} 60128 typ host");
    for fine in
        ["192.0.2.23", "198.51.100.7", "203.0.113.9", "10.0.0.1", "192.168.1.2", "8.8.8.8", "223.255.255.1"]
    {
        assert_eq!(with(&at(fine), false), [format!("{fine}:60128")]);
    }
    for bad in [
        "127.0.0.1",
        "0.0.0.0",
        "0.1.2.3",
        "224.0.0.251",
        "239.1.1.1",
        "255.255.255.255",
        "240.0.0.1",
        "169.254.169.254",
        "169.254.1.1",
        "100.100.100.200",
        "::1",
        "2001:db8::1",
        "::ffff:192.0.2.1",
        "localhost",
        "6f9b4c1e.local",
        "hub.example",
        "0x7f.1",
        "2130706433",
        "192.0.2",
    ] {
        assert!(with(&at(bad), false).is_empty(), "{bad}");
    }
    assert_eq!(with(&at("127.0.0.1"), true), ["127.0.0.1:60128"]);
    assert!(with(&at("169.254.169.254"), true).is_empty());
    for bad in [
        "1 1 TCP 1010827519 192.0.2.23 45962 typ host tcptype passive",
        "1 2 UDP 2013266430 192.0.2.23 60128 typ host",
        "1 1 UDP 2013266430 192.0.2.23 0 typ host",
        "1 1 UDP 2013266430 192.0.2.23 53 typ host",
        "1 1 UDP 2013266430 192.0.2.23 70000 typ host",
        "1 1 UDP x 192.0.2.23 60128 typ host",
        "1 1 UDP 2013266430 192.0.2.23 60128 typ fancy",
        "1 1 UDP 2013266430 192.0.2.23 60128",
        "",
    ] {
        assert!(with(bad, true).is_empty(), "{bad}");
    }
}

#[test]
fn a_stranger_does_not_turn_us_against_our_own_machine() {
    let with = |address: &str| {
        let text = g3_with("192.0.2.23 60128", &format!("{address} 60128"));
        Offer::parse(&text, true)
            .unwrap()
            .without(&["192.168.1.4".parse().unwrap(), "127.0.0.1".parse().unwrap()])
    };
    let own = with("192.168.1.4");
    assert!(own.candidates().is_empty() && !own.normalised().contains("192.168.1.4"));
    for other in ["192.168.1.5", "127.0.0.1"] {
        assert_eq!(
            with(other),
            Offer::parse(&g3_with("192.0.2.23 60128", &format!("{other} 60128")), true).unwrap()
        );
    }
}

#[test]
fn a_flood_of_candidates_is_cut() {
    let line = |number: usize| {
        format!("a=candidate:1 1 UDP 1 192.0.2.{} {} typ host\n", number % 200, 5000 + number)
    };
    let flood: String = (0..200).map(line).collect();
    let offer = parse(&g3_with("a=mid:audio0\n", &format!("a=mid:audio0\n{flood}")));
    assert_eq!(offer.candidates().len(), MAX_CANDIDATES);
}

/// What must hold of whatever passes the gate.
fn check(offer: &Offer, allow_loopback: bool) {
    assert!(offer.sections().len() <= MAX_SECTIONS && offer.candidates().len() <= MAX_CANDIDATES);
    assert!(offer.normalised().len() < 16 * 1024);
    let again = Offer::parse(offer.normalised(), allow_loopback).unwrap();
    assert_eq!(again.normalised(), offer.normalised());
    RTCSessionDescription::offer(offer.normalised().to_owned()).unwrap().unmarshal().unwrap();
}

/// A real offer with some of its lines removed, doubled, swapped or damaged.
pub(in crate::peer) fn damaged() -> impl Strategy<Value = String> {
    let all: Vec<&str> = GATEWAYS.into_iter().chain(OTHERS).map(|(_, text)| text).collect();
    let edit = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..6_u8, "[ -~]{0,12}");
    (prop::sample::select(all), prop::collection::vec(edit, 0..6)).prop_map(|(text, edits)| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        for (one, other, what, noise) in edits {
            let (one, other) = (one.index(lines.len()), other.index(lines.len()));
            match what {
                0 if lines.len() > 1 => drop(lines.remove(one)),
                1 => lines.insert(other, lines[one].clone()),
                2 => lines.swap(one, other),
                3 => lines[one].push_str(&noise),
                4 => {
                    let keep = other.min(lines[one].len());
                    lines[one].truncate(keep);
                }
                _ => {
                    let at = other.min(lines[one].len());
                    lines[one].insert_str(at, &noise);
                }
            }
        }
        lines.join("\r\n")
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn no_text_breaks_the_gate(text in "(v=0\n)?([amcb]=[ -~]{0,40}\n|\\PC{0,20}\r?\n){0,30}", loopback: bool) {
        if let Ok(offer) = Offer::parse(&text, loopback) {
            check(&offer, loopback);
        }
    }

    #[test]
    fn whatever_repairs_what_one_payload_type_at_most_repairs_the_picture(
        formats in prop::collection::vec(90..104_u8, 0..70),
        lines in prop::collection::vec((90..104_u8, 0..4_u8, 90..104_u8), 0..60),
    ) {
        let list: Vec<String> = formats.iter().map(u8::to_string).collect();
        let mut text = g3_with("RTP/SAVPF 99", &format!("RTP/SAVPF 99 {}", list.join(" ")));
        for (format, what, other) in &lines {
            text.push_str(&match what {
                0 => format!("a=rtpmap:{format} H264/90000\n"),
                1 => format!("a=rtpmap:{format} rtx/90000\n"),
                2 => format!("a=rtcp-fb:{format} nack\n"),
                _ => format!("a=fmtp:{format} apt={other}\n"),
            });
        }
        if let Ok(offer) = Offer::parse(&text, false) {
            check(&offer, false);
            let codec = offer.video().unwrap().codec.as_ref().unwrap();
            if let Some(rtx) = codec.rtx {
                prop_assert!(formats.contains(&rtx) && rtx != codec.payload_type);
                let mapped = format!("a=rtpmap:{rtx} rtx/90000\n");
                let names = format!("a=fmtp:{rtx} apt={}\n", codec.payload_type);
                prop_assert!(text.contains(&mapped) && text.contains(&names));
            }
        }
    }

    #[test]
    fn a_damaged_offer_is_refused_or_still_sound(text in damaged(), loopback: bool) {
        if let Ok(offer) = Offer::parse(&text, loopback) {
            check(&offer, loopback);
        }
    }
}
