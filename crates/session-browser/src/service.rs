//! The real service: `session-http demo`, and what it says of its sessions to whoever has its API key.

use serde_json::{Value, json};
use session_testbed::service_binary::{listening, service_binary};
use std::net::SocketAddr;
use tempfile::TempDir;

use crate::error::{Failure, Result};
use crate::process_tree::ProcessTree;

/// A running demo; gone with its data when dropped.
pub struct Service {
    address: SocketAddr,
    api_key: String,
    http: reqwest::Client,
    _process: ProcessTree,
    _data: TempDir,
}

impl Service {
    /// Starts it with these settings, such as `("POLICY__ACCESS_TTL", "1m")`; returns when it listens.
    pub(crate) async fn start(settings: &[(&str, &str)]) -> Result<Self> {
        let binary = service_binary().await?;
        let data = tempfile::tempdir().map_err(Failure::doing("making a directory"))?;
        let (directory, log) = (data.path().join("data"), data.path().join("log"));
        let names: Vec<String> = settings.iter().map(|(name, _)| format!("SESSION_{name}")).collect();
        let values = settings.iter().map(|(_, value)| (*value).to_owned());
        // A case's tabs and devices, all on one address, ask for more in a minute than people do.
        let unlimited = ("SESSION_RATE_LIMIT__ENABLED", "false".to_owned());
        let variables: Vec<_> = names
            .iter()
            .map(String::as_str)
            .zip(values)
            .chain([unlimited])
            .collect();
        let arguments = ["demo", "--listen", "127.0.0.1:0", "--data"].map(str::to_owned);
        let arguments = [&arguments[..], &[directory.display().to_string()]].concat();
        let mut process = ProcessTree::start(&variables, binary, &arguments, &log)?;
        let address = listening(process.root()).await?;
        let key_file = directory.join("demo-api-key");
        let api_key = std::fs::read_to_string(&key_file).map_err(Failure::doing(key_file.display().to_string()))?;
        Ok(Self {
            address,
            api_key: api_key.trim().to_owned(),
            http: reqwest::Client::new(),
            _process: process,
            _data: data,
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The ids and generations of this person's live sessions: the truth that a page is compared with.
    pub async fn sessions(&self, subject: &str) -> Result<Vec<(String, u64)>> {
        let path = format!("/v1/subjects/{subject}/sessions");
        let answer = self.ask(reqwest::Method::GET, &path).await?;
        let Some(sessions) = answer["sessions"].as_array() else {
            return Err(Failure::new(format!("no list of sessions: {answer}")));
        };
        let read = |session: &Value| Some((session["id"].as_str()?.to_owned(), session["generation"].as_u64()?));
        Ok(sessions.iter().filter_map(read).collect())
    }

    /// Ends all of this person's sessions, as an operator does.
    pub async fn end_all(&self, subject: &str) -> Result<()> {
        let path = format!("/v1/subjects/{subject}/sessions");
        self.ask(reqwest::Method::DELETE, &path).await.map(drop)
    }

    /// Another device of the demo's user, a phone for example: logs in and ends all others.
    pub async fn end_from_another_device(&self) -> Result<()> {
        let credentials = json!({ "username": "demo", "password": "demo", "device_label": "phone" });
        let login = self.http.post(self.url("/auth/login")).json(&credentials);
        let tokens = answered(login, "a login of the phone").await?;
        let token = tokens["access_token"].as_str().unwrap_or_default();
        let others = self
            .http
            .delete(self.url("/auth/sessions?except=current"))
            .bearer_auth(token);
        answered(others, "ending the others").await.map(drop)
    }

    /// Opens a session for this subject, as a backend does that knows the person otherwise; the answer's cookies and body.
    pub async fn open_for(&self, subject: &str) -> Result<(Vec<String>, Value)> {
        let asked = json!({ "subject": subject, "transport": "cookie", "rotation": "keyed" });
        let request = self
            .http
            .post(self.url("/v1/sessions"))
            .bearer_auth(&self.api_key)
            .json(&asked);
        let answer = request.send().await.map_err(Failure::doing("opening a session"))?;
        let cookies = answer.headers().get_all("set-cookie").iter();
        let cookies = cookies
            .filter_map(|line| Some(line.to_str().ok()?.to_owned()))
            .collect();
        let tokens = answer.json().await.map_err(Failure::doing("opening a session"))?;
        Ok((cookies, tokens))
    }

    async fn ask(&self, method: reqwest::Method, path: &str) -> Result<Value> {
        let request = self.http.request(method, self.url(path)).bearer_auth(&self.api_key);
        answered(request, path).await
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

async fn answered(request: reqwest::RequestBuilder, doing: &str) -> Result<Value> {
    let answer = request.send().await.map_err(Failure::doing(doing))?;
    let status = answer.status();
    let body = answer.text().await.map_err(Failure::doing(doing))?;
    if !status.is_success() {
        return Err(Failure::new(format!("{doing}: {status} {body}")));
    }
    if body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&body).map_err(Failure::doing(doing))
}
