//! Opens a camera as a call would, and says what it is, what a call would do, and what to change at it.
//!
//! A camera of the running house is looked at through its own session: the feed that a probe opens is
//! the one that a call would open, and a camera that is shown already is not opened a second time,
//! because many cameras serve few clients at once. Any other address gets a feed and a thread of its
//! own, so that what a strange camera does disturbs no call.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use secrecy::SecretString;

use super::account::Account;
use super::sentence::Sentence;
use super::session::CameraSession;
use super::way::WayKind;
use super::{CameraError, Probe, talk};
use crate::media::feed::{Feed, WorkerProgram};
use crate::media::{AddressPolicy, FeedSpec, Source, back_channel};
use crate::runtime::MediaRuntime;
use crate::seat::ask;

mod advice;
mod finding;
mod look;
mod report;

pub use finding::Finding;
pub use report::report;

use look::look;

/// Longest wait for a session, which answers from memory.
const SESSION: std::time::Duration = std::time::Duration::from_secs(2);

/// A camera that is given by its address. Worker and thread are gone when this returns. `tell` is given
/// what happens, line by line.
///
/// # Errors
/// When there is no worker program or no thread; the text is for people.
pub async fn probe_address(
    camera: &str,
    address: &SecretString,
    policy: AddressPolicy,
    max_kbps: u32,
    tell: impl FnMut(&Sentence),
) -> Result<Finding, String> {
    let source = match Source::parse(address) {
        Ok(source) => source,
        Err(error) => return Ok(Finding::refused(camera, Sentence::quoted(error.to_string()))),
    };
    let media = MediaRuntime::start().map_err(|error| error.to_string())?;
    let spec = FeedSpec { camera: camera.to_owned(), sources: vec![source], max_kbps, speaker: None };
    let first = spec.sources.first().cloned();
    let finding = probe_feed(&media, spec, vec![WayKind::Source], policy.clone(), tell).await;
    // Not before: some cameras serve one client.
    let asked = media.handle().spawn(speaks(first, policy));
    let unasked = || Sentence::new("unasked", "it could not be asked for a speaker");
    let (talk, why) = asked.await.unwrap_or_else(|_died| (false, unasked()));
    media.stop().await;
    finding.map(|finding| finding.with_talk(talk, vec![why]))
}

/// Whether an address has a speaker, and why that is so.
pub async fn speaks(source: Option<Source>, policy: AddressPolicy) -> (bool, Sentence) {
    let address = match source {
        Some(Source::Address(address)) if address.is_rtsp() => address,
        Some(Source::Test(_)) => return (true, talk::on_screen()),
        _ => {
            let text = "its address is not an RTSP one, which could have a speaker";
            return (false, Sentence::new("not_rtsp", text));
        }
    };
    match policy.find(&address, 0).await {
        Err(refusal) => (false, Sentence::quoted(refusal.to_string())),
        Ok(destination) => match back_channel::look(&destination).await {
            Ok(format) => (true, talk::offers(&format)),
            Err(error) => (false, Sentence::quoted(error.to_string())),
        },
    }
}

/// A feed that is opened for this alone; `ways` are of which kind its sources are.
///
/// # Errors
/// When there is no worker program; the text is for people.
pub async fn probe_feed(
    media: &MediaRuntime,
    spec: FeedSpec,
    ways: Vec<WayKind>,
    policy: AddressPolicy,
    tell: impl FnMut(&Sentence),
) -> Result<Finding, String> {
    let worker = WorkerProgram::find().map_err(|error| error.to_string())?.with_policy(policy);
    let (camera, max_kbps) = (spec.camera.clone(), spec.max_kbps);
    let account = Arc::new(Mutex::new(Account::new(ways)));
    let told = account.clone();
    let handle = media.handle();
    let runtime = handle.enter();
    let (_feed, mut samples, mut events) = Feed::open(spec, worker);
    drop(runtime);
    handle.spawn(async move {
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => told.lock().unwrap_or_else(PoisonError::into_inner).take(&event),
                    None => return,
                },
                Some(_unseen) = samples.recv() => {}
            }
        }
    });
    let read = async || Ok(account.lock().unwrap_or_else(PoisonError::into_inner).clone());
    let account: Result<Account, CameraError> = look(read, tell).await;
    Ok(Finding::of(&camera, &account.map_err(|error| error.to_string())?, max_kbps))
}

/// A camera of the running house.
///
/// # Errors
/// When its session is gone.
pub async fn probe_session(
    camera: &str,
    session: &actix::Addr<CameraSession>,
    max_kbps: u32,
    tell: impl FnMut(&Sentence),
) -> Result<Finding, CameraError> {
    let began = Instant::now();
    let read = async || {
        let account = ask(session, Probe, SESSION).await;
        account.map_err(|error| CameraError::Internal(format!("its session: {error}")))?
    };
    match look(read, tell).await {
        Ok(account) => {
            let finding = Finding::of(camera, &account, max_kbps);
            Ok(Finding { running: finding.fit && account.began() < began, ..finding })
        }
        Err(CameraError::Unreachable { reason, .. }) => {
            Ok(Finding::refused(camera, Sentence::quoted(reason)))
        }
        Err(CameraError::SwitchedOff(_)) => Ok(Finding::switched_off(camera)),
        Err(error) => Err(error),
    }
}
