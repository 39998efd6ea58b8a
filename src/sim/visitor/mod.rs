//! The visitor's page: a browser plays a camera of the simulated home, with its own camera, microphone and
//! loudspeaker, behind the hub's `camera/webrtc/offer`.
//!
//! One page at a time is the visitor, the newest. Its WebSocket carries JSON objects:
//!
//! | to the page | |
//! |---|---|
//! | `{"session": id, "offer": sdp}` | a session begins |
//! | `{"session": id, "candidate": "candidate:…"}` | a candidate of the client's |
//! | `{"session": id, "end": true}` | it has ended |
//! | `{"replaced": true}` | another page is the visitor now; this is the last word |
//!
//! | from the page | |
//! |---|---|
//! | `{"session": id, "answer": sdp}`, `{"session": id, "candidate": "candidate:…"}` | as a camera's |
//! | `{"session": id, "error": {"code": …, "message": …}}` | it will not work |
//! | `{"ring": true}` | the bell is pressed |
//!
//! | file | what |
//! |---|---|
//! | `line` | one session's way to the page and back |
//! | `server` | the page's address: its files, and who may have them |
//! | `socket` | the page's WebSocket |
//! | `page/` | the page itself; looks and words are those of the house's |

mod line;
pub(super) mod server;
mod socket;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::camera::SimCamera;
use super::world::{Change, World};
pub(super) use line::Line;

/// Messages that may wait for the page, or for a session of its.
const MOST_WAITING: usize = 64;
/// Between two presses of the bell.
const BETWEEN_PRESSES: Duration = Duration::from_secs(1);

/// The page that is the visitor, if one is.
#[derive(Debug, Default)]
pub(super) struct Visitor {
    came: u64,
    page: Option<Page>,
}

#[derive(Debug)]
struct Page {
    /// The first to be dropped: a page hears of it before its sessions end.
    _replaced: DropGuard,
    serial: u64,
    to_page: mpsc::Sender<Value>,
    /// What the page says, by session.
    sessions: HashMap<String, mpsc::Sender<Value>>,
    pressed: Option<Instant>,
}

/// A page's place as the visitor.
#[derive(Debug)]
struct Place {
    serial: u64,
    /// What the page is to be told.
    inbox: mpsc::Receiver<Value>,
    /// Cancelled when another page is the visitor.
    replaced: CancellationToken,
}

impl Visitor {
    /// A page comes; it is the visitor from now on, whoever was it before.
    fn come(&mut self) -> Place {
        self.came += 1;
        let (to_page, inbox) = mpsc::channel(MOST_WAITING);
        let replaced = CancellationToken::new();
        self.page = Some(Page {
            _replaced: replaced.clone().drop_guard(),
            serial: self.came,
            to_page,
            sessions: HashMap::new(),
            pressed: None,
        });
        Place { serial: self.came, inbox, replaced }
    }

    /// A page goes. True if it was the visitor: nobody is it then.
    fn go(&mut self, serial: u64) -> bool {
        self.page.take_if(|page| page.serial == serial).is_some()
    }

    /// A line to the page for a session; `None` if there is no page.
    pub(super) fn open(&mut self, session: &str) -> Option<Line> {
        let page = self.page.as_mut()?;
        page.sessions.retain(|_, to_session| !to_session.is_closed());
        let (to_session, from_page) = mpsc::channel(MOST_WAITING);
        page.sessions.insert(session.to_owned(), to_session);
        Some(Line::new(session, page.to_page.clone(), from_page))
    }

    /// Hands what a page says to the session that it is meant for; nobody else hears it.
    fn said(&mut self, serial: u64, mut message: Value) {
        let page = self.page.as_mut().filter(|page| page.serial == serial);
        let session = message.as_object_mut().and_then(|object| object.remove("session"));
        if let Some((page, session)) = page.zip(session)
            && let Some(to_session) = session.as_str().and_then(|session| page.sessions.get(session))
        {
            // One too many is lost, as on any line.
            drop(to_session.try_send(message));
        }
    }

    /// True if a page may press the bell now.
    fn may_press(&mut self, serial: u64) -> bool {
        let Some(page) = self.page.as_mut().filter(|page| page.serial == serial) else { return false };
        let may = page.pressed.is_none_or(|at| at.elapsed() >= BETWEEN_PRESSES);
        if may {
            page.pressed = Some(Instant::now());
        }
        may
    }
}

/// The visitor's door comes into the home with its first visitor, and is there again with each further one.
fn arrive(world: &mut World) -> Vec<Change> {
    let camera = SimCamera::side_door();
    let entity_id = entity_id(&camera);
    if world.entity(&entity_id).is_none() {
        return world.add_camera(&camera);
    }
    world.set(&entity_id, "idle", None).into_iter().collect()
}

/// Without a visitor nobody plays the door's camera.
fn depart(world: &mut World) -> Option<Change> {
    world.set(&entity_id(&SimCamera::side_door()), "unavailable", None)
}

fn entity_id(camera: &SimCamera) -> String {
    format!("camera.{}", camera.key)
}
