//! A camera's address without what is secret in it, and back.
//!
//! The text is cut, never written anew: an address that a user wrote in a way of their own stays so.

use std::ops::Range;

use secrecy::SecretString;
use url::Url;

/// What stands in the place of a secret.
const MASK: &str = "***";

/// The end of an authority whose paths are keys: UniFi Protect's `rtsps` streams.
const KEYED_PORT: &str = ":7441";

/// Names of values in a path or a query that are secret, or parts of such names.
const NAMES: [&str; 6] = ["pass", "pw", "token", "secret", "auth", "key"];

/// The address with `***` for its password, for values of its path and query that are named like one, and for a path
/// that is a key.
#[must_use]
pub fn masked(address: &str) -> String {
    let mut text = address.to_owned();
    for place in places(address).into_iter().rev() {
        text.replace_range(place, MASK);
    }
    text
}

/// All secrets inside an address.
#[must_use]
pub fn secrets_in(address: &str) -> Vec<SecretString> {
    let all = places(address).into_iter().filter_map(|place| address.get(place));
    all.filter(|secret| !secret.is_empty()).map(|secret| SecretString::from(secret.to_owned())).collect()
}

/// An address that was shown masked, with the secrets of the one that it was made of.
///
/// # Errors
/// Says why the secrets cannot be put back: they go to no other host and belong to no other user.
pub fn unmasked(text: &str, original: Option<&str>) -> Result<String, &'static str> {
    let places = places(text);
    if !places.iter().any(|place| text.get(place.clone()) == Some(MASK)) {
        return Ok(text.to_owned());
    }
    let again = "holds *** in the place of a secret; write the whole address, password included";
    let original = original.ok_or(again)?;
    let whose = |address: &str| {
        let url = Url::parse(address).ok()?;
        let host = url.host_str()?.to_ascii_lowercase();
        Some((url.scheme().to_owned(), host, url.port(), url.username().to_owned()))
    };
    let known = self::places(original);
    if known.len() != places.len() || whose(text).is_none() || whose(text) != whose(original) {
        return Err(again);
    }
    let mut whole = text.to_owned();
    for (place, from) in places.into_iter().zip(known).rev() {
        if text.get(place.clone()) == Some(MASK) {
            whole.replace_range(place, original.get(from).unwrap_or_default());
        }
    }
    Ok(whole)
}

/// Where the secrets are, first to last.
fn places(address: &str) -> Vec<Range<usize>> {
    let Some(start) = address.find("://").map(|at| at + 3) else { return Vec::new() };
    let end = |from: usize, stops: &[char]| address[from..].find(stops).map_or(address.len(), |at| from + at);
    let host_ends = end(start, &['/', '?', '#']);
    let mut all = Vec::new();
    if let Some(at) = address[start..host_ends].rfind('@').map(|at| start + at)
        && let Some(colon) = address[start..at].find(':').map(|colon| start + colon)
    {
        all.push(colon + 1..at);
    }
    let path_ends = end(host_ends, &['?', '#']);
    let is_keyed = address[..start].eq_ignore_ascii_case("rtsps://");
    if is_keyed && address[..host_ends].ends_with(KEYED_PORT) {
        if host_ends + 1 < path_ends {
            all.push(host_ends + 1..path_ends);
        }
    } else {
        add_named(address, host_ends..path_ends, &['/', '&', ';'], &mut all);
    }
    if let Some(at) = address[host_ends..].find('?').map(|at| host_ends + at + 1) {
        add_named(address, at..address.len(), &['&', ';', '#'], &mut all);
    }
    all
}

/// Adds the values that are named like a secret. Some cameras join all of it with `_`, which a password may hold too:
/// what follows such a name is secret up to the next of `stops`.
fn add_named(address: &str, range: Range<usize>, stops: &[char], all: &mut Vec<Range<usize>>) {
    let mut from = range.start;
    for part in address[range].split(stops) {
        let mut named = 0;
        for (at, _) in part.match_indices('=') {
            let name = part[named..at].to_ascii_lowercase();
            named = at + 1;
            if NAMES.iter().any(|secret| name.contains(secret)) {
                all.push(from + named..from + part.len());
                break;
            }
        }
        from += part.len() + 1;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn what_is_secret_in_an_address_is_masked_and_comes_back() {
        for (address, shown, secrets) in [
            ("rtsp://cam/1", "rtsp://cam/1", &[][..]),
            ("rtsp://user@cam/1", "rtsp://user@cam/1", &[]),
            ("rtsp://u:pa%20ss@cam:554/1?x=1", "rtsp://u:***@cam:554/1?x=1", &["pa%20ss"]),
            ("RTSP://u:a:b@Cam/p@th", "RTSP://u:***@Cam/p@th", &["a:b"]),
            (
                "http://cam/cgi?user=admin&password=geheim&channel=0#x",
                "http://cam/cgi?user=admin&password=***&channel=0#x",
                &["geheim"],
            ),
            ("http://u:one@cam/?loginpas=a&PWD=two", "http://u:***@cam/?loginpas=a&PWD=***", &["one", "two"]),
            (
                "rtsp://cam/user=admin&password=geheim&channel=1?pw=zwei",
                "rtsp://cam/user=admin&password=***&channel=1?pw=***",
                &["geheim", "zwei"],
            ),
            (
                "rtsp://cam:554/user=a_password=b_c_channel=1.sdp",
                "rtsp://cam:554/user=a_password=***",
                &["b_c_channel=1.sdp"],
            ),
            ("rtsps://cam:7441/aBcD?enableSrtp", "rtsps://cam:7441/***?enableSrtp", &["aBcD"]),
            ("rtsps://cam:7441/", "rtsps://cam:7441/", &[]),
            ("test:?size=640x480", "test:?size=640x480", &[]),
            ("no address: x:y@z", "no address: x:y@z", &[]),
        ] {
            assert_eq!(masked(address), shown);
            let found = secrets_in(address);
            assert_eq!(found.iter().map(|one| one.expose_secret()).collect::<Vec<_>>(), secrets);
            assert_eq!(unmasked(shown, Some(address)).unwrap(), address, "saved back as it was shown");
        }
    }

    #[test]
    fn a_password_that_was_not_shown_goes_to_no_other_host_and_no_other_user() {
        let original = Some("rtsp://u:geheim@cam/1");
        assert_eq!(unmasked("rtsp://u:***@cam/2?x=1", original).unwrap(), "rtsp://u:geheim@cam/2?x=1");
        assert_eq!(unmasked("rtsp://u:new@other/1", original).unwrap(), "rtsp://u:new@other/1");
        for other in [
            "rtsp://u:***@other/1",
            "rtsp://v:***@cam/1",
            "rtsp://u:***@cam:8554/1",
            "http://u:***@cam/1",
            "rtsp://u:***@cam/1?token=***",
        ] {
            assert!(unmasked(other, original).is_err(), "{other}");
            assert!(unmasked(other, None).is_err(), "{other}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_secret_is_left_in_any_address(
            user in "[a-z]{1,4}", secret in "[A-Z0-9:%!]{6,12}", path in "[a-z/@]{0,8}",
        ) {
            let address = format!("rtsp://{user}:{secret}@cam/{path}?pwd={secret}");
            let shown = masked(&address);
            proptest::prop_assert!(!shown.contains(&secret), "{}", shown);
            proptest::prop_assert_eq!(unmasked(&shown, Some(&address)).unwrap(), address);
        }
    }
}
