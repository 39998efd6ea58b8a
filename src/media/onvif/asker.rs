//! Asks one camera for key pictures, beside its feed.

use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep_until, timeout};

use super::OnvifError;
use super::device::{Device, Profile, client};
use super::key_pictures::{KeyPictures, Step};
use super::target::Target;
use crate::media::{AddressPolicy, Destination};

/// Longest time to find out how a camera is asked.
const SEARCH: Duration = Duration::from_secs(30);

/// What the asking task hears of the feed.
#[derive(Debug, Clone, Copy, Default)]
struct News {
    wanted: Option<Instant>,
    came: Option<Instant>,
}

/// Asks a camera for key pictures when they are wanted, if it can be asked. Nothing is sent before the first
/// wish. Dropping it ends that.
pub struct Asker {
    news: watch::Sender<News>,
    task: JoinHandle<()>,
}

impl Asker {
    /// For the camera that is opened there; `None` if that is no RTSP address. Must be called inside a runtime.
    #[must_use]
    pub fn new(camera: &str, destination: &Destination, policy: &AddressPolicy) -> Option<Self> {
        let (news, heard) = watch::channel(News::default());
        let (camera, target, policy) = (camera.to_owned(), Target::of(destination)?, policy.clone());
        let asking = Asking { camera, target, policy, found: None };
        Some(Self { news, task: tokio::spawn(asking.run(heard)) })
    }

    /// A key picture is wanted.
    pub fn want(&self) {
        self.news.send_modify(|news| news.wanted = Some(Instant::now()));
    }

    /// The camera's key picture came.
    pub fn came(&self) {
        self.news.send_modify(|news| news.came = Some(Instant::now()));
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Asking {
    camera: String,
    target: Target,
    policy: AddressPolicy,
    found: Option<(Device, Profile)>,
}

impl Asking {
    async fn run(mut self, mut news: watch::Receiver<News>) {
        let mut keys = KeyPictures::default();
        loop {
            match keys.step(Instant::now()) {
                Step::Find => {
                    let found = self.find().await;
                    keys.found(found, Instant::now());
                }
                Step::Ask => {
                    let at = Instant::now();
                    keys.asked(self.ask().await, at);
                }
                Step::Rest(until) => {
                    let over = async {
                        match until {
                            Some(until) => sleep_until((until + Duration::from_millis(1)).into()).await,
                            None => std::future::pending().await,
                        }
                    };
                    tokio::select! {
                        changed = news.changed() => if changed.is_err() { return },
                        () = over => {}
                    }
                }
            }
            let News { wanted, came } = *news.borrow_and_update();
            wanted.into_iter().for_each(|at| keys.wanted(at));
            came.into_iter().for_each(|at| keys.came(at));
            if keys.is_deaf() && self.found.take().is_some() {
                tracing::info!(camera = self.camera, "it makes no key pictures although it takes the wish");
            }
        }
    }

    async fn find(&mut self) -> bool {
        let search = async {
            let http = client()?;
            let mut device = Device::find(&http, &self.target, &self.policy).await?;
            let profile = device.profile(&self.target.stream).await?;
            Ok((device, profile))
        };
        match timeout(SEARCH, search).await.unwrap_or(Err(OnvifError::Connection)) {
            Ok(found) => {
                tracing::info!(camera = self.camera, "it is asked for key pictures over ONVIF");
                self.found = Some(found);
            }
            Err(why) => {
                tracing::info!(camera = self.camera, %why, "it cannot be asked for key pictures over ONVIF");
                self.found = None;
            }
        }
        self.found.is_some()
    }

    async fn ask(&mut self) -> bool {
        let Some((device, profile)) = &mut self.found else { return false };
        let asked = device.synchronize(profile).await;
        if let Err(why) = &asked {
            tracing::info!(camera = self.camera, %why, "it was asked for a key picture over ONVIF in vain");
        }
        asked.is_ok()
    }
}
