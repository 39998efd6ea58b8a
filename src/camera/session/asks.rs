//! What a session is asked and told.

use std::time::Instant;

use actix::fut::ready;
use actix::{ActorContext, ActorFutureExt, Handler, ResponseActFuture, WrapFuture};
use tokio::sync::watch;
use tracing::debug;

use super::{CameraSession, ExpectCall, HUNG_UP, Leave, OVERTAKEN, Report, Update};
use crate::camera::account::Account;
use crate::camera::call::EndReason;
use crate::camera::catalogue::KnownCamera;
use crate::camera::live::Live;
use crate::camera::ongoing::Ongoing;
use crate::camera::unanswered::unanswered;
use crate::camera::way::{Way, own};
use crate::camera::{
    Caller, CameraError, CameraStatus, Connected, Disconnect, Offer, PlayTone, Probe, Revoked, SessionId,
    Status,
};
use crate::media::TroubleKind;

impl Handler<Offer> for CameraSession {
    type Result = ResponseActFuture<Self, Result<String, CameraError>>;

    fn handle(&mut self, offer: Offer, ctx: &mut Self::Context) -> Self::Result {
        let (session, deadline) = (offer.session.clone(), offer.deadline);
        let known = self.calls.get(&session);
        let reply = match known {
            Some(ongoing) if ongoing.caller != offer.caller => Err(CameraError::Foreign),
            Some(ongoing) if ongoing.is_retry(&offer) => Ok(ongoing.reply()),
            _ if self.hung_up_before(&offer) => Err(CameraError::Ended),
            _ => self.begin(offer, ctx).inspect_err(|error| self.leave_record(&session, error)),
        };
        let camera = self.name().to_owned();
        match reply {
            Err(error) => Box::pin(ready(Err(error))),
            Ok(reply) => {
                let wait = async move { tokio::time::timeout_at(deadline.into(), wait_for(reply)).await };
                Box::pin(wait.into_actor(self).map(move |reply, act, _ctx| match reply {
                    Ok(reply) => reply,
                    Err(_elapsed) => {
                        let late = CameraError::Late(camera);
                        act.end_if_known(&session, EndReason::NotAnswered(late.clone()));
                        Err(late)
                    }
                }))
            }
        }
    }
}

/// Waits until the call's answer is there, or the call ends.
async fn wait_for(
    mut reply: watch::Receiver<Option<Result<String, CameraError>>>,
) -> Result<String, CameraError> {
    match reply.wait_for(Option::is_some).await {
        Ok(reply) => reply.clone().unwrap_or(Err(CameraError::Ended)),
        // The call was dropped: it ended before its answer.
        Err(_closed) => Err(CameraError::Ended),
    }
}

impl CameraSession {
    /// What an offer leaves that is refused: for whoever stands before the Echo it is a call that failed.
    fn leave_record(&self, session: &SessionId, error: &CameraError) {
        let summary = &self.camera.summary;
        if let Some(record) = unanswered(&summary.name, summary.endpoint_id.as_str(), session, error) {
            self.resources.state.record_unanswered(record);
        }
    }

    fn remember_hang_up(&mut self, session: SessionId, caller: Caller) {
        self.hung_up.retain(|(_, _, at)| at.elapsed() < OVERTAKEN);
        if self.hung_up.len() == HUNG_UP {
            self.hung_up.pop_front();
        }
        self.hung_up.push_back((session, caller, Instant::now()));
    }

    /// True for an offer that its own hang-up has overtaken on the way.
    fn hung_up_before(&self, offer: &Offer) -> bool {
        self.hung_up.iter().any(|(session, caller, at)| {
            *session == offer.session && *caller == offer.caller && at.elapsed() < OVERTAKEN
        })
    }
}

impl Handler<Connected> for CameraSession {
    type Result = Result<(), CameraError>;

    fn handle(&mut self, connected: Connected, _: &mut Self::Context) -> Self::Result {
        self.owned(&connected.session, &connected.caller)?;
        // Media starts when DTLS is up; Alexa's word adds nothing to that.
        match self.calls.contains_key(&connected.session) {
            true => Ok(()),
            false => Err(CameraError::NoCall(connected.session.as_str().to_owned())),
        }
    }
}

impl Handler<Disconnect> for CameraSession {
    type Result = Result<(), CameraError>;

    fn handle(&mut self, disconnect: Disconnect, _: &mut Self::Context) -> Self::Result {
        match &disconnect.caller {
            Some(caller) => {
                self.owned(&disconnect.session, caller)?;
                match self.calls.get(&disconnect.session).map(Ongoing::hung_up) {
                    Some(reason) => self.end(&disconnect.session, reason),
                    None => self.remember_hang_up(disconnect.session, caller.clone()),
                }
            }
            None => self.end_if_known(&disconnect.session, EndReason::EndedHere),
        }
        Ok(())
    }
}

impl Handler<Revoked> for CameraSession {
    type Result = ();

    fn handle(&mut self, Revoked(caller): Revoked, _: &mut Self::Context) {
        let theirs = self.calls.iter().filter(|(_, ongoing)| ongoing.caller == caller);
        for session in theirs.map(|(session, _)| session.clone()).collect::<Vec<_>>() {
            self.end(&session, EndReason::Revoked);
        }
    }
}

impl Handler<Status> for CameraSession {
    type Result = actix::MessageResult<Status>;

    fn handle(&mut self, _: Status, _: &mut Self::Context) -> Self::Result {
        let live = self.live.as_ref();
        actix::MessageResult(CameraStatus {
            live: live.is_some(),
            picture: self.trouble.is_none() && live.is_some_and(Live::is_lit),
            way: live.and_then(Live::way).map(Way::kind),
            video: live.and_then(|live| live.video.clone()),
            sound: live.and_then(|live| live.sound.clone()),
            speaker_dbfs: live.and_then(Live::speaker_dbfs),
            conversation: live.and_then(|live| live.conversation),
            speaker_trouble: live.and_then(|live| live.speaker_trouble.clone()),
            speaker_open: live.is_some_and(|live| live.speaker_open),
            trouble: self.trouble.as_ref().map(|(_, trouble)| trouble.text.clone()),
            calls: self.calls.values().map(Ongoing::current_record).collect(),
        })
    }
}

impl Handler<Probe> for CameraSession {
    type Result = Result<Account, CameraError>;

    fn handle(&mut self, _: Probe, _: &mut Self::Context) -> Self::Result {
        if !self.camera.summary.on {
            return Err(CameraError::SwitchedOff(self.name().to_owned()));
        }
        if self.live.is_none() {
            // Whoever asks wants to know how the ways are now.
            self.failed.clear();
            self.talk_looks.again();
        }
        // Whoever looks keeps it open for a while, as a call does.
        self.open_for_a_while();
        let reason = || self.camera.summary.reason.clone().unwrap_or_default();
        let unreachable = || CameraError::Unreachable {
            camera: self.name().to_owned(),
            kind: self.lack(),
            reason: reason(),
        };
        self.live.as_ref().map(|live| live.account.clone()).ok_or_else(unreachable)
    }
}

impl Handler<PlayTone> for CameraSession {
    type Result = Result<(), CameraError>;

    fn handle(&mut self, _: PlayTone, _: &mut Self::Context) -> Self::Result {
        let camera = self.name().to_owned();
        match (&mut self.live, &self.camera.talk.way) {
            (Some(live), Some(_)) => {
                live.play_tone();
                Ok(())
            }
            (_, None) => Err(CameraError::Speechless { camera, why: self.camera.talk.why() }),
            (None, _) => {
                let (kind, reason) = (TroubleKind::Other, "it is not open".to_owned());
                Err(CameraError::Unreachable { camera, kind, reason })
            }
        }
    }
}

impl Handler<ExpectCall> for CameraSession {
    type Result = ();

    fn handle(&mut self, _: ExpectCall, _: &mut Self::Context) {
        match self.admit() {
            Ok(()) => self.open_for_a_while(),
            Err(error) => debug!(%error, "a press opens nothing"),
        }
    }
}

impl Handler<Report> for CameraSession {
    type Result = ();

    fn handle(&mut self, _: Report, _: &mut Self::Context) {
        self.tell_registry();
    }
}

impl Handler<Update> for CameraSession {
    type Result = ();

    fn handle(&mut self, update: Update, _: &mut Self::Context) {
        let before = std::mem::replace(&mut self.camera, update.0);
        let picture = |camera: &KnownCamera| (own(&camera.ways).cloned(), camera.prefer);
        let has_moved = picture(&before) != picture(&self.camera);
        if has_moved {
            // What was wrong with another address says nothing of this one.
            self.failed.retain(|(way, ..)| !matches!(way, Way::Own(_)));
            self.trouble = None;
            self.let_go_of_outdated_feed();
            self.tell_registry();
        }
        self.talk_may_have_changed();
        let is_to_open = !before.summary.on || !before.warm || has_moved;
        match (before.summary.on, self.camera.summary.on) {
            (true, false) => self.go_dark(),
            (_, true) if self.camera.warm && is_to_open => self.open_for_a_while(),
            _ => {}
        }
    }
}

impl Handler<Leave> for CameraSession {
    type Result = ();

    fn handle(&mut self, leave: Leave, ctx: &mut Self::Context) {
        self.end_all(&leave.0);
        self.leaving = true;
        self.live = None;
        ctx.stop();
    }
}
