//! Which certificate authorities vouch for the hub.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::HubError;

/// TLS that trusts the system's authorities and those in `ca_file` (PEM). Reads files: not for an
/// actor's thread.
///
/// # Errors
/// When `ca_file` cannot be read or holds no certificate, or no authority is left at all.
pub fn client_config(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, HubError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = ca_file {
        let unusable = |what: &str| HubError::Down(format!("{}: {what}", path.display()));
        let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
            .map_err(|_| unusable("cannot be read"))?
            .collect::<Result<_, _>>()
            .map_err(|_| unusable("is no PEM file"))?;
        if roots.add_parsable_certificates(certificates).0 == 0 {
            return Err(unusable("holds no certificate"));
        }
    }
    if roots.is_empty() {
        return Err(HubError::Down("the system knows no certificate authority".into()));
    }
    // Named, because several crypto providers are linked in and rustls would not choose.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| HubError::Down(format!("TLS: {error}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_file_without_certificates_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        assert!(client_config(Some(&path)).unwrap_err().to_string().contains("cannot be read"));
        std::fs::write(&path, "no certificate").unwrap();
        let text = client_config(Some(&path)).unwrap_err().to_string();
        assert!(text.contains("ca.pem") && text.contains("holds no certificate"), "{text}");
    }
}
