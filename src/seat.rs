//! The place of an actor that its owner fills anew when the actor dies.
//!
//! actix does not restart an actor that panicked, so nobody keeps an `Addr` of a long-lived actor:
//! they keep its seat, and ask through it with a deadline.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use actix::dev::ToEnvelope;
use actix::{Actor, Addr, Handler, Message};

use crate::error::ErrorKind;

/// Pause before an empty seat is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Where the current actor of one role is found. Clones share the seat.
pub struct Seat<A: Actor>(Arc<RwLock<Option<Addr<A>>>>);

impl<A: Actor> Clone for Seat<A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<A: Actor> Default for Seat<A> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

/// Ask: stop, because the house does.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Retire;

/// Why an ask got no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// Nobody sits there at the moment.
    #[error("that part of the house is being restarted")]
    Empty,
    /// No reply in time.
    #[error("no reply in time")]
    Late,
}

impl AskError {
    /// The kind that the edges see.
    #[must_use]
    pub fn kind(self) -> ErrorKind {
        match self {
            Self::Empty => ErrorKind::Internal,
            Self::Late => ErrorKind::Timeout,
        }
    }
}

impl<A: Actor> Seat<A> {
    /// Puts an actor in; only its owner does.
    pub fn fill(&self, addr: Addr<A>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(addr);
    }

    /// Takes the actor out and has it stop: one that waits for something would live on with nobody to ask it.
    /// Only its owner does.
    pub async fn retire(&self, within: Duration)
    where
        A: Handler<Retire>,
        A::Context: ToEnvelope<A, Retire>,
    {
        let retired = self.0.write().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(addr) = retired
            && let Err(error) = ask(&addr, Retire, within).await
        {
            tracing::debug!(%error, "an actor had gone before");
        }
    }

    /// The actor that sits there, dead or alive.
    #[must_use]
    pub fn addr(&self) -> Option<Addr<A>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks and waits for at most `within`.
    ///
    /// # Errors
    /// When nobody sits there, the actor dies over it, or the time runs out.
    pub async fn ask<M>(&self, message: M, within: Duration) -> Result<M::Result, AskError>
    where
        A: Handler<M>,
        M: Message + Send + 'static,
        M::Result: Send,
        A::Context: ToEnvelope<A, M>,
    {
        ask(&self.addr().ok_or(AskError::Empty)?, message, within).await
    }

    /// Asks somebody whose owner fills the seat anew in a moment, should it be empty. The question may be
    /// put again to the next after one that died over it.
    ///
    /// # Errors
    /// When nobody who lives sits there for that long, or the time runs out.
    pub async fn ask_patiently<M>(
        &self,
        message: impl Fn() -> M,
        within: Duration,
    ) -> Result<M::Result, AskError>
    where
        A: Handler<M>,
        M: Message + Send + 'static,
        M::Result: Send,
        A::Context: ToEnvelope<A, M>,
    {
        let until = Instant::now() + within;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.ask(message(), left).await {
                Err(AskError::Empty) if left > LOOK_AGAIN => tokio::time::sleep(LOOK_AGAIN).await,
                reply => return reply,
            }
        }
    }
}

/// Asks an actor and waits for at most `within`.
///
/// # Errors
/// When the actor is dead or dies over it, or the time runs out.
pub async fn ask<A, M>(addr: &Addr<A>, message: M, within: Duration) -> Result<M::Result, AskError>
where
    A: Actor + Handler<M>,
    M: Message + Send + 'static,
    M::Result: Send,
    A::Context: ToEnvelope<A, M>,
{
    match tokio::time::timeout(within, addr.send(message)).await {
        Ok(Ok(reply)) => Ok(reply),
        Ok(Err(_closed)) => Err(AskError::Empty),
        Err(_elapsed) => Err(AskError::Late),
    }
}
