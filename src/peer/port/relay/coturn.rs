//! A real TURN server, for tests.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::peer::ice_server::{IceServer, TurnTransport};

/// A real TURN server, coturn, on loopback.
pub(in crate::peer) struct Coturn {
    pub(super) process: Child,
    folder: tempfile::TempDir,
    port: u16,
    tls_port: u16,
}

impl Coturn {
    /// Starts it. It takes a moment until it answers.
    pub(in crate::peer) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name).display().to_string();
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-subj", "/CN=turn", "-days", "2", "-noenc", "-newkey", "ec"]);
        openssl.args(["-pkeyopt", "ec_paramgen_curve:prime256v1", "-keyout", &file("key"), "-out"]);
        openssl.args([&file("pem"), "-addext", "subjectAltName=IP:127.0.0.1"]);
        openssl.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
        assert!(openssl.stderr(Stdio::null()).status().expect("openssl, see `make setup-test`").success());
        let free = || UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (port, tls_port) = (free(), free());
        let mut coturn = Command::new("turnserver");
        coturn.args(["-n", "-L", "127.0.0.1", "-E", "127.0.0.1", "-p", &port.to_string(), "-m", "1"]);
        coturn.args(["--tls-listening-port", &tls_port.to_string(), "--cert", &file("pem")]);
        coturn.args(["--pkey", &file("key"), "-a", "-r", "home", "-u", "name:secret", "--no-cli"]);
        coturn.args([
            "--allow-loopback-peers",
            "--no-dtls",
            "--pidfile",
            &file("pid"),
            "--userdb",
            &file("db"),
        ]);
        coturn.args(["--simple-log", "--verbose", "--log-file", &file("log")]);
        let process = coturn
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("turnserver of coturn, see `make setup-test`");
        Self { process, folder, port, tls_port }
    }

    /// It as the settings would name it.
    pub(in crate::peer) fn server(&self, transport: TurnTransport, password: &str) -> IceServer {
        let url = match transport {
            TurnTransport::Udp => format!("turn:127.0.0.1:{}", self.port),
            TurnTransport::Tcp => format!("turn:127.0.0.1:{}?transport=tcp", self.port),
            TurnTransport::Tls => format!("turns:127.0.0.1:{}", self.tls_port),
        };
        IceServer::parse(&url, Some("name"), Some(&password.into())).unwrap()
    }

    /// Who vouches for its certificate.
    pub(super) fn authority(&self) -> PathBuf {
        self.folder.path().join("pem")
    }
}

impl Drop for Coturn {
    fn drop(&mut self) {
        let _gone = (self.process.kill(), self.process.wait());
    }
}
