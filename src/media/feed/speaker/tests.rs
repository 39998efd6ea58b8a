#![allow(clippy::unwrap_used, clippy::panic)]
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use tokio::time::timeout;

use super::*;
use crate::media::fetch::{Begin, FetchEnd, Form, PictureCodec, SoundCodec};

/// A source whose speaker takes a format, or that has none.
#[derive(Debug)]
struct Door {
    format: Option<SpeakerFormat>,
    played: mpsc::Sender<Bytes>,
    opened: Arc<AtomicU32>,
}

#[async_trait]
impl Fetch for Door {
    fn name(&self) -> &'static str {
        "the door"
    }

    async fn fetch(&self, to: mpsc::Sender<Piece>) -> FetchEnd {
        self.opened.fetch_add(1, Ordering::Relaxed);
        let speaker = self.format.map(|format| SpeakerLine { format, frames: self.played.clone() });
        let form = Form::Packets { picture: PictureCodec::H264, sound: Some(SoundCodec::Opus) };
        to.send(Piece::Begin(Begin { form, speaker, key_frames: None })).await.ok();
        pending().await
    }
}

type Scene = (Speaker, mpsc::Receiver<Bytes>, Arc<AtomicU32>);

fn speaker(format: Option<SpeakerFormat>) -> Scene {
    let ((played, heard), opened) = (mpsc::channel(100), Arc::<AtomicU32>::default());
    let door = Door { format, played, opened: opened.clone() };
    let speaker = Speaker::new(SpeakerWay::Source(Arc::new(door)), AddressPolicy::default());
    (speaker.unwrap(), heard, opened)
}

async fn news(speaker: &mut Speaker) -> SpeakerNews {
    timeout(Duration::from_secs(20), speaker.news()).await.unwrap()
}

#[tokio::test]
async fn what_is_said_while_it_is_opened_is_heard_and_it_closes_when_nobody_talks() {
    let (mut speaker, mut heard, _) = speaker(Some(SpeakerFormat::Pcmu));
    speaker.open();
    speaker.speak(Bytes::from_static(b"early"));
    assert!(matches!(news(&mut speaker).await, SpeakerNews::Open(SpeakerFormat::Pcmu)));
    assert!(speaker.is_open());
    speaker.speak(Bytes::from_static(b"late"));
    assert_eq!((heard.recv().await.unwrap(), heard.recv().await.unwrap()), ("early".into(), "late".into()));
    speaker.close();
    assert!(matches!(news(&mut speaker).await, SpeakerNews::Over(Ok(()))));
    assert!(!speaker.is_open());
}

#[tokio::test]
async fn what_was_made_for_another_format_is_not_played() {
    let (mut speaker, mut heard, _) = speaker(Some(SpeakerFormat::Opus));
    speaker.open();
    speaker.speak(Bytes::from_static(b"pcmu"));
    assert!(matches!(news(&mut speaker).await, SpeakerNews::Open(SpeakerFormat::Opus)));
    assert_eq!(speaker.format(), SpeakerFormat::Opus);
    speaker.speak(Bytes::from_static(b"opus"));
    assert_eq!(heard.recv().await.unwrap(), "opus");
}

#[tokio::test]
async fn one_that_failed_rests_and_says_why_to_each_who_comes() {
    let (mut speaker, _heard, opened) = speaker(None);
    for _ in 0..3 {
        speaker.open();
        let SpeakerNews::Over(Err(failure)) = news(&mut speaker).await else { panic!("it opens") };
        assert!(failure.lasting && failure.reason.contains("no speaker"), "{failure:?}");
        for _ in 0..100 {
            speaker.speak(Bytes::new());
        }
    }
    assert_eq!(opened.load(Ordering::Relaxed), 1);
    speaker.forgive();
    speaker.open();
    news(&mut speaker).await;
    assert_eq!(opened.load(Ordering::Relaxed), 2, "who asks for a tone wants to know it now");
}
