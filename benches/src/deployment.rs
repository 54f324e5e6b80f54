//! The service of this repository, as a deployment would run it.

use std::path::{Path, PathBuf};

use session_http::api_key::NewApiKey;
use session_store::entropy::SystemEntropy;
use tokio::process::Command;

use crate::client::Failure;

/// Sections that only a measurement needs: what would refuse its thousands of requests from one address is switched off here.
const FOR_MEASURING: &str = "[rate_limit]\nenabled = false\n[proxy]\ntrusted = [\"127.0.0.1\"]\n";

/// A directory with a configuration, from which any number of instances may be started.
pub(crate) struct Deployment {
    directory: PathBuf,
    api_key: String,
}

impl Deployment {
    /// Writes the configuration into `directory`, for a store on `redis` or in the directory. `more` are sections behind the others.
    pub(crate) fn write(directory: &Path, redis: Option<&str>, algorithm: &str, more: &str) -> Result<Self, Failure> {
        let key = NewApiKey::generate(&SystemEntropy::new())?;
        let store = redis.map_or_else(
            || format!("embedded:{}", directory.join("store").display()),
            str::to_owned,
        );
        let text = format!(
            r#"
listen = "127.0.0.1:0"
public_url = "https://auth.example.com"
issuer = "https://auth.example.com"
audience = "https://api.example.com"
[store]
url = "{store}"
[keys]
directory = "{keys}"
algorithm = "{algorithm}"
[[service.api_keys]]
name = "measurement"
sha256 = "{hash}"
{FOR_MEASURING}
{more}
"#,
            keys = keys_in(directory).display(),
            hash = key.hash().to_hex(),
        );
        let deployment = Self {
            directory: directory.to_owned(),
            api_key: key.expose().to_owned(),
        };
        std::fs::write(deployment.config(), text)?;
        Ok(deployment)
    }

    /// The command by which `binary` serves it.
    pub(crate) fn command(&self, binary: &Path) -> Command {
        let mut command = Command::new(binary);
        command.arg("serve").arg("--config").arg(self.config());
        // What it remembers of stores it has used belongs to this run.
        command.current_dir(&self.directory);
        command
    }

    /// What opens sessions.
    pub(crate) fn api_key(&self) -> &str {
        &self.api_key
    }

    /// Where its keys are, or will be.
    pub(crate) fn keys(&self) -> PathBuf {
        keys_in(&self.directory)
    }

    fn config(&self) -> PathBuf {
        self.directory.join("session.toml")
    }
}

fn keys_in(directory: &Path) -> PathBuf {
    directory.join("keys")
}
