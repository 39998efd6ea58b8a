//! Which requests a web page of somebody else could have made.

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::Uri;
use actix_web::http::header::{CONTENT_TYPE, HOST, HeaderName, ORIGIN};

use crate::config::validate::listen_address;

/// All values of a header.
pub(super) fn texts<'a>(request: &'a HttpRequest, name: &'a HeaderName) -> impl Iterator<Item = &'a str> {
    // What is no text is nobody's name.
    request.headers().get_all(name).map(|value| value.to_str().unwrap_or("?"))
}

/// False for a name that is not ours: DNS rebinding looks like this.
pub(super) fn is_ours(request: &HttpRequest, listen: &str) -> bool {
    let listen = listen_address(listen).map(|address| address.ip());
    let ours = |authority: &str| {
        let host = authority.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned));
        let Some(host) = host.filter(|_| !authority.contains('@')) else { return false };
        let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
        match host.parse::<IpAddr>() {
            Ok(ip) => ip.to_canonical().is_loopback() || Some(ip) == listen,
            Err(_) => host == "localhost" || host.ends_with(".localhost"),
        }
    };
    let mut names =
        request.uri().authority().map(|a| a.as_str()).into_iter().chain(texts(request, &HOST)).peekable();
    names.peek().is_some() && names.all(ours)
}

/// False if another site's page made the request. Programs that are no browser send neither header.
pub(super) fn same_site(request: &HttpRequest, ingress: bool) -> bool {
    let fetch_site = HeaderName::from_static("sec-fetch-site");
    let mut sites = texts(request, &fetch_site).peekable();
    let told = sites.peek().is_some();
    if sites.any(|site| !["same-origin", "none"].contains(&site)) {
        return false;
    }
    let forwarded = HeaderName::from_static("x-forwarded-host");
    let origin_is_ours = |origin: &str| {
        let Some((_, authority)) = origin.split_once("://") else { return false };
        let named = |host: &str| host.eq_ignore_ascii_case(authority);
        // A browser that told the site itself has compared the origin, whatever a proxy made of the host.
        told || texts(request, &HOST).any(named)
            || (ingress && texts(request, &forwarded).any(named))
            || request.uri().authority().is_some_and(|a| named(a.as_str()))
    };
    texts(request, &ORIGIN).all(origin_is_ours)
}

/// Forms of other sites' pages cannot send this content type unasked.
pub(super) fn is_json(request: &HttpRequest) -> bool {
    let kind = texts(request, &CONTENT_TYPE).next().unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}
