//! What became of a call.

use serde::{Deserialize, Serialize};

macro_rules! outcomes {
    ($($(#[doc = $doc:literal])+ $name:ident $code:literal,)+) => {
        /// The closed list of what may become of a call. Pages have a sentence and a next step for each code.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Outcome {
            $($(#[doc = $doc])+ #[serde(rename = $code)] $name,)+
            /// Told by an older version, which kept none, or by a newer one, which knows more.
            #[default]
            #[serde(other, rename = "unknown")]
            Unknown,
        }

        impl Outcome {
            /// Every one that a call of this version can have.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Its code: stays the same from version to version.
            #[must_use]
            pub fn code(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)+
                    Self::Unknown => "unknown",
                }
            }
        }
    };
}

outcomes! {
    /// The camera was shown until somebody hung up.
    Well "well",
    /// The camera was shown until it was ended from the page.
    EndedHere "ended_here",
    /// The camera was shown over a line that lost or held up what people notice. Values: `loss` (percent), `ms`.
    PoorLine "poor_line",
    /// The camera was shown, but nobody was heard there.
    NotHeard "not_heard",
    /// Somebody hung up before the camera's picture came. Values: `seconds`.
    HungUpEarly "hung_up_early",
    /// No packet of the far end's came. Values: `port`.
    NothingCame "nothing_came",
    /// The far end's packets came, ours did not reach it. Values: `port`.
    OneWay "one_way",
    /// The far end was told addresses only that nobody outside this machine reaches. Values: `port`.
    HiddenAddresses "hidden_addresses",
    /// The router gives each far end another port, and there is no TURN server.
    RelayNeeded "relay_needed",
    /// A path was found, but no DTLS connection came about.
    EncryptionFailed "encryption_failed",
    /// The far end vanished in mid-call. Values: `seconds`.
    PathLost "path_lost",
    /// See [`crate::media::TroubleKind::Login`], and so on.
    LoginRefused "login_refused",
    /// The hub refuses our token.
    HubLoginRefused "hub_login_refused",
    /// The camera refuses.
    CameraRefuses "camera_refuses",
    /// The name in its address is not known.
    NameUnknown "name_unknown",
    /// No camera may be at its address.
    AddressForbidden "address_forbidden",
    /// Nobody takes the connection.
    CameraUnreachable "camera_unreachable",
    /// It does not answer.
    CameraSilent "camera_silent",
    /// It has no stream at the end of its address.
    PathUnknown "path_unknown",
    /// Its picture cannot be shown.
    FormatUnusable "format_unusable",
    /// It showed nothing in time, for whatever reason.
    NoPicture "no_picture",
    /// Its stream broke off and did not come back.
    StreamBroke "stream_broke",
    /// The hub that shows it is not connected.
    HubAway "hub_away",
    /// The hub does not show it.
    HubShowsNothing "hub_shows_nothing",
    /// The settings name no way to it.
    SettingsUnusable "settings_unusable",
    /// No place for encoding its picture was free.
    EncoderFull "encoder_full",
    /// The media worker died.
    WorkerLost "worker_lost",
    /// As many calls as one camera may have were going on. Values: `limit`.
    CameraFull "camera_full",
    /// As many calls as the house may have were going on. Values: `limit`.
    HouseFull "house_full",
    /// The camera was switched off.
    SwitchedOff "switched_off",
    /// The camera was taken out of the settings or the hub.
    CameraGone "camera_gone",
    /// The camera is kept from Alexa.
    NotShared "not_shared",
    /// The link of the call's user was taken away.
    LinkRevoked "link_revoked",
    /// A new offer took its place.
    Replaced "replaced",
    /// The longest time for a call was over. Values: `minutes`.
    TimeOver "time_over",
    /// The house stopped.
    HouseStopped "house_stopped",
    /// The offer cannot be used.
    OfferUnusable "offer_unusable",
    /// The answer was not ready in time.
    AnswerLate "answer_late",
    /// A mistake of ours.
    Internal "internal",
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_code_of_a_newer_version_is_read_as_unknown() {
        let read = |code: &str| serde_json::from_value::<Outcome>(json!(code)).unwrap();
        assert_eq!((read("well"), read("of_tomorrow")), (Outcome::Well, Outcome::Unknown));
    }

    #[test]
    fn every_outcome_has_a_sentence_and_a_next_step_in_every_language() {
        for (language, text) in
            [("en", include_str!("../../web/i18n/en.json")), ("de", include_str!("../../web/i18n/de.json"))]
        {
            let strings: Value = serde_json::from_str(text).unwrap();
            for outcome in Outcome::ALL.iter().chain(&[Outcome::Unknown]) {
                let code = outcome.code();
                assert_eq!(serde_json::to_value(outcome).unwrap(), code);
                for key in [code.to_owned(), format!("{code}_next")] {
                    let words = strings["verdict"][&key].as_str().unwrap_or_default();
                    assert!(words.len() > 8, "{language}: verdict.{key}: {words:?}");
                }
            }
        }
    }
}
