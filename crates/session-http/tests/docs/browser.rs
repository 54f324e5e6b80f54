//! `docs/browser.md` lists the integrity hash of every file of the module. They must be those of the files.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA384, digest};
use session_http::browser_files;

use crate::table;

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/browser.md");

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
    table::assert_is(DOCS, "integrity", &table());
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
