//! What a worker is kept from: descriptors and environment of ours.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use doorstep::media::wire::{self, FromWorker, ToWorker, WireSource};
use tokio::time::timeout;

use crate::fixture::PATIENCE;
use crate::reach::Server;

/// Ends it however the test goes.
struct Worker(Child);

impl Worker {
    fn say(&mut self, word: ToWorker) {
        use std::io::Write;
        let frame = word.encode().unwrap();
        let stdin = self.0.stdin.as_mut().unwrap();
        stdin.write_all(&u32::try_from(frame.len()).unwrap().to_be_bytes()).unwrap();
        stdin.write_all(&frame).unwrap();
        stdin.flush().unwrap();
    }

    fn hear(&mut self) -> FromWorker {
        let frame: Bytes = wire::read_frame(self.0.stdout.as_mut().unwrap()).unwrap().expect("it is gone");
        FromWorker::decode(frame).unwrap()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A shell opens a fifo for writing and becomes the worker: as long as the worker holds what it inherited,
/// whoever reads the fifo does not see its end.
#[tokio::test]
async fn a_worker_keeps_no_descriptor_that_it_inherits() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("inherited");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$0\" 9>\"$1\"", env!("CARGO_BIN_EXE_doorstep-media")]).arg(&fifo);
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut worker = Worker(child);
    // Comes back once the shell has opened the other end.
    let mut inherited = std::fs::File::open(&fifo).unwrap();
    worker.say(ToWorker::Hello { version: wire::VERSION });
    assert!(matches!(worker.hear(), FromWorker::Hello { .. }));
    let end = tokio::task::spawn_blocking(move || inherited.read(&mut [0]));
    let end = timeout(PATIENCE, end).await.expect("the worker holds it").unwrap();
    assert_eq!(end.unwrap(), 0);
    let source = WireSource::Handed;
    worker.say(ToWorker::Open { camera: "Front door".into(), source, max_kbps: 2_500 });
    while worker.hear() != FromWorker::Alive {}
}

#[tokio::test]
async fn a_proxy_that_the_environment_names_is_not_asked() {
    let proxy = Server::start("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let camera = Server::start("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await;
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_doorstep"));
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"] {
        command.env(name, format!("http://127.0.0.1:{}", proxy.port));
    }
    command.args(["probe", &format!("http://127.0.0.1:{}/mjpeg", camera.port)]).kill_on_drop(true);
    let limit = Duration::from_secs(100);
    let said = timeout(limit, command.output()).await.expect("a probe ends").unwrap();
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    assert!(camera.visits() > 0 && proxy.visits() == 0, "{} and {}", camera.visits(), proxy.visits());
}
