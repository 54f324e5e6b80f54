//! The service of this repository, as a deployment would run it.

use std::path::{Path, PathBuf};

use session_http::api_key::NewApiKey;
use session_store::entropy::SystemEntropy;
use tokio::process::Command;

use crate::client::Failure;

/// Sections that only a measurement needs: what would refuse its thousands of requests from one address is switched off here.
const FOR_MEASURING: &str = "[rate_limit]\nenabled = false\n[proxy]\ntrusted = [\"127.0.0.1\"]\n";

/// The command that serves, and the API key that opens sessions.
pub(super) fn command(directory: &Path, redis: Option<&str>, algorithm: &str) -> Result<(Command, String), Failure> {
    let key = NewApiKey::generate(&SystemEntropy::new())?;
    let store = redis.map_or_else(
        || format!("embedded:{}", directory.join("store").display()),
        str::to_owned,
    );
    let config = directory.join("session.toml");
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
"#,
        keys = directory.join("keys").display(),
        hash = key.hash().to_hex(),
    );
    std::fs::write(&config, text)?;
    let mut command = Command::new(binary()?);
    command.arg("serve").arg("--config").arg(config);
    // What it remembers of stores it has used belongs to this run.
    command.current_dir(directory);
    Ok((command, key.expose().to_owned()))
}

/// `session-http` as it was built beside this program.
pub(in crate::compare) fn binary() -> Result<PathBuf, Failure> {
    Ok(std::env::current_exe()?.with_file_name("session-http"))
}
