#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::time::UNIX_EPOCH;

use super::*;
use crate::media::back_channel::{Opening, StreamUrl, opening::Extent};

/// A session of a camera, and the time.
struct Open {
    session: Session,
    now: Instant,
}

impl Open {
    /// With what the camera says to OPTIONS, and its session.
    fn new(public: &str, session: &str) -> Self {
        let url = StreamUrl::parse("rtsp://user:secret@10.0.0.2/cam").unwrap();
        let mut opening = Opening::new(&url, Extent::Speaker);
        let sdp = "m=audio 0 RTP/AVP 0\na=sendonly\n";
        let answers = [
            format!("RTSP/1.0 200 OK\r\nPublic: {public}\r\n\r\n"),
            format!("RTSP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n{sdp}", sdp.len()),
            format!("RTSP/1.0 200 OK\r\nSession: {session}\r\n\r\n"),
            "RTSP/1.0 200 OK\r\n\r\n".to_owned(),
        ];
        answers.iter().for_each(|answer| opening.receive(answer.as_bytes()).unwrap());
        opening.sent(opening.unsent().len());
        let now = Instant::now();
        let session = opening.into_session(now).unwrap();
        Self { session, now }
    }

    fn tick(&mut self) -> Result<(), BackChannelError> {
        self.session.tick(self.now, UNIX_EPOCH)
    }

    /// Sends all that waits; the requests among it.
    fn send(&mut self) -> Vec<String> {
        let (mut rest, mut requests) = (self.session.unsent().to_vec(), Vec::new());
        self.session.sent(rest.len(), self.now);
        while !rest.is_empty() {
            let length = match rest[..] {
                [b'$', _, high, low, ..] => 4 + usize::from(u16::from_be_bytes([high, low])),
                _ => rest.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4,
            };
            let message: Vec<u8> = rest.drain(..length).collect();
            requests.extend((message[0] != b'$').then(|| String::from_utf8(message).unwrap()));
        }
        requests
    }

    /// Lets so much time pass, with all that is due; the requests.
    fn pass(&mut self, seconds: u64) -> Vec<String> {
        let (until, mut requests) = (self.now + Duration::from_secs(seconds), Vec::new());
        while self.session.deadline() <= until {
            self.now = self.session.deadline();
            self.tick().unwrap();
            requests.extend(self.send());
            assert!(requests.len() < 100, "{requests:?}");
        }
        self.now = until;
        requests
    }
}

#[test]
fn it_is_kept_alive_at_half_its_timeout_whether_the_camera_answers_or_not() {
    for (public, session, method, every) in [
        ("OPTIONS, GET_PARAMETER", "1;timeout=40", "GET_PARAMETER", 20),
        ("OPTIONS, PLAY", "1", "OPTIONS", 30),
        ("OPTIONS", "1;timeout=0", "OPTIONS", 5),
    ] {
        let mut open = Open::new(public, session);
        let asked = open.pass(every * 3);
        assert_eq!(asked.len(), 3, "{asked:?}");
        let all = asked
            .iter()
            .all(|asked| asked.starts_with(&format!("{method} rtsp://10.0.0.2/cam RTSP/1.0\r\n")));
        assert!(all && asked.iter().all(|asked| asked.contains("\r\nSession: 1\r\n")), "{asked:?}");
    }
}

#[test]
fn a_camera_that_lied_about_its_methods_is_kept_alive_by_another() {
    let mut open = Open::new("GET_PARAMETER", "1;timeout=20");
    assert!(open.pass(10)[0].starts_with("GET_PARAMETER"));
    open.session.receive(b"RTSP/1.0 501 Not Implemented\r\n\r\n", open.now).unwrap();
    assert!(open.pass(10)[0].starts_with("OPTIONS"));
    open.session.receive(b"RTSP/1.0 454 Session Not Found\r\n\r\n", open.now).unwrap_err();
}

#[test]
fn a_camera_that_takes_nothing_keeps_half_a_second_waiting_and_is_given_up_after_five() {
    let mut open = Open::new("OPTIONS", "1");
    open.pass(1);
    let start = open.now;
    let why = loop {
        open.session.speak(&[0; 160], open.now);
        assert!(open.session.unsent().len() < 6_000 && open.now < start + Duration::from_secs(9));
        open.now += Duration::from_millis(20);
        if let Err(why) = open.tick() {
            break why;
        }
    };
    assert_eq!(why, BackChannelError::Silent);
    assert_eq!(open.now - start, Duration::from_secs(5));
    assert_eq!(open.session.dropped(), 250 - 29);
}

#[test]
fn a_slow_camera_gets_what_it_can_take() {
    let mut open = Open::new("OPTIONS", "1");
    for _ in 0..1_000 {
        open.session.speak(&[0; 160], open.now);
        open.now += Duration::from_millis(20);
        open.session.sent(88, open.now);
        open.tick().unwrap();
    }
    let dropped = open.session.dropped();
    assert!((400..600).contains(&dropped), "it takes half of the 176 bytes: {dropped}");
}

#[test]
fn frames_that_waited_go_at_double_speed() {
    let mut open = Open::new("OPTIONS", "1");
    assert!(open.session.speaks_at() <= open.now);
    open.session.speak(&[0; 160], open.now);
    assert_eq!(open.session.speaks_at() - open.now, Duration::from_millis(10));
}

#[test]
fn a_camera_can_end_it_in_order_and_in_disorder() {
    let mut open = Open::new("OPTIONS", "1");
    let ended = open.session.receive(b"TEARDOWN rtsp://10.0.0.2/cam RTSP/1.0\r\nCSeq: 1\r\n\r\n", open.now);
    assert_eq!(ended, Err(BackChannelError::Closed));
    let confused = open.session.receive(b"$\0\0\x01x\0\0\0", open.now).unwrap_err();
    assert!(matches!(confused, BackChannelError::Protocol(_)) && !confused.is_lasting(), "{confused}");
}

#[test]
fn the_end_is_a_teardown_that_the_camera_answers() {
    let mut open = Open::new("OPTIONS", "1");
    open.session.end();
    let teardown = open.send().pop().unwrap();
    assert!(teardown.starts_with("TEARDOWN rtsp://10.0.0.2/cam RTSP/1.0\r\n"), "{teardown}");
    assert!(teardown.contains("\r\nSession: 1\r\n") && !open.session.is_answered());
    open.session.receive(b"$\0\0\x03abcRTSP/1.0 200 OK\r\n\r\n", open.now).unwrap();
    assert!(open.session.is_answered());
}
