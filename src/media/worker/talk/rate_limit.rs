//! No talker sends more than this.

/// Packets a second; 10 ms each make 100.
const RATE: i64 = 150;
/// As many may come at once, after the line stood still.
const BURST: i64 = 100;

/// A bucket of tokens, thousandths of a packet.
pub struct RateLimit {
    tokens: i64,
    last_ms: i64,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self { tokens: BURST * 1_000, last_ms: i64::MIN }
    }
}

impl RateLimit {
    /// Takes one packet's token, if there is one.
    pub fn allows(&mut self, now_ms: i64) -> bool {
        let passed = now_ms.saturating_sub(self.last_ms).clamp(0, BURST * 1_000 / RATE);
        self.last_ms = now_ms;
        self.tokens = (self.tokens + passed * RATE).min(BURST * 1_000);
        let allowed = self.tokens >= 1_000;
        self.tokens -= if allowed { 1_000 } else { 0 };
        allowed
    }
}
