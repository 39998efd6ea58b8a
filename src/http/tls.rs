//! TLS at the door, for those who have no proxy in front of it.
//!
//! Certificates are renewed every few weeks, so their files are read again and again: a new one is shown
//! to the next who comes. One that cannot be used never closes the house: the door goes on with the
//! last good one, and without any it turns everybody away until the files are mended.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};

use crate::config::load::Problem;
use crate::config::{Config, Door};

/// How often the files are read.
const LOOK: Duration = Duration::from_secs(5);
/// Largest file, bytes.
const MAX_FILE: u64 = 1 << 20;
const CERT: &str = "door.tls_cert";
const KEY: &str = "door.tls_key";

/// The door's certificate, as its files say.
#[derive(Debug)]
pub struct Certificate {
    cert: PathBuf,
    key: PathBuf,
    shown: RwLock<Shown>,
}

/// What was made of the files.
#[derive(Debug, Default)]
struct Shown {
    good: Option<Good>,
    problem: Option<Problem>,
}

/// A certificate with its key.
#[derive(Debug)]
struct Good {
    digest: [u8; 32],
    certified: Arc<CertifiedKey>,
}

impl Certificate {
    /// The certificate of an open door; `None` if the settings name none. Nothing is read yet.
    #[must_use]
    pub fn of(door: &Door) -> Option<Self> {
        let (cert, key) = (door.tls_cert.clone(), door.tls_key.clone());
        if door.listen.is_empty() || (cert.is_none() && key.is_none()) {
            return None;
        }
        // Half of it is no reason to do without: the other half cannot be read.
        let (cert, key) = (cert.unwrap_or_default(), key.unwrap_or_default());
        Some(Self { cert, key, shown: RwLock::default() })
    }

    /// What is wrong with the files that the settings name. Blocks on the disk.
    #[must_use]
    pub fn problem_of(config: &Config) -> Option<Problem> {
        Self::of(&config.door)?.read().err()
    }

    /// Reads the files, and shows what they hold if it can be used. Blocks on the disk.
    pub fn look(&self) {
        let read = self.read();
        let mut shown = self.shown.write().unwrap_or_else(PoisonError::into_inner);
        match read {
            Ok(good) => {
                if shown.good.as_ref().is_none_or(|before| before.digest != good.digest) {
                    tracing::info!(file = %self.cert.display(), "the door shows this certificate from now on");
                    shown.good = Some(good);
                }
                shown.problem = None;
            }
            Err(problem) if shown.problem.as_ref() == Some(&problem) => {}
            Err(problem) => {
                match shown.good {
                    Some(_) => tracing::warn!("{problem}; the door goes on with the certificate from before"),
                    None => tracing::error!("{problem}; the door turns everybody away until that is mended"),
                }
                shown.problem = Some(problem);
            }
        }
    }

    /// Reads the files for as long as the process lives.
    pub async fn follow(self: Arc<Self>) {
        loop {
            tokio::time::sleep(LOOK).await;
            let certificate = self.clone();
            if actix_web::web::block(move || certificate.look()).await.is_err() {
                tracing::error!("the door's certificate could not be looked at");
            }
        }
    }

    /// What is wrong with the files now.
    #[must_use]
    pub fn problem(&self) -> Option<Problem> {
        self.shown().problem.clone()
    }

    /// TLS that shows what [`look`](Self::look) found last.
    ///
    /// # Errors
    /// When the cryptography that is built in cannot do TLS at all.
    pub fn server_config(self: Arc<Self>) -> Result<ServerConfig, rustls::Error> {
        Ok(ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(self))
    }

    fn shown(&self) -> RwLockReadGuard<'_, Shown> {
        self.shown.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> Result<Good, Problem> {
        let (cert, key) = (read(CERT, &self.cert)?, read(KEY, &self.key)?);
        let digest = Sha256::new().chain_update(&cert).chain_update([0]).chain_update(&key).finalize().into();
        let known =
            self.shown().good.as_ref().filter(|good| good.digest == digest).map(|g| g.certified.clone());
        let certified = match known {
            Some(certified) => certified,
            None => Arc::new(self.certified(&cert, &key)?),
        };
        Ok(Good { digest, certified })
    }

    fn certified(&self, cert: &[u8], key: &[u8]) -> Result<CertifiedKey, Problem> {
        let problem =
            |setting, path: &Path, what: &str| Problem::new(setting, format!("{} {what}", path.display()));
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(cert).collect::<Result<_, _>>().unwrap_or_default();
        if chain.is_empty() {
            let what =
                "holds no certificate: it must be the whole chain as PEM, the door's own certificate first";
            return Err(problem(CERT, &self.cert, what));
        }
        let locked = key.windows(9).any(|word| word == b"ENCRYPTED");
        let private = PrivateKeyDer::from_pem_slice(key).map_err(|_| {
            let what = match locked {
                true => "is locked by a password, and nobody is there to type it: give the key without one",
                false => "holds no private key as PEM",
            };
            problem(KEY, &self.key, what)
        })?;
        let provider = rustls::crypto::ring::default_provider();
        CertifiedKey::from_der(chain, private, &provider).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                problem(KEY, &self.key, &format!("is not the key of {}", self.cert.display()))
            }
            error => {
                problem(CERT, &self.cert, &format!("cannot be used with {}: {error}", self.key.display()))
            }
        })
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.shown().good.as_ref().map(|good| good.certified.clone())
    }
}

fn read(setting: &str, path: &Path) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(MAX_FILE).read_to_end(&mut bytes));
    match read {
        Ok(_) => Ok(bytes),
        Err(error) => {
            let what = "give its right path, or let Doorstep's user read it";
            Err(Problem::new(setting, format!("{} cannot be read ({error}): {what}", path.display())))
        }
    }
}
