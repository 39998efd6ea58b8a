//! The worker's clock: milliseconds since it began, and the wall clock for the test picture.

use std::sync::LazyLock;
use std::time::Instant;

static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Milliseconds since the first call.
pub fn now_ms() -> i64 {
    i64::try_from(BEGAN.elapsed().as_millis()).unwrap_or(i64::MAX)
}

/// Local time as `HH:MM:SS.mmm`.
#[allow(unsafe_code)]
pub fn wall() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let seconds = libc::time_t::try_from(since.as_secs()).unwrap_or(0);
    // SAFETY: both pointers are to locals; an all-zero tm is a valid value of that plain struct.
    let time = unsafe {
        let mut time: libc::tm = std::mem::zeroed();
        libc::localtime_r(&raw const seconds, &raw mut time);
        time
    };
    format!("{:02}:{:02}:{:02}.{:03}", time.tm_hour, time.tm_min, time.tm_sec, since.subsec_millis())
}
