//! `GET /api/v1/changes`: what the pages show, as server-sent events (WHATWG HTML 9.2), told whenever it changes.
//!
//! Each event bears the name of what is told: `me`, `status` and `set_up` (as `GET` answers them), `cameras`, `calls` and
//! `activity` (the lists that `GET /cameras`, `GET /calls` and `GET /activity` hold). Whoever listens is told everything
//! first, and nothing more once the login is over.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::http::header::{CACHE_CONTROL, CONTENT_ENCODING};
use actix_web::{HttpResponse, web};
use serde_json::Value;

use super::asker::{Asker, Via};
use super::guard::is_for_all;
use super::login::now;
use super::veil::veil;
use super::{House, api, failure};
use crate::error::ErrorKind;

/// How often it is looked whether something changed: levels and stages are to be seen as they move.
const LOOK: Duration = Duration::from_millis(400);
/// A line this often, so that nobody on the way takes the connection for dead, and pages that were left are noticed:
/// only what is written to them tells. One that is loaded anew has left its place taken so long.
const SIGN_OF_LIFE: Duration = Duration::from_secs(2);
/// Pages that listen at once.
const LISTENERS: usize = 48;
/// Pages of one user, or of all who came the same way and bear no name.
const LISTENERS_OF_ONE: usize = 16;
/// What a page does when the connection broke, ms.
const HEAD: &str = "retry: 1000\n\n";

/// Somebody, as far as listeners are told apart: visitors of a demo do not keep its own machine out.
type Who = (Via, bool, Option<String>);

/// Those who listen.
#[derive(Default)]
pub(super) struct Listeners(Arc<Mutex<Vec<Who>>>);

impl Listeners {
    /// `None`: there is no room, or this one has taken enough of it.
    fn place(&self, asker: &Asker) -> Option<Place> {
        let who = (asker.via, asker.is_far, asker.user.clone());
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = all.iter().filter(|other| **other == who).count();
        if all.len() >= LISTENERS || own >= LISTENERS_OF_ONE {
            return None;
        }
        all.push(who.clone());
        Some(Place { all: self.0.clone(), who })
    }
}

/// A listener's place; free again when this goes.
struct Place {
    all: Arc<Mutex<Vec<Who>>>,
    who: Who,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = all.iter().position(|who| *who == self.who) {
            all.swap_remove(at);
        }
    }
}

/// One page that listens.
struct Listener {
    house: web::Data<House>,
    asker: Asker,
    /// Last told, by name.
    told: Vec<(&'static str, Value)>,
    last: Option<Instant>,
    _place: Place,
}

/// Goes on until whoever listens leaves.
pub(super) async fn changes(
    house: web::Data<House>,
    listeners: web::Data<Listeners>,
    asker: web::ReqData<Asker>,
) -> HttpResponse {
    let asker = asker.into_inner();
    let Some(place) = listeners.place(&asker) else {
        return failure(ErrorKind::Busy, "too many pages are open; close some");
    };
    let listener = Listener { house, asker, told: Vec::new(), last: None, _place: place };
    let body = futures_util::stream::unfold(listener, async |mut listener| {
        let text = listener.next().await?;
        Some((Ok::<_, Infallible>(web::Bytes::from(text)), listener))
    });
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((CACHE_CONTROL, "no-store"))
        // A compressor would hold events back.
        .insert_header((CONTENT_ENCODING, "identity"))
        .streaming(body)
}

impl Listener {
    /// `None`: the login is over.
    async fn next(&mut self) -> Option<String> {
        if self.last.is_none() {
            self.last = Some(Instant::now());
            return Some(HEAD.to_owned() + &self.news().await);
        }
        loop {
            tokio::time::sleep(LOOK).await;
            if self.asker.until.is_some_and(|until| until <= now()) {
                return None;
            }
            let mut text = self.news().await;
            if text.is_empty() {
                if self.last.is_some_and(|last| last.elapsed() < SIGN_OF_LIFE) {
                    continue;
                }
                text = ":\n\n".to_owned();
            }
            self.last = Some(Instant::now());
            return Some(text);
        }
    }

    async fn news(&mut self) -> String {
        let me = self.asker.me(&self.house).await;
        let mut topics = api::topics(&self.house).await;
        if !me.may_change() {
            topics.retain(|(name, _)| is_for_all(name));
            topics.iter_mut().filter(|(name, _)| *name == "status").for_each(|(_, status)| veil(status));
        }
        topics.insert(0, ("me", serde_json::json!(me)));
        let mut text = String::new();
        for (name, value) in topics {
            match self.told.iter_mut().find(|(told, _)| *told == name) {
                Some((_, told)) if *told == value => continue,
                Some((_, told)) => *told = value,
                None => self.told.push((name, value)),
            }
            if let Some((_, value)) = self.told.iter().find(|(told, _)| *told == name) {
                // JSON has no line break outside its strings, and none inside them that is not escaped.
                text += &format!("event: {name}\ndata: {value}\n\n");
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_leaves_places_to_others() {
        let listeners = Listeners::default();
        let asker = |user: &str| Asker { user: Some(user.to_owned()), ..Asker::new(Via::Ingress) };
        let mut places: Vec<_> = (0..LISTENERS_OF_ONE).map(|_| listeners.place(&asker("a"))).collect();
        assert!(places.iter().all(Option::is_some) && listeners.place(&asker("a")).is_none());
        assert!(listeners.place(&asker("b")).is_some() && listeners.place(&Asker::new(Via::Token)).is_some());
        places.pop();
        assert!(listeners.place(&asker("a")).is_some(), "a page was closed");
    }
}
