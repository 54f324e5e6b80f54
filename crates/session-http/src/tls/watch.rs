//! A running service takes a new certificate without a restart.

use std::time::Duration;

use rustls::sign::CertifiedKey;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

use super::files::{self, LoadCertificateError};
use crate::config::TlsConfig;
use crate::error_text::error_text;
use crate::private_file::Stamp;

/// How often the files are looked at. A certificate is renewed weeks before its end: seconds are in time.
const REREAD_EVERY: Duration = Duration::from_secs(2);

/// Tells when the certificate or its key was replaced. A look costs two `stat`s.
#[derive(Debug)]
pub struct CertificateWatch {
    config: TlsConfig,
    /// Of what is in force.
    seen: Stamps,
}

/// Of both files, following links: where a renewal points a link elsewhere, the file behind it is another one.
type Stamps = [Option<Stamp>; 2];

impl CertificateWatch {
    /// Reads the files for the first time.
    pub(super) fn start(config: &TlsConfig) -> Result<(Self, CertifiedKey), LoadCertificateError> {
        let (certificate, seen) = read(config)?;
        let config = config.clone();
        Ok((Self { config, seen }, certificate))
    }

    /// The new certificate, if the files are others than those in force. On an error what is in force stays good, and the next
    /// look tries again: between the writing of the one file and of the other they do not belong together.
    fn reread(&mut self) -> Result<Option<CertifiedKey>, LoadCertificateError> {
        if stamps(&self.config) == self.seen {
            return Ok(None);
        }
        let (certificate, seen) = read(&self.config)?;
        self.seen = seen;
        Ok(Some(certificate))
    }

    /// Hands each new certificate to `replace`.
    pub(super) async fn follow(mut self, replace: impl Fn(CertifiedKey)) {
        let mut ticks = interval(REREAD_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut failing = (String::new(), 0_u32);
        loop {
            ticks.tick().await;
            // Files may be slow, on a network's disk for seconds: what shares this runtime goes on meanwhile.
            let looking = spawn_blocking(move || {
                let found = self.reread();
                (self, found)
            });
            let (this, found) = match looking.await {
                Ok(done) => done,
                Err(error) => {
                    tracing::error!(%error, "the TLS certificate cannot be looked at any more");
                    return;
                }
            };
            self = this;
            match found {
                Ok(None) => failing = Default::default(),
                Ok(Some(certificate)) => {
                    replace(certificate);
                    failing = Default::default();
                    tracing::info!("the TLS certificate was replaced");
                }
                Err(error) => {
                    let error = error_text(&error);
                    if failing.0 != error {
                        failing = (error, 0);
                    }
                    failing.1 = failing.1.saturating_add(1);
                    // Not the first time, which is what a renewal looks like in the middle; and once, not every other second
                    // until somebody comes.
                    if failing.1 == 2 {
                        let error = &failing.0;
                        tracing::error!(
                            error,
                            "the TLS certificate could not be reread; the one in use stays in force"
                        );
                    }
                }
            }
        }
    }
}

/// The stamps are older than the content: a file that changes meanwhile is read again at the next look.
fn read(config: &TlsConfig) -> Result<(CertifiedKey, Stamps), LoadCertificateError> {
    let seen = stamps(config);
    Ok((files::load(config)?, seen))
}

fn stamps(config: &TlsConfig) -> Stamps {
    [Stamp::now(&config.certificate), Stamp::now(&config.key)]
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::process::Command;
    use std::sync::mpsc::channel;
    use std::thread;

    use tokio::runtime::Builder;

    use super::*;

    /// A pipe that nobody has written to yet is as slow as a file can be.
    #[test]
    fn a_file_that_cannot_be_read_for_a_while_holds_nobody_up() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("certificate");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let watch = CertificateWatch {
            config: TlsConfig {
                certificate: pipe.clone(),
                key: directory.path().join("key"),
            },
            seen: [None, None],
        };
        let (goes_on, others) = channel();
        let (is_read, reader) = tokio::sync::oneshot::channel();
        let beside = thread::spawn(move || {
            // Opens once it is being read.
            let _writer = OpenOptions::new().write(true).open(pipe).unwrap();
            let _ = is_read.send(());
            others.recv_timeout(Duration::from_secs(10)).is_ok()
        });
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let following = tokio::spawn(watch.follow(|_| {}));
            reader.await.unwrap();
            let _ = goes_on.send(());
            following.abort();
        });
        // Whoever opens the pipe now opens it for ever: that look is not waited for.
        runtime.shutdown_background();
        assert!(beside.join().unwrap(), "the runtime waits for the file");
    }
}
