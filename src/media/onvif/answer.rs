//! What a camera answers: SOAP, read with suspicion.

use std::time::SystemTime;

use roxmltree::{Document, Node, ParsingOptions};
use time::{Date, Month, OffsetDateTime, Time};

use super::request::{DEVICE, MEDIA_1, MEDIA_2, MediaVersion};
use crate::media::scrub::tidy;

/// Nodes of an answer; the longest real ones, of recorders with many channels, have some ten thousand.
const NODES: u32 = 20_000;
/// Namespaces that an answer declares. Ten thousand, one within the other, cost minutes: the time for each element
/// grows with the square of those around it.
const NAMESPACES: usize = 256;
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

/// What a camera answered.
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
mod tests;
