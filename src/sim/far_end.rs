//! The far end of a WebRTC session: whoever plays the camera. It is told and tells one JSON object after the other.

use std::process::Stdio;
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::time::timeout;
use tokio_util::codec::{FramedRead, LinesCodec};

use super::program;
use super::visitor::Line;

/// Longest line of a program, in bytes.
const LONGEST_LINE: usize = 256 * 1024;
/// How long a program may take to read a line.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whoever plays the camera.
pub(super) enum FarEnd {
    /// A program that is not ours, started for this session.
    Program { child: Box<Child>, input: ChildStdin, lines: FramedRead<ChildStdout, LinesCodec> },
    /// The visitor's page.
    Visitor(Line),
}

impl FarEnd {
    /// Starts a program.
    pub(super) fn start(arguments: &[String]) -> std::io::Result<Self> {
        let mut child = program::start(arguments, Stdio::piped())?;
        let (input, output) =
            child.stdin.take().zip(child.stdout.take()).ok_or(std::io::ErrorKind::BrokenPipe)?;
        let lines = FramedRead::new(output, LinesCodec::new_with_max_length(LONGEST_LINE));
        Ok(Self::Program { child: Box::new(child), input, lines })
    }

    /// Tells it something. False if it no longer takes anything.
    pub(super) async fn tell(&mut self, message: Value) -> bool {
        match self {
            Self::Program { input, .. } => {
                let line = format!("{message}\n");
                matches!(timeout(PATIENCE, input.write_all(line.as_bytes())).await, Ok(Ok(())))
            }
            Self::Visitor(line) => line.tell(message),
        }
    }

    /// What it says next; `None` once it has ended. May be given up on and asked anew.
    pub(super) async fn hear(&mut self) -> Option<Value> {
        match self {
            Self::Program { lines, .. } => loop {
                // What is no JSON is passed over.
                if let Ok(said) = serde_json::from_str(&lines.next().await?.ok()?) {
                    return Some(said);
                }
            },
            Self::Visitor(line) => line.hear().await,
        }
    }

    /// Ends it, and returns when nothing of it is left.
    pub(super) async fn end(self) {
        if let Self::Program { child, .. } = self {
            program::end(*child).await;
        }
    }
}
