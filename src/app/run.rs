//! One house after another: a restart builds a new one in the same process, with the settings as they are then.

use std::sync::Arc;

use actix_web::web::block;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, info, warn};

use super::{App, AppError};
use crate::config::Config;
use crate::config::load::Loaded;
use crate::config::settings::Settings;
use crate::http::DemoInfo;
use crate::telemetry::redact::hide;

/// SIGINT and SIGTERM. To be made before anything is started, so that none is missed.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// When the system lets nobody listen.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Comes back when the process is to end.
    pub async fn end(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Why a house was stopped.
enum Stop {
    Signal,
    Broken,
    Restart,
}

/// Reads the settings, and hides what is secret in them.
#[must_use]
pub fn load(settings: &Settings) -> Loaded {
    let loaded = settings.load();
    loaded.config.secrets().iter().for_each(hide);
    loaded
}

/// Says what is wrong with settings.
pub fn complain(settings: &Settings) {
    for problem in settings.problems() {
        warn!("{problem}");
    }
}

/// Keeps a house running until a signal ends the process.
///
/// # Errors
/// When it broke down, or no house can be built any more, not even with the settings of before.
pub async fn keep(
    mut app: App,
    settings: &Arc<Settings>,
    demo: Option<&DemoInfo>,
    signals: &mut Signals,
) -> Result<(), AppError> {
    loop {
        let stop = tokio::select! {
            biased;
            () = signals.end() => Stop::Signal,
            () = app.broken() => Stop::Broken,
            () = app.restart_wanted() => Stop::Restart,
        };
        app.stop().await;
        app = match stop {
            Stop::Signal => return Ok(()),
            Stop::Broken => return Err(AppError::Broken),
            Stop::Restart => again(settings, demo).await?,
        };
    }
}

/// A new house, with the settings of the file, or else with those of before.
async fn again(settings: &Arc<Settings>, demo: Option<&DemoInfo>) -> Result<App, AppError> {
    let before = Config::clone(&settings.used().borrow());
    let reader = settings.clone();
    let unusable = match block(move || load(&reader)).await {
        Ok(loaded) => match App::start(loaded.config, settings.clone(), demo.cloned()).await {
            Ok(app) => {
                complain(settings);
                settings.could_not_be_used(None);
                info!("built anew");
                return Ok(app);
            }
            Err(error) => error.to_string(),
        },
        Err(error) => error.to_string(),
    };
    error!(reason = unusable, "the settings cannot be used; those of before are used again");
    let app = App::start(before, settings.clone(), demo.cloned()).await?;
    settings.could_not_be_used(Some(format!(
        "the settings could not be used, and those of before hold: {unusable}"
    )));
    Ok(app)
}
