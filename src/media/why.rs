//! Why a camera's picture is passed on as it is, or encoded anew: a closed list, as texts for people and as codes.

use super::sps;

/// It is passed on as it is.
pub const COPIED: &str = "copied as it is";
/// Begins every reason why it is not.
pub const ANEW: &str = "encoded anew: ";
/// With the name of a codec that Echos do not show.
pub const SENDS: &str = "the camera sends ";
/// Its form is not known.
pub const UNREADABLE: &str = "what it says of its form cannot be read";
/// For a time.
pub const TOO_MUCH: &str = "it takes more than its viewers' lines carry";
/// For a time.
pub const FRESH: &str = "up to the camera's next key picture, so that who joins need not wait for it";
/// There is no camera.
pub const TEST: &str = "the test pattern is made here";

/// The stable name of a reason; `other` for one that is none of ours.
#[must_use]
pub fn code(why: &str) -> &'static str {
    match why.trim_start_matches(ANEW) {
        COPIED => "copied",
        TEST => "test",
        UNREADABLE => "unreadable",
        TOO_MUCH => "too_much",
        FRESH => "fresh",
        sps::B_FRAMES => "b_frames",
        sps::LEVEL => "level",
        why if why.starts_with(SENDS) => "codec",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_has_one_code_whether_it_is_told_with_or_without_what_follows_from_it() {
        for (why, expected) in [
            (COPIED.to_owned(), "copied"),
            (format!("{ANEW}{SENDS}H.265"), "codec"),
            (format!("{ANEW}{}", sps::LEVEL), "level"),
            (sps::B_FRAMES.to_owned(), "b_frames"),
            ("<b>whatever</b>".to_owned(), "other"),
        ] {
            assert_eq!(code(&why), expected, "{why}");
        }
    }
}
