//! From the first request to the camera's word that its speaker is open.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};

use super::BackChannelError;
use super::control::{base, resolve};
use super::description::Description;
use super::dialogue::{Dialogue, Heard};
use super::message::Message;
use super::request::Request;
use super::rtp_stream::RtpStream;
use super::session::Session;
use super::speaker::Speaker;
use super::stream_url::StreamUrl;
use crate::media::talk::SpeakerFormat;

/// Feature tag of the back channel (ONVIF Streaming Specification, section 5.3.1).
const FEATURE: &str = "www.onvif.org/ver20/backchannel";
/// Session timeout of a camera that does not say (RFC 2326, section 12.37), and what is believed of one that does.
const TIMEOUT: Duration = Duration::from_secs(60);
const TIMEOUTS: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(600)];

/// Name of servers that are asked for everything at once. A track that nobody has set up breaks their media while it
/// starts; in one of five openings (GStreamer 1.22) the speaker then stays silent without a word.
const ALL_AT_ONCE: &str = "GStreamer";

/// What of a camera's offer is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Nothing: the offer is only looked at.
    Look,
    /// The speaker alone.
    Speaker,
    /// Everything, for cameras that give their speaker only with the rest.
    All,
}

/// Opens a camera's speaker: OPTIONS, DESCRIBE, SETUP, PLAY. Bytes in, bytes out; no network in it. Must be on a new
/// connection: after a DESCRIBE without the back channel, some cameras have none.
#[derive(Debug)]
pub struct Opening {
    dialogue: Dialogue,
    extent: Extent,
    step: Step,
    uri: String,
    takes_parameters: bool,
    speaker: Option<Speaker>,
    /// Address of the whole, for PLAY and what comes after it.
    whole: String,
    /// Tracks that are to be set up: place and address.
    waiting: VecDeque<(usize, String)>,
    /// Channel that the next track is offered.
    channel: u8,
    /// Channel of the speaker.
    speaks_on: u8,
    timeout: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Options,
    Describe,
    Setup,
    Play,
    Done,
}

impl Opening {
    /// One that has asked its first question.
    #[must_use]
    pub fn new(url: &StreamUrl, extent: Extent) -> Self {
        let mut dialogue = Dialogue::new(url);
        dialogue.ask(Request::new("OPTIONS", url.uri()));
        Self {
            dialogue,
            extent,
            step: Step::Options,
            uri: url.uri().to_owned(),
            takes_parameters: false,
            speaker: None,
            whole: url.uri().to_owned(),
            waiting: VecDeque::new(),
            channel: 0,
            speaks_on: 0,
            timeout: TIMEOUT,
        }
    }

    /// What is to be sent.
    #[must_use]
    pub fn unsent(&self) -> &[u8] {
        self.dialogue.unsent()
    }

    /// So many bytes of it were sent.
    pub fn sent(&mut self, bytes: usize) {
        let out: &mut BytesMut = self.dialogue.out();
        out.advance(bytes.min(out.len()));
    }

    /// Takes what was read.
    ///
    /// # Errors
    /// When the camera refuses, or makes no sense.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<(), BackChannelError> {
        self.dialogue.push(bytes);
        while self.step != Step::Done {
            match self.dialogue.next_heard()? {
                Some(Heard::Answer(status, answer)) => self.answered(status, &answer)?,
                Some(Heard::Ended) => return Err(BackChannelError::Closed),
                None => break,
            }
        }
        Ok(())
    }

    /// What the speaker takes, once the opening is at its end.
    #[must_use]
    pub fn format(&self) -> Option<SpeakerFormat> {
        self.speaker.filter(|_| self.step == Step::Done).map(|speaker| speaker.format)
    }

    /// True if the camera has described a speaker and then did not give it alone.
    #[must_use]
    pub fn may_want_all(&self) -> bool {
        self.extent == Extent::Speaker && matches!(self.step, Step::Setup | Step::Play)
    }

    /// The open session; `None` before its end, or if there was only a look.
    #[must_use]
    pub fn into_session(self, now: Instant) -> Option<Session> {
        let speaker = self.speaker.filter(|_| self.step == Step::Done && self.extent != Extent::Look)?;
        let stream = RtpStream::new(speaker, self.speaks_on);
        Some(Session::new(self.dialogue, stream, self.whole, self.takes_parameters, self.timeout / 2, now))
    }

    fn answered(&mut self, status: u16, answer: &Message) -> Result<(), BackChannelError> {
        let is_good = (200..300).contains(&status);
        match self.step {
            // Whoever does not know this may know the rest.
            Step::Options if status != 401 => {
                let methods = answer.headers("Public").flat_map(|methods| methods.split(','));
                self.takes_parameters = methods.map(str::trim).any(|method| method == "GET_PARAMETER");
                self.step = Step::Describe;
                let describe = Request::new("DESCRIBE", &*self.uri).with("Accept", "application/sdp");
                self.dialogue.ask(describe.with("Require", FEATURE));
                Ok(())
            }
            Step::Describe if is_good => self.described(answer),
            Step::Setup if is_good => self.set_up(answer),
            Step::Play if is_good => {
                self.step = Step::Done;
                Ok(())
            }
            _ => Err(refusal(status)),
        }
    }

    fn described(&mut self, answer: &Message) -> Result<(), BackChannelError> {
        let description = Description::parse(&answer.body);
        let speaker = Speaker::choose(&description)?;
        self.speaker = Some(speaker);
        if self.extent == Extent::Speaker && answer.headers("Server").any(|name| name.contains(ALL_AT_ONCE)) {
            self.extent = Extent::All;
        }
        let base = base(answer, &self.uri);
        self.whole = resolve(&base, description.control.as_deref())?;
        for (at, track) in description.tracks.iter().enumerate() {
            let is_speaker = at == speaker.track;
            // Another track without an address of its own cannot be meant; of two speakers one is enough.
            let is_wanted = self.extent == Extent::All && track.control.is_some() && !track.is_sendonly;
            if is_speaker || is_wanted {
                self.waiting.push_back((at, resolve(&base, track.control.as_deref())?));
            }
        }
        self.step = if self.extent == Extent::Look { Step::Done } else { Step::Setup };
        if self.step == Step::Setup {
            self.ask_for_track();
        }
        Ok(())
    }

    fn ask_for_track(&mut self) {
        let Some((at, uri)) = self.waiting.front() else {
            self.step = Step::Play;
            let play = Request::new("PLAY", &*self.whole).with("Range", "npt=0.000-");
            return self.dialogue.ask(play.with("Require", FEATURE));
        };
        let channels = format!("{}-{}", self.channel, self.channel + 1);
        let mut setup = Request::new("SETUP", uri)
            .with("Transport", format!("RTP/AVP/TCP;unicast;interleaved={channels}"));
        if self.speaker.is_some_and(|speaker| speaker.track == *at) {
            setup = setup.with("Require", FEATURE);
        }
        self.dialogue.ask(setup);
    }

    fn set_up(&mut self, answer: &Message) -> Result<(), BackChannelError> {
        let channel = channel(answer.header("Transport"), self.channel)?;
        let at = self.waiting.pop_front().map(|(at, _)| at);
        if self.speaker.map(|speaker| speaker.track) == at {
            self.speaks_on = channel;
        }
        if let Some(session) = answer.header("Session") {
            let mut parts = session.split(';').map(str::trim);
            self.dialogue.enter(parts.next().unwrap_or_default())?;
            let said = parts.find_map(|part| part.strip_prefix("timeout=")?.trim().parse().ok());
            let said = said.map(Duration::from_secs);
            self.timeout = said.map_or(self.timeout, |said| said.clamp(TIMEOUTS[0], TIMEOUTS[1]));
        }
        self.channel += 2;
        self.ask_for_track();
        Ok(())
    }
}

/// The channel that the camera says, which may be another than it was offered.
fn channel(transport: Option<&str>, offered: u8) -> Result<u8, BackChannelError> {
    let Some(transport) = transport else { return Ok(offered) };
    let mut parts = transport.split(';').map(str::trim);
    match parts.find_map(|part| part.strip_prefix("interleaved=")) {
        Some(channels) => {
            let first = channels.split('-').next().and_then(|first| first.trim().parse().ok());
            first.ok_or(BackChannelError::Protocol("with no channel"))
        }
        None if transport.contains("/TCP") => Ok(offered),
        // It would send over UDP.
        None => Err(BackChannelError::Refused(461)),
    }
}

fn refusal(status: u16) -> BackChannelError {
    match status {
        300..=399 => BackChannelError::Moved,
        401 | 407 => BackChannelError::Unauthorized,
        406 | 453 | 500 | 503 => BackChannelError::Busy,
        551 => BackChannelError::NoSpeaker,
        _ => BackChannelError::Refused(status),
    }
}

#[cfg(test)]
mod tests;
