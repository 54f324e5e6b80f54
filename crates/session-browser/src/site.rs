//! The files of the page, given by the proxy itself: on the service's own origin, without the service knowing of them.
//! The module comes from the service.

use session_testbed::proxy::fault::{Fault, Rule};
use session_testbed::proxy::http::HttpFaultProxy;

/// The page's path.
pub(crate) const PAGE: &str = "/test/page.html";

/// As strict as the module promises to work under.
const POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'";

/// Offers the page at `proxy`. Its rules stay: a case clears only its own.
pub(crate) fn publish(proxy: &HttpFaultProxy) {
    let html = "text/html; charset=utf-8";
    offer(proxy, PAGE, html, include_str!("../page/page.html"));
    offer(proxy, "/test/page.js", SCRIPT, include_str!("../page/page.js"));
    offer(proxy, "/test/clock.js", SCRIPT, include_str!("../page/clock.js"));
}

const SCRIPT: &str = "text/javascript; charset=utf-8";

fn offer(proxy: &HttpFaultProxy, path: &str, kind: &str, content: &str) {
    let headers = [
        ("content-type", kind),
        ("content-security-policy", POLICY),
        ("cache-control", "no-store"),
    ];
    let answer = Fault::Status {
        code: 200,
        headers: headers
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
        body: content.to_owned(),
    };
    proxy.add(Rule::new(answer).method("GET").path(path));
}
