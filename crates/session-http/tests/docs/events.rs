//! `docs/events.md` has the table of all decisions. It must be that of the service.

use std::fmt::Write as _;
use std::fs;

use session_core::security_event::EventKind;
use session_http::decision::Decision;

use crate::table;

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/events.md");

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
    table::assert_is(DOCS, "decisions", &table());
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
