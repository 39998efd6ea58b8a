//! Takes secrets out of text: those that are known ([`hide`]), and whatever looks like one.

use std::sync::{PoisonError, RwLock};

use secrecy::{ExposeSecret, SecretString};

/// What stands in the place of a secret.
pub const MASK: &str = "***";

/// Shorter secrets would take half of the text with them; the patterns still catch them.
const SHORTEST: usize = 6;

static KNOWN: RwLock<Vec<String>> = RwLock::new(Vec::new());

/// Words in front of a secret, lower case. Followed by `=` or `:`, with or without quotes.
const NAMES: [&str; 11] = [
    "access_token",
    "refresh_token",
    "api_password",
    "client_secret",
    "password",
    "passwd",
    "ice-pwd",
    "authsig",
    "token",
    "secret",
    "pwd",
];

/// From now on this secret is in no line of the log and in no diagnostics.
pub fn hide(secret: &SecretString) {
    let secret = secret.expose_secret();
    if secret.len() < SHORTEST {
        return;
    }
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    let escaped = format!("{secret:?}");
    let encoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let decoded = decode_percent(secret);
    for form in [secret, escaped.trim_matches('"'), &encoded, &decoded] {
        if form.len() >= SHORTEST && !known.iter().any(|other| other == form) {
            known.push(form.to_owned());
        }
    }
    // A secret that holds another one goes first.
    known.sort_by_key(|form| std::cmp::Reverse(form.len()));
}

fn decode_percent(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = tail.get(..2).filter(|_| *first == b'%').and_then(|h| std::str::from_utf8(h).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The text without secrets.
#[must_use]
pub fn redact(text: &str) -> String {
    let mut text = text.to_owned();
    for secret in KNOWN.read().unwrap_or_else(PoisonError::into_inner).iter() {
        if text.contains(secret.as_str()) {
            text = text.replace(secret.as_str(), MASK);
        }
    }
    amazon_tokens(&web_tokens(&after_names(&after_bearer(&addresses(&text)))))
}

/// `rtsp://user:pass@host/` becomes `rtsp://***@host/`.
fn addresses(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (head, tail) = rest.split_at(at + 3);
        out.push_str(head);
        // To the last @ of the word: a password that was not encoded may hold anything else.
        let word = tail.find(|c: char| c.is_whitespace() || "\"'`<>,".contains(c)).unwrap_or(tail.len());
        match tail[..word].rfind('@') {
            Some(end) => {
                out.push_str(MASK);
                rest = &tail[end..];
            }
            None => rest = tail,
        }
    }
    out.push_str(rest);
    out
}

fn after_bearer(text: &str) -> String {
    after(text, |lower, from| {
        let at = from + lower[from..].find("bearer ")?;
        Some((at, at + "bearer ".len()))
    })
}

fn after_names(text: &str) -> String {
    after(text, |lower, from| {
        let mut best: Option<(usize, usize)> = None;
        for name in NAMES {
            let mut search = from;
            while let Some(found) = lower[search..].find(name) {
                let at = search + found;
                search = at + name.len();
                let rest = lower[search..].trim_start_matches(['"', '\'', '\\', ' ']);
                let Some(value) = rest.strip_prefix('=').or_else(|| rest.strip_prefix(':')) else { continue };
                let value = value.trim_start_matches(' ').trim_start_matches(['"', '\'', '\\']);
                if best.is_none_or(|(first, _)| at < first) {
                    best = Some((at, lower.len() - value.len()));
                }
                break;
            }
        }
        best
    })
}

/// Masks the word behind each place that `find(lower case text, from)` gives as (begin, end of what
/// goes before the word).
fn after(text: &str, find: impl Fn(&str, usize) -> Option<(usize, usize)>) -> String {
    // ASCII only, so that places stay the same.
    let lower = text.to_ascii_lowercase();
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    while let Some((_, word)) = find(&lower, from) {
        out.push_str(&text[from..word]);
        let end = text[word..].find(|c: char| c.is_whitespace() || "\"'`,;&)}]<>\\".contains(c));
        let end = end.map_or(text.len(), |end| word + end);
        if end > word {
            out.push_str(MASK);
        }
        from = end;
        if from >= text.len() {
            break;
        }
    }
    out.push_str(&text[from..]);
    out
}

/// JSON web tokens: three pieces of base64url, of which the first two are objects.
fn web_tokens(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("eyJ") {
        let (head, tail) = rest.split_at(at);
        out.push_str(head);
        let piece = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        let end = tail.find(|c| !piece(c)).unwrap_or(tail.len());
        let token = &tail[..end];
        if token.contains(".eyJ") {
            out.push_str(MASK);
        } else {
            out.push_str(token);
        }
        rest = &tail[end..];
    }
    out.push_str(rest);
    out
}

/// Tokens of Login with Amazon: `Atza|...`, `Atzr|...`.
fn amazon_tokens(text: &str) -> String {
    const SIGNS: [&str; 2] = ["Atza|", "Atzr|"];
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = SIGNS.iter().filter_map(|sign| rest.find(sign)).min() {
        let (head, tail) = rest.split_at(at);
        out.push_str(head);
        out.push_str(MASK);
        let is_token = |c: char| c.is_ascii_alphanumeric() || "_-|".contains(c);
        rest = tail.trim_start_matches(is_token);
    }
    out.push_str(rest);
    out
}
