//! The formats that the settings file has had.

use toml_edit::{DocumentMut, Item, Value};

use super::formats::{FormatError, Formats};
use super::save::set;

/// Says in which format the file is; one without it is of the first.
pub(super) const FORMAT: &str = "format";

impl Default for Formats<DocumentMut> {
    /// There was no other one yet.
    fn default() -> Self {
        Self::new(&[])
    }
}

/// The format of a settings file.
///
/// # Errors
/// When it is none that is known here.
pub(super) fn format_of(document: &DocumentMut, formats: Formats<DocumentMut>) -> Result<u64, FormatError> {
    let number = |item: &Item| item.as_integer().and_then(|number| u64::try_from(number).ok());
    formats.known(document.get(FORMAT).map_or(Some(1), number))
}

/// Brings a settings file to today's format, with the user's comments, and gives the format that it was in.
///
/// # Errors
/// When that is none that is known here.
pub(super) fn raise(document: &mut DocumentMut, formats: Formats<DocumentMut>) -> Result<u64, FormatError> {
    let from = format_of(document, formats)?;
    if from < formats.today() {
        formats.raise(document, from);
        let today = i64::try_from(formats.today()).unwrap_or(i64::MAX);
        set(document.as_table_mut(), FORMAT, Some(Value::from(today)));
    }
    Ok(from)
}
