//! The hub's two ways to write a moment: ISO text and float seconds. Held as µs since 1970, UTC.

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

const MILLIS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]+00:00");
const MICROS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]+00:00");

const WHOLE: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");

/// A moment in µs since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stamp(i64);

impl Stamp {
    /// This moment.
    pub(super) fn now() -> Self {
        let nanos = OffsetDateTime::now_utc().unix_timestamp_nanos();
        Self(i64::try_from(nanos / 1_000).unwrap_or_default())
    }

    /// Float seconds, as in `lc` and `lu`.
    pub(super) fn seconds(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// ISO text with ms: the state of an event entity.
    pub(super) fn millis(self) -> String {
        self.text(MILLIS)
    }

    /// ISO text with µs: everything else.
    pub(super) fn micros(self) -> String {
        self.text(MICROS)
    }

    /// ISO text with whole seconds: what the hub tells Alexa.
    pub(super) fn whole(self) -> String {
        self.text(WHOLE)
    }

    fn text(self, form: &[BorrowedFormatItem<'_>]) -> String {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000)
            .ok()
            .and_then(|moment| moment.format(form).ok())
            .unwrap_or_default()
    }
}
