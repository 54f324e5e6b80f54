//! One running browser: a device, with its own cookies and storage, and as many tabs as a case opens.

use std::path::Path;

use serde_json::Value;
use session_testbed::eventually::{PATIENCE, eventually};
use session_testbed::port::ReservedPort;
use tempfile::TempDir;
use tokio::sync::Mutex;

use crate::engine::{Engine, Launch};
use crate::error::{Failure, Result};
use crate::process_tree::ProcessTree;
use crate::tab::Tab;
use crate::webdriver::WebDriver;

/// Ends with all its processes when dropped; its files are gone then too.
pub struct Browser {
    /// WebDriver has one current tab: who switches to a tab keeps the others away until it is done there.
    driver: Mutex<WebDriver>,
    /// The tab that it started with.
    empty: String,
    /// Where the page is.
    origin: String,
    version: String,
    // Dropped in this order: the processes before what they use.
    _process: ProcessTree,
    _screen: Option<ProcessTree>,
    _port: ReservedPort,
    _files: TempDir,
}

impl Browser {
    /// Starts it. Its first tab stays empty, so that a case may close all others without ending the browser.
    pub(crate) async fn start(engine: Engine, origin: String) -> Result<Self> {
        let files = tempfile::tempdir().map_err(Failure::doing("making a directory"))?;
        let port = ReservedPort::any()?;
        let Launch {
            driver,
            arguments,
            capabilities,
            needs_screen,
        } = engine.launch(port.port(), files.path())?;
        let here = files.path().display().to_string();
        let mut variables = vec![("HOME", here.clone()), ("TMPDIR", here)];
        let mut screen = None;
        if needs_screen {
            let (process, display) = start_screen(files.path()).await?;
            screen = Some(process);
            variables.push(("DISPLAY", display));
        }
        let process = ProcessTree::start(&variables, &driver, &arguments, &files.path().join("driver.log"))?;
        let address = format!("http://127.0.0.1:{}", port.port());
        let ready = eventually("the driver is ready", PATIENCE, || WebDriver::is_ready(&address)).await;
        let opened = match ready {
            Ok(()) => WebDriver::open(&address, capabilities).await,
            Err(error) => Err(error.into()),
        };
        let (driver, version) =
            opened.map_err(|error| Failure::new(format!("{error}\nThe driver said:\n{}", process.output())))?;
        Ok(Self {
            empty: driver.tab().await?,
            driver: Mutex::new(driver),
            origin,
            version,
            _process: process,
            _screen: screen,
            _port: port,
            _files: files,
        })
    }

    /// The version of this engine's browser, as it says itself.
    pub async fn version_of(engine: Engine) -> Result<String> {
        let browser = Self::start(engine, String::new()).await?;
        let version = browser.version.clone();
        browser.quit().await?;
        Ok(version)
    }

    /// Opens the page in a new tab, with these [settings](crate::tab); returns when the client there has started.
    pub async fn open(&self, settings: Value) -> Result<Tab<'_>> {
        // From a tab that is there: the one before may have been closed.
        let handle = self.at(&self.empty).await?.new_tab().await?;
        let tab = Tab::new(self, handle, settings);
        tab.load().await?;
        Ok(tab)
    }

    /// Opens another page of the service, such as the demo's `/`; its own scripts are all that runs there.
    pub async fn visit(&self, path: &str) -> Result<Tab<'_>> {
        let handle = self.at(&self.empty).await?.new_tab().await?;
        self.at(&handle).await?.go_to(&format!("{}{path}", self.origin)).await?;
        Ok(Tab::new(self, handle, Value::Null))
    }

    /// Ends it as a person does, so that nothing is in the middle of being written.
    pub async fn quit(self) -> Result<()> {
        self.driver.lock().await.quit().await
    }

    /// The driver, with this tab as the current one.
    pub(crate) async fn at(&self, handle: &str) -> Result<tokio::sync::MutexGuard<'_, WebDriver>> {
        let driver = self.driver.lock().await;
        driver.switch_to(handle).await?;
        Ok(driver)
    }

    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }
}

/// A screen that nobody sees, and its name.
async fn start_screen(directory: &Path) -> Result<(ProcessTree, String)> {
    let output = directory.join("screen.log");
    let arguments = ["-displayfd", "1", "-screen", "0", "1280x1024x24", "-nolisten", "tcp"].map(str::to_owned);
    let process = ProcessTree::start(&[], Path::new("Xvfb"), &arguments, &output)?;
    let named = eventually("Xvfb (Debian's xvfb) has a screen", PATIENCE, || {
        let said = process.output();
        let number = said.lines().find_map(|line| line.trim().parse::<u32>().ok());
        async move { number }
    });
    let number = named
        .await
        .map_err(|error| Failure::new(format!("{error}: {}", process.output())))?;
    Ok((process, format!(":{number}")))
}
