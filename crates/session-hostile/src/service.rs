//! The real binary, configured as in production: the embedded store, a users file, rate limits.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};
use session_testbed::process::ServerProcess;
use session_testbed::service_binary::{listening, service_binary, without_inherited_settings};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use session_testbed::failure::{Failure, Result};

/// A running service; gone with its data when dropped.
pub struct Service {
    address: SocketAddr,
    api_key: String,
    process: ServerProcess,
    data: TempDir,
}

/// Its one user.
pub(crate) const USER: &str = "anna";
/// And her password.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

impl Service {
    /// Starts it; returns when it listens.
    pub(crate) async fn start() -> Result<Self> {
        let binary = service_binary().await?;
        let data = tempfile::tempdir().map_err(Failure::doing("making a directory"))?;
        let path = data.path();
        let (api_key, entry) = new_api_key(binary).await?;
        add_user(binary, &path.join("users")).await?;
        let file = path.join("session.toml");
        fs::write(&file, configuration(path, &entry)).map_err(Failure::doing("writing the configuration"))?;
        let words = without_inherited_settings()
            .chain([binary, Path::new("serve"), Path::new("--config"), &file].map(|w| w.display().to_string()));
        let words: Vec<String> = words.collect();
        // `env` becomes the program: the process is the same.
        let mut process = ServerProcess::start("env", "coreutils", &words, &path.join("log"))?;
        let address = listening(&mut process).await?;
        Ok(Self {
            address,
            api_key,
            process,
            data,
        })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What a trusted backend presents.
    pub(crate) fn api_key(&self) -> &str {
        &self.api_key
    }

    /// A URL of it.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Opens a keyed session for `subject`; the answer's body.
    pub(crate) async fn open(&self, client: &reqwest::Client, subject: &str) -> Result<Value> {
        let asked = json!({ "subject": subject, "rotation": "keyed" });
        let request = client
            .post(self.url("/v1/sessions"))
            .bearer_auth(&self.api_key)
            .json(&asked);
        let answer = request.send().await.map_err(Failure::doing("opening a session"))?;
        let answer = answer.error_for_status().map_err(Failure::doing("opening a session"))?;
        answer.json().await.map_err(Failure::doing("opening a session"))
    }

    /// The memory that is resident now, in KiB; 0 if the system does not say.
    pub(crate) fn memory_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        number.unwrap_or(0)
    }

    /// What it said, if a thread of it has panicked: actix would only close that connection.
    pub(crate) fn has_panicked(&self) -> Option<String> {
        let said = fs::read_to_string(self.data.path().join("log")).unwrap_or_default();
        said.contains("panicked at").then_some(said)
    }
}

fn configuration(data: &Path, api_key: &str) -> String {
    let data = data.display();
    format!(
        "listen = \"127.0.0.1:0\"
public_url = \"http://127.0.0.1:8080\"
issuer = \"hostile\"
audience = \"hostile\"
[store]
url = \"embedded:{data}/store\"
[keys]
directory = \"{data}/keys\"
[login]
users_file = \"{data}/users\"
[rate_limit]
# The honest clients refresh several times a second, to see more in less time.
refresh_per_session = \"6000/1m\"
refresh_per_address = \"6000/1m\"
[log]
level = \"warn\"
{api_key}"
    )
}

/// A key, and its entry in the configuration.
async fn new_api_key(binary: &Path) -> Result<(String, String)> {
    let output = Command::new(binary).args(["api-key", "new", "hostile"]).output().await;
    let said = output.map_err(Failure::doing("making an API key"))?.stdout;
    let said = String::from_utf8_lossy(&said);
    let key = said.lines().find(|line| line.starts_with("sk_")).map(str::to_owned);
    let entry = said.find("[[service.api_keys]]").map(|at| said[at..].to_owned());
    key.zip(entry)
        .ok_or_else(|| Failure::new(format!("no API key in: {said}")))
}

async fn add_user(binary: &Path, users: &Path) -> Result<()> {
    let mut command = Command::new(binary);
    command
        .args(["user", "add", USER, "--users"])
        .arg(users)
        .stdin(Stdio::piped())
        .stdout(Stdio::null());
    let doing = || Failure::doing("adding a user");
    let mut child = command.spawn().map_err(doing())?;
    if let Some(mut input) = child.stdin.take() {
        input
            .write_all(format!("{PASSWORD}\n").as_bytes())
            .await
            .map_err(doing())?;
    }
    let ended = child.wait().await.map_err(doing())?;
    if ended.success() {
        Ok(())
    } else {
        Err(Failure::new(format!("adding a user: {ended}")))
    }
}

/// Ten thousand connections have two ends, in two processes: this one's limit is raised as far as it goes, and inherited.
pub fn allow_many_connections() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    // Without it fewer connections are opened, and the table says how many.
    let _ = setrlimit(Resource::Nofile, raised);
}
