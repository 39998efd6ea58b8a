//! A camera's open speaker.

use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::{sleep_until, timeout};

use super::BackChannelError;
use super::line::{Line, Moved};
use super::opening::{Extent, Opening};
use super::session::Session;
use super::stream_url::StreamUrl;
use crate::media::Destination;
use crate::media::talk::SpeakerFormat;

/// From the first packet to an open speaker.
const OPENING: Duration = Duration::from_secs(5);
/// From the last frame to the end of the connection.
const ENDING: Duration = Duration::from_secs(1);
/// Speech that may wait, as while the speaker is opened; what is older is dropped.
const BACKLOG: Duration = Duration::from_secs(1);

/// Asks the camera what its speaker takes, without a sound. The connection is closed again. Takes at most 5 s.
///
/// # Errors
/// When the camera has no speaker, or cannot be asked.
pub async fn look(destination: &Destination) -> Result<SpeakerFormat, BackChannelError> {
    let url = StreamUrl::parse(destination.address().expose())?;
    let looking = async {
        let mut opening = Opening::new(&url, Extent::Look);
        let mut line = Line::connect(destination, url.is_secure()).await?;
        finish(&mut line, &mut opening).await
    };
    timeout(OPENING, looking).await.unwrap_or(Err(BackChannelError::Silent))
}

/// A camera's speaker, open for one who talks. Closed when dropped.
pub struct BackChannel {
    line: Line,
    session: Session,
    format: SpeakerFormat,
}

impl BackChannel {
    /// Opens it. Takes at most 5 s.
    ///
    /// # Errors
    /// When the camera has no speaker, or does not give it.
    pub async fn open(destination: &Destination) -> Result<Self, BackChannelError> {
        let url = StreamUrl::parse(destination.address().expose())?;
        let opening = async {
            match Self::try_open(destination, &url, Extent::Speaker).await {
                Err((_, true)) => Self::try_open(destination, &url, Extent::All).await,
                tried => tried,
            }
        };
        let opened = timeout(OPENING, opening).await.unwrap_or(Err((BackChannelError::Silent, false)));
        opened.map_err(|(why, _)| why)
    }

    /// A failure says whether the camera may want everything to be set up.
    async fn try_open(
        destination: &Destination,
        url: &StreamUrl,
        extent: Extent,
    ) -> Result<Self, (BackChannelError, bool)> {
        let mut opening = Opening::new(url, extent);
        let mut line = Line::connect(destination, url.is_secure()).await.map_err(|why| (why, false))?;
        let opened = finish(&mut line, &mut opening).await;
        let format = opened.map_err(|why| {
            let refuses = matches!(why, BackChannelError::Refused(400..=499));
            (why, refuses && opening.may_want_all())
        })?;
        let session = opening.into_session(Instant::now()).ok_or((BackChannelError::NoSpeaker, false))?;
        Ok(Self { line, session, format })
    }

    /// What it takes.
    #[must_use]
    pub fn format(&self) -> SpeakerFormat {
        self.format
    }

    /// Carries frames, as they come, until no more can come. What the camera is too slow for is dropped, and so is
    /// what has waited for more than a second. Dropping the future closes the connection.
    ///
    /// # Errors
    /// When the camera ends it first.
    pub async fn run(mut self, mut frames: mpsc::Receiver<Bytes>) -> Result<(), BackChannelError> {
        let most =
            usize::try_from(BACKLOG.as_nanos() / self.session.frame().as_nanos()).unwrap_or(usize::MAX);
        // More may have come with the last answer.
        self.session.receive(&[], Instant::now())?;
        loop {
            let now = Instant::now();
            self.session.tick(now, SystemTime::now())?;
            let may_speak = now >= self.session.speaks_at();
            let next = self.session.deadline();
            let next = if may_speak { next } else { next.min(self.session.speaks_at()) };
            tokio::select! {
                moved = self.line.exchange(self.session.unsent()) => take(&mut self.session, moved?)?,
                frame = frames.recv(), if may_speak => {
                    let Some(mut frame) = frame else { break };
                    while frames.len() >= most {
                        let Ok(newer) = frames.try_recv() else { break };
                        self.session.skip(1);
                        frame = newer;
                    }
                    self.session.speak(&frame, Instant::now());
                }
                () = sleep_until(next.into()) => {}
            }
        }
        self.session.end();
        // Who does not hear the end sees the connection go.
        timeout(ENDING, self.leave()).await.ok();
        tracing::debug!(dropped = self.session.dropped(), "the camera's speaker is closed");
        Ok(())
    }

    async fn leave(&mut self) -> Result<(), BackChannelError> {
        while !self.session.is_answered() {
            let moved = self.line.exchange(self.session.unsent()).await?;
            take(&mut self.session, moved)?;
        }
        Ok(())
    }
}

fn take(session: &mut Session, moved: Moved<'_>) -> Result<(), BackChannelError> {
    match moved {
        Moved::Sent(bytes) => session.sent(bytes, Instant::now()),
        Moved::Came(bytes) => session.receive(bytes, Instant::now())?,
    }
    Ok(())
}

/// Goes on until it is open. A camera that hangs up meanwhile has no room for one more.
async fn finish(line: &mut Line, opening: &mut Opening) -> Result<SpeakerFormat, BackChannelError> {
    loop {
        if let Some(format) = opening.format() {
            return Ok(format);
        }
        match line.exchange(opening.unsent()).await {
            Ok(Moved::Sent(bytes)) => opening.sent(bytes),
            Ok(Moved::Came(bytes)) => opening.receive(bytes)?,
            Err(BackChannelError::Closed) => return Err(BackChannelError::Busy),
            Err(other) => return Err(other),
        }
    }
}
