//! What a stream is, without reading it: its codecs and the size of its picture.

use tokio::time::timeout;
use url::Url;

use super::{FIRST, Hls, STALL, passing, within};
use crate::media::fetch::playlist::{self, Playlist};
use crate::media::fetch::{FetchEnd, mp4_head};

/// Largest head of a stream, bytes.
const LARGEST_HEAD: usize = 1024 * 1024;

/// What a stream is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamFacts {
    /// As its master playlist names them (RFC 6381).
    pub codecs: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

impl Hls {
    /// Opens the stream and looks at its playlists, and at its head where they do not tell the size of its
    /// picture. Takes some seconds: the hub makes the first parts of a stream before it tells of them.
    ///
    /// # Errors
    /// When the stream does not open in time, or does not say what it is.
    pub async fn facts(&self) -> Result<StreamFacts, FetchEnd> {
        use secrecy::ExposeSecret;
        let unreadable = || passing("the hub's stream does not say what it is");
        let late = |_| passing("the hub's stream did not begin in time");
        let master = (self.open)().await?;
        let master = Url::parse(master.expose_secret()).map_err(|_| unreadable())?;
        let text = timeout(FIRST, self.text(master.clone())).await.map_err(late)??;
        let codecs = playlist::codecs(&text).ok_or_else(unreadable)?;
        let variant = playlist::variant(&text).ok_or_else(unreadable)?;
        if let Some((width, height)) = playlist::resolution(&text) {
            return Ok(StreamFacts { codecs, width, height });
        }
        let media = within(&master, variant)?;
        let text = timeout(FIRST, self.text(media.clone())).await.map_err(late)??;
        let list = Playlist::parse(&text).ok_or_else(unreadable)?;
        let map = list.parts.iter().rev().find_map(|part| part.map.as_deref()).ok_or_else(unreadable)?;
        let get = self.get(within(&media, map)?, LARGEST_HEAD);
        let head = timeout(STALL, get).await.map_err(late)??;
        let (width, height) = mp4_head::size(&head).ok_or_else(unreadable)?;
        Ok(StreamFacts { codecs, width, height })
    }
}
