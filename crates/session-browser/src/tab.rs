//! One tab with the page of the cases (`page/`).
//!
//! Its settings are JSON: `skew` (milliseconds that the device's clock is wrong by), `storage: false`, `drafts` (the options of
//! drafts; without it there is no form), `client` (the options of the client). Scripts see `session`, `clock`, `events`,
//! `asked`, `draft` and `started`.

use std::cell::RefCell;
use std::time::Duration;

use reqwest::Url;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use session_testbed::eventually::eventually;

use crate::browser::Browser;
use crate::ensure;
use crate::error::{Failure, Result};
use crate::site::PAGE;

/// How long a tab has to come to a state. Its clock stands still: this is only the machine's and the network's time.
const PATIENCE: Duration = Duration::from_secs(15);

/// A tab of a browser.
pub struct Tab<'b> {
    browser: &'b Browser,
    handle: String,
    settings: Value,
}

impl<'b> Tab<'b> {
    pub(crate) fn new(browser: &'b Browser, handle: String, settings: Value) -> Self {
        Self {
            browser,
            handle,
            settings,
        }
    }

    /// Loads the page, again if it was there before; returns when the client has started.
    pub async fn load(&self) -> Result<()> {
        let page = format!("{}{PAGE}", self.browser.origin());
        let url = Url::parse_with_params(&page, [("settings", self.settings.to_string())]);
        let url = url.map_err(Failure::doing(page))?;
        self.browser.at(&self.handle).await?.go_to(url.as_str()).await?;
        self.until(
            "the client has started",
            "await window.started; return window.started !== undefined",
        )
        .await
    }

    /// What `body` returns; `await` and `return` may stand in it.
    pub async fn run<T: DeserializeOwned>(&self, body: &str) -> Result<T> {
        let value = self.browser.at(&self.handle).await?.run(body).await?;
        serde_json::from_value(value).map_err(Failure::doing(body))
    }

    /// Does `body` and returns nothing.
    pub async fn act(&self, body: &str) -> Result<()> {
        self.run::<Value>(body).await.map(drop)
    }

    /// Begins what `body` does and does not wait for it; [`end`](Self::end) does.
    pub async fn begin(&self, body: &str) -> Result<()> {
        let begun = format!("window.begun = (async () => {{ {body} }})(); window.begun.catch(() => {{}});");
        self.act(&begun).await
    }

    /// What the last [`begin`](Self::begin) returned.
    pub async fn end<T: DeserializeOwned>(&self) -> Result<T> {
        self.run("return await window.begun").await
    }

    /// Waits until `body` returns `true`.
    pub async fn until(&self, what: &str, body: &str) -> Result<()> {
        let last = RefCell::new(Ok(Value::Null));
        let reached = eventually(what, PATIENCE, || async {
            let said = self.run::<Value>(body).await;
            let reached = matches!(said, Ok(Value::Bool(true)));
            *last.borrow_mut() = said;
            reached.then_some(())
        });
        match reached.await {
            Ok(()) => Ok(()),
            Err(error) => {
                let seen: Result<Value> = self
                    .run("return window.session && { state: session.state, events }")
                    .await;
                Err(Failure::new(format!(
                    "{error}; at last {:?}; {seen:?}",
                    last.into_inner()
                )))
            }
        }
    }

    /// Waits for this state.
    pub async fn until_state(&self, state: &str) -> Result<()> {
        self.until(
            &format!("the state is {state}"),
            &format!("return session.state === '{state}'"),
        )
        .await
    }

    /// The state that the page shows.
    pub async fn state(&self) -> Result<String> {
        self.run("return session.state").await
    }

    /// The session's id and generation as the page has them.
    pub async fn session(&self) -> Result<(String, u64)> {
        self.run("return [session.session?.id ?? '', session.session?.generation ?? 0]")
            .await
    }

    /// The details of all events of this type so far.
    pub async fn events(&self, event: &str) -> Result<Vec<Value>> {
        self.run(&format!("return events.filter(({{ type }}) => type === '{event}')"))
            .await
    }

    /// Logs the demo's user in. Events count from then on.
    pub async fn log_in(&self) -> Result<()> {
        self.act("await session.login({ username: 'demo', password: 'demo' }); events.length = 0")
            .await?;
        self.until_state("active").await
    }

    /// Time passes until the token is due and the client asks for another; the clock stops there.
    pub async fn until_due(&self) -> Result<()> {
        let asks: bool = self
            .run("return await clock.until(() => session.isRefreshing, 900_000)")
            .await?;
        ensure!(asks, "no refresh within the life of a token");
        Ok(())
    }

    /// Fails if any of these events has come.
    pub async fn has_no(&self, unwanted: &[&str]) -> Result<()> {
        for event in unwanted {
            let seen = self.events(event).await?;
            ensure!(seen.is_empty(), "{seen:?} for no reason");
        }
        Ok(())
    }

    /// Time passes, with a network that answers at once.
    pub async fn advance(&self, span: Duration) -> Result<()> {
        self.act(&format!("await clock.advance({})", span.as_millis())).await
    }

    /// Presses keys in the element.
    pub async fn type_into(&self, selector: &str, text: &str) -> Result<()> {
        self.browser.at(&self.handle).await?.type_into(selector, text).await
    }

    /// What stands in the field.
    pub async fn field(&self, name: &str) -> Result<String> {
        self.run(&format!(
            "return document.querySelector('#form').elements['{name}'].value"
        ))
        .await
    }

    /// Closes it, whatever it is doing.
    pub async fn close(self) -> Result<()> {
        self.browser.at(&self.handle).await?.close_tab().await
    }

    /// Chromium only: the browser freezes the page, as it does with tabs that nobody has looked at for long, or wakes it.
    pub async fn set_frozen(&self, frozen: bool) -> Result<()> {
        let state = if frozen { "frozen" } else { "active" };
        self.devtools("Page.setWebLifecycleState", &json!({ "state": state }))
            .await
    }

    /// Chromium only: as if the person preferred dark pages, or light ones, and nothing that moves.
    pub async fn prefer_dark(&self, dark: bool) -> Result<()> {
        let scheme = if dark { "dark" } else { "light" };
        let features = [("prefers-color-scheme", scheme), ("prefers-reduced-motion", "reduce")];
        let asked = json!({ "features": features.map(|(name, value)| json!({ "name": name, "value": value })) });
        self.devtools("Emulation.setEmulatedMedia", &asked).await
    }

    async fn devtools(&self, command: &str, parameters: &Value) -> Result<()> {
        let driver = self.browser.at(&self.handle).await?;
        driver.devtools(command, parameters).await.map(drop)
    }
}
