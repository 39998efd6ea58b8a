//! Control addresses (RFC 2326, section C.1.1), as cameras mean them.

use super::BackChannelError;
use super::message::Message;

/// Longest address, bytes.
const LONGEST: usize = 2_048;

/// What control addresses of this answer are relative to: `asked` unless it says better.
pub fn base(answer: &Message, asked: &str) -> String {
    let mut said = ["Content-Base", "Content-Location"].into_iter().filter_map(|name| answer.header(name));
    let usable = said.find(|said| is_absolute(said) && is_sound(said));
    usable.map_or_else(|| asked.to_owned(), without_user)
}

/// A control address in full. Relative ones are appended, query or not: so they are meant by cameras, whatever
/// RFC 3986 says.
///
/// # Errors
/// When it cannot be asked for.
pub fn resolve(base: &str, control: Option<&str>) -> Result<String, BackChannelError> {
    let control = control.unwrap_or("*");
    // Some firmware puts one scheme in front of the other.
    let control = control.strip_prefix("rtsp://").filter(|rest| is_absolute(rest)).unwrap_or(control);
    let full = match control {
        "*" | "" => base.to_owned(),
        _ if is_absolute(control) => without_user(control),
        _ => format!("{}/{}", base.strip_suffix('/').unwrap_or(base), control.trim_start_matches('/')),
    };
    if is_sound(&full) { Ok(full) } else { Err(BackChannelError::Protocol("with an address that cannot be")) }
}

fn is_absolute(address: &str) -> bool {
    let scheme = address.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    scheme.is_some_and(|scheme| matches!(scheme.as_str(), "rtsp" | "rtsps"))
}

/// It fits into a request line.
fn is_sound(address: &str) -> bool {
    address.len() <= LONGEST && address.chars().all(|c| c.is_ascii_graphic())
}

/// Cameras repeat what they were asked with; a password has no business in a request line.
fn without_user(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else { return address.to_owned() };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn control_addresses_are_what_cameras_mean() {
        let base = "rtsp://10.0.0.2:554/cam?channel=1&subtype=0";
        let appended = "rtsp://10.0.0.2:554/cam?channel=1&subtype=0/trackID=5";
        for (base, control, full) in [
            (base, "trackID=5", appended),
            (base, "/trackID=5", appended),
            ("rtsp://10.0.0.2:554/cam?channel=1&subtype=0/", "trackID=5", appended),
            (base, "*", base),
            (base, "", base),
            (base, "rtsp://192.168.1.9/audioback", "rtsp://192.168.1.9/audioback"),
            (base, "RTSP://u:p@192.168.1.9/a@b", "RTSP://192.168.1.9/a@b"),
            (base, "rtsp://rtsp://192.168.1.9/a", "rtsp://192.168.1.9/a"),
            ("rtsp://cam", "a/b?c=d", "rtsp://cam/a/b?c=d"),
        ] {
            assert_eq!(resolve(base, Some(control)).unwrap(), full);
        }
        assert_eq!(resolve(base, None).unwrap(), base);
        for bad in ["a b", "a\u{e9}", &"x".repeat(LONGEST)] {
            assert!(resolve(base, Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_base_is_what_the_camera_says_if_it_makes_sense() {
        let base = |headers: &str| {
            let head = format!("RTSP/1.0 200 OK\r\n{headers}\r\n");
            base(&Message::parse(head.as_bytes()).unwrap(), "rtsp://cam/1")
        };
        assert_eq!(base("CSeq: 1"), "rtsp://cam/1");
        assert_eq!(base("Content-Location: rtsp://cam/2/"), "rtsp://cam/2/");
        assert_eq!(
            base("content-base: rtsp://a:b@cam/3/\r\nContent-Location: rtsp://cam/2"),
            "rtsp://cam/3/"
        );
        assert_eq!(base("Content-Base: /3/"), "rtsp://cam/1");
    }
}
