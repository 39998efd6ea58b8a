//! Offer and answer of the last calls, masked, for diagnostics.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::peer::masked::masked;

/// Calls that are remembered.
const CALLS: usize = 20;

/// What both ends of a call said to each other, masked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exchange {
    /// Our own id of the call.
    pub call: String,
    /// What came.
    pub offer: String,
    /// What left; absent if none did.
    pub answer: Option<String>,
}

/// The last calls' exchanges. Clones share them.
#[derive(Clone, Default)]
pub struct Exchanges(Arc<Mutex<VecDeque<Exchange>>>);

impl Exchanges {
    /// An offer came for a call.
    pub fn offered(&self, call: &str, offer: &str) {
        let mut all = self.lock();
        if all.len() >= CALLS {
            all.pop_front();
        }
        all.push_back(Exchange { call: call.to_owned(), offer: masked(offer), answer: None });
    }

    /// Its answer left.
    pub fn answered(&self, call: &str, answer: &str) {
        if let Some(exchange) = self.lock().iter_mut().rev().find(|exchange| exchange.call == call) {
            exchange.answer = Some(masked(answer));
        }
    }

    /// That of a call, if it is one of the last.
    #[must_use]
    pub fn of(&self, call: &str) -> Option<Exchange> {
        self.lock().iter().find(|exchange| exchange.call == call).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Exchange>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_last_twenty_calls_are_remembered_masked() {
        let exchanges = Exchanges::default();
        for n in 0..50 {
            exchanges.offered(&n.to_string(), "a=ice-pwd:canary\r\na=mid:0\r\n");
        }
        exchanges.answered("49", "a=ice-ufrag:canary\r\n");
        exchanges.answered("0", "a=mid:1\r\n");
        assert_eq!((exchanges.of("0"), exchanges.of("29")), (None, None));
        let last = exchanges.of("49").unwrap();
        assert_eq!(last.offer, "a=ice-pwd:***\na=mid:0\n");
        assert_eq!(last.answer.unwrap(), "a=ice-ufrag:***\n");
        assert_eq!(exchanges.of("30").unwrap().answer, None);
    }
}
