//! Programs that stand behind the simulated cameras.

use std::process::Stdio;

use tokio::process::{Child, Command};

/// Starts a program whose output is read. Dropping it kills it.
pub(super) fn start(arguments: &[String], input: Stdio) -> std::io::Result<Child> {
    let (program, rest) = arguments.split_first().ok_or_else(|| std::io::Error::other("no program"))?;
    Command::new(program).args(rest).stdin(input).stdout(Stdio::piped()).kill_on_drop(true).spawn()
}

/// Kills a program and waits until the system has forgotten it.
pub(super) async fn end(mut child: Child) {
    if let Err(error) = child.kill().await {
        tracing::debug!(%error, "a simulated camera's program had ended");
    }
}
