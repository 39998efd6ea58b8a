//! The pages' files, compiled in. No path leads anywhere else.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::LazyLock;

use actix_web::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, body};
use flate2::Compression;
use flate2::write::GzEncoder;
use rust_embed::{EmbeddedFile, RustEmbed};

use super::refusal;

#[derive(RustEmbed)]
#[folder = "web/"]
struct Files;

/// The files as gzip makes them smallest, by name. Packed once: for each request anew it would be done in haste.
static PACKED: LazyLock<HashMap<String, Vec<u8>>> = LazyLock::new(|| {
    let packed = |name: &str| {
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        packer.write_all(&Files::get(name)?.data).ok()?;
        packer.finish().ok()
    };
    Files::iter().filter_map(|name| Some((name.to_string(), packed(&name)?))).collect()
});

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
    response
        .insert_header((CONTENT_TYPE, content_type(name)))
        .insert_header((VARY, ACCEPT_ENCODING.as_str()));
    if unchanged {
        // Not even an empty one: packed, it would have bytes, which a browser takes for the next response.
        return response.body(body::None::new());
    }
    let packed = PACKED.get(name).filter(|_| takes_gzip(&request));
    match packed {
        Some(packed) => response.insert_header((CONTENT_ENCODING, "gzip")).body(packed.as_slice()),
        None => response.body(file.data.into_owned()),
    }
}

/// True for whoever names it as browsers do; longer wishes (`gzip;q=0`) are for the compressor to read.
fn takes_gzip(request: &HttpRequest) -> bool {
    let wanted = request.headers().get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    wanted.is_some_and(|list| list.split(',').any(|one| one.trim() == "gzip"))
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
