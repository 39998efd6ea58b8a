//! `GET /api/v1/cameras/{id}/still`: a still picture of a camera.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_ENCODING, ContentType, LastModified};
use actix_web::{HttpResponse, web};
use serde::Deserialize;

use super::ui::PATIENCE;
use super::{House, failure, refusal};
use crate::camera::{CameraError, EndpointId, Locate, TakeStill};
use crate::media::still::is_jpeg;
use crate::seat::ask;
use crate::telemetry::redact::redact;

/// A camera that is opened for it may take so long, or the hub of one that is not.
const STILL_PATIENCE: Duration = Duration::from_secs(25);

/// `?fresh=1` opens a camera that is closed.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Wish {
    fresh: String,
}

impl Wish {
    fn is_fresh(&self) -> bool {
        self.fresh == "1"
    }
}

/// A JPEG; `Last-Modified` says when the camera showed it. 204 where there is none yet, which is nothing wrong; 404
/// with the reason for a wish that could not be met.
pub(super) async fn still(
    house: web::Data<House>,
    id: web::Path<String>,
    wish: web::Query<Wish>,
) -> HttpResponse {
    let unknown = || failure(crate::error::ErrorKind::NotFound, "there is no camera of that id");
    let Some(endpoint) = EndpointId::parse(&id) else { return unknown() };
    let located = match house.registry.ask(Locate { endpoint }, PATIENCE).await {
        Ok(Ok(located)) => located,
        Ok(Err(CameraError::Unknown(_))) => return unknown(),
        Ok(Err(error)) => return failure(error.kind(), &error.to_string()),
        Err(error) => return failure(error.kind(), &format!("the list of cameras: {error}")),
    };
    match ask(&located.session, TakeStill { fresh: wish.is_fresh() }, STILL_PATIENCE).await {
        // Whatever made it, nothing but a picture is handed on as one.
        Ok(Ok(still)) if is_jpeg(&still.jpeg) => HttpResponse::Ok()
            .insert_header((CACHE_CONTROL, "no-store"))
            .insert_header(LastModified(still.taken.into()))
            .insert_header(ContentType::jpeg())
            // It is compressed already.
            .insert_header((CONTENT_ENCODING, "identity"))
            .body(still.jpeg),
        Ok(Ok(_)) => refusal(StatusCode::NOT_FOUND, "its picture is no JPEG"),
        Ok(Err(CameraError::SwitchedOff(_) | CameraError::NoStill { .. })) if !wish.is_fresh() => {
            HttpResponse::NoContent().insert_header((CACHE_CONTROL, "no-store")).finish()
        }
        Ok(Err(error @ (CameraError::SwitchedOff(_) | CameraError::NoStill { .. }))) => {
            refusal(StatusCode::NOT_FOUND, &redact(&error.to_string()))
        }
        Ok(Err(error)) => failure(error.kind(), &redact(&error.to_string())),
        Err(error) => failure(error.kind(), &format!("the camera: {error}")),
    }
}
