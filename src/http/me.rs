//! `GET /api/v1/me`: who asks, and whether this one may change something.

use actix_web::{HttpResponse, web};

use super::House;
use super::api::reply;
use super::asker::Asker;

/// `{"via": "ingress|token|local|demo", "name": text or null, "admin": true, false, or null while nobody can say}`.
pub(super) async fn me(house: web::Data<House>, asker: web::ReqData<Asker>) -> HttpResponse {
    reply(&asker.me(&house).await)
}
