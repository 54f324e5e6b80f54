//! `docs/events.md` has the table of all decisions. It must be that of the service.
//!
//! `UPDATE_DOCS=1 cargo test -p session-http --test events_docs` writes it anew.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::env;
use std::fmt::Write as _;
use std::fs;

use session_core::security_event::EventKind;
use session_http::decision::Decision;

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/events.md");
const BEGIN: &str = "<!-- decisions: begin -->\n";
const END: &str = "<!-- decisions: end -->";

fn table() -> String {
    let mut table = String::from("\n| decision | answer | event | |\n|---|---|---|---|\n");
    for decision in Decision::ALL {
        let row = decision.row();
        let answer = row.code.map_or("2xx".to_owned(), |code| {
            format!("{} `{}`", code.status().as_u16(), code.as_str())
        });
        let event = row.event.map(|event| format!("`{event}`")).unwrap_or_default();
        writeln!(table, "| `{}` | {answer} | {event} | {} |", row.name, row.meaning).unwrap();
    }
    table.push('\n');
    table
}

#[test]
fn the_table_of_decisions_is_that_of_the_service() {
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
        "a decision was changed: UPDATE_DOCS=1 cargo test -p session-http --test events_docs"
    );
}

#[test]
fn every_type_of_event_is_described() {
    let docs = fs::read_to_string(DOCS).unwrap();
    let described: Vec<_> = docs
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"))
        .map(|(name, _)| name)
        .filter(|name| name.contains('.'))
        .collect();
    assert_eq!(described, EventKind::NAMES);
}
