//! The files of the page, given by the proxy itself: on the service's own origin, without the service knowing of them.

use std::fs;
use std::path::{Path, PathBuf};

use session_testbed::proxy::fault::{Fault, Rule};
use session_testbed::proxy::http::HttpFaultProxy;

use crate::error::{Failure, Result};

/// The page's path.
pub(crate) const PAGE: &str = "/test/page.html";

/// As strict as the module promises to work under.
const POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'";

/// Offers the page at `proxy`. Its rules stay: a case clears only its own.
pub(crate) fn publish(proxy: &HttpFaultProxy) -> Result<()> {
    let html = "text/html; charset=utf-8";
    offer(proxy, PAGE, html, include_str!("../page/page.html"));
    offer(proxy, "/test/page.js", SCRIPT, include_str!("../page/page.js"));
    offer(proxy, "/test/clock.js", SCRIPT, include_str!("../page/clock.js"));
    let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("../session-http/web");
    for file in scripts_in(&module)? {
        let content = fs::read_to_string(&file).map_err(Failure::doing(file.display().to_string()))?;
        let path = file.strip_prefix(&module).unwrap_or(&file).display().to_string();
        offer(proxy, &format!("/{path}"), SCRIPT, &content);
    }
    Ok(())
}

const SCRIPT: &str = "text/javascript; charset=utf-8";

fn offer(proxy: &HttpFaultProxy, path: &str, kind: &str, content: &str) {
    let headers = [("content-type", kind), ("content-security-policy", POLICY), ("cache-control", "no-store")];
    let answer = Fault::Status {
        code: 200,
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        body: content.to_owned(),
    };
    proxy.add(Rule::new(answer).method("GET").path(path));
}

fn scripts_in(module: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for folder in ["", "session", "drafts", "dialog"] {
        let folder = module.join(folder);
        let entries = fs::read_dir(&folder).map_err(Failure::doing(folder.display().to_string()))?;
        found.extend(entries.flatten().map(|entry| entry.path()));
    }
    found.retain(|file| file.extension().is_some_and(|extension| extension == "js"));
    Ok(found)
}
