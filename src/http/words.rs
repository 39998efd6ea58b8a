//! The pages' words, for what is said before there is a script.

use actix_web::HttpRequest;
use actix_web::http::header::ACCEPT_LANGUAGE;
use serde_json::Value;

use super::assets;

/// The languages that there are words in; the first is spoken to those who want none of them.
const LANGUAGES: [&str; 2] = ["en", "de"];

/// The words in one language.
pub(super) struct Words {
    language: &'static str,
    all: Value,
}

impl Words {
    /// In the language that whoever asks likes best.
    pub(super) fn of(request: &HttpRequest) -> Self {
        let wishes = request.headers().get_all(ACCEPT_LANGUAGE).filter_map(|wish| wish.to_str().ok());
        let language = best(wishes.flat_map(|wish| wish.split(',')));
        let text = assets::text(&format!("i18n/{language}.json")).unwrap_or_default();
        Self { language, all: serde_json::from_str(&text).unwrap_or_default() }
    }

    /// Its tag.
    pub(super) fn language(&self) -> &'static str {
        self.language
    }

    /// The words of `section.key`, to be put into a page; a key without words is shown itself.
    pub(super) fn html(&self, key: &str) -> String {
        let (section, name) = key.split_once('.').unwrap_or_default();
        let text = self.all[section][name].as_str().unwrap_or(key);
        text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
    }
}

/// The one with the greatest weight (RFC 9110 12.5.4); of equals the first.
fn best<'a>(wishes: impl Iterator<Item = &'a str>) -> &'static str {
    let mut found = (LANGUAGES[0], 0.0);
    for wish in wishes {
        let (tag, rest) = wish.split_once(';').unwrap_or((wish, ""));
        let weight = rest.trim().strip_prefix("q=").map_or(Ok(1.0), str::parse::<f32>).unwrap_or(0.0);
        let main = tag.trim().split('-').next().unwrap_or_default();
        if let Some(ours) = LANGUAGES.iter().find(|ours| ours.eq_ignore_ascii_case(main))
            && weight > found.1
        {
            found = (ours, weight);
        }
    }
    found.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_spoken_to_in_the_language_that_they_like_best() {
        for (wish, language) in [
            ("", "en"),
            ("de", "de"),
            ("de-AT,de;q=0.9,en;q=0.8", "de"),
            ("en;q=0.5, DE;q=0.6", "de"),
            ("fr,en;q=0.3,de;q=0.2", "en"),
            ("fr", "en"),
            ("de;q=0", "en"),
            ("de;q=x,en", "en"),
            ("dex, *", "en"),
        ] {
            assert_eq!(best(wish.split(',')), language, "{wish}");
        }
    }
}
