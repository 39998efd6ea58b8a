//! Logs and figures: tracing set-up, redaction, names of metrics.
//!
//! [`redact`] takes secrets out of every line before it leaves the process. Each metric is written
//! by one function here, so that its name, unit and labels are found in one place.

use std::io::{self, Write};
use std::sync::OnceLock;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, reload};

pub mod public;
pub mod redact;
pub mod ring;

/// Seconds from an offer to its answer.
pub const OFFER_TO_ANSWER: &str = "doorstep_offer_to_answer_seconds";
/// Seconds from an offer to the first picture that was sent.
pub const OFFER_TO_PICTURE: &str = "doorstep_offer_to_first_picture_seconds";
/// Calls that are going on.
pub const CALLS: &str = "doorstep_calls";
/// Calls that ended; label `reason`.
pub const CALLS_ENDED: &str = "doorstep_calls_ended_total";
/// Directives; labels `name` and `outcome` (`ok` or Alexa's error type).
pub const DIRECTIVES: &str = "doorstep_directives_total";
/// Pictures that a slow viewer did not get.
pub const PICTURES_DROPPED: &str = "doorstep_pictures_dropped_total";
/// Packets that were sent; label `again`: `yes` for those that the far end asked for again.
pub const PACKETS_SENT: &str = "doorstep_packets_sent_total";
/// Calls by the path that they took; label `path`: `direct` or `relay`.
pub const PATHS: &str = "doorstep_paths_total";
/// The last round trip of each call, seconds.
pub const ROUND_TRIP: &str = "doorstep_round_trip_seconds";
/// The share of each call's packets that did not arrive at once.
pub const LOSS: &str = "doorstep_loss_ratio";
/// Workers that died or fell silent.
pub const WORKERS_LOST: &str = "doorstep_workers_lost_total";
/// Links to the hub that were made anew.
pub const HUB_CONNECTS: &str = "doorstep_hub_connects_total";
/// Actors that died and were built anew; label `role`.
pub const ACTORS_REBUILT: &str = "doorstep_actors_rebuilt_total";

/// Buckets of the answer's time, seconds.
const ANSWER_BUCKETS: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 4.5];
/// Buckets of the first picture's time, seconds.
const PICTURE_BUCKETS: [f64; 9] = [0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0];

/// Buckets of the round trip, seconds.
const ROUND_TRIP_BUCKETS: [f64; 8] = [0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 2.0];
/// Buckets of the loss.
const LOSS_BUCKETS: [f64; 7] = [0.001, 0.005, 0.01, 0.03, 0.05, 0.1, 0.2];

/// Starts logging to stderr, and keeps the last lines in memory ([`ring`]). `level` is `log.level`; the crates
/// below us log from warnings up. What `overrides` holds ([`crate::config::load::LOG_VARIABLE`]) wins. Later calls
/// change nothing.
pub fn start_logging(level: &str, overrides: Option<&str>) {
    let (wanted, handle) = reload::Layer::new(filter(level, overrides));
    let stderr = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_target(false)
        .with_writer(Redacted(io::stderr))
        .with_filter(wanted);
    // Whoever looks for a fault afterwards has it all, however little was wanted on stderr.
    let kept = ring::Keep.with_filter(filter("debug", None));
    if tracing_subscriber::registry().with(stderr).with(kept).try_init().is_err() {
        tracing::debug!("logging had been started already");
        return;
    }
    let overrides = overrides.map(str::to_owned);
    let set = move |level: &str| {
        if handle.reload(filter(level, overrides.as_deref())).is_err() {
            tracing::error!(level, "the log's level could not be changed");
        }
        tracing::debug!(level, "the log has this level");
    };
    LEVEL.get_or_init(|| Box::new(set));
}

/// Changes the level of a log.
type SetLevel = Box<dyn Fn(&str) + Send + Sync>;

/// That of the log that was started.
static LEVEL: OnceLock<SetLevel> = OnceLock::new();

/// From now on the log has this level (`log.level`), unless something overrides it.
pub fn set_level(level: &str) {
    if let Some(set) = LEVEL.get() {
        set(level);
    }
}

/// The WebRTC stack's crates warn of what is daily business (a far end without candidates) and print
/// whole packets in their errors; what matters of it comes as a peer's end with its reason.
const SILENCED: &str =
    "webrtc=off,rtc=off,rtc_ice=off,rtc_dtls=off,rtc_srtp=off,rtc_interceptor=off,rtc_stun=off";

/// These write what passes through them byte by byte, which no redaction reads: they do so only for those who name
/// them.
const TALKATIVE: &str = "tungstenite=debug,tokio_tungstenite=debug";

fn filter(level: &str, overrides: Option<&str>) -> EnvFilter {
    let own = format!("warn,{SILENCED},doorstep={level}");
    let wanted = overrides.filter(|text| !text.trim().is_empty());
    let wanted = wanted.map(|text| format!("{SILENCED},{TALKATIVE},{text}"));
    // The last resort is what a typing mistake falls back to.
    [wanted, Some(own)]
        .into_iter()
        .flatten()
        .find_map(|text| EnvFilter::try_new(text).ok())
        .unwrap_or_else(|| EnvFilter::new("warn,doorstep=info"))
}

/// A writer whose lines hold no secrets.
#[derive(Debug, Clone)]
pub struct Redacted<M>(pub M);

/// One line on its way through [`Redacted`].
#[derive(Debug)]
pub struct RedactedLine<W: Write> {
    to: W,
    line: Vec<u8>,
}

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for Redacted<M> {
    type Writer = RedactedLine<M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        RedactedLine { to: self.0.make_writer(), line: Vec::new() }
    }
}

impl<W: Write> Write for RedactedLine<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A secret may come in two pieces.
        self.line.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.line.is_empty() {
            return self.to.flush();
        }
        let line = redact::redact(&String::from_utf8_lossy(&self.line));
        self.line.clear();
        self.to.write_all(line.as_bytes())?;
        self.to.flush()
    }
}

impl<W: Write> Drop for RedactedLine<W> {
    fn drop(&mut self) {
        // Nobody is left to be told that the log cannot be written.
        let _lost = self.flush();
    }
}

/// The collected metrics; the first call starts collecting.
pub fn metrics() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let buckets = |builder: PrometheusBuilder, name: &str, values: &[f64]| {
            let matcher = Matcher::Full(name.to_owned());
            // Fails for an empty list only.
            builder.set_buckets_for_metric(matcher, values).unwrap_or_default()
        };
        let builder = buckets(PrometheusBuilder::new(), OFFER_TO_ANSWER, &ANSWER_BUCKETS);
        let builder = buckets(builder, OFFER_TO_PICTURE, &PICTURE_BUCKETS);
        let builder = buckets(builder, ROUND_TRIP, &ROUND_TRIP_BUCKETS);
        let builder = buckets(builder, LOSS, &LOSS_BUCKETS);
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("metrics are collected elsewhere");
        }
        describe();
        keep_small(handle.clone());
        handle
    })
}

fn describe() {
    use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
    describe_histogram!(OFFER_TO_ANSWER, Unit::Seconds, "from an offer to its answer");
    describe_histogram!(OFFER_TO_PICTURE, Unit::Seconds, "from an offer to the first picture that was sent");
    describe_gauge!(CALLS, "calls that are going on");
    describe_counter!(CALLS_ENDED, "calls that ended, by reason");
    describe_counter!(DIRECTIVES, "directives, by name and outcome");
    describe_counter!(PICTURES_DROPPED, "pictures that a slow viewer did not get");
    describe_counter!(PACKETS_SENT, "packets of picture and sound that were sent; again: asked for again");
    describe_counter!(PATHS, "calls by the path that they took");
    describe_histogram!(ROUND_TRIP, Unit::Seconds, "the last round trip of each call");
    describe_histogram!(LOSS, "the share of each call's packets that did not arrive at once");
    describe_counter!(WORKERS_LOST, "workers that died or fell silent");
    describe_counter!(HUB_CONNECTS, "links to the hub that were made");
    describe_counter!(ACTORS_REBUILT, "actors that died and were built anew, by role");
    metrics::gauge!(CALLS).set(0.0);
}

/// Histograms keep every value until somebody sums them up; nobody may ever ask for the metrics.
fn keep_small(handle: PrometheusHandle) {
    let sums = move || {
        loop {
            std::thread::sleep(Duration::from_secs(10));
            handle.run_upkeep();
        }
    };
    if let Err(error) = std::thread::Builder::new().name("metrics".into()).spawn(sums) {
        tracing::warn!(%error, "metrics are summed up only when they are asked for");
    }
}

/// An offer was answered.
pub fn answered(took: Duration) {
    metrics::histogram!(OFFER_TO_ANSWER).record(took.as_secs_f64());
}

/// A call's first picture was sent.
pub fn first_picture(after_offer: Duration) {
    metrics::histogram!(OFFER_TO_PICTURE).record(after_offer.as_secs_f64());
}

/// A call began.
pub fn call_began() {
    metrics::gauge!(CALLS).increment(1.0);
}

/// A call ended; `reason` is one of a fixed list.
pub fn call_ended(reason: &'static str) {
    metrics::gauge!(CALLS).decrement(1.0);
    metrics::counter!(CALLS_ENDED, "reason" => reason).increment(1);
}

/// A directive was answered. Both texts must be of fixed lists, never what a stranger made up: each
/// pair is kept for good.
pub fn directive(name: &str, outcome: &str) {
    metrics::counter!(DIRECTIVES, "name" => name.to_owned(), "outcome" => outcome.to_owned()).increment(1);
}

/// Pictures were left out for a slow viewer.
pub fn pictures_dropped(count: u64) {
    metrics::counter!(PICTURES_DROPPED).increment(count);
}

/// So many packets were sent in a call, and so many of them once more.
pub fn packets_sent(count: u64, again: u64) {
    metrics::counter!(PACKETS_SENT, "again" => "no").increment(count);
    metrics::counter!(PACKETS_SENT, "again" => "yes").increment(again);
}

/// How the line of a call was that ended; `path` is one of a fixed list.
pub fn line(path: &'static str, round_trip: Option<Duration>, loss_percent: f64) {
    metrics::counter!(PATHS, "path" => path).increment(1);
    metrics::histogram!(LOSS).record(loss_percent / 100.0);
    if let Some(round_trip) = round_trip {
        metrics::histogram!(ROUND_TRIP).record(round_trip.as_secs_f64());
    }
}

/// A worker died or fell silent.
pub fn worker_lost() {
    metrics::counter!(WORKERS_LOST).increment(1);
}

/// The link to the hub was made.
pub fn hub_connected() {
    metrics::counter!(HUB_CONNECTS).increment(1);
}

/// An actor died and was built anew.
pub fn actor_rebuilt(role: &'static str) {
    metrics::counter!(ACTORS_REBUILT, "role" => role).increment(1);
}

#[cfg(test)]
mod tests;
