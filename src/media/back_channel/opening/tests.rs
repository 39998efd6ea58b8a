#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use proptest::prelude::*;

use super::*;

const URI: &str = "rtsp://10.0.0.2/cam?x=1";
const SDP: &str = "v=0\r\na=control:*\r\nm=video 0 RTP/AVP 96\r\na=control:t=0\r\nm=audio 0 RTP/AVP 0\r\na=recvonly\r\n\
                   a=control:t=1\r\nm=audio 0 RTP/AVP 0\r\na=sendonly\r\na=control:t=2\r\n";
const CHALLENGE: &str = "WWW-Authenticate: Digest realm=\"cam\", nonce=\"n1\"\r\n";

/// Plays a camera.
struct Script(Opening);

impl Script {
    fn new(extent: Extent) -> Self {
        Self(Opening::new(&StreamUrl::parse("rtsp://user:secret@10.0.0.2/cam?x=1").unwrap(), extent))
    }

    /// What it was asked, once.
    fn asked(&mut self) -> String {
        let asked = String::from_utf8(self.0.unsent().to_vec()).unwrap();
        self.0.sent(asked.len());
        assert!(asked.ends_with("\r\n\r\n") && asked.matches("RTSP/1.0").count() == 1, "{asked}");
        assert!(asked.contains("User-Agent: Doorstep/") && !asked.contains("secret"), "{asked}");
        asked
    }

    /// Answers what it was asked last; the question must begin so.
    fn answer(
        &mut self,
        question: &str,
        status: u16,
        headers: &str,
        body: &str,
    ) -> Result<String, BackChannelError> {
        let asked = self.asked();
        assert!(asked.starts_with(&format!("{question} RTSP/1.0\r\n")), "{asked}");
        let cseq = asked.split("CSeq: ").nth(1).unwrap().split("\r\n").next().unwrap();
        let length = body.len();
        let head =
            format!("RTSP/1.0 {status} X\r\nCSeq: {cseq}\r\n{headers}Content-Length: {length}\r\n\r\n");
        self.0.receive(format!("{head}{body}").as_bytes())?;
        Ok(asked)
    }

    fn described(extent: Extent, headers: &str, sdp: &str) -> Result<Self, BackChannelError> {
        let mut script = Self::new(extent);
        script.answer(&format!("OPTIONS {URI}"), 200, "Public: OPTIONS, GET_PARAMETER\r\n", "")?;
        let describe = script.answer(&format!("DESCRIBE {URI}"), 200, headers, sdp)?;
        assert!(describe.contains(&format!("\r\nRequire: {FEATURE}\r\n")), "{describe}");
        Ok(script)
    }
}

#[test]
fn a_look_ends_with_the_description() {
    let looked = Script::described(Extent::Look, "", SDP).unwrap();
    assert_eq!((looked.0.format(), looked.0.unsent()), (Some(SpeakerFormat::Pcmu), &b""[..]));
    assert!(looked.0.into_session(Instant::now()).is_none());
}

#[test]
fn the_speaker_alone_is_opened_on_the_channel_that_the_camera_gives() {
    let mut script =
        Script::described(Extent::Speaker, "Content-Base: rtsp://10.0.0.2/cam?x=1/\r\n", SDP).unwrap();
    let transport = "Transport: RTP/AVP;unicast;interleaved=6-7;ssrc=1\r\nSession: 12ab ; timeout=30\r\n";
    let setup = script.answer("SETUP rtsp://10.0.0.2/cam?x=1/t=2", 200, transport, "").unwrap();
    assert!(setup.contains("\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"), "{setup}");
    assert!(setup.contains("\r\nRequire: ") && !setup.contains("Session"), "{setup}");
    assert_eq!(script.0.format(), None);
    let play = script.answer("PLAY rtsp://10.0.0.2/cam?x=1/", 200, "", "").unwrap();
    assert!(play.contains("\r\nSession: 12ab\r\n") && play.contains("\r\nRange: npt=0.000-\r\n"), "{play}");
    assert_eq!(script.0.format(), Some(SpeakerFormat::Pcmu));
    let mut session = script.0.into_session(Instant::now()).unwrap();
    session.speak(&[0; 160], Instant::now());
    assert_eq!(session.unsent()[..4], [b'$', 6, 0, 172]);
}

#[test]
fn a_camera_that_gives_no_track_alone_is_asked_for_all() {
    let mut script = Script::described(Extent::Speaker, "", SDP).unwrap();
    let speaker = format!("SETUP {URI}/t=2");
    assert_eq!(script.answer(&speaker, 455, "", "").unwrap_err(), BackChannelError::Refused(455));
    assert!(script.0.may_want_all());

    let mut script = Script::described(Extent::All, "", SDP).unwrap();
    let session = "Session: 1\r\n";
    for (at, channels) in ["0-1", "2-3", "4-5"].into_iter().enumerate() {
        let setup = script.answer(&format!("SETUP {URI}/t={at}"), 200, session, "").unwrap();
        assert!(setup.contains(&format!("interleaved={channels}\r\n")), "{setup}");
        assert_eq!(setup.contains("Require"), at == 2);
    }
    assert_eq!(
        script.answer(&format!("PLAY {URI}"), 454, "", "").unwrap_err(),
        BackChannelError::Refused(454)
    );
    assert!(!script.0.may_want_all(), "there is nothing more to ask for");
}

#[test]
fn a_server_that_is_known_to_need_it_is_asked_for_all_at_once() {
    let server = "Server: GStreamer RTSP server\r\n";
    let mut script = Script::described(Extent::Speaker, server, SDP).unwrap();
    for at in 0..3 {
        script.answer(&format!("SETUP {URI}/t={at}"), 200, "Session: 1\r\n", "").unwrap();
    }
    assert!(Script::described(Extent::Look, server, SDP).unwrap().0.format().is_some());
}

#[test]
fn absolute_control_addresses_are_asked_for_as_they_are() {
    let sdp = "a=control:rtsp://u:p@192.168.1.9/all\nm=audio 0 RTP/AVP 8\na=sendonly\na=control:rtsp://192.168.1.9/back\n";
    let mut script = Script::described(Extent::Speaker, "", sdp).unwrap();
    script.answer("SETUP rtsp://192.168.1.9/back", 200, "Session: 1\r\n", "").unwrap();
    script.answer("PLAY rtsp://192.168.1.9/all", 200, "", "").unwrap();
}

#[test]
fn a_password_is_sent_once_and_once_more_for_a_new_nonce() {
    let options = format!("OPTIONS {URI}");
    let mut script = Script::new(Extent::Look);
    assert!(!script.answer(&options, 401, CHALLENGE, "").unwrap().contains("Authorization"));
    let signed =
        script.answer(&options, 401, &CHALLENGE.replace("\"n1\"", "\"n2\", stale=true"), "").unwrap();
    assert!(signed.contains("nonce=\"n1\"") && signed.contains(&format!("uri=\"{URI}\"")), "{signed}");
    assert!(script.answer(&options, 200, "", "").unwrap().contains("nonce=\"n2\""));
    let describe = script.answer(&format!("DESCRIBE {URI}"), 401, CHALLENGE, "").unwrap();
    assert!(describe.contains("nonce=\"n2\""), "{describe}");
    let refused = script.answer(&format!("DESCRIBE {URI}"), 401, CHALLENGE, "").unwrap_err();
    assert_eq!(refused, BackChannelError::Unauthorized);

    let mut script = Script::new(Extent::Look);
    for left in (0..3).rev() {
        let answered = script.answer(&options, 401, &CHALLENGE.replace("\"n1\"", "\"n1\", stale=true"), "");
        assert_eq!(answered.is_err(), left == 0, "stale for ever");
    }
    let mut nobody = Script(Opening::new(&StreamUrl::parse(URI).unwrap(), Extent::Look));
    assert_eq!(nobody.answer(&options, 401, CHALLENGE, "").unwrap_err(), BackChannelError::Unauthorized);
}

#[test]
fn what_a_camera_refuses_is_told_apart() {
    use BackChannelError::{Busy, Moved, NoSpeaker, Refused};
    for (status, why, is_lasting) in [
        (302, Moved, true),
        (404, Refused(404), true),
        (406, Busy, false),
        (453, Busy, false),
        (500, Busy, false),
        (503, Busy, false),
        (551, NoSpeaker, true),
    ] {
        let mut script = Script::new(Extent::Speaker);
        script.answer(&format!("OPTIONS {URI}"), 405, "", "").unwrap();
        let location = "Location: rtsp://198.51.100.9/other\r\n";
        let refused = script.answer(&format!("DESCRIBE {URI}"), status, location, "").unwrap_err();
        assert_eq!((refused.is_lasting(), &refused), (is_lasting, &why));
        assert!(!script.0.may_want_all());
    }
    let no_speaker = SDP.replace("sendonly", "recvonly");
    assert_eq!(Script::described(Extent::Look, "", &no_speaker).err(), Some(NoSpeaker));
    let udp = "Transport: RTP/AVP;unicast;client_port=4000-4001\r\n";
    let mut script = Script::described(Extent::Speaker, "", SDP).unwrap();
    assert_eq!(script.answer(&format!("SETUP {URI}/t=2"), 200, udp, "").unwrap_err(), Refused(461));
    let mut script = Script::described(Extent::Speaker, "", SDP).unwrap();
    let injected = script.answer(&format!("SETUP {URI}/t=2"), 200, "Session: a b\r\n", "").unwrap_err();
    assert!(matches!(injected, BackChannelError::Protocol(_)));
}

#[test]
fn answers_to_other_questions_and_questions_in_between_do_not_confuse_it() {
    let mut script = Script::new(Extent::Look);
    script.0.receive(b"RTSP/1.0 200 OK\r\nCSeq: 77\r\n\r\nRTSP/1.0 100 Continue\r\nCSeq: 1\r\n\r\n").unwrap();
    script.answer(&format!("OPTIONS {URI}"), 200, "", "").unwrap();
    script.0.sent(script.0.unsent().len());
    script.0.receive(b"OPTIONS * RTSP/1.0\r\nCSeq: 5\r\n\r\nANNOUNCE * RTSP/1.0\r\n\r\n").unwrap();
    let answers = "RTSP/1.0 200 OK\r\nCSeq: 5\r\n\r\nRTSP/1.0 501 Not Implemented\r\n\r\n";
    assert_eq!(script.0.unsent(), answers.as_bytes());
    script
        .0
        .receive(format!("RTSP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n{SDP}", SDP.len()).as_bytes())
        .unwrap();
    assert_eq!(
        script.0.format(),
        Some(SpeakerFormat::Pcmu),
        "an answer without a number is the last question's"
    );
}

proptest! {
    #[test]
    fn whatever_a_camera_says_nothing_grows(
        answers in proptest::collection::vec((100_u16..700, "[ -~]{0,40}", ".{0,80}"), 0..12),
        garbage in proptest::collection::vec(any::<u8>(), 0..100),
    ) {
        let mut opening = Opening::new(&StreamUrl::parse(URI).unwrap(), Extent::All);
        for (status, value, line) in answers {
            let body = format!("{SDP}{line}\r\n");
            let head = format!(
                "RTSP/1.0 {status} X\r\nTransport: {value}\r\nSession: {value}\r\nContent-Base: {value}\r\n\
                 WWW-Authenticate: {value}\r\nContent-Length: {}\r\n\r\n", body.len());
            if opening.receive(format!("{head}{body}").as_bytes()).is_err() {
                break;
            }
            prop_assert!(opening.unsent().len() < 50_000);
        }
        opening.receive(&garbage).ok();
    }
}
