//! The number of a file's format, and the way from an older format to today's.

use std::path::{Path, PathBuf};

/// Makes the next format out of the one before. Small and pure: it changes the document, and nothing else.
pub type Step<D> = fn(&mut D);

/// The formats that one kind of file has had. The first is 1; each step makes the next.
pub struct Formats<D: 'static>(&'static [Step<D>]);

impl<D> Clone for Formats<D> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<D> Copy for Formats<D> {}

/// Why a file is not read by what its format means here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// It may mean something else by the same words.
    #[error("written by a newer Doorstep (format {found}; this one knows {known})")]
    Newer {
        /// The file's.
        found: u64,
        /// Today's.
        known: u64,
    },
    /// No version writes such a thing.
    #[error("is no format: that is a whole number, today {known}")]
    NoFormat {
        /// Today's.
        known: u64,
    },
}

impl<D> Formats<D> {
    /// One more format than steps.
    #[must_use]
    pub const fn new(steps: &'static [Step<D>]) -> Self {
        Self(steps)
    }

    /// Number of the format that is written today.
    #[must_use]
    pub const fn today(self) -> u64 {
        1 + self.0.len() as u64
    }

    /// Judges what a file says of its format; `None` if that is no whole number.
    ///
    /// # Errors
    /// When it is none that is known here.
    pub fn known(self, said: Option<u64>) -> Result<u64, FormatError> {
        let known = self.today();
        match said {
            Some(0) | None => Err(FormatError::NoFormat { known }),
            Some(found) if found > known => Err(FormatError::Newer { found, known }),
            Some(format) => Ok(format),
        }
    }

    /// Brings a document of that format to today's.
    pub fn raise(self, document: &mut D, from: u64) {
        (1..).zip(self.0).filter(|(format, _)| *format >= from).for_each(|(_, step)| step(document));
    }
}

/// Where the last file of a format is kept when one of another format takes its place.
#[must_use]
pub fn copy_of(path: &Path, format: u64) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".format-{format}"));
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const THREE: Formats<String> =
        Formats::new(&[|text| *text = text.replace('a', "b"), |text| text.push('!')]);

    #[test]
    fn each_step_is_taken_once_and_none_that_was_taken_before() {
        let raised = |from: u64| {
            let mut text = "a".to_owned();
            THREE.raise(&mut text, from);
            text
        };
        assert_eq!([1, 2, 3].map(raised), ["b!", "a!", "a"]);
    }

    #[test]
    fn a_format_that_no_version_or_a_later_one_writes_is_refused() {
        assert_eq!([1, 3].map(|said| THREE.known(Some(said))), [Ok(1), Ok(3)]);
        for newer in [4, u64::MAX] {
            assert_eq!(THREE.known(Some(newer)), Err(FormatError::Newer { found: newer, known: 3 }));
        }
        assert_eq!(
            [None, Some(0)].map(|said| THREE.known(said)),
            [Err(FormatError::NoFormat { known: 3 }); 2]
        );
    }
}
