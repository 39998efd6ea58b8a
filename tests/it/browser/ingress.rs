//! The page inside the hub's own, as an add-on of it: through the supervisor's ingress.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::fixture::add_on::AddOn;
use crate::fixture::network::{ADD_ON, Network};
use crate::fixture::supervised::Supervised;

/// Port of the add-on's page in its container.
const PORT: u16 = 8099;
/// Longest head of a request, bytes.
const MAX_HEAD: usize = 32 * 1024;
/// Under this and a session the hub serves an add-on's page.
const PREFIX: &str = "/api/hassio_ingress/";

/// Who of the hub's users has opened the page. Each has a session of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User {
    /// An administrator.
    Owner,
    /// Anybody else.
    Family,
}

impl User {
    const ALL: [Self; 2] = [Self::Owner, Self::Family];

    /// Id and name at the simulated hub.
    fn identity(self) -> (&'static str, &'static str) {
        match self {
            Self::Owner => ("0a1b2c3d4e5f60718293a4b5c6d7e8f9", "Owner"),
            Self::Family => ("f9e8d7c6b5a493827160f5e4d3c2b1a0", "Family"),
        }
    }

    fn session(self) -> &'static str {
        match self {
            Self::Owner => "0wNeR-5es5i0n_0wNeR-5es5i0n_0wNeR-5es5i0n_",
            Self::Family => "faM1ly-5es5i0n_faM1ly-5es5i0n_faM1ly-5es5i0",
        }
    }

    fn prefix(self) -> String {
        format!("{PREFIX}{}", self.session())
    }
}

/// An add-on of a supervised hub, and the ingress before it. The browser reaches nothing of the add-on but
/// what the ingress passes on: no call has a direct way to it.
pub struct Ingress {
    /// All that is around the add-on.
    pub home: Supervised,
    address: SocketAddr,
    strays: Arc<Mutex<Vec<String>>>,
    _add_on: AddOn,
}

impl Ingress {
    /// Starts it, with a settings file (TOML) if there is one.
    ///
    /// # Panics
    /// When the network may not be made; the message says what is missing.
    pub async fn start(settings: Option<&str>) -> Self {
        let home = Supervised::start(Network::start()).await;
        let add_on = home.add_on(settings);
        // A socket stays in the network that it was made in: the browser's, while what is connected is the
        // supervisor's.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let strays = Arc::new(Mutex::new(Vec::new()));
        let seen = strays.clone();
        let serving = async move {
            tokio::spawn(serve(TcpListener::from_std(listener).unwrap(), seen));
        };
        home.network.supervisor.run(serving).await;
        Self { home, address, strays, _add_on: add_on }
    }

    /// Address of the page, opened by a user.
    pub fn page(&self, user: User) -> String {
        format!("http://{}{}", self.address, user.prefix())
    }

    /// What was asked for outside of the page's prefix, and refused.
    pub fn strays(&self) -> Vec<String> {
        self.strays.lock().unwrap().clone()
    }
}

async fn serve(listener: TcpListener, strays: Arc<Mutex<Vec<String>>>) {
    while let Ok((browser, _)) = listener.accept().await {
        let strays = strays.clone();
        tokio::spawn(async move { pass(browser, &strays).await.ok() });
    }
}

/// Passes one request on and everything after it both ways, as it comes.
async fn pass(mut browser: TcpStream, strays: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let Some((head, rest)) = head(&mut browser).await? else { return Ok(()) };
    let Some(head) = rewritten(&head) else {
        strays.lock().unwrap().push(head.lines().next().unwrap_or_default().to_owned());
        let refusal = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        return browser.write_all(refusal.as_bytes()).await;
    };
    let Ok(mut add_on) = TcpStream::connect((ADD_ON, PORT)).await else {
        let refusal = "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        return browser.write_all(refusal.as_bytes()).await;
    };
    add_on.write_all(head.as_bytes()).await?;
    add_on.write_all(&rest).await?;
    copy_bidirectional(&mut browser, &mut add_on).await?;
    Ok(())
}

/// The head of a request, and what came behind it; nothing of who connects and says nothing.
async fn head(browser: &mut TcpStream) -> std::io::Result<Option<(String, Vec<u8>)>> {
    let mut come = Vec::new();
    while come.len() < MAX_HEAD {
        if browser.read_buf(&mut come).await? == 0 {
            return Ok(None);
        }
        if let Some(end) = come.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = come.split_off(end + 4);
            return Ok(String::from_utf8(come).ok().map(|head| (head, rest)));
        }
    }
    Ok(None)
}

/// The head as the ingress passes it on: without the prefix, and with who asks. `None` outside of the prefix.
fn rewritten(head: &str) -> Option<String> {
    let (first, headers) = head.split_once("\r\n")?;
    let [method, target, version] = first.split(' ').collect::<Vec<_>>().try_into().ok()?;
    let user = User::ALL.into_iter().find(|user| target.starts_with(&user.prefix()))?;
    let path = target.strip_prefix(&user.prefix())?;
    let path = if path.is_empty() { "/" } else { path };
    // What others claim is taken out, and one connection is one request.
    let ours = ["connection:", "x-remote-user-", "x-ingress-path:", "x-forwarded-"];
    let kept = headers.lines().filter(|line| {
        let line = line.to_ascii_lowercase();
        !line.is_empty() && !ours.iter().any(|name| line.starts_with(name))
    });
    let host = headers.lines().find_map(|line| line.strip_prefix("Host: ")).unwrap_or_default();
    let (id, name) = user.identity();
    let mut passed = format!("{method} {path} {version}\r\n");
    for line in kept {
        passed.push_str(&format!("{line}\r\n"));
    }
    passed.push_str(&format!(
        "Connection: close\r\nX-Ingress-Path: {}\r\nX-Forwarded-Host: {host}\r\nX-Forwarded-Proto: http\r\n\
         X-Forwarded-For: 127.0.0.1\r\nX-Remote-User-Id: {id}\r\nX-Remote-User-Name: {}\r\n\
         X-Remote-User-Display-Name: {name}\r\n\r\n",
        user.prefix(),
        name.to_lowercase()
    ));
    path.starts_with('/').then_some(passed)
}
