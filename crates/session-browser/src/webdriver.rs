//! The few commands of WebDriver (W3C) that the cases need: JSON over HTTP, the same for every engine.
//!
//! A client of our own, because the published ones bring old copies of a dozen crates, or switch on features of `serde_json`
//! which a build of the whole workspace would then have in the service too.

use std::time::Duration;

use serde_json::{Value, json};

use crate::error::{Failure, Result};

/// A session of a driver: one running browser.
pub(crate) struct WebDriver {
    http: reqwest::Client,
    /// The session's address, without a slash at its end.
    session: String,
}

/// Nothing that a driver does takes this long; a browser that hangs must not hang the run.
const LONGEST_COMMAND: Duration = Duration::from_mins(1);

/// How long a script may take, in milliseconds.
const LONGEST_SCRIPT: u64 = 45_000;

/// How WebDriver spells an element in JSON (§ 12.2).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

impl WebDriver {
    /// Whether the driver at `driver` is ready for a session.
    pub(crate) async fn is_ready(driver: &str) -> Option<()> {
        let answer: Value = reqwest::get(format!("{driver}/status")).await.ok()?.json().await.ok()?;
        (answer["value"]["ready"] == true).then_some(())
    }

    /// Starts a browser; returns its version too.
    pub(crate) async fn open(driver: &str, mut capabilities: Value) -> Result<(Self, String)> {
        let http = reqwest::Client::builder().timeout(LONGEST_COMMAND).build();
        let http = http.map_err(Failure::doing("making an HTTP client"))?;
        // By TLS with a certificate that only its test knows: the cookies are `Secure`.
        capabilities["acceptInsecureCerts"] = json!(true);
        capabilities["timeouts"] = json!({ "script": LONGEST_SCRIPT, "pageLoad": LONGEST_SCRIPT });
        let driver = Self {
            http,
            session: format!("{driver}/session"),
        };
        let asked = json!({ "capabilities": { "alwaysMatch": capabilities } });
        let answer = driver.command("POST", "", &asked).await?;
        let Some(id) = answer["sessionId"].as_str() else {
            return Err(Failure::new(format!("no WebDriver session: {answer}")));
        };
        let version = answer["capabilities"]["browserVersion"]
            .as_str()
            .unwrap_or("of an unknown version");
        let opened = Self {
            session: format!("{}/{id}", driver.session),
            ..driver
        };
        Ok((opened, version.to_owned()))
    }

    /// Ends the browser.
    pub(crate) async fn quit(&self) -> Result<()> {
        self.command("DELETE", "", &Value::Null).await.map(drop)
    }

    /// Opens a tab, which is not the current one yet.
    pub(crate) async fn new_tab(&self) -> Result<String> {
        let answer = self.command("POST", "/window/new", &json!({ "type": "tab" })).await?;
        match answer["handle"].as_str() {
            Some(handle) => Ok(handle.to_owned()),
            None => Err(Failure::new(format!("no handle of a new tab: {answer}"))),
        }
    }

    /// The current tab.
    pub(crate) async fn tab(&self) -> Result<String> {
        let answer = self.command("GET", "/window", &Value::Null).await?;
        answer
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| Failure::new(format!("no tab: {answer}")))
    }

    /// What follows is for this tab.
    pub(crate) async fn switch_to(&self, tab: &str) -> Result<()> {
        let asked = json!({ "handle": tab });
        self.command("POST", "/window", &asked).await.map(drop)
    }

    /// Closes the current tab.
    pub(crate) async fn close_tab(&self) -> Result<()> {
        self.command("DELETE", "/window", &Value::Null).await.map(drop)
    }

    /// Returns when the page has loaded.
    pub(crate) async fn go_to(&self, url: &str) -> Result<()> {
        self.command("POST", "/url", &json!({ "url": url })).await.map(drop)
    }

    /// Runs `body`, in which `await` and `return` may stand.
    pub(crate) async fn run(&self, body: &str) -> Result<Value> {
        let script = format!(
            "const done = arguments[arguments.length - 1];
             (async () => {{ {body} }})().then(
                 (value) => done({{ value: value ?? null }}),
                 (error) => done({{ thrown: `${{error}} ${{error?.stack ?? ''}}` }}));"
        );
        let asked = json!({ "script": script, "args": [] });
        let mut answer = self.command("POST", "/execute/async", &asked).await?;
        match answer["thrown"].as_str() {
            None => Ok(answer["value"].take()),
            Some(thrown) => Err(Failure::new(format!("{body}: {thrown}"))),
        }
    }

    /// Presses keys in the element, one after the other.
    pub(crate) async fn type_into(&self, selector: &str, text: &str) -> Result<()> {
        let asked = json!({ "using": "css selector", "value": selector });
        let found = self.command("POST", "/element", &asked).await?;
        let Some(element) = found[ELEMENT].as_str() else {
            return Err(Failure::new(format!("{selector} is not an element: {found}")));
        };
        let path = format!("/element/{element}/value");
        self.command("POST", &path, &json!({ "text": text })).await.map(drop)
    }

    /// A command of the DevTools protocol, which only Chromium's driver hands on.
    pub(crate) async fn devtools(&self, command: &str, parameters: &Value) -> Result<Value> {
        let asked = json!({ "cmd": command, "params": parameters });
        self.command("POST", "/goog/cdp/execute", &asked).await
    }

    async fn command(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let url = format!("{}{path}", self.session);
        let request = match method {
            "DELETE" => self.http.delete(url),
            "GET" => self.http.get(url),
            _ => self.http.post(url).json(body),
        };
        let doing = || format!("WebDriver {method} {path}");
        let answer = request.send().await.map_err(Failure::doing(doing()))?;
        let refused = !answer.status().is_success();
        let mut answer: Value = answer.json().await.map_err(Failure::doing(doing()))?;
        let value = answer["value"].take();
        if refused {
            return Err(Failure::new(format!(
                "{}: {} {}",
                doing(),
                value["error"],
                value["message"]
            )));
        }
        Ok(value)
    }
}
