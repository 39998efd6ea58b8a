//! What the hub's users may do: asked of the hub, and remembered for a few seconds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;

use super::ui::PATIENCE;
use crate::hub::bridge::{FindUser, HubBridge};
use crate::hub::{HubError, HubUser};
use crate::seat::Seat;

/// A role that was taken away counts no longer than this.
const REMEMBERED: Duration = Duration::from_secs(5);
/// That the hub could not be asked counts for this long, so that nobody waits for it at each request.
const AWAY: Duration = Duration::from_secs(1);
/// Users that are remembered.
const USERS: usize = 64;

/// What the hub says: its user of an id; `None` if it knows nobody of that id.
pub type Found = Result<Option<HubUser>, HubError>;

/// Gives the hub's user of an id.
pub type UserOf = Arc<dyn Fn(String) -> BoxFuture<'static, Found> + Send + Sync>;

/// What the hub's users may do. Clones share it.
#[derive(Clone)]
pub struct Roles {
    users: Option<UserOf>,
    known: Arc<Mutex<HashMap<String, (Instant, Found)>>>,
    remembered: Duration,
}

impl Roles {
    /// Asks through the bridge; without a hub nobody can say.
    #[must_use]
    pub fn of_hub(bridge: Option<Seat<HubBridge>>) -> Self {
        let users = bridge.map(|bridge| -> UserOf {
            Arc::new(move |id| {
                let bridge = bridge.clone();
                Box::pin(async move {
                    let reply = bridge.ask(FindUser { id }, PATIENCE).await;
                    reply.unwrap_or_else(|error| Err(HubError::Down(error.to_string())))
                })
            })
        });
        Self { users, known: Arc::default(), remembered: REMEMBERED }
    }

    #[cfg(test)]
    pub(crate) fn over(users: UserOf) -> Self {
        Self { users: Some(users), known: Arc::default(), remembered: REMEMBERED }
    }

    /// The hub's user of an id, as of five seconds ago at most.
    ///
    /// # Errors
    /// When the hub cannot be asked.
    pub async fn of(&self, id: &str) -> Found {
        if let Some(found) = self.remembered(id) {
            return found;
        }
        let users = self.users.as_ref().ok_or_else(|| HubError::Down("there is no hub".into()))?;
        let found = users(id.to_owned()).await;
        if let Err(error) = &found {
            tracing::warn!(%error, "the hub could not be asked what a user may do");
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, found| self.counts(found));
        if known.len() < USERS {
            known.insert(id.to_owned(), (Instant::now(), found.clone()));
        }
        found
    }

    fn remembered(&self, id: &str) -> Option<Found> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(id).filter(|found| self.counts(found)).map(|(_, found)| found.clone())
    }

    fn counts(&self, (at, found): &(Instant, Found)) -> bool {
        at.elapsed() < if found.is_ok() { self.remembered } else { AWAY }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn an_admin_who_is_one_no_longer_is_none_here_within_seconds() {
        let (is_admin, asked) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
        let (admin, count) = (is_admin.clone(), asked.clone());
        let mut roles = Roles::over(Arc::new(move |id| {
            count.fetch_add(1, Ordering::Relaxed);
            let user = HubUser { id, name: "Ann".into(), is_admin: admin.load(Ordering::Relaxed) };
            Box::pin(async move { Ok(Some(user)) })
        }));
        roles.remembered = Duration::from_millis(200);
        let is_admin_here = async || roles.of("ann").await.unwrap().unwrap().is_admin;
        assert!(is_admin_here().await && is_admin_here().await);
        assert_eq!(asked.load(Ordering::Relaxed), 1, "one question for many requests");
        is_admin.store(false, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!is_admin_here().await);
        for stranger in 0..500 {
            roles.of(&stranger.to_string()).await.unwrap();
        }
        assert!(roles.known.lock().unwrap().len() <= USERS);
    }
}
