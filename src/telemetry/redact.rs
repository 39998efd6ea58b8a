//! Takes secrets out of text: those that are known ([`hide`]), and whatever looks like one.

use std::collections::VecDeque;
use std::sync::{PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};

/// What stands in the place of a secret.
pub const MASK: &str = "***";

/// Shorter secrets would take half of the text with them; the patterns still catch them.
const SHORTEST: usize = 6;

/// Forms of secrets that come and go: so many are remembered.
const PASSING: usize = 256;

static KNOWN: RwLock<Known> = RwLock::new(Known { forms: Vec::new(), passing: VecDeque::new() });

/// Secrets in all the forms in which they may be written.
struct Known {
    /// Longest first: a secret that holds another one goes before it.
    forms: Vec<String>,
    /// Those of `forms` that make room for others, oldest first.
    passing: VecDeque<String>,
}

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
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    for form in forms(secret) {
        known.passing.retain(|other| *other != form);
        known.add(form);
    }
}

/// The same for a secret that is needed for a while only, as the password of an address that is tried: it
/// makes room for later ones.
pub fn hide_for_now(secret: &SecretString) {
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    for form in forms(secret) {
        if known.add(form.clone()) {
            known.passing.push_back(form);
        }
    }
    while known.passing.len() > PASSING {
        let oldest = known.passing.pop_front();
        known.forms.retain(|form| Some(form) != oldest.as_ref());
    }
}

impl Known {
    /// True if it was not there.
    fn add(&mut self, form: String) -> bool {
        if self.forms.contains(&form) {
            return false;
        }
        let at = self.forms.partition_point(|other| other.len() >= form.len());
        self.forms.insert(at, form);
        true
    }
}

/// The secret as it may be written.
fn forms(secret: &SecretString) -> impl Iterator<Item = String> {
    let secret = secret.expose_secret();
    let escaped = format!("{secret:?}").trim_matches('"').to_owned();
    let encoded = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let all = [secret.to_owned(), escaped, encoded, decode_percent(secret)];
    let fits = secret.len() >= SHORTEST;
    all.into_iter().filter(move |form| fits && form.len() >= SHORTEST)
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
    for secret in &KNOWN.read().unwrap_or_else(PoisonError::into_inner).forms {
        if text.contains(secret.as_str()) {
            text = text.replace(secret.as_str(), MASK);
        }
    }
    amazon_tokens(&web_tokens(&basic_logins(&after_names(&after_bearer(&addresses(&text))))))
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
                if is_prose(&lower[search..]) {
                    continue;
                }
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

/// True where a sentence goes on: `: `, and two words. Most secrets are no words, and hardly any is followed
/// by one.
fn is_prose(rest: &str) -> bool {
    let Some(rest) = rest.strip_prefix(": ") else { return false };
    let line = rest.lines().next().unwrap_or_default();
    let mut words = line.split(' ');
    let mut is_word = |more: &[char]| {
        let word = words.next().unwrap_or_default().trim_end_matches([',', '.', ';']);
        !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || more.contains(&c))
    };
    is_word(&['\'', '-']) && is_word(&['\'', '-', '(', ')', '"'])
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

/// `Basic dXNlcjpwYXNz` (RFC 7617): base64 of user and password.
fn basic_logins(text: &str) -> String {
    const SIGN: &str = "basic ";
    let lower = text.to_ascii_lowercase();
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    while let Some(word) = lower[from..].find(SIGN).map(|at| from + at + SIGN.len()) {
        let piece = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
        let end = text[word..].find(|c| !piece(c)).map_or(text.len(), |end| word + end);
        // What was cut off still holds the beginning.
        let whole = text[word..end].trim_end_matches('=');
        let whole = &whole[..whole.len() / 4 * 4];
        let is_login = STANDARD.decode(whole).is_ok_and(|login| login.contains(&b':'));
        out.push_str(&text[from..word]);
        out.push_str(if is_login { MASK } else { &text[word..end] });
        from = end;
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
