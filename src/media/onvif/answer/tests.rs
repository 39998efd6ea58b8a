//! Answers, good and bad.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::time::Instant;

use proptest::prelude::*;
use time::macros::datetime;

use super::*;

fn soap(body: &str) -> String {
    format!(
        r#"<?xml version="1.0"?><e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope" xmlns:tds="{DEVICE}" xmlns:trt="{MEDIA_1}" xmlns:tr2="{MEDIA_2}" xmlns:tt="http://www.onvif.org/ver10/schema"><e:Header/><e:Body>{body}</e:Body></e:Envelope>"#
    )
}

/// Everything that may be read out of an answer: none of it may panic or take long.
fn read_all(text: &str) -> Result<(), Refused> {
    let answer = Answer::parse(text)?;
    answer.clock_ahead(SystemTime::UNIX_EPOCH).ok();
    answer.services().ok();
    answer.media_capability().ok();
    for version in [MediaVersion::One, MediaVersion::Two] {
        answer.profiles(version).ok();
        answer.stream_uri(version).ok();
        answer.synchronizes(version).ok();
    }
    Ok(())
}

#[test]
fn addresses_of_other_hosts_lead_to_the_camera_and_other_kinds_nowhere() {
    let service = |namespace: &str, address: &str| {
        format!(
            "<tds:Service><tds:Namespace>{namespace}</tds:Namespace><tds:XAddr>{address}</tds:XAddr></tds:Service>"
        )
    };
    let services = [
        service(MEDIA_1, "http://169.254.169.254:1/onvif/media?x=1"),
        service("http://www.onvif.org/ver10/events/wsdl", "http://10.0.0.1/onvif/events"),
        service(MEDIA_2, " https://user:pass@10.0.0.1/onvif/media2 "),
    ];
    let text = soap(&format!("<tds:GetServicesResponse>{}</tds:GetServicesResponse>", services.concat()));
    let found = Answer::parse(&text).unwrap().services().unwrap();
    let paths = [(MediaVersion::Two, "/onvif/media2".into()), (MediaVersion::One, "/onvif/media?x=1".into())];
    assert_eq!(found, paths);

    let wild = [service(MEDIA_1, "file:///etc/passwd"), service(MEDIA_2, "//10.0.0.1/media")].concat();
    let text = soap(&format!("<tds:GetServicesResponse>{wild}</tds:GetServicesResponse>"));
    assert_eq!(Answer::parse(&text).unwrap().services().unwrap(), []);
}

#[test]
fn a_clock_that_is_wrong_or_absent_is_no_hindrance() {
    let ahead = |clock: &str| {
        let told = format!("<tds:SystemDateAndTime>{clock}</tds:SystemDateAndTime>");
        let text =
            soap(&format!("<tds:GetSystemDateAndTimeResponse>{told}</tds:GetSystemDateAndTimeResponse>"));
        Answer::parse(&text).unwrap().clock_ahead(datetime!(2026-03-01 12:00 UTC).into()).unwrap()
    };
    let utc = |year: u32, second: u32| {
        format!(
            "<tt:UTCDateTime><tt:Time><tt:Hour>12</tt:Hour><tt:Minute>0</tt:Minute><tt:Second>{second}</tt:Second></tt:Time><tt:Date><tt:Year>{year}</tt:Year><tt:Month>3</tt:Month><tt:Day>1</tt:Day></tt:Date></tt:UTCDateTime>"
        )
    };
    assert_eq!(ahead(&utc(2026, 7)), time::Duration::seconds(7));
    assert_eq!(ahead(&utc(2026, 60)), time::Duration::seconds(59));
    assert_eq!(ahead(&utc(2025, 0)), time::Duration::days(-365));
    for none in [utc(70_000, 0), utc(2026, 99), String::new(), "<tt:UTCDateTime/>".into()] {
        assert_eq!(ahead(&none), time::Duration::ZERO, "{none}");
    }
}

#[test]
fn a_fault_is_told_by_its_code_alone() {
    let fault = |code: &str| {
        let code = format!(
            "<e:Code><e:Value>e:Sender</e:Value><e:Subcode><e:Value>{code}</e:Value></e:Subcode></e:Code>"
        );
        let text =
            soap(&format!("<e:Fault>{code}<e:Reason><e:Text>user:password</e:Text></e:Reason></e:Fault>"));
        Answer::parse(&text).unwrap().synchronizes(MediaVersion::One).unwrap_err()
    };
    assert_eq!(fault("ter:NotAuthorized"), Refused::Fault("ter:NotAuthorized".into()));
    assert_eq!(fault("the password is 1234"), Refused::Fault("no reason given".into()));
}

#[test]
fn what_was_not_asked_is_no_answer() {
    let text = soap("<trt:SetSynchronizationPointResponse/>");
    let answer = Answer::parse(&text).unwrap();
    assert_eq!(answer.synchronizes(MediaVersion::One), Ok(()));
    assert!(answer.synchronizes(MediaVersion::Two).is_err() && answer.profiles(MediaVersion::One).is_err());
    for senseless in
        ["", "<html/>", "<Envelope/>", "<Envelope><Body/></Envelope>", "<Envelope><Body>1</Body></Envelope>"]
    {
        let reads = Answer::parse(senseless).and_then(|answer| answer.synchronizes(MediaVersion::One));
        assert!(matches!(reads, Err(Refused::Senseless(_))), "{senseless}");
    }
}

#[test]
fn tokens_are_few_and_short() {
    let profile = |token: String| format!(r#"<trt:Profiles token="{token}"/>"#);
    let many: String = (0..500).map(|number| profile(format!("p{number}"))).collect();
    let odd = profile("x".repeat(65)) + &profile(String::new()) + "<trt:Profiles/>";
    let text = soap(&format!("<trt:GetProfilesResponse>{odd}{many}</trt:GetProfilesResponse>"));
    let found = Answer::parse(&text).unwrap().profiles(MediaVersion::One).unwrap();
    assert_eq!((found.len(), found[0].as_str()), (PROFILES, "p0"));
}

#[test]
fn entities_of_ones_own_are_refused() {
    let bombs = [
        r#"<!DOCTYPE x [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><Envelope>&b;</Envelope>"#,
        r#"<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><Envelope>&a;</Envelope>"#,
        r#"<!DOCTYPE x SYSTEM "http://10.0.0.1/x.dtd"><Envelope/>"#,
        "<Envelope>&a;</Envelope>",
    ];
    for bomb in bombs {
        assert!(Answer::parse(bomb).is_err(), "{bomb}");
    }
}

#[test]
fn the_worst_answers_of_full_length_are_read_in_no_time() {
    const FULL: usize = crate::media::onvif::device::MAX_ANSWER;
    let times = |text: &str| text.repeat(FULL / text.len());
    let numbered = |text: fn(usize) -> String| -> String {
        let mut all = String::new();
        (0..)
            .map(text)
            .take_while(|piece| {
                all.push_str(piece);
                all.len() < FULL
            })
            .for_each(drop);
        all
    };
    let worst = [
        times("<a>"),
        format!("<a>{}</a>", times("<a></a>")),
        format!("<a>{}</a>", times("<a b=''/>")),
        format!("<a {}/>", numbered(|number| format!(" x{number}=''"))),
        format!("<a {}/>", numbered(|number| format!(" xmlns:n{number}='u{number}'"))),
        numbered(|number| format!("<a xmlns:n{number}='u{number}'>")),
        (0..NAMESPACES).map(|number| format!("<a xmlns:n{number}='u{number}'>")).collect(),
        format!("<a>{}</a>", times("&#65;")),
        format!("<a b='{}'/>", times("&amp;")),
        times("<![CDATA["),
        times("<!--"),
    ];
    for (place, text) in worst.iter().enumerate() {
        let began = Instant::now();
        read_all(&text[..text.len().min(FULL)]).ok();
        let took = began.elapsed();
        println!("{place}: {took:?}");
        assert!(took.as_millis() < 1_000, "{place}: {took:?}");
    }
}

proptest! {
    #[test]
    fn any_answer_can_be_read(text in ".*") {
        read_all(&text).ok();
    }

    #[test]
    fn any_body_can_be_read(
        name in "(tds|trt|tr2|e|tt):(Get(Profiles|Services|StreamUri|SystemDateAndTime)Response|Fault)",
        pieces in prop::collection::vec(
            "<(tds|trt|tt):(Service|Profiles|MediaUri|UTCDateTime|Date)( token='.{0,70}')?/?>|</?[a-z:]{1,4}>|[0-9]{1,20}|[^<&]{0,9}",
            0..12,
        ),
    ) {
        read_all(&soap(&format!("<{name}>{}</{name}>", pieces.concat()))).ok();
    }
}
