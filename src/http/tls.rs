//! TLS at the door, for those who have no proxy in front of it.

use std::path::Path;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::Door;

/// TLS as `door.tls_cert` and `door.tls_key` ask for it; `None` without them.
///
/// # Errors
/// What is wrong with either file, for people.
pub fn server_config(door: &Door) -> Result<Option<ServerConfig>, String> {
    let (cert, key) = match (&door.tls_cert, &door.tls_key) {
        (None, None) => return Ok(None),
        (Some(cert), Some(key)) => (cert, key),
        _ => return Err("both are needed, or neither".into()),
    };
    let failed = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect)
        .map_err(|error| failed(cert, &error))?;
    let key_der = PrivateKeyDer::from_pem_file(key).map_err(|error| failed(key, &error))?;
    ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_single_cert(chain, key_der)
        .map(Some)
        .map_err(|error| failed(cert, &error))
}
