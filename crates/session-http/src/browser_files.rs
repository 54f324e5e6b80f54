//! The files that browsers load, held in the binary: the module of `web/`, the page of `/auth/continue`, and the demo.
//!
//! Each is hashed and compressed once, before the first answer.

use std::io::Write as _;
use std::sync::LazyLock;

use actix_web::web::Bytes;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::Compression;
use flate2::write::GzEncoder;
use ring::digest::{SHA256, digest};

/// Name within `web/`, and content; made by `build.rs`.
const EMBEDDED: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/browser_files.rs"));

static FILES: LazyLock<Vec<BrowserFile>> = LazyLock::new(|| {
    EMBEDDED
        .iter()
        .map(|(name, content)| BrowserFile::new(name, content))
        .collect()
});

/// All of them, by name.
pub fn all() -> &'static [BrowserFile] {
    &FILES
}

/// One file.
#[derive(Debug)]
pub struct BrowserFile {
    /// Within `web/`, for example `session/client.js`.
    pub name: &'static str,
    /// Its `Content-Type`.
    pub content_type: &'static str,
    /// As it is.
    pub plain: Representation,
    /// Compressed; none if that would not be smaller.
    pub gzip: Option<Representation>,
}

/// The file in one content coding.
#[derive(Debug)]
pub struct Representation {
    /// What is sent.
    pub bytes: Bytes,
    /// A strong tag (RFC 9110 §8.8.3): SHA-256 of what is sent, so another one for each coding. With its quotes.
    pub etag: String,
}

impl BrowserFile {
    fn new(name: &'static str, content: &'static [u8]) -> Self {
        let compressed = gzip(content).filter(|compressed| compressed.len() < content.len());
        Self {
            name,
            content_type: content_type(name),
            plain: Representation::of(Bytes::from_static(content)),
            gzip: compressed.map(|compressed| Representation::of(compressed.into())),
        }
    }

    /// Where it is served. The demo's page stands in for a site's own.
    pub fn path(&self) -> String {
        match self.name {
            "demo/index.html" => "/".to_owned(),
            name => format!("/{name}"),
        }
    }

    /// Whether it is part of the demo's page, which production does not have.
    pub fn is_demos(&self) -> bool {
        self.name.starts_with("demo/")
    }

    /// Whether it is part of the module, which a page of any origin may import.
    pub fn is_module(&self) -> bool {
        !self.is_demos() && [".js", ".d.ts"].iter().any(|ending| self.name.ends_with(ending))
    }
}

impl Representation {
    fn of(bytes: Bytes) -> Self {
        let hash = URL_SAFE_NO_PAD.encode(digest(&SHA256, &bytes));
        let etag = format!("\"{hash}\"");
        Self { bytes, etag }
    }
}

/// `None` never happens: the memory that it is written to takes everything.
fn gzip(content: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).ok()?;
    encoder.finish().ok()
}

/// A declaration is text to a browser; compilers go by its name.
fn content_type(name: &str) -> &'static str {
    for (ending, content_type) in [
        (".d.ts", "text/plain; charset=utf-8"),
        (".js", "text/javascript; charset=utf-8"),
        (".css", "text/css; charset=utf-8"),
        (".html", "text/html; charset=utf-8"),
        (".svg", "image/svg+xml"),
    ] {
        if name.ends_with(ending) {
            return content_type;
        }
    }
    "application/octet-stream"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_what_browsers_need_and_nothing_else() {
        let names: Vec<_> = all().iter().map(|file| file.name).collect();
        for needed in [
            "session.js",
            "session.d.ts",
            "drafts.js",
            "dialog.js",
            "continue.js",
            "continue.css",
            "session/client.js",
            "demo/index.html",
            "demo/demo.css",
        ] {
            assert!(names.contains(&needed), "{needed} in {names:?}");
        }
        for name in &names {
            let folder = name.split_once('/').map_or("", |(folder, _)| folder);
            assert!(["", "session", "drafts", "dialog", "demo"].contains(&folder), "{name}");
            assert!(!name.contains("test"), "{name}");
            assert_ne!(content_type(name), "application/octet-stream", "{name}");
        }
    }

    #[test]
    fn only_the_module_is_for_every_origin() {
        for file in all() {
            let module = !file.name.starts_with("demo/") && file.name != "continue.css";
            assert_eq!(file.is_module(), module, "{}", file.name);
        }
    }
}
