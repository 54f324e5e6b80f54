//! `docs/browser.md` lists the integrity hash of every file of the module. They must be those of the files.
//!
//! `UPDATE_DOCS=1 cargo test -p session-http --test browser_docs` writes them anew.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::env;
use std::fmt::Write as _;
use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA384, digest};
use session_http::browser_files;

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/browser.md");
const BEGIN: &str = "<!-- integrity: begin -->\n";
const END: &str = "<!-- integrity: end -->";

/// Of the scripts: declarations are for compilers, which check nothing.
fn table() -> String {
    let mut table = String::from("\n| file | integrity |\n|---|---|\n");
    let scripts = browser_files::all()
        .iter()
        .filter(|file| file.is_module() && file.content_type.starts_with("text/javascript"));
    for file in scripts {
        let hash = STANDARD.encode(digest(&SHA384, &file.plain.bytes));
        writeln!(table, "| `/{}` | `sha384-{hash}` |", file.name).unwrap();
    }
    table.push('\n');
    table
}

#[test]
fn the_integrity_table_is_that_of_the_files() {
    let docs = fs::read_to_string(DOCS).unwrap();
    let (before, rest) = docs.split_once(BEGIN).unwrap();
    let (listed, after) = rest.split_once(END).unwrap();
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(DOCS, format!("{before}{BEGIN}{}{END}{after}", table())).unwrap();
        return;
    }
    assert_eq!(
        listed,
        table(),
        "a script was changed: UPDATE_DOCS=1 cargo test -p session-http --test browser_docs"
    );
}

#[test]
fn every_script_that_is_imported_has_its_hash_there() {
    let table = table();
    for name in [
        "session.js",
        "drafts.js",
        "dialog.js",
        "continue.js",
        "session/client.js",
    ] {
        assert_eq!(
            table.matches(&format!("| `/{name}` | `sha384-")).count(),
            1,
            "{name} in {table}"
        );
    }
    assert!(!table.contains("demo/"), "{table}");
}
