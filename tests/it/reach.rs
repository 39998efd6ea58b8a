//! Where a camera's address may lead: row M11, with the real worker.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use doorstep::media::feed::{Feed, WorkerProgram};
use doorstep::media::{AddressPolicy, FeedEvent, FeedSpec, Sample, Source};
use futures_util::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::fixture::{Camera, CameraOptions, PATIENCE};

/// A server that gives everybody the same answer, and counts who comes.
pub struct Server {
    pub port: u16,
    visits: Arc<AtomicUsize>,
}

impl Server {
    pub async fn start(answer: impl Into<String>) -> Self {
        let (answer, visits) = (answer.into(), Arc::<AtomicUsize>::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, counted) = (listener.local_addr().unwrap().port(), Arc::clone(&visits));
        tokio::spawn(async move {
            while let Ok((mut visitor, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                let answer = answer.clone();
                tokio::spawn(async move {
                    let mut request = [0; 4096];
                    while visitor.read(&mut request).await.is_ok_and(|length| length > 0) {
                        if visitor.write_all(answer.as_bytes()).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { port, visits }
    }

    pub fn visits(&self) -> usize {
        self.visits.load(Ordering::Relaxed)
    }
}

fn program(policy: AddressPolicy) -> WorkerProgram {
    WorkerProgram::at(Path::new(env!("CARGO_BIN_EXE_doorstep-media"))).with_policy(policy)
}

/// All names stand for these.
fn standing_for(ips: &[&str]) -> AddressPolicy {
    let ips: Vec<IpAddr> = ips.iter().map(|ip| ip.parse().unwrap()).collect();
    let lookup = move |_| {
        let ips = ips.clone();
        async move { Ok(ips) }.boxed()
    };
    AddressPolicy::default().with_lookup(Arc::new(lookup))
}

/// A picture, or why there is none and what FFmpeg said last about it.
type News = Result<(), (String, Option<String>)>;

async fn outcome(address: &str, policy: AddressPolicy) -> News {
    let (_feed, mut events) = open(address, policy);
    news(&mut events).await
}

fn open(address: &str, policy: AddressPolicy) -> ((Feed, mpsc::Receiver<Sample>), mpsc::Receiver<FeedEvent>) {
    let source = Source::parse(&address.to_owned().into()).unwrap();
    let spec =
        FeedSpec { camera: "Front door".into(), sources: vec![source], max_kbps: 2_500, speaker: None };
    let (feed, samples, events) = Feed::open(spec, program(policy));
    ((feed, samples), events)
}

/// The next news of the camera.
async fn news(events: &mut mpsc::Receiver<FeedEvent>) -> News {
    let news = async {
        loop {
            match events.recv().await.expect("ended") {
                FeedEvent::FirstPicture => return Ok(()),
                FeedEvent::Failed { reason, last_words, .. } => return Err((reason, last_words)),
                _ => {}
            }
        }
    };
    timeout(PATIENCE, news).await.expect("no news in time")
}

#[tokio::test]
async fn m11_redirects_are_not_followed_anywhere() {
    let elsewhere = Server::start("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let port = elsewhere.port;
    for to in [
        format!("http://127.0.0.1:{port}/"),
        format!("http://localhost:{port}/"),
        "http://169.254.169.254/latest/meta-data".into(),
        format!("tcp://127.0.0.1:{port}"),
        "file:///etc/passwd".into(),
    ] {
        for status in [301, 302, 307] {
            let answer = format!("HTTP/1.1 {status} Moved\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
            let camera = Server::start(answer).await;
            let address = format!("http://127.0.0.1:{}/mjpeg", camera.port);
            let (reason, _) = outcome(&address, AddressPolicy::default()).await.unwrap_err();
            println!("{status} {to}: {reason}");
            assert!(camera.visits() >= 1, "it was asked");
        }
    }
    for to in [format!("rtsp://127.0.0.1:{port}/x"), format!("rtsp://localhost:{port}/x")] {
        let answer = format!("RTSP/1.0 302 Moved\r\nCSeq: 1\r\nLocation: {to}\r\n\r\n");
        let camera = Server::start(answer).await;
        let address = format!("rtsp://127.0.0.1:{}/live", camera.port);
        let (reason, _) = outcome(&address, AddressPolicy::default()).await.unwrap_err();
        println!("{to}: {reason}");
        assert!(reason.contains("another address"), "{reason}");
    }
    assert_eq!(elsewhere.visits(), 0, "a redirect was followed");
}

#[tokio::test]
async fn m11_a_name_that_leads_to_a_forbidden_address_or_to_us_is_never_opened() {
    for ip in ["169.254.169.254", "fe80::1", "0.0.0.0", "224.0.0.1"] {
        let (reason, _) = outcome("rtsp://cam.example/x", standing_for(&[ip])).await.unwrap_err();
        assert!(reason.contains("no camera is"), "{ip}: {reason}");
    }
    let ours = Server::start("HTTP/1.1 200 OK\r\n\r\n").await;
    let own = format!("127.0.0.1:{}", ours.port).parse().unwrap();
    let policy = standing_for(&["127.0.0.1"]).with_own([own]);
    let address = format!("http://cam.example:{}/", ours.port);
    let (reason, _) = outcome(&address, policy.clone()).await.unwrap_err();
    assert!(reason.contains("Doorstep itself"), "{reason}");
    assert_eq!(ours.visits(), 0);
    // Without that rule the server would have been asked.
    outcome(&address, standing_for(&["127.0.0.1"])).await.unwrap_err();
    assert!(ours.visits() > 0);
}

#[actix::test]
async fn a_camera_is_shown_at_the_address_that_its_name_stood_for() {
    for options in [CameraOptions::default(), CameraOptions::default().udp()] {
        for ip in ["127.0.0.1", "::1"] {
            let camera = Camera::start(options.clone().with("--host", ip)).await;
            let path = camera.url().rsplit_once('/').unwrap().1;
            let [named, numbered] = ["cam.example".to_owned(), in_an_address(ip)]
                .map(|host| format!("rtsp://{host}:{}/{path}", camera.port()));
            assert_eq!(outcome(&named, standing_for(&[ip])).await, Ok(()), "{ip}");
            assert_eq!(outcome(&numbered, AddressPolicy::default()).await, Ok(()), "{ip}");
        }
    }
}

fn in_an_address(ip: &str) -> String {
    if ip.contains(':') { format!("[{ip}]") } else { ip.to_owned() }
}

/// The first is where nobody listens, the second where no camera can be.
#[actix::test]
async fn a_camera_with_several_addresses_is_shown_at_the_one_that_answers() {
    let camera = Camera::start(CameraOptions::default()).await;
    let address = camera.url().replace("127.0.0.1", "cam.example");
    let policy = standing_for(&["127.0.0.7", "169.254.3.4", "127.0.0.1"]);
    let (_feed, mut events) = open(&address, policy);
    assert!(news(&mut events).await.is_err(), "nobody is at the first address");
    assert_eq!(news(&mut events).await, Ok(()));
}

#[tokio::test]
async fn the_last_words_of_the_log_come_with_the_failure_and_without_the_password() {
    let camera = Server::start("RTSP/1.0 454 Session Not Found\r\nCSeq: 1\r\n\r\n").await;
    let address = format!("rtsp://admin:hunter2@127.0.0.1:{}/live", camera.port);
    let (reason, words) = outcome(&address, AddressPolicy::default()).await.unwrap_err();
    let words = words.expect("nothing was said");
    println!("{reason}: {words}");
    assert!(words.contains("454") && !words.contains("hunter2"), "{words}");
}
