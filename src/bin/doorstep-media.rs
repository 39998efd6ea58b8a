//! The media worker's main; `doorstep` starts it, people do not.

use std::process::ExitCode;

fn main() -> ExitCode {
    doorstep::media::worker::run()
}
