#![allow(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]

use super::*;

/// Bytes of a packet on the wire.
const PACKET: u64 = 1_238;
/// A step of the simulated time, ms.
const STEP: u64 = 20;

/// A line with a queue in front of it, a sender that keeps to the rate, and a far end that reports.
struct Simulated {
    rate: LineRate,
    counters: PeerCounters,
    start: Instant,
    now_ms: u64,
    /// kbit/s.
    line: f64,
    /// Bytes that find a place in front of it.
    queue: f64,
    waiting: f64,
    /// Share that is lost by the way.
    loss: f64,
    /// Time between two reports, ms.
    report_ms: u64,
    /// Nothing comes through, either way.
    dark: bool,
    /// What is sent if the line carries it, kbit/s.
    wanted: f64,
    owed: f64,
    arrived: f64,
    gone: f64,
}

impl Simulated {
    fn new(line: f64, wanted: f64) -> Self {
        let start = Instant::now();
        let (queue, counters) = (125_000.0, PeerCounters::default());
        Self {
            rate: LineRate::new(start),
            counters,
            start,
            now_ms: 0,
            line,
            queue,
            waiting: 0.0,
            loss: 0.0,
            report_ms: 500,
            dark: false,
            wanted,
            owed: 0.0,
            arrived: 0.0,
            gone: 0.0,
        }
    }

    fn sent_kbps(&self) -> f64 {
        self.rate.kbps().map_or(self.wanted, |kbps| f64::from(kbps).min(self.wanted))
    }

    /// What waits in front of the line, ms.
    fn waits_ms(&self) -> f64 {
        self.waiting * 8.0 / self.line
    }

    fn step(&mut self) {
        self.now_ms += STEP;
        self.owed += self.sent_kbps() * STEP as f64 / 8.0;
        while self.owed >= PACKET as f64 {
            self.owed -= PACKET as f64;
            self.counters.video_packets += 1;
            self.counters.video_bytes += PACKET;
            if self.waiting + PACKET as f64 > self.queue {
                self.gone += 1.0;
            } else {
                self.waiting += PACKET as f64;
            }
        }
        let through = self.waiting.min(self.line * STEP as f64 / 8.0);
        self.waiting -= through;
        let packets = if self.dark { 0.0 } else { through / PACKET as f64 };
        self.gone += packets * self.loss;
        self.arrived += packets;
        let now = self.start + Duration::from_millis(self.now_ms);
        if self.now_ms.is_multiple_of(self.report_ms) && !self.dark {
            let round_trip = Duration::from_secs_f64(0.04 + self.waits_ms() / 1_000.0);
            let reported = &mut self.counters.reported;
            reported.reports += 1;
            reported.received = self.arrived as u64;
            reported.expected = self.counters.video_packets.min(self.arrived as u64 + self.gone as u64);
            reported.missing = self.gone as u64;
            reported.at = Some(now);
            reported.round_trip = Some(round_trip);
        }
        if self.now_ms.is_multiple_of(500) {
            self.rate.take(&self.counters.clone(), self.wanted as u32, now);
        }
    }

    fn run(&mut self, seconds: u64) {
        for _ in 0..seconds * 1_000 / STEP {
            self.step();
        }
    }
}

#[test]
fn a_line_that_carries_everything_sets_no_end() {
    let mut line = Simulated::new(10_000.0, 2_200.0);
    line.run(120);
    assert_eq!(line.rate.kbps(), None);
}

#[test]
fn a_line_that_becomes_thin_is_followed_within_seconds_its_queue_drains_and_the_rate_returns() {
    let mut line = Simulated::new(10_000.0, 2_200.0);
    line.run(20);
    line.line = 500.0;
    line.run(5);
    assert!(line.sent_kbps() <= 500.0, "{} kbit/s", line.sent_kbps());
    line.run(5);
    assert!(line.waits_ms() < 1_000.0, "{} ms wait", line.waits_ms());
    let mut worst: f64 = 0.0;
    for _ in 0..60 {
        line.run(1);
        worst = worst.max(line.waits_ms());
        assert!(line.sent_kbps() >= 200.0, "{} kbit/s", line.sent_kbps());
    }
    assert!(worst < 2_000.0, "{worst} ms waited at most");
    line.line = 10_000.0;
    line.run(30);
    assert!(line.sent_kbps() >= 2_000.0, "{} kbit/s", line.sent_kbps());
}

#[test]
fn a_full_line_is_used_well_and_hardly_anything_waits_for_it() {
    for report_ms in [500, 1_000] {
        let mut line = Simulated::new(1_000.0, 4_000.0);
        line.report_ms = report_ms;
        is_used_well(line);
    }
}

fn is_used_well(mut line: Simulated) {
    line.run(60);
    let (mut longest, mut sum): (f64, f64) = (0.0, 0.0);
    for _ in 0..300 {
        line.run(1);
        longest = longest.max(line.waits_ms());
        sum += line.sent_kbps() / 300.0;
    }
    assert!(longest < 500.0 && sum > 850.0, "{longest} ms wait, {sum} kbit/s are sent");
}

#[test]
fn loss_that_sending_less_does_not_change_costs_little() {
    for (loss, least) in [(0.05, 4_000.0), (0.1, 4_000.0), (0.2, 2_000.0), (0.3, 2_000.0)] {
        let mut line = Simulated::new(20_000.0, 4_000.0);
        line.loss = loss;
        line.run(60);
        assert!(line.sent_kbps() >= least, "{} kbit/s at {loss}", line.sent_kbps());
    }
}

#[test]
fn a_time_in_which_nothing_comes_through_sets_no_end() {
    let mut line = Simulated::new(10_000.0, 4_000.0);
    line.run(20);
    line.dark = true;
    line.run(10);
    line.dark = false;
    line.gone += 1_500.0;
    line.run(1);
    line.gone += 500.0;
    for _ in 0..20 {
        line.run(1);
        assert_eq!(line.rate.kbps(), None);
    }
}

#[test]
fn a_line_that_drops_what_is_too_much_without_a_queue_is_kept_to() {
    let mut line = Simulated::new(1_000.0, 2_200.0);
    line.queue = 5_000.0;
    line.run(20);
    assert!((600.0..1_300.0).contains(&line.sent_kbps()), "{} kbit/s", line.sent_kbps());
}

#[test]
fn whatever_is_counted_the_rate_stays_above_its_floor() {
    let mut line = Simulated::new(20.0, 2_200.0);
    for _ in 0..120 {
        line.run(1);
        assert!(line.rate.kbps().is_none_or(|kbps| f64::from(kbps) >= LEAST_DRAINING));
    }
    assert!(line.rate.kbps().is_some_and(|kbps| kbps <= LEAST_KBPS));
}
