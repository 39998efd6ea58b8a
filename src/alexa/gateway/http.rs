//! What all requests to Amazon have in common.

use std::time::Duration;

use reqwest::{Client, Response};

const CONNECT: Duration = Duration::from_secs(3);
/// From the first byte out to the last byte in.
const WHOLE: Duration = Duration::from_secs(8);
/// Longest answer that is read, bytes.
const LONGEST: usize = 64 * 1024;

/// A client that follows nobody elsewhere; `tls` is what it trusts.
///
/// # Errors
/// When there is no TLS at all.
pub fn client(tls: Option<rustls::ClientConfig>) -> Result<Client, reqwest::Error> {
    let client = Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT)
        .timeout(WHOLE);
    match tls {
        Some(tls) => client.tls_backend_preconfigured(tls).build(),
        None => client.build(),
    }
}

/// The body of an answer; `None` if it breaks off or is too long.
pub(super) async fn body(mut answer: Response) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.ok()? {
        if body.len() + chunk.len() > LONGEST {
            return None;
        }
        body.extend_from_slice(&chunk);
    }
    Some(body)
}
