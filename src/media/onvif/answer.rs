//! What a camera answers: SOAP, read with suspicion.

use std::time::SystemTime;

use roxmltree::{Document, Node, ParsingOptions};
use time::{Date, Month, OffsetDateTime, Time};

use super::request::{DEVICE, MEDIA_1, MEDIA_2, MediaVersion};
use crate::media::scrub::tidy;

/// Nodes of an answer; the longest real ones, of recorders with many channels, have some ten thousand.
const NODES: u32 = 20_000;
/// Namespaces that an answer declares. One within the other they would cost a minute: the time for each element
/// grows with the square of those around it.
const NAMESPACES: usize = 512;
/// A recorder's profiles beyond that are not looked at: each costs a request.
const PROFILES: usize = 32;
/// Of a token (`tt:ReferenceToken` has at most 64 characters).
const TOKEN: usize = 64;
/// Of an address.
const ADDRESS: usize = 2_048;

/// Why an answer is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A SOAP fault with this code.
    #[error("it refuses: {0}")]
    Fault(String),
    /// No answer to what was asked.
    #[error("it answers {0}")]
    Senseless(&'static str),
}

/// What a camera answered, at most [`super::device::MAX_ANSWER`] bytes.
pub struct Answer<'a> {
    document: Document<'a>,
}

impl<'a> Answer<'a> {
    /// Reads an answer. A document type, and so every entity of one's own, is refused.
    ///
    /// # Errors
    /// When it is no XML.
    pub fn parse(text: &'a str) -> Result<Self, Refused> {
        if text.matches("xmlns").count() > NAMESPACES {
            return Err(Refused::Senseless("in too many namespaces"));
        }
        let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES, ..ParsingOptions::default() };
        let document =
            Document::parse_with_options(text, options).map_err(|_| Refused::Senseless("what is no XML"))?;
        Ok(Self { document })
    }

    /// How far the camera's clock is ahead of `now`; zero if it does not tell (`GetSystemDateAndTime`).
    ///
    /// # Errors
    /// A fault, or another answer.
    pub fn clock_ahead(&self, now: SystemTime) -> Result<time::Duration, Refused> {
        let answer = self.response(DEVICE, "GetSystemDateAndTimeResponse")?;
        Ok(within(answer, &["SystemDateAndTime", "UTCDateTime"])
            .and_then(date_time)
            .map_or(time::Duration::ZERO, |camera| camera - OffsetDateTime::from(now)))
    }

    /// Paths of its media services, the newer one first (`GetServices`).
    ///
    /// # Errors
    /// A fault, or another answer.
    pub fn services(&self) -> Result<Vec<(MediaVersion, String)>, Refused> {
        let answer = self.response(DEVICE, "GetServicesResponse")?;
        let named = |service: Node<'_, '_>| {
            let version = match text(child(service, "Namespace")?)? {
                MEDIA_1 => MediaVersion::One,
                MEDIA_2 => MediaVersion::Two,
                _ => return None,
            };
            Some((version, path(text(child(service, "XAddr")?)?)?))
        };
        let mut found: Vec<_> = children(answer, "Service").filter_map(named).collect();
        found.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
        found.dedup_by_key(|(version, _)| *version);
        Ok(found)
    }

    /// Path of its first media service (`GetCapabilities`, for cameras of before `GetServices`).
    ///
    /// # Errors
    /// A fault, or another answer.
    pub fn media_capability(&self) -> Result<Option<String>, Refused> {
        let answer = self.response(DEVICE, "GetCapabilitiesResponse")?;
        Ok(within(answer, &["Capabilities", "Media", "XAddr"]).and_then(text).and_then(path))
    }

    /// Tokens of its profiles, some at most (`GetProfiles`).
    ///
    /// # Errors
    /// A fault, or another answer.
    pub fn profiles(&self, version: MediaVersion) -> Result<Vec<String>, Refused> {
        let answer = self.response(version.namespace(), "GetProfilesResponse")?;
        let tokens = children(answer, "Profiles").filter_map(|profile| profile.attribute("token"));
        let usable = tokens.filter(|token| !token.is_empty() && token.chars().count() <= TOKEN);
        Ok(usable.take(PROFILES).map(str::to_owned).collect())
    }

    /// Address of a profile's stream (`GetStreamUri`).
    ///
    /// # Errors
    /// A fault, or another answer.
    pub fn stream_uri(&self, version: MediaVersion) -> Result<Option<String>, Refused> {
        let answer = self.response(version.namespace(), "GetStreamUriResponse")?;
        let place: &[&str] = match version {
            MediaVersion::One => &["MediaUri", "Uri"],
            MediaVersion::Two => &["Uri"],
        };
        Ok(within(answer, place).and_then(text).filter(|uri| uri.len() <= ADDRESS).map(str::to_owned))
    }

    /// It took the wish for a key picture (`SetSynchronizationPoint`).
    ///
    /// # Errors
    /// A fault, or another answer.
    pub fn synchronizes(&self, version: MediaVersion) -> Result<(), Refused> {
        self.response(version.namespace(), "SetSynchronizationPointResponse").map(drop)
    }

    /// The only child of the SOAP body, if it is this one.
    fn response(&self, namespace: &str, name: &str) -> Result<Node<'_, 'a>, Refused> {
        let root = self.document.root_element();
        if root.tag_name().name() != "Envelope" {
            return Err(Refused::Senseless("what is no SOAP"));
        }
        let body = child(root, "Body").and_then(|body| body.children().find(Node::is_element));
        let answer = body.ok_or(Refused::Senseless("with nothing"))?;
        if answer.has_tag_name((namespace, name)) {
            Ok(answer)
        } else if answer.tag_name().name() == "Fault" {
            Err(Refused::Fault(fault_code(answer)))
        } else {
            Err(Refused::Senseless("what was not asked"))
        }
    }
}

/// The innermost code of a fault, without what people are told: that may repeat what was asked.
fn fault_code(fault: Node<'_, '_>) -> String {
    let codes = fault.descendants().filter(|node| matches!(node.tag_name().name(), "Value" | "faultcode"));
    let code = codes.filter_map(text).next_back().unwrap_or("no reason given");
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '.' | '_' | '-');
    if code.chars().all(is_word) { tidy(code, 40) } else { "no reason given".to_owned() }
}

fn date_time(node: Node<'_, '_>) -> Option<OffsetDateTime> {
    let number =
        |place: &[&'static str]| within(node, place).and_then(text).and_then(|text| text.parse::<u16>().ok());
    let small = |place: &[&'static str]| number(place).and_then(|number| u8::try_from(number).ok());
    let year = number(&["Date", "Year"])?;
    let month = Month::try_from(small(&["Date", "Month"])?).ok()?;
    let date = Date::from_calendar_date(i32::from(year), month, small(&["Date", "Day"])?).ok()?;
    let (hour, minute) = (small(&["Time", "Hour"])?, small(&["Time", "Minute"])?);
    let second = small(&["Time", "Second"])?;
    // A leap second is more than the type takes.
    let time = Time::from_hms(hour, minute, if second == 60 { 59 } else { second }).ok()?;
    Some(date.with_time(time).assume_utc())
}

/// Path and query of an address: host and port are those where the device service answered, whatever a camera
/// behind a translated address, or a bad one, says.
fn path(address: &str) -> Option<String> {
    let url = url::Url::parse(address).ok().filter(|_| address.len() <= ADDRESS)?;
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    matches!(url.scheme(), "http" | "https").then(|| format!("{}{query}", url.path()))
}

fn children<'a, 'b>(node: Node<'a, 'b>, name: &'static str) -> impl Iterator<Item = Node<'a, 'b>> {
    node.children().filter(move |child| child.is_element() && child.tag_name().name() == name)
}

fn child<'a, 'b>(node: Node<'a, 'b>, name: &'static str) -> Option<Node<'a, 'b>> {
    children(node, name).next()
}

fn within<'a, 'b>(node: Node<'a, 'b>, place: &[&'static str]) -> Option<Node<'a, 'b>> {
    place.iter().try_fold(node, |node, name| child(node, name))
}

fn text<'a>(node: Node<'a, '_>) -> Option<&'a str> {
    node.text().map(str::trim)
}

#[cfg(test)]
mod tests {
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
        let paths =
            [(MediaVersion::Two, "/onvif/media2".into()), (MediaVersion::One, "/onvif/media?x=1".into())];
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
            let text = soap(&format!(
                "<e:Fault>{code}<e:Reason><e:Text>user:password</e:Text></e:Reason></e:Fault>"
            ));
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
        assert!(
            answer.synchronizes(MediaVersion::Two).is_err() && answer.profiles(MediaVersion::One).is_err()
        );
        for senseless in [
            "",
            "<html/>",
            "<Envelope/>",
            "<Envelope><Body/></Envelope>",
            "<Envelope><Body>1</Body></Envelope>",
        ] {
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
        const FULL: usize = super::super::device::MAX_ANSWER;
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
            times("<a>").replace("<a>", "<a></a>"),
            format!("<a {}/>", numbered(|number| format!(" x{number}=''"))),
            format!("<a {}/>", numbered(|number| format!(" xmlns:n{number}='u{number}'"))),
            numbered(|number| format!("<a xmlns:n{number}='u{number}'>")),
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
}
