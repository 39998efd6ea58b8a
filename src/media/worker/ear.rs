//! A camera's microphone, without the echo of its own speaker and without noise.
//!
//! Pure: no clock of its own, no threads, no FFmpeg. The speaker's signal is put on the worker's clock, the
//! microphone's is mapped onto it, and the canceller gets both side by side.

use doorstep::media::talk::EchoRule;

pub use report::EarReport;

mod report;

/// Why there is no ear.
#[derive(Debug, thiserror::Error)]
pub enum EarError {
    /// The canceller refused its own settings.
    #[error("the echo canceller cannot be made: {0}")]
    Canceller(String),
}

/// One camera's microphone.
pub struct Ear {
    rule: EchoRule,
}

impl Ear {
    /// For a camera whose echo is dealt with by this rule.
    ///
    /// # Errors
    /// When the canceller cannot be made.
    pub fn new(rule: EchoRule) -> Result<Self, EarError> {
        Ok(Self { rule })
    }

    /// What the speaker is given, in order, from `at_ms` of the worker's clock on: 48 kHz, mono, as the speaker
    /// will play it, after its codec. Called every 20 ms while the speaker is open.
    pub fn played(&mut self, samples: &[f32], at_ms: i64) {
        let _ = (samples, at_ms);
    }

    /// One packet of the microphone, 960 samples of 48 kHz, mono, cleaned in place. `ticks`: its place on the
    /// camera's own clock, 48 kHz; `now_ms`: when it arrived, on the worker's clock.
    pub fn hear(&mut self, samples: &mut [f32], ticks: i64, now_ms: i64) {
        let _ = (samples, ticks, now_ms, self.rule);
    }

    /// Holds the microphone down, or lets it go: with ramps of 20 ms.
    pub fn hold(&mut self, held: bool) {
        let _ = held;
    }

    /// The visitor speaks now.
    pub fn hears_voice(&self) -> bool {
        false
    }

    /// What was heard since the last report.
    pub fn report(&mut self) -> EarReport {
        EarReport {
            microphone_dbfs: -100.0,
            passed_dbfs: -100.0,
            erle_db: None,
            delay_ms: None,
            echo: None,
            hears_voice: false,
        }
    }
}
