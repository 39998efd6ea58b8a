//! The last lines of the log, kept in memory for the page and for diagnostics.

use std::collections::VecDeque;
use std::fmt::{Debug, Write};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::redact::redact;

/// Lines that are kept.
const LINES: usize = 2_000;
/// Bytes of text that are kept.
const BYTES: usize = 512 * 1024;
/// Bytes of one line.
const LONGEST: usize = 4 * 1024;

static KEPT: LazyLock<Mutex<Ring>> = LazyLock::new(Mutex::default);

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// Counts from 1 since the process was started.
    pub n: u64,
    /// RFC 3339, UTC, ms.
    pub at: String,
    /// `ERROR`, `WARN`, `INFO`, `DEBUG` or `TRACE`.
    pub level: &'static str,
    /// Without secrets.
    pub text: String,
}

/// The lines after number `n`, oldest first, as far as they are kept.
#[must_use]
pub fn lines_after(n: u64) -> Vec<LogLine> {
    kept().lines.iter().filter(|line| line.n > n).cloned().collect()
}

/// Keeps what is logged.
pub(super) struct Keep;

impl<S: Subscriber> Layer<S> for Keep {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut words = Words::default();
        event.record(&mut words);
        // Before the lock: whoever logs meanwhile need not wait for it.
        let text = told(&(words.message + &words.fields));
        kept().add(event.metadata().level().as_str(), text);
    }
}

#[derive(Default)]
struct Ring {
    lines: VecDeque<LogLine>,
    bytes: usize,
    last: u64,
}

impl Ring {
    fn add(&mut self, level: &'static str, text: String) {
        self.last += 1;
        self.bytes += text.len();
        let now = OffsetDateTime::now_utc();
        let at = now.replace_millisecond(now.millisecond()).unwrap_or(now).format(&Rfc3339);
        self.lines.push_back(LogLine { n: self.last, at: at.unwrap_or_default(), level, text });
        while self.lines.len() > LINES || self.bytes > BYTES {
            let Some(oldest) = self.lines.pop_front() else { return };
            self.bytes -= oldest.text.len();
        }
    }
}

/// A line as it is kept: without secrets, and not too long.
fn told(text: &str) -> String {
    let mut text = redact(text);
    if text.len() > LONGEST {
        text.truncate(text.floor_char_boundary(LONGEST));
        text.push('…');
    }
    text
}

fn kept() -> MutexGuard<'static, Ring> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A line as people read it: the message, then its fields.
#[derive(Default)]
struct Words {
    message: String,
    fields: String,
}

impl Visit for Words {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message.push_str(value),
            _ => self.record_debug(field, &value),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // A text cannot refuse to be written to.
        let _written = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name if name.starts_with("log.") => Ok(()),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_newest_lines_are_kept_and_no_more_than_there_is_room_for() {
        let mut ring = Ring::default();
        for n in 0..3_000 {
            ring.add("INFO", format!("line {n}"));
        }
        assert_eq!(
            (ring.lines.len(), ring.lines[0].n, ring.lines[0].text.as_str()),
            (2_000, 1_001, "line 1000")
        );
        for _ in 0..3_000 {
            ring.add("WARN", told(&"é".repeat(10_000)));
        }
        let bytes: usize = ring.lines.iter().map(|line| line.text.len()).sum();
        assert!(bytes == ring.bytes && bytes <= BYTES && ring.lines.len() > 100, "{bytes}");
    }

    #[test]
    fn a_line_holds_message_and_fields_without_secrets() {
        use tracing_subscriber::layer::SubscriberExt;
        let subscriber = tracing_subscriber::registry().with(Keep);
        tracing::subscriber::with_default(subscriber, || {
            let why = "no \"door\"";
            tracing::warn!(camera = %"ring-test", why, ms = 7, "refused: rtsp://u:canary@h/");
        });
        let line = lines_after(0).into_iter().find(|line| line.text.contains("ring-test")).unwrap();
        assert_eq!(line.level, "WARN");
        assert_eq!(line.text, r#"refused: rtsp://***@h/ camera=ring-test why="no \"door\"" ms=7"#);
        assert!(!lines_after(line.n).iter().any(|later| later.n <= line.n));
    }
}
