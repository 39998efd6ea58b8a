//! The pages' files, compiled in. No path leads anywhere else.

use std::borrow::Cow;
use std::fmt::Write;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, body};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::refusal;

#[derive(RustEmbed)]
#[folder = "web/"]
struct Files;

/// Bytes of the SHA-256 in an ETag.
const ETAG_BYTES: usize = 12;

/// One of the pages' files, or 404.
pub async fn serve(request: HttpRequest) -> HttpResponse {
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        return refusal(StatusCode::METHOD_NOT_ALLOWED, "only GET is answered here");
    }
    let name = name(request.path());
    let Some(file) = file(name) else {
        return refusal(StatusCode::NOT_FOUND, "there is no such page");
    };
    let tag = tag(&file.metadata.sha256_hash());
    let known = |value: &actix_web::http::header::HeaderValue| {
        let list = value.to_str().unwrap_or_default();
        list.split(',').any(|one| one.trim().trim_start_matches("W/") == tag)
    };
    let unchanged = request.headers().get(IF_NONE_MATCH).is_some_and(known);
    let mut response = if unchanged { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    // Asked for anew each time, answered by its tag: a page never meets scripts of another version.
    response.insert_header((CACHE_CONTROL, "no-cache")).insert_header((ETAG, tag));
    response.insert_header((CONTENT_TYPE, content_type(name)));
    if unchanged {
        // Not even an empty one: packed, it would have bytes, which a browser takes for the next response.
        return response.body(body::None::new());
    }
    match file.data {
        Cow::Borrowed(bytes) => response.body(bytes),
        Cow::Owned(bytes) => response.body(bytes),
    }
}

/// True for the path of one of the pages' files.
pub(super) fn has(path: &str) -> bool {
    file(name(path)).is_some()
}

/// One of the pages' files as text.
pub(super) fn text(name: &str) -> Option<String> {
    String::from_utf8(file(name)?.data.into_owned()).ok()
}

fn name(path: &str) -> &str {
    match path.strip_prefix('/').unwrap_or(path) {
        "" => "index.html",
        name => name,
    }
}

/// A name that is not exactly one of the files is none: nothing is decoded or resolved.
fn file(name: &str) -> Option<EmbeddedFile> {
    Files::iter().any(|file| file == name).then(|| Files::get(name)).flatten()
}

fn tag(hash: &[u8]) -> String {
    let mut tag = String::from("\"");
    for byte in hash.iter().take(ETAG_BYTES) {
        if write!(tag, "{byte:02x}").is_err() {
            break;
        }
    }
    tag + "\""
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("webmanifest") => "application/manifest+json",
        _ => "text/plain; charset=utf-8",
    }
}
