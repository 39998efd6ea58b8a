//! The line that calls are tested on does what it is told: plain sockets at both ends of it.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use crate::fixture::CallLine;
use crate::fixture::house::rtc;
use crate::reach::Server;

/// What comes later than this after the one before does not come.
const QUIET: Duration = Duration::from_millis(700);
/// A machine that is busy has its turn so much later.
const BUSY_MS: f64 = 150.0;

/// Both ends of a line.
struct Ends {
    line: CallLine,
    peer: UdpSocket,
    house: UdpSocket,
    /// Where the house's packets go.
    to_peer: SocketAddr,
    _door: Server,
}

/// One packet as it came.
#[derive(Debug)]
struct Came {
    number: usize,
    at: Instant,
    data: Vec<u8>,
}

fn candidate(socket: &UdpSocket) -> String {
    let port = socket.local_addr().unwrap().port();
    format!(
        "a=ice-ufrag:ours\r\na=candidate:1 1 UDP 2013266431 127.0.0.1 {port} typ host\r\n\
         a=candidate:2 1 UDP 1677721855 192.0.2.1 {port} typ srflx raddr 0.0.0.0 rport 0\r\n"
    )
}

impl Ends {
    async fn of(seed: u32) -> Self {
        let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let house = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let answer = json!({ "event": { "payload": { "answer": { "value": candidate(&house) } } } });
        let answer = answer.to_string();
        let reply = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{answer}", answer.len());
        let door = Server::start(reply).await;
        let line = CallLine::to(&format!("http://127.0.0.1:{}", door.port), seed).await;

        let payload = json!({ "offer": { "value": candidate(&peer) } });
        let offer = rtc("token", "InitiateSessionWithOffer", "camera", payload);
        let client = reqwest::Client::new();
        let sent = client.post(&line.door).bearer_auth("token").json(&offer).send().await.unwrap();
        let answer: Value = sent.json().await.unwrap();
        let answer = answer["event"]["payload"]["answer"]["value"].as_str().unwrap().to_owned();
        let lines: Vec<&str> = answer.lines().filter(|line| line.starts_with("a=candidate")).collect();
        assert_eq!(lines.len(), 1, "no path beside the line is left: {answer}");
        let port = lines[0].split(' ').nth(5).unwrap();

        peer.send_to(b"hello", format!("127.0.0.1:{port}")).await.unwrap();
        peer.connect(format!("127.0.0.1:{port}")).await.unwrap();
        let (_, to_peer) = timeout(QUIET, house.recv_from(&mut [0; 64])).await.unwrap().unwrap();
        Self { line, peer, house, to_peer, _door: door }
    }

    /// The house sends numbered packets of so many bytes, so far apart; what comes of them, and when each was sent.
    async fn send(&self, count: usize, size: usize, apart: Duration) -> (Vec<Came>, Vec<Instant>) {
        let sending = async {
            let mut sent = Vec::new();
            let began = Instant::now();
            for number in 0..count {
                let mut data = vec![0xA5; size];
                data[..4].copy_from_slice(&u32::try_from(number).unwrap().to_be_bytes());
                self.house.send_to(&data, self.to_peer).await.unwrap();
                sent.push(Instant::now());
                let due = began + apart * u32::try_from(number + 1).unwrap();
                // The clock of a sleep is too coarse to sleep for each.
                if due > Instant::now() + Duration::from_millis(2) {
                    tokio::time::sleep_until(due.into()).await;
                }
            }
            sent
        };
        futures_util::future::join(self.receive(), sending).await
    }

    async fn receive(&self) -> Vec<Came> {
        let (mut all, mut data) = (Vec::new(), [0; 2000]);
        while let Ok(received) = timeout(QUIET, self.peer.recv(&mut data)).await {
            let data = data[..received.unwrap()].to_vec();
            let mut number = [0; 4];
            let known = data.len().min(4);
            number[..known].copy_from_slice(&data[..known]);
            all.push(Came { number: u32::from_be_bytes(number) as usize, at: Instant::now(), data });
        }
        all
    }
}

fn numbers(came: &[Came]) -> Vec<usize> {
    came.iter().map(|came| came.number).collect()
}

/// Whose packets a line with this seed loses.
async fn lost(seed: u32, other: Value) -> HashSet<usize> {
    let mut ends = Ends::of(seed).await;
    ends.line.set(other).await;
    ends.line.set(json!({ "to_peer": { "loss": 10 } })).await;
    let (came, sent) = ends.send(2_000, 200, Duration::from_micros(300)).await;
    let came: HashSet<usize> = numbers(&came).into_iter().collect();
    (0..sent.len()).filter(|number| !came.contains(number)).collect()
}

#[actix::test]
async fn a_line_loses_its_share_and_one_seed_always_loses_the_same() {
    let first = lost(1, json!({})).await;
    println!("{} of 2000 are lost", first.len());
    assert!((160..=240).contains(&first.len()), "{}", first.len());
    assert_eq!(first, lost(1, json!({ "delay": 30, "duplicate": 50 })).await);
    let other = lost(2, json!({})).await;
    assert!(first.intersection(&other).count() < first.len() / 2, "{first:?} {other:?}");
}

#[actix::test]
async fn a_line_repeats_and_damages_the_share_that_it_is_told() {
    let mut ends = Ends::of(3).await;
    let whole = |came: &&Came| came.data.len() == 200 && came.data[4..].iter().all(|byte| *byte == 0xA5);
    for (what, more, damaged) in
        [("duplicate", 100, 0), ("replay", 100, 0), ("flip", 0, 100), ("cut", 0, 100)]
    {
        ends.line.set(json!({ "to_peer": { what: 10 } })).await;
        let (came, _) = ends.send(1_000, 200, Duration::from_micros(300)).await;
        let told = ends.line.set(json!({ "to_peer": { what: 0 } })).await;
        let seen = (came.len() - 1_000, came.len() - came.iter().filter(whole).count());
        println!("{what}: {seen:?} more and damaged; {}", told["to_peer"]);
        let near = |seen: usize, wanted: usize| seen.abs_diff(wanted) <= wanted * 3 / 10;
        assert!(near(seen.0, more), "{what}: {} more", seen.0);
        assert!(near(seen.1, damaged), "{what}: {} damaged", seen.1);
        assert!(came.iter().filter(|came| came.data.len() != 200).all(|came| came.data.len() <= 40));
        // A wrong bit may be in the number.
        let told = told["to_peer"][what].as_u64().unwrap() as usize;
        assert!((0..=10).contains(&(told - seen.0.max(seen.1))), "{what}: {told} are told");
    }
}

#[actix::test]
async fn a_line_is_late_by_its_delay_and_jitter_and_only_the_share_that_it_is_told_is_overtaken() {
    let mut ends = Ends::of(4).await;
    ends.line.set(json!({ "to_peer": { "delay": 120, "jitter": 60 } })).await;
    let apart = Duration::from_millis(4);
    let (came, sent) = ends.send(400, 200, apart).await;
    assert_eq!(numbers(&came), (0..400).collect::<Vec<_>>(), "the order stays");
    let late = |came: &Came| came.at.duration_since(sent[came.number]).as_secs_f64() * 1_000.0;
    let mut late: Vec<f64> = came.iter().map(late).collect();
    late.sort_by(f64::total_cmp);
    let (least, middle, most) = (late[0], late[200], late[399]);
    println!("late by {least} to {most} ms, half of them by {middle}");
    assert!(least > 45.0 && (80.0..170.0 + BUSY_MS).contains(&middle), "{least} {middle}");
    assert!(most - least > 40.0 && most < 181.0 + BUSY_MS, "{least} {most}");

    ends.line.set(json!({ "to_peer": { "jitter": 0, "reorder": 20 } })).await;
    let (came, _) = ends.send(400, 200, apart).await;
    assert_eq!(came.len(), 400);
    let mut last = 0;
    let overtaken = numbers(&came).into_iter().filter(|number| {
        let before = last;
        last = last.max(*number);
        *number < before
    });
    let overtaken = overtaken.count();
    println!("{overtaken} of 400 are overtaken");
    assert!((50..=100).contains(&overtaken), "{overtaken}");
}

#[actix::test]
async fn a_line_carries_no_more_than_its_rate_and_drops_what_finds_no_place_in_its_queue() {
    let mut ends = Ends::of(5).await;
    // With its headers a packet of 972 bytes takes 8 ms.
    ends.line.set(json!({ "to_peer": { "kbps": 1_000, "queue": 50_000 } })).await;
    let (came, sent) = ends.send(80, 972, Duration::ZERO).await;
    let told = ends.line.told().await;
    let took = came.last().unwrap().at.duration_since(sent[0]).as_secs_f64() * 1_000.0;
    println!("{} took {took} ms; {told}", came.len());
    assert!((49..=54).contains(&came.len()), "{}", came.len());
    assert_eq!(told["to_peer"]["dropped"], (80 - came.len()) as u64);
    let expected = came.len() as f64 * 8.0;
    assert!((expected - 20.0..expected + BUSY_MS).contains(&took), "{took} ms");

    let slower = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        ends.house.send_to(&[1; 972], ends.to_peer).await.unwrap();
        ends.line.set(json!({ "to_peer": { "kbps": 500 } })).await
    };
    let started = Instant::now();
    for _ in 0..40 {
        ends.house.send_to(&[0; 972], ends.to_peer).await.unwrap();
    }
    let told = slower.await;
    let came = ends.receive().await;
    let took = came.last().unwrap().at.duration_since(started).as_secs_f64() * 1_000.0;
    println!("what waited took {took} ms; {}", told["to_peer"]);
    assert_eq!(came.len(), 41);
    assert!(
        (500.0..560.0 + BUSY_MS).contains(&took),
        "{took} ms: 100 at the old rate, the rest at the new one"
    );
}

#[actix::test]
async fn a_line_carries_nothing_during_an_outage_and_then_goes_on() {
    let mut ends = Ends::of(6).await;
    ends.line.set(json!({ "outage": 0.5 })).await;
    let (came, sent) = ends.send(1_000, 200, Duration::from_millis(1)).await;
    let first = came[0].number;
    let dark = sent[first].duration_since(sent[0]).as_secs_f64();
    println!("dark for {dark} s");
    assert!((0.3..0.6).contains(&dark), "{dark}");
    assert_eq!(came.len(), 1_000 - first);
    assert!(ends.line.told().await["to_peer"]["outage"].as_u64().unwrap() >= 300);
}

#[actix::test]
async fn a_line_gives_the_peer_another_port_and_sends_strangers_to_the_house() {
    let mut ends = Ends::of(7).await;
    ends.line.set(json!({ "move": "peer" })).await;
    ends.house.send_to(b"lost", ends.to_peer).await.unwrap();
    assert!(timeout(QUIET, ends.peer.recv(&mut [0; 64])).await.is_err(), "nobody is there any more");
    ends.peer.send(b"moved").await.unwrap();
    let (_, moved) = timeout(QUIET, ends.house.recv_from(&mut [0; 64])).await.unwrap().unwrap();
    assert_ne!(moved, ends.to_peer);

    ends.line.set(json!({ "strangers": 1_000 })).await;
    let (mut kinds, mut count, began) = (HashSet::new(), 0, Instant::now());
    let mut data = [0; 2000];
    while began.elapsed() < Duration::from_secs(1) {
        let (length, from) = timeout(QUIET, ends.house.recv_from(&mut data)).await.unwrap().unwrap();
        assert_ne!(from, moved);
        let named = data[..length].windows(9).any(|nine| nine == b"ours:peer");
        kinds.insert((data[0] / 16, named));
        count += 1;
    }
    println!("{count} strangers in a second: {kinds:?}");
    assert!((500..1_300).contains(&count), "{count}");
    assert!(kinds.contains(&(0, true)), "checks with our name: {kinds:?}");
    assert!(kinds.contains(&(1, false)) && kinds.contains(&(8, false)), "DTLS and RTP: {kinds:?}");
}
