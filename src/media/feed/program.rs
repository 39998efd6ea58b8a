//! Where the worker program is, and how it is started.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::{Child, Command};

use crate::media::MediaError;

/// The worker's executable.
#[derive(Debug, Clone)]
pub struct WorkerProgram(PathBuf);

const NAME: &str = "doorstep-media";

/// What a worker may know of our environment: enough to be loaded and to show the local time.
const KEPT: [&str; 4] = ["PATH", "LD_LIBRARY_PATH", "RUST_LOG", "TZ"];

impl WorkerProgram {
    /// A given executable.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// The one that `DOORSTEP_MEDIA` names, else the one beside this program or, for test
    /// binaries, in the folder above.
    ///
    /// # Errors
    /// When there is none.
    pub fn find() -> Result<Self, MediaError> {
        if let Some(path) = std::env::var_os("DOORSTEP_MEDIA").filter(|path| !path.is_empty()) {
            return Ok(Self(path.into()));
        }
        let here = std::env::current_exe().map_err(|error| MediaError::Worker(error.to_string()))?;
        here.ancestors()
            .skip(1)
            .take(2)
            .map(|folder| folder.join(NAME))
            .find(|path| path.is_file())
            .map(Self)
            .ok_or_else(|| MediaError::Worker(format!("{NAME} is not beside {}", here.display())))
    }

    /// Starts a worker that dies with its handle.
    pub(super) fn start(&self) -> Result<Child, MediaError> {
        Command::new(&self.0)
            .env_clear()
            .envs(KEPT.iter().filter_map(|key| Some((key, std::env::var_os(key)?))))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A Ctrl-C is for us: calls are ended before workers are.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| MediaError::Worker(format!("{}: {error}", self.0.display())))
    }
}
