//! The tables of a run.

use super::figures::Figures;
use super::lost::{LostAnswers, Repeat};
use super::ratios::Ratio;
use crate::table::Table;

/// The load generator has one thread: above this share of a core it may be what limits the rate.
const GENERATOR_LIMITS: f64 = 0.9;

/// Refreshes or checks.
pub(super) fn costs(figures: &[Figures], refresh: bool) -> Table {
    let mut table = Table::new(
        2,
        &[
            "",
            "what",
            "CPU s / 1,000",
            "of Redis",
            "a second",
            "p50 ms",
            "p99 ms",
            "p99.9 ms",
            "peak MB",
            "wrong",
            "generator",
        ],
    );
    for one in figures.iter().filter(|one| one.refresh == refresh) {
        // What the generator could not ask faster is no limit of the server.
        let limited = if one.generator_share > GENERATOR_LIMITS {
            "≥ "
        } else {
            ""
        };
        table.row(vec![
            one.title.to_owned(),
            one.route.to_owned(),
            format!("{:.4}", one.service_cpu),
            one.redis_cpu.map_or_else(|| "–".to_owned(), |cpu| format!("{cpu:.4}")),
            format!("{limited}{:.0}", one.operations_per_second),
            format!("{:.2}", one.p50_ms),
            format!("{:.2}", one.p99_ms),
            format!("{:.2}", one.p999_ms),
            format!("{:.0}", one.peak_mb),
            one.wrong.to_string(),
            format!("{:.0} %", one.generator_share * 100.0),
        ]);
    }
    table
}

pub(super) fn ratios(ratios: &[Ratio]) -> Table {
    let mut table = Table::new(
        1,
        &[
            "CPU time of the service, each operation",
            "ratio",
            "asked for",
            "reached",
        ],
    );
    for one in ratios {
        let reached = match (one.asked, one.reached) {
            ("–", _) => "–",
            (_, true) => "yes",
            (_, false) => "no",
        };
        table.row(vec![
            one.what.to_owned(),
            format!("{:.2}", one.value),
            one.asked.to_owned(),
            reached.to_owned(),
        ]);
    }
    table
}

/// Name and MB: after its start and 100 refreshes.
pub(super) fn idle(idle: &[(&'static str, f64)]) -> Table {
    let mut table = Table::new(1, &["", "resident after start and 100 refreshes, MB"]);
    for (title, megabytes) in idle {
        table.row(vec![(*title).to_owned(), format!("{megabytes:.1}")]);
    }
    table
}

pub(super) fn lost(lost: &[LostAnswers]) -> Table {
    let mut table = Table::new(
        6,
        &[
            "",
            "repeated at once",
            "after 5 s",
            "after 20 s",
            "after 60 s",
            "so the user is",
        ],
    );
    for one in lost {
        let cells = one.repeats.iter().map(cell);
        let out = one.repeats.iter().filter(|repeat| !repeat.goes_on).count();
        let end = if out == 0 {
            "logged in"
        } else if out == one.repeats.len() {
            "logged out"
        } else {
            "logged out when late"
        };
        table.row(
            std::iter::once(one.title.to_owned())
                .chain(cells)
                .chain([end.to_owned()])
                .collect(),
        );
    }
    table
}

fn cell(repeat: &Repeat) -> String {
    match &repeat.refused {
        None if repeat.goes_on => "accepted".to_owned(),
        None => "accepted, then refused".to_owned(),
        Some(answer) => {
            let status = answer.split_whitespace().next().unwrap_or("?");
            let rest = if repeat.checks { "" } else { ", checks refused too" };
            format!("{status}{rest}")
        }
    }
}

/// What was wrong, for whoever must look into it.
pub(super) fn wrongs(figures: &[Figures]) -> String {
    let wrong = figures.iter().filter_map(|one| {
        let first = one.first_wrong.as_ref()?;
        Some(format!("{} of {}, {}: {first}\n", one.wrong, one.title, one.route))
    });
    wrong.collect()
}
