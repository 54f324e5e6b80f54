//! The engines: what is started for each, and with which settings.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde_json::{Value, json};

use crate::error::{Failure, Result};

/// A browser engine, in the browser by which it is driven here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    /// Chromium, with the `chromedriver` of the same version.
    Chromium,
    /// Firefox, or Debian's Firefox ESR.
    Firefox,
    /// WebKitGTK in its own small browser, on a screen that nobody sees.
    #[value(name = "webkit")]
    WebKit,
}

/// How an engine is started.
pub(crate) struct Launch {
    /// The WebDriver server.
    pub(crate) driver: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) capabilities: Value,
    /// It has no headless mode of its own.
    pub(crate) needs_screen: bool,
}

const MINI_BROWSER: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser",
    "/usr/lib/aarch64-linux-gnu/webkit2gtk-4.1/MiniBrowser",
    "/usr/lib64/webkit2gtk-4.1/MiniBrowser",
    "/usr/libexec/webkit2gtk-4.1/MiniBrowser",
];

impl Engine {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 3] = [Self::Chromium, Self::Firefox, Self::WebKit];

    /// As on the command line and in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chromium => "Chromium",
            Self::Firefox => "Firefox",
            Self::WebKit => "WebKit",
        }
    }

    /// How to start it with a driver on `port` and everything it writes in `profile`; the error names what to install.
    pub(crate) fn launch(self, port: u16, profile: &Path) -> Result<Launch> {
        let port = format!("--port={port}");
        match self {
            Self::Chromium => Ok(Launch {
                driver: find(&["chromedriver"], "Debian's chromium-driver")?,
                arguments: vec![port],
                capabilities: chromium(&find(&["chromium", "google-chrome"], "Debian's chromium")?, profile),
                needs_screen: false,
            }),
            Self::Firefox => Ok(Launch {
                driver: find(&["geckodriver"], "it with `cargo install geckodriver --locked`")?,
                arguments: vec![port, "--host=127.0.0.1".to_owned(), "--log=error".to_owned()],
                capabilities: firefox(&find(&["firefox-esr", "firefox"], "Debian's firefox-esr")?),
                needs_screen: false,
            }),
            Self::WebKit => Ok(Launch {
                driver: find(&["WebKitWebDriver"], "Debian's webkit2gtk-driver and xvfb")?,
                arguments: vec![port],
                capabilities: webkit(&find(&MINI_BROWSER, "Debian's libwebkit2gtk-4.1-0")?),
                needs_screen: true,
            }),
        }
    }
}

/// Quiet: no request that no case asked for, no first-run page; and no sandbox, which containers do not allow.
fn chromium(binary: &Path, profile: &Path) -> Value {
    let mut arguments = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        // It ends when its driver does, however that ends.
        "--remote-debugging-pipe",
    ]
    .map(str::to_owned)
    .to_vec();
    arguments.push(format!("--user-data-dir={}", profile.join("chromium").display()));
    json!({ "browserName": "chrome", "goog:chromeOptions": { "binary": binary, "args": arguments } })
}

fn firefox(binary: &Path) -> Value {
    json!({ "browserName": "firefox", "moz:firefoxOptions": { "binary": binary, "args": ["-headless"] } })
}

fn webkit(binary: &Path) -> Value {
    json!({ "webkitgtk:browserOptions": { "binary": binary, "args": ["--automation"] } })
}

/// The first of these programs that is in `PATH`, or there if it is a path.
fn find(programs: &[&str], install: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let candidates = programs
        .iter()
        .flat_map(|program| places.iter().map(move |place| place.join(program)));
    let found = candidates.into_iter().find(|candidate| candidate.is_file());
    found.ok_or_else(|| Failure::new(format!("{} is not installed: install {install}", programs[0])))
}
