//! The outcome as a table in Markdown, and its place in the documentation.

use std::fmt;
use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::engine::Engine;
use crate::error::{Failure, Result};

const BEGIN: &str = "<!-- cases: begin -->";
const END: &str = "<!-- cases: end -->";

/// Cases by engines.
pub struct Table {
    /// With their versions.
    engines: Vec<(Engine, String)>,
    rows: Vec<Row>,
}

/// One case.
pub struct Row {
    /// Its name.
    pub case: &'static str,
    /// In each of the table's engines.
    pub scores: Vec<Score>,
}

/// How often one case passed in one engine.
#[derive(Default)]
pub struct Score {
    /// Times that it passed.
    pub passed: u32,
    /// Times that it was played.
    pub played: u32,
    /// All of them together, with the start of service and browser.
    pub spent: Duration,
}

impl Table {
    /// Without rows yet.
    pub fn new(engines: Vec<(Engine, String)>) -> Self {
        Self {
            engines,
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub fn push(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Whether every case passed every time.
    pub fn is_clean(&self) -> bool {
        let mut scores = self.rows.iter().flat_map(|row| &row.scores);
        scores.all(|score| score.passed == score.played)
    }

    /// Replaces what stands between the markers in this file; without markers they are added at its end.
    pub fn write_into(&self, file: &Path) -> Result<()> {
        let text = fs::read_to_string(file).unwrap_or_default();
        let doing = || Failure::doing(file.display().to_string());
        fs::write(file, replaced(&text, &self.to_string())).map_err(doing())
    }
}

fn replaced(text: &str, table: &str) -> String {
    let section = format!("{BEGIN}\n{table}{END}");
    match (text.split_once(BEGIN), text.split_once(END)) {
        (Some((before, _)), Some((_, after))) => format!("{before}{section}{after}"),
        _ if text.is_empty() => format!("{section}\n"),
        _ => format!("{}\n\n{section}\n", text.trim_end()),
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "Times passed of times played, and how long one takes with the start of service and browser.\n"
        )?;
        f.write_str("| case |")?;
        for (engine, version) in &self.engines {
            write!(f, " {} {version} |", engine.name())?;
        }
        writeln!(f, "\n|---|{}", "--:|".repeat(self.engines.len()))?;
        for row in &self.rows {
            write!(f, "| {} |", row.case)?;
            for score in &row.scores {
                write!(f, " {score} |")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each = self.spent.as_secs_f64() / f64::from(self.played.max(1));
        write!(f, "{}/{}, {each:.1} s", self.passed, self.played)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_takes_its_place() {
        let once = replaced("# Browser\n\nText.\n", "| a |\n");
        assert_eq!(
            once,
            "# Browser\n\nText.\n\n<!-- cases: begin -->\n| a |\n<!-- cases: end -->\n"
        );
        let before_more = format!("{once}\nMore.\n");
        let twice = replaced(&before_more, "| b |\n");
        assert_eq!(twice, before_more.replace("| a |", "| b |"));
    }

    #[test]
    fn a_case_that_failed_once_is_seen() {
        let mut table = Table::new(vec![(Engine::Chromium, "156.0".to_owned())]);
        let spent = Duration::from_secs(10);
        for passed in [5, 4] {
            let scores = vec![Score {
                passed,
                played: 5,
                spent,
            }];
            table.push(Row {
                case: "a tab dies",
                scores,
            });
            assert_eq!(table.is_clean(), passed == 5);
        }
        assert!(
            table
                .to_string()
                .ends_with("| a tab dies | 5/5, 2.0 s |\n| a tab dies | 4/5, 2.0 s |\n")
        );
    }
}
