//! Requests that no browser and no Alexa would send, byte by byte, at both doors of a process.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::fixture::program::Program;

const DIRECTIVES: &str = "/api/alexa/smart_home";
/// What must never be taken for a request of its own.
const HIDDEN: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

fn post(headers: &str, body: &str) -> Vec<u8> {
    format!("POST {DIRECTIVES} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n{body}").into_bytes()
}

fn get(rest: &str) -> Vec<u8> {
    format!("GET /nowhere{rest}").into_bytes()
}

/// 62 of them, by name.
fn bad() -> Vec<(&'static str, Vec<u8>)> {
    let many = |line: &str, times: usize| line.repeat(times);
    vec![
        ("zeros", b"\0\0\0\0\r\n\r\n".to_vec()),
        ("no target", b"GET\r\n\r\n".to_vec()),
        ("HTTP/0.9", b"GET /nowhere\r\n\r\n".to_vec()),
        ("version 9.9", get(" HTTP/9.9\r\nHost: localhost\r\n\r\n")),
        ("half a version", get(" HTTP/1\r\nHost: localhost\r\n\r\n")),
        ("version in lower case", get(" http/1.1\r\nHost: localhost\r\n\r\n")),
        ("a space in the method", b"GE T /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()),
        ("a control in the method", b"G\x01T /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()),
        ("an unknown method", b"BREW /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()),
        (
            "a long method",
            format!("{} /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n", "X".repeat(10_000)).into_bytes(),
        ),
        ("a space in the target", get(" a HTTP/1.1\r\nHost: localhost\r\n\r\n")),
        ("a zero in the target", get("\0 HTTP/1.1\r\nHost: localhost\r\n\r\n")),
        ("bytes beyond ASCII in the target", b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()),
        ("a long target", get(&format!("{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "a".repeat(200_000)))),
        ("a proxy's target", b"GET http://evil.example/nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()),
        ("CONNECT", b"CONNECT evil.example:80 HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()),
        ("OPTIONS *", b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()),
        ("a header without a colon", get(" HTTP/1.1\r\nHost: localhost\r\nbroken\r\n\r\n")),
        ("a space before the colon", get(" HTTP/1.1\r\nHost : localhost\r\n\r\n")),
        ("a zero in a name", get(" HTTP/1.1\r\nHost: localhost\r\nA\0: b\r\n\r\n")),
        ("a folded header", get(" HTTP/1.1\r\nHost: localhost\r\nA: b\r\n c\r\n\r\n")),
        ("a zero in a value", get(" HTTP/1.1\r\nHost: localhost\r\nA: \0\r\n\r\n")),
        ("a bare CR in a value", get(" HTTP/1.1\r\nHost: localhost\r\nA: b\rC: d\r\n\r\n")),
        ("an empty name", get(" HTTP/1.1\r\nHost: localhost\r\n: b\r\n\r\n")),
        ("a long name", get(&format!(" HTTP/1.1\r\n{}: b\r\n\r\n", "A".repeat(200_000)))),
        ("a long value", get(&format!(" HTTP/1.1\r\nA: {}\r\n\r\n", "b".repeat(200_000)))),
        ("a thousand headers", get(&format!(" HTTP/1.1\r\n{}\r\n", many("A: b\r\n", 1_000)))),
        ("length -1", post("Content-Length: -1\r\n", HIDDEN)),
        ("length +5", post("Content-Length: +5\r\n", HIDDEN)),
        ("length abc", post("Content-Length: abc\r\n", HIDDEN)),
        ("length 1e3", post("Content-Length: 1e3\r\n", HIDDEN)),
        ("length 0x10", post("Content-Length: 0x10\r\n", HIDDEN)),
        ("length 5, 5", post("Content-Length: 5, 5\r\n", HIDDEN)),
        ("length 5 6", post("Content-Length: 5 6\r\n", HIDDEN)),
        ("no length", post("Content-Length: \r\n", HIDDEN)),
        ("two lengths", post("Content-Length: 5\r\nContent-Length: 6\r\n", HIDDEN)),
        ("the same length twice", post("Content-Length: 5\r\nContent-Length: 5\r\n", HIDDEN)),
        ("a length beyond all numbers", post("Content-Length: 99999999999999999999999\r\n", HIDDEN)),
        ("100 GiB", post("Content-Length: 107374182400\r\n", &" ".repeat(70_000))),
        (
            "length and chunks",
            post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", &format!("0\r\n\r\n{HIDDEN}")),
        ),
        (
            "chunks and length",
            post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", &format!("0\r\n\r\n{HIDDEN}")),
        ),
        ("chunked twice", post("Transfer-Encoding: chunked, chunked\r\n", &format!("0\r\n\r\n{HIDDEN}"))),
        ("gzip, chunked", post("Transfer-Encoding: gzip, chunked\r\n", &format!("0\r\n\r\n{HIDDEN}"))),
        (
            "chunked, identity",
            post("Transfer-Encoding: chunked, identity\r\n", &format!("0\r\n\r\n{HIDDEN}")),
        ),
        ("xchunked", post("Transfer-Encoding: xchunked\r\n", HIDDEN)),
        ("a tab and chunked", post("Transfer-Encoding: \x0bchunked\r\n", &format!("0\r\n\r\n{HIDDEN}"))),
        (
            "two encodings",
            post(
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
                &format!("0\r\n\r\n{HIDDEN}"),
            ),
        ),
        (
            "chunks of HTTP/1.0",
            format!("POST {DIRECTIVES} HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{HIDDEN}")
                .into_bytes(),
        ),
        ("chunk size g", post("Transfer-Encoding: chunked\r\n", &format!("g\r\n{HIDDEN}"))),
        ("chunk size -1", post("Transfer-Encoding: chunked\r\n", &format!("-1\r\n{HIDDEN}"))),
        ("chunk size 0x5", post("Transfer-Encoding: chunked\r\n", &format!("0x5\r\n{HIDDEN}"))),
        (
            "chunk size beyond all numbers",
            post("Transfer-Encoding: chunked\r\n", &format!("{}\r\n{HIDDEN}", "f".repeat(17))),
        ),
        (
            "a chunk of 100 GiB",
            post("Transfer-Encoding: chunked\r\n", &format!("1900000000\r\n{}", " ".repeat(70_000))),
        ),
        ("no end of a chunk", post("Transfer-Encoding: chunked\r\n", &format!("1\r\naX{HIDDEN}"))),
        (
            "a chunk with a long extension",
            post("Transfer-Encoding: chunked\r\n", &format!("1;{}\r\na\r\n", "x".repeat(200_000))),
        ),
        ("packed", post("Content-Encoding: gzip\r\nContent-Length: 4\r\n", "\x1f\x0b\x08\0")),
        (
            "another alphabet",
            post("Content-Type: application/json; charset=utf-16\r\nContent-Length: 2\r\n", "{}"),
        ),
        ("nested without end", post("Content-Length: 60000\r\n", &"[".repeat(60_000))),
        ("more than 64 KiB", post("Content-Length: 70000\r\n", &" ".repeat(70_000))),
        ("HTTP/2 with no word before", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
        ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".repeat(40)),
        ("SSH", b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
    ]
}

/// Sends it and gives all that comes back.
async fn replies(at: &str, request: &[u8]) -> String {
    let mut socket = TcpStream::connect(at).await.unwrap();
    // Whoever refuses may close before all of it was sent.
    socket.write_all(request).await.ok();
    let mut reply = Vec::new();
    timeout(Duration::from_secs(15), socket.read_to_end(&mut reply)).await.ok();
    String::from_utf8_lossy(&reply).into_owned()
}

fn memory(pid: i32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[actix::test]
async fn w7_what_is_no_request_gets_one_refusal_at_most_and_takes_no_room() {
    let bad = bad();
    assert_eq!(bad.len(), 62);
    let program = Program::start("").await;
    let at = |url: &str| url.trim_start_matches("http://").to_owned();
    let doors = [at(&program.door), at(program.page())];
    let all = async || {
        let asked = bad.iter().flat_map(|(name, request)| doors.iter().map(move |at| (*name, request, at)));
        let asked = asked.map(async |(name, request, at)| (name, at, replies(at, request).await));
        futures_util::future::join_all(asked).await
    };
    // The first time costs what stays.
    all().await;
    let before = memory(program.pid());
    for (name, at, reply) in all().await {
        let refusals = reply.matches("HTTP/1.1 ").count() + reply.matches("HTTP/1.0 ").count();
        assert!(refusals <= 1, "{name} at {at}: {reply}");
        let is_refusal = reply.is_empty() || reply.get(9..10) == Some("4");
        assert!(is_refusal, "{name} at {at}: {reply}");
    }
    let more = memory(program.pid()).saturating_sub(before);
    assert!(more <= 8 * 1024, "{more} KiB");
    assert!(program.api("status").await["version"].is_string(), "others are served");
}
