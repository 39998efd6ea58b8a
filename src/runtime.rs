//! The thread on which all media lives.

use std::io;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// One single-threaded runtime of its own for peers, feeds and packets: nothing else can delay
/// them, and a packet is never handed from thread to thread.
pub struct MediaRuntime {
    handle: Handle,
    /// Ends the thread.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl MediaRuntime {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives no thread or no event queue.
    pub fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().thread_name("media").build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name("media".into()).spawn(move || {
            // An error means that the owner is gone, which ends the thread as well.
            let _ended = runtime.block_on(stopped);
            runtime.shutdown_timeout(Duration::from_millis(500));
        })?;
        Ok(Self { handle, stop: Some(stop), thread: Some(thread) })
    }

    /// To spawn on it.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Ends the thread; what still runs there is dropped.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _panicked = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

/// Gives memory that calls have freed back to the system. The allocator would keep it for good: what
/// a hundred calls at once needed would be ours for ever. Takes some ms: for a blocking thread.
#[allow(unsafe_code)]
pub fn release_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim(3) may be called by any thread at any time and touches only free memory.
    unsafe {
        libc::malloc_trim(0);
    }
}
