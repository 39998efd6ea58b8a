//! Puts RTP packets back into order, and says where some are missing. Pure.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A missing packet is waited for this long: it has been asked for again.
const PATIENCE: Duration = Duration::from_millis(150);
/// Packets that wait behind a gap.
const MOST: usize = 1024;
/// A jump of more than this is a new beginning.
const FAR: i64 = 3000;

/// What comes out.
#[derive(Debug, PartialEq, Eq)]
pub enum Next<T> {
    /// The next packet.
    Packet(T),
    /// So many packets are missing here for good; all of them where the far end began anew.
    Gap(u64),
}

/// The packets of one stream.
#[derive(Debug)]
pub struct Reorder<T> {
    waiting: BTreeMap<i64, (T, Instant)>,
    /// Sequence number of the next packet, not wrapped.
    next: Option<i64>,
    /// The far end has begun anew, which is not told yet.
    jumped: bool,
}

impl<T> Default for Reorder<T> {
    fn default() -> Self {
        Self { waiting: BTreeMap::new(), next: None, jumped: false }
    }
}

impl<T> Reorder<T> {
    /// Takes a packet as it came.
    pub fn put(&mut self, sequence: u16, packet: T, now: Instant) {
        let next = *self.next.get_or_insert(i64::from(sequence));
        // The distance that wraps least.
        let mut at = next + i64::from(sequence.wrapping_sub(low_bits(next)).cast_signed());
        if (at - next).abs() > FAR {
            // The far end began anew.
            self.waiting.clear();
            self.jumped = true;
            at = i64::from(sequence);
            self.next = Some(at);
        } else if at < next {
            return;
        }
        self.waiting.entry(at).or_insert((packet, now));
    }

    /// The next that is ready, if any.
    pub fn pop(&mut self, now: Instant) -> Option<Next<T>> {
        if std::mem::take(&mut self.jumped) {
            return Some(Next::Gap(u64::MAX));
        }
        let next = self.next?;
        let (&first, (_, came)) = self.waiting.first_key_value()?;
        if first > next {
            let given_up = now.saturating_duration_since(*came) >= PATIENCE || self.waiting.len() > MOST;
            return given_up.then(|| {
                self.next = Some(first);
                Next::Gap(first.abs_diff(next))
            });
        }
        self.next = Some(first + 1);
        self.waiting.pop_first().map(|(_, (packet, _))| Next::Packet(packet))
    }

    /// When a gap is given up, if nothing comes before.
    #[must_use]
    pub fn until(&self) -> Option<Instant> {
        self.waiting.first_key_value().map(|(_, (_, came))| *came + PATIENCE)
    }
}

fn low_bits(number: i64) -> u16 {
    u16::try_from(number & 0xFFFF).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(reorder: &mut Reorder<u16>, now: Instant) -> Vec<Next<u16>> {
        std::iter::from_fn(|| reorder.pop(now)).collect()
    }

    #[test]
    fn a_late_packet_is_waited_for_and_a_lost_one_is_told() {
        let (mut reorder, now) = (Reorder::default(), Instant::now());
        for sequence in [65534, 65535, 1] {
            reorder.put(sequence, sequence, now);
        }
        assert_eq!(all(&mut reorder, now), [Next::Packet(65534), Next::Packet(65535)]);
        reorder.put(0, 0, now);
        assert_eq!(all(&mut reorder, now), [Next::Packet(0), Next::Packet(1)]);
        reorder.put(3, 3, now);
        assert!(all(&mut reorder, now).is_empty());
        assert_eq!(all(&mut reorder, now + PATIENCE), [Next::Gap(1), Next::Packet(3)]);
        reorder.put(2, 2, now);
        assert!(all(&mut reorder, now + PATIENCE).is_empty(), "too late");
    }

    #[test]
    fn a_far_end_that_begins_anew_is_followed() {
        let (mut reorder, now) = (Reorder::default(), Instant::now());
        reorder.put(10, 10, now);
        reorder.put(20_000, 20_000, now);
        assert_eq!(all(&mut reorder, now), [Next::Gap(u64::MAX), Next::Packet(20_000)]);
    }

    proptest! {
        #[test]
        fn whatever_the_order_packets_come_out_in_order_and_once(
            start: u16, order in Just((0_u16..200).collect::<Vec<_>>()).prop_shuffle(), window in 1_usize..50,
        ) {
            // Shuffled within windows, as networks do.
            let mut order = order;
            order.sort_by_key(|n| usize::from(*n) / window);
            let (mut reorder, now) = (Reorder::default(), Instant::now());
            reorder.put(start, 0, now);
            let mut out = Vec::new();
            for n in order {
                reorder.put(start.wrapping_add(n), n, now);
                while let Some(next) = reorder.pop(now) {
                    match next {
                        Next::Packet(n) => out.push(n),
                        Next::Gap(_) => prop_assert!(false, "nothing was lost"),
                    }
                }
            }
            prop_assert_eq!(out, (0_u16..200).collect::<Vec<_>>());
        }
    }
}
