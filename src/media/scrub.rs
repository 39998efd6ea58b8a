//! Takes a camera's secrets out of texts that people or logs will see.

use url::Url;

use crate::telemetry::redact::redact;

/// Knows what of one camera's address must not be seen: the password, and path and query, which
/// with some makers are keys themselves.
#[derive(Clone, Default)]
pub struct Scrub {
    needles: Vec<(String, &'static str)>,
}

impl Scrub {
    /// For one address; text that is no address is hidden as a whole.
    #[must_use]
    pub fn of(address: &str) -> Self {
        let mut needles = vec![(address.to_owned(), "the camera's address")];
        if let Ok(url) = Url::parse(address) {
            if let Some(query) = url.query() {
                needles.push((format!("{}?{query}", url.path()), "/..."));
                needles.push((query.to_owned(), "..."));
            }
            if url.path().len() > 8 {
                needles.push((url.path().to_owned(), "/..."));
            }
            if let Some(password) = url.password() {
                needles.push((password.to_owned(), "***"));
                needles.push((percent_decoded(password), "***"));
            }
        }
        needles.retain(|(needle, _)| !needle.is_empty());
        needles.sort_by_key(|(needle, _)| std::cmp::Reverse(needle.len()));
        Self { needles }
    }

    /// The text without secrets and control characters, at most `longest` characters.
    #[must_use]
    pub fn text(&self, text: &str, longest: usize) -> String {
        let mut text = text.to_owned();
        for (needle, instead) in &self.needles {
            if text.contains(needle.as_str()) {
                text = text.replace(needle.as_str(), instead);
            }
        }
        // Before it is cut: half a secret is known by nobody.
        tidy(&redact(&without_userinfo(&text)), longest)
    }
}

/// One line without control characters, at most `longest` characters.
#[must_use]
pub fn tidy(text: &str, longest: usize) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    line.trim().chars().take(longest).collect()
}

fn without_userinfo(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        clean.push_str(before);
        let end = after.find(|c: char| c.is_whitespace() || c == '/' || c == '\'').unwrap_or(after.len());
        let authority = after.get(..end).unwrap_or_default();
        match authority.rfind('@') {
            Some(at) => {
                clean.push_str("***@");
                rest = after.get(at + 1..).unwrap_or_default();
            }
            None => rest = after,
        }
    }
    clean.push_str(rest);
    clean
}

pub fn percent_decoded(text: &str) -> String {
    // The url crate decodes only forms; a password with '+' must keep it.
    url::form_urlencoded::parse(text.replace('+', "%2B").as_bytes())
        .next()
        .map(|(decoded, _)| decoded.into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn nothing_of_the_password_remains() {
        let address = "rtsp://admin:p%40ss%2Bw0rd@10.0.0.7:554/live/token-8f3a?key=abc123";
        let scrub = Scrub::of(address);
        for text in [
            format!("[rtsp] could not open {address}"),
            "auth with p@ss+w0rd failed".into(),
            "auth with p%40ss%2Bw0rd failed".into(),
            "GET /live/token-8f3a?key=abc123 HTTP/1.0".into(),
            "redirected to rtsp://admin:other@10.0.0.8/x".into(),
            "401 for Basic YWRtaW46cEBzcyt3MHJk".into(),
        ] {
            let clean = scrub.text(&text, 300);
            for secret in ["p@ss", "p%40ss", "token-8f3a", "abc123", "admin:", "YWRtaW46"] {
                assert!(!clean.contains(secret), "{secret} is left in {clean}");
            }
        }
    }

    #[test]
    fn plain_text_stays_as_it_is() {
        let scrub = Scrub::of("rtsp://cam/1");
        assert_eq!(
            scrub.text("method DESCRIBE failed: 404 Not Found", 300),
            "method DESCRIBE failed: 404 Not Found"
        );
        assert_eq!(scrub.text("two\nlines\u{7}", 300), "two lines");
        assert_eq!(scrub.text("long", 2), "lo");
    }

    proptest::proptest! {
        #[test]
        fn any_text_can_be_scrubbed(address in ".*", text in ".*") {
            let clean = Scrub::of(&address).text(&text, 100);
            proptest::prop_assert!(clean.chars().count() <= 100);
        }
    }
}
