//! The time of the link, which its tests set.

use std::time::{Duration, Instant};

/// The time of the link.
#[derive(Debug, Clone)]
pub(super) enum Clock {
    /// The system's.
    System,
    /// Goes when a test says so.
    #[cfg(test)]
    Set(tokio::sync::watch::Receiver<Instant>),
}

impl Clock {
    pub(super) fn now(&self) -> Instant {
        match self {
            Self::System => Instant::now(),
            #[cfg(test)]
            Self::Set(now) => *now.borrow(),
        }
    }

    pub(super) async fn sleep_until(&self, at: Instant) {
        match self {
            Self::System => tokio::time::sleep_until(at.into()).await,
            #[cfg(test)]
            Self::Set(now) => {
                if now.clone().wait_for(|now| *now >= at).await.is_err() {
                    std::future::pending().await
                }
            }
        }
    }

    /// What comes of `work`; nothing when it takes longer.
    pub(super) async fn timeout<T>(&self, within: Duration, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = work => Some(done),
            () = self.sleep_until(self.now() + within) => None,
        }
    }
}
