//! Looks at a feed until enough is known of it.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::camera::account::Account;
use crate::camera::sentence::Sentence;

/// A call that sees nothing for so long ends.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// A picture is looked at for so long, on the camera's clock.
const LOOK: f32 = 3.0;
/// So long for two key pictures.
pub const KEYS: f32 = 12.0;
/// A camera whose clock stands still is not waited for.
const LONGEST: Duration = Duration::from_secs(16);
const STEP: Duration = Duration::from_millis(100);
/// How often it is said that nothing has happened.
const STILL: Duration = Duration::from_secs(3);

/// Reads the account again and again, and tells what is new in it.
pub async fn look<E>(
    mut read: impl AsyncFnMut() -> Result<Account, E>,
    mut tell: impl FnMut(&Sentence),
) -> Result<Account, E> {
    let began = Instant::now();
    let mut before = Account::new(Vec::new());
    let (mut lit_at, mut told_at) = (None, began);
    loop {
        let account = read().await?;
        let news = news(&before, &account);
        if !news.is_empty() {
            told_at = Instant::now();
        } else if told_at.elapsed() >= STILL {
            told_at = Instant::now();
            tell(&still(&account));
        }
        news.iter().for_each(&mut tell);
        if account.is_lit() {
            lit_at.get_or_insert_with(Instant::now);
        }
        let is_over = match lit_at {
            Some(since) => is_enough(&account) || since.elapsed() >= LONGEST,
            None => began.elapsed() >= PATIENCE,
        };
        if is_over || account.is_hopeless() {
            return Ok(account);
        }
        before = account;
        sleep(STEP).await;
    }
}

fn is_enough(account: &Account) -> bool {
    let is_known = |flow: &crate::media::flow::Flow| {
        flow.seconds >= LOOK && (flow.key_picture_seconds.is_some() || flow.since_key_seconds >= KEYS)
    };
    account.is_lit() && account.flow.as_ref().is_some_and(is_known)
}

/// What happened in between, line by line.
fn news(before: &Account, now: &Account) -> Vec<Sentence> {
    let mut lines = Vec::new();
    let failed = now.tried().iter().filter(|tried| !before.tried().contains(tried));
    lines.extend(failed.map(|tried| {
        let text = format!("{} shows nothing: {}", tried.way, tried.reason);
        Sentence::new("failed", text).with("way", tried.kind).with("reason", &tried.reason)
    }));
    if now.way() != before.way() {
        let text = format!("opening the camera by {}", now.way());
        lines.push(Sentence::new("opening", text).with("way", now.kind()));
    }
    match &now.video {
        Some(video) if video.width > 0 && now.video != before.video => {
            let (codec, width, height) = (&video.codec, video.width, video.height);
            let text = format!("it is open: {codec}, {width} x {height}");
            let open = Sentence::new("open", text).with("codec", codec);
            lines.push(open.with("width", width).with("height", height));
        }
        _ => {}
    }
    if let (Some(first), false) = (now.first_picture(), before.is_lit()) {
        let ms = u64::try_from(first.as_millis()).unwrap_or(u64::MAX);
        let text = format!("there is a picture, after {ms} ms; looking at it");
        lines.push(Sentence::new("picture", text).with("ms", ms));
    }
    lines
}

fn still(account: &Account) -> Sentence {
    match (&account.flow, account.is_lit(), account.opened()) {
        (Some(flow), true, _) if flow.key_picture_seconds.is_none() => {
            let seconds = flow.since_key_seconds.round();
            let text = format!(
                "the last key picture was {seconds} s ago; waiting up to {KEYS:.0} s for the next one"
            );
            Sentence::new("keys", text).with("seconds", seconds).with("longest", KEYS)
        }
        (_, true, _) => Sentence::new("looking", "looking at the picture"),
        (_, false, Some(_)) => Sentence::new("first", "it is open; waiting for its first picture"),
        (_, false, None) => {
            Sentence::new("waiting", format!("waiting for {}", account.way())).with("way", account.kind())
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::cell::RefCell;

    use super::*;
    use crate::camera::way::WayKind;
    use crate::media::FeedEvent;
    use crate::media::TroubleKind;
    use crate::media::flow::Flow;

    fn flow(seconds: f32, keys: Option<f32>, since: f32) -> FeedEvent {
        FeedEvent::Flow(Flow {
            pictures_per_second: 25.0,
            kbps: 800,
            key_picture_seconds: keys,
            since_key_seconds: since,
            seconds,
        })
    }

    /// How many events it took, and what was told.
    async fn looked(events: Vec<FeedEvent>) -> (usize, Vec<String>) {
        let ways = vec![WayKind::Relay, WayKind::Hls];
        let (mut account, mut coming, mut read) = (Account::new(ways), events.into_iter(), 0);
        let lines = RefCell::new(Vec::new());
        let next = async || {
            let event = coming.next().ok_or(())?;
            account.take(&event);
            read += 1;
            Ok::<_, ()>(account.clone())
        };
        let _out_of_events = look(next, |line| lines.borrow_mut().push(line.text.clone())).await;
        (read, lines.into_inner())
    }

    #[tokio::test]
    async fn it_is_over_after_3_s_with_two_key_pictures_or_12_s_without() {
        let lit = || vec![FeedEvent::Tries { source: 0 }, FeedEvent::FirstPicture];
        let with = |more: Vec<FeedEvent>| lit().into_iter().chain(more).collect();
        let (read, _) = looked(with(vec![flow(2.0, Some(1.0), 0.0), flow(3.0, Some(1.0), 0.0)])).await;
        assert_eq!(read, 4);
        let waits = vec![flow(11.0, None, 11.0), flow(12.0, None, 11.9), flow(12.0, None, 12.0)];
        assert_eq!(looked(with(waits.into_iter().chain([flow(1.0, None, 0.0)]).collect())).await.0, 5);
    }

    #[tokio::test]
    async fn it_is_over_when_each_way_has_failed_and_each_failure_is_told() {
        let failed = |reason: &str| FeedEvent::Failed {
            reason: reason.into(),
            kind: TroubleKind::Other,
            last_words: None,
        };
        let events = vec![
            FeedEvent::Tries { source: 0 },
            failed("x"),
            FeedEvent::Tries { source: 1 },
            failed("y"),
            FeedEvent::Tries { source: 0 },
        ];
        let (read, lines) = looked(events).await;
        assert_eq!(read, 4);
        let expected = [
            "opening the camera by the hub's relay",
            "the hub's relay shows nothing: x",
            "opening the camera by the hub's stream",
            "the hub's stream shows nothing: y",
        ];
        assert_eq!(lines, expected);
    }
}
