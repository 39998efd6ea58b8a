//! Directives that no call belongs to: the privacy switch, and the stream for screens that know no WebRTC.

use std::time::Instant;

use serde_json::Value;
use time::OffsetDateTime;

use super::{LAST_CALL, RESERVE, RouteError, Router, remaining, shared};
use crate::alexa::message::Directive;
use crate::alexa::{power, stream};
use crate::camera::screen_stream::{FindStream, IDLE_SECONDS, OpenedStream};
use crate::camera::shared::{state, stream_description};

impl Router {
    pub(super) async fn switch(
        &self,
        directive: &Directive,
        on: bool,
        arrived: Instant,
    ) -> Result<Value, RouteError> {
        let camera = self.look_up(directive).await?;
        shared(&camera)?;
        let camera = self.cameras.switch(&camera.endpoint_id, on, remaining(arrived, RESERVE)).await?;
        Ok(power::response(&directive.envelope, &state(&camera), OffsetDateTime::now_utc()))
    }

    pub(super) async fn open_stream(
        &self,
        directive: &Directive,
        arrived: Instant,
    ) -> Result<Value, RouteError> {
        let (camera, calls) = self.locate(directive).await?;
        shared(&camera)?;
        // A little longer than the camera's own deadline: it knows better what was late.
        let within = remaining(arrived, (RESERVE + LAST_CALL) / 2);
        let opened = calls.stream(FindStream { within: remaining(arrived, RESERVE) }, within).await?;
        let OpenedStream { facts, stream: playlist, image } = opened;
        let address = stream::Address { stream: playlist, image, idle_seconds: IDLE_SECONDS };
        Ok(stream::response(&directive.envelope, &stream_description(&facts), &address))
    }
}
