//! Where the worker program is, and how it is started.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

use crate::media::{AddressPolicy, MediaError};

/// The worker's executable, and where workers may connect.
#[derive(Debug, Clone)]
pub struct WorkerProgram {
    path: PathBuf,
    policy: AddressPolicy,
}

const NAME: &str = "doorstep-media";

/// What a worker may know of our environment: enough to be loaded and to show the local time.
const KEPT: [&str; 4] = ["PATH", "LD_LIBRARY_PATH", "RUST_LOG", "TZ"];

impl WorkerProgram {
    /// A given executable.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), policy: AddressPolicy::default() }
    }

    /// The one that `DOORSTEP_MEDIA` names, else the one beside this program or, for test
    /// binaries, in the folder above.
    ///
    /// # Errors
    /// When there is none.
    pub fn find() -> Result<Self, MediaError> {
        if let Some(path) = std::env::var_os("DOORSTEP_MEDIA").filter(|path| !path.is_empty()) {
            return Ok(Self::at(Path::new(&path)));
        }
        let here = std::env::current_exe().map_err(|error| MediaError::Worker(error.to_string()))?;
        here.ancestors()
            .skip(1)
            .take(2)
            .map(|folder| folder.join(NAME))
            .find(|path| path.is_file())
            .map(|path| Self::at(&path))
            .ok_or_else(|| MediaError::Worker(format!("{NAME} is not beside {}", here.display())))
    }

    /// Workers connect where this allows it.
    #[must_use]
    pub fn with_policy(mut self, policy: AddressPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Where workers and other connections to cameras may lead.
    #[must_use]
    pub fn policy(&self) -> &AddressPolicy {
        &self.policy
    }

    /// FFmpeg's version, as the worker says it.
    ///
    /// # Errors
    /// When it does not say so in time.
    pub async fn version(&self, patience: Duration) -> Result<String, MediaError> {
        let asked = self.command().arg("--version").stdin(Stdio::null()).output();
        let failed = |why: String| MediaError::Worker(format!("{}: {why}", self.path.display()));
        let told = tokio::time::timeout(patience, asked).await.map_err(|_| failed("no answer".into()))?;
        let told = told.map_err(|error| failed(error.to_string()))?;
        Ok(String::from_utf8_lossy(&told.stdout).trim().chars().take(80).collect())
    }

    /// Starts a worker that dies with its handle.
    pub(super) fn start(&self) -> Result<Child, MediaError> {
        self.command()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A Ctrl-C is for us: calls are ended before workers are.
            .process_group(0)
            .spawn()
            .map_err(|error| MediaError::Worker(format!("{}: {error}", self.path.display())))
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.env_clear().envs(KEPT.iter().filter_map(|key| Some((key, std::env::var_os(key)?))));
        command.kill_on_drop(true);
        command
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[tokio::test]
    async fn of_our_environment_a_worker_gets_only_what_it_needs() {
        assert!(std::env::vars_os().count() > KEPT.len(), "there is more to keep from it");
        let told = WorkerProgram::at(Path::new("/usr/bin/env")).start().unwrap();
        let told = String::from_utf8(told.wait_with_output().await.unwrap().stdout).unwrap();
        assert!(told.contains("PATH="), "{told}");
        for line in told.lines() {
            let name = line.split('=').next().unwrap();
            assert!(KEPT.contains(&name), "{line}");
        }
    }
}
