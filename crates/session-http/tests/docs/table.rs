//! A table between two marks of a document.

use std::env;
use std::fs;

/// The table between the marks `NAME: begin` and `NAME: end` of the document at `path` is `expected`; it is made so if that is asked
/// for.
#[track_caller]
pub(crate) fn assert_is(path: &str, name: &str, expected: &str) {
    let (begin, end) = (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->"));
    let docs = fs::read_to_string(path).unwrap();
    let (before, rest) = docs.split_once(&begin).unwrap();
    let (listed, after) = rest.split_once(&end).unwrap();
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(path, format!("{before}{begin}{expected}{end}{after}")).unwrap();
        return;
    }
    assert_eq!(
        listed, expected,
        "the code has another table of {name}: UPDATE_DOCS=1 cargo test -p session-http --test docs"
    );
}

/// The cells of the table between the marks `NAME: begin` and `NAME: end` of the document at `path`, without its two lines of head.
#[track_caller]
pub(crate) fn rows(path: &str, name: &str) -> Vec<Vec<String>> {
    let docs = fs::read_to_string(path).unwrap();
    let (_, rest) = docs.split_once(&format!("<!-- {name}: begin -->\n")).unwrap();
    let (table, _) = rest.split_once(&format!("<!-- {name}: end -->")).unwrap();
    let lines = table.lines().filter(|line| !line.is_empty()).skip(2);
    let cells = |line: &str| {
        line.trim_matches('|')
            .split(" | ")
            .map(|cell| cell.trim().to_owned())
            .collect()
    };
    lines.map(cells).collect()
}
