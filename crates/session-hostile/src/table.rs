//! What was tried, how it was answered, and what the honest saw.

use std::collections::BTreeMap;
use std::fmt;

use crate::attack::Outcome;
use crate::honest::{CLIENTS, Seen, times};

/// All rows.
pub struct Table {
    /// In the order in which they were played; the first without an attack.
    pub rows: Vec<Row>,
}

/// One attack.
pub struct Row {
    /// Its name.
    pub name: &'static str,
    /// How it was answered; none if nothing was tried.
    pub outcome: Option<Outcome>,
    /// What each honest client saw meanwhile.
    pub honest: Vec<Seen>,
    /// What the service held in memory after it, in KiB.
    pub memory_kib: u64,
}

impl Row {
    pub(crate) fn quiet(honest: Vec<Seen>) -> Self {
        Self {
            name: "nothing, to compare",
            outcome: None,
            honest,
            memory_kib: 0,
        }
    }

    /// Everything that is wrong in this row.
    pub fn faults(&self) -> Vec<String> {
        let mut faults: Vec<String> = self.outcome.iter().flat_map(|outcome| outcome.faults.clone()).collect();
        for (client, seen) in (1..).zip(&self.honest) {
            faults.extend(
                seen.errors
                    .iter()
                    .map(|error| format!("honest client {client}: {error}")),
            );
            if seen.refreshed == 0 {
                faults.push(format!("honest client {client} did not refresh at all"));
            }
        }
        faults
    }
}

impl Table {
    /// Whether nothing is wrong anywhere.
    pub fn is_clean(&self) -> bool {
        self.rows.iter().all(|row| row.faults().is_empty())
    }

    /// Every honest client on a line of its own, attack by attack.
    pub fn each(&self) -> impl fmt::Display {
        fmt::from_fn(|f| {
            for row in &self.rows {
                writeln!(f, "\n{}", row.name)?;
                for (client, seen) in (1..).zip(&row.honest) {
                    let times = times(std::slice::from_ref(seen));
                    writeln!(
                        f,
                        "  client {client:2} from 127.0.1.{client}: {} refreshes, {} errors, median {}, longest {}",
                        seen.refreshed,
                        seen.errors.len(),
                        millis(times.value_at_quantile(0.5)),
                        millis(times.max()),
                    )?;
                }
            }
            Ok(())
        })
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| attack | answered | honest: refreshes of {CLIENTS} clients (fewest of one) | errors | p50 | p99 | longest | memory |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|")?;
        for row in &self.rows {
            let times = times(&row.honest);
            let answers = row.outcome.iter().flat_map(|outcome| &outcome.answers);
            let answers: Vec<String> = answers.map(|(answer, count)| format!("{answer} × {count}")).collect();
            writeln!(
                f,
                "| {} | {} | {} ({}) | {} | {} | {} | {} | {} |",
                row.name,
                if answers.is_empty() {
                    "–".to_owned()
                } else {
                    answers.join(", ")
                },
                row.honest.iter().map(|seen| seen.refreshed).sum::<u64>(),
                row.honest.iter().map(|seen| seen.refreshed).min().unwrap_or(0),
                row.honest.iter().map(|seen| seen.errors.len()).sum::<usize>(),
                millis(times.value_at_quantile(0.5)),
                millis(times.value_at_quantile(0.99)),
                millis(times.max()),
                if row.memory_kib == 0 {
                    "–".to_owned()
                } else {
                    format!("{} MiB", row.memory_kib / 1024)
                },
            )?;
        }
        for row in &self.rows {
            let mut faults = BTreeMap::<String, usize>::new();
            for fault in row.faults() {
                *faults.entry(fault).or_default() += 1;
            }
            for (fault, count) in faults {
                writeln!(f, "FAULT in \"{}\", {count} ×: {fault}", row.name)?;
            }
        }
        Ok(())
    }
}

fn millis(micros: u64) -> String {
    format!("{}.{} ms", micros / 1000, micros % 1000 / 100)
}
