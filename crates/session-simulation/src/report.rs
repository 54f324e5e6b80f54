//! The tables, as Markdown.

use std::fmt::{self, Write};

use crate::clock::{DAY, HOUR, Millis};
use crate::runs::{Kind, LOSSES, Plan, Run};
use crate::stats::Stats;

/// How devices are grouped in the first table.
const GROUPS: [(&str, [usize; 2]); 3] = [("1", [1, 1]), ("2–3", [2, 3]), ("4–5", [4, 5])];

/// Writes every table.
pub fn tables(plan: &Plan, runs: &[Run]) -> Result<String, fmt::Error> {
    let mut out = String::new();
    writeln!(
        out,
        "Seed {}, {} people at each rate of loss and in each of the four kinds, {} days.\n",
        plan.seed, plan.people, plan.days
    )?;
    honest(&mut out, runs)?;
    thieves(&mut out, runs, Kind::Keyed, "Thieves, keyed sessions")?;
    failovers(&mut out, runs)?;
    thieves(
        &mut out,
        runs,
        Kind::FailingOver,
        "Thieves, keyed sessions, with failovers",
    )?;
    grace(&mut out, runs, Kind::Grace, "clocks that agree")?;
    grace(
        &mut out,
        runs,
        Kind::GraceClocksOff,
        "clocks that are minutes off, as above",
    )?;
    ends(&mut out, runs)?;
    Ok(out)
}

fn sum<'r>(runs: impl IntoIterator<Item = &'r Run>) -> Stats {
    runs.into_iter().fold(Stats::default(), |mut sum, run| {
        sum += run.stats.clone();
        sum
    })
}

fn of(runs: &[Run], kind: Kind, loss: u32) -> impl Iterator<Item = &Run> {
    runs.iter().filter(move |run| run.kind == kind && run.loss == loss)
}

fn honest(out: &mut String, runs: &[Run]) -> fmt::Result {
    writeln!(out, "### Keyed sessions: honest devices and thieves\n")?;
    writeln!(
        out,
        "| loss | devices | people | session-days | refreshes | lost answers | replays | true ends told | **false logouts** \
         | thefts | seen | of them at once | thief in, p50 / p99 / max (h) |"
    )?;
    writeln!(out, "|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")?;
    let mut row = |loss: String, devices: &str, stats: &Stats| {
        let thefts = &stats.thefts;
        writeln!(
            out,
            "| {loss} | {devices} | {} | {} | {} | {} | {} | {} | **{}** | {} | {} | {} | {} |",
            stats.people,
            stats.logged_in / DAY,
            stats.refreshes,
            stats.lost_answers,
            stats.replays,
            stats.told.values().sum::<u64>(),
            stats.false_logouts,
            thefts.copies,
            thefts.seen(),
            thefts.seen_at_once,
            [500, 990, 1_000]
                .map(|share| hours(&thefts.seen_after, share))
                .join(" / "),
        )
    };
    for loss in LOSSES {
        for (name, [least, most]) in GROUPS {
            let stats = sum(of(runs, Kind::Keyed, loss).filter(|run| (least..=most).contains(&run.devices)));
            row(format!("{loss} %"), name, &stats)?;
        }
    }
    row(
        "all".into(),
        "1–5",
        &sum(runs.iter().filter(|run| run.kind == Kind::Keyed)),
    )?;
    writeln!(out)
}

fn thieves(out: &mut String, runs: &[Run], kind: Kind, title: &str) -> fmt::Result {
    writeln!(out, "### {title}\n")?;
    writeln!(
        out,
        "| loss | copies | with a key pending | never used | in vain | seen by the service | seen by the owner's 409 \
         | one shared successor | ended before the other party came | lost in a failover | **lasting** \
         | thief in, p50 / p90 / p99 / max (h) | owner's refreshes meanwhile, p50 / p99 / max |"
    )?;
    writeln!(out, "|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")?;
    for loss in LOSSES {
        let thefts = sum(of(runs, kind, loss)).thefts;
        let mut refreshes = thefts.owner_refreshes.clone();
        refreshes.sort_unstable();
        writeln!(
            out,
            "| {loss} % | {} | {} | {} | {} | {} | {} | {} | {} | {} | **{}** | {} | {} |",
            thefts.copies,
            thefts.with_key_pending,
            thefts.unused,
            thefts.in_vain,
            thefts.seen_by_service,
            thefts.seen_by_owner,
            thefts.shared_only,
            thefts.not_seen_before_end,
            thefts.lost_in_failover,
            thefts.lasting,
            [500, 900, 990, 1_000]
                .map(|share| hours(&thefts.seen_after, share))
                .join(" / "),
            [500, 990, 1_000]
                .map(|share| quantile(&refreshes, share).map_or("–".into(), |count| count.to_string()))
                .join(" / "),
        )?;
    }
    writeln!(out)
}

fn failovers(out: &mut String, runs: &[Run]) -> fmt::Result {
    writeln!(out, "### Keyed sessions on a store that fails over\n")?;
    writeln!(
        out,
        "After one rotation in fifty the store fails over and loses what it wrote of the session in the last minute.\n"
    )?;
    writeln!(
        out,
        "| loss | session-days | refreshes | failovers that lost writes | caught up | replays | **false logouts** | thefts | seen |"
    )?;
    writeln!(out, "|--:|--:|--:|--:|--:|--:|--:|--:|--:|")?;
    for loss in LOSSES {
        let stats = sum(of(runs, Kind::FailingOver, loss));
        writeln!(
            out,
            "| {loss} % | {} | {} | {} | {} | {} | **{}** | {} | {} |",
            stats.logged_in / DAY,
            stats.refreshes,
            stats.failovers,
            stats.caught_up,
            stats.replays,
            stats.false_logouts,
            stats.thefts.copies,
            stats.thefts.seen(),
        )?;
    }
    writeln!(out)
}

fn grace(out: &mut String, runs: &[Run], kind: Kind, clocks: &str) -> fmt::Result {
    writeln!(
        out,
        "### For comparison: grace sessions, {clocks} (weaker, and said so: nothing of the above is promised)\n"
    )?;
    writeln!(
        out,
        "| loss | session-days | refreshes | lost answers | **false logouts** | a false logout every … session-days \
         | thefts | seen | **lasting, not seen when owner and thief had both refreshed** | thief in, p50 / p99 / max (h) |"
    )?;
    writeln!(out, "|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")?;
    for loss in LOSSES {
        let stats = sum(of(runs, kind, loss));
        let days = stats.logged_in / DAY;
        let every = i64::try_from(stats.false_logouts).ok().filter(|count| *count > 0);
        writeln!(
            out,
            "| {loss} % | {days} | {} | {} | **{}** | {} | {} | {} | **{}** | {} |",
            stats.refreshes,
            stats.lost_answers,
            stats.false_logouts,
            every.map_or("–".into(), |count| (days / count).to_string()),
            stats.thefts.copies,
            stats.thefts.seen(),
            stats.thefts.lasting,
            [500, 990, 1_000]
                .map(|share| hours(&stats.thefts.seen_after, share))
                .join(" / "),
        )?;
    }
    writeln!(out)
}

fn ends(out: &mut String, runs: &[Run]) -> fmt::Result {
    let stats = sum(runs
        .iter()
        .filter(|run| matches!(run.kind, Kind::Keyed | Kind::FailingOver)));
    writeln!(out, "### What else happened in the keyed sessions\n")?;
    let told: Vec<_> = stats
        .told
        .iter()
        .map(|(reason, count)| format!("{reason} {count}"))
        .collect();
    writeln!(
        out,
        "- ends that a device was told, each with the true reason: {}",
        told.join(", ")
    )?;
    writeln!(
        out,
        "- of those told `idle`, had been given tokens within the idle timeout, though only by a repeated answer: {}",
        stats.idle_by_repeats
    )?;
    writeln!(
        out,
        "- crashes {}, late requests superseded (409) {}, cookie jars that raced (412) {}, rotations of the service's keys {}",
        stats.crashes, stats.superseded, stats.raced, stats.key_rotations
    )
}

/// The value below which `share` of a thousand lie.
fn quantile<T: Copy>(sorted: &[T], share: usize) -> Option<T> {
    let rank = (sorted.len() * share).div_ceil(1_000);
    sorted.get(rank.saturating_sub(1)).copied()
}

fn hours(times: &[Millis], share: usize) -> String {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    quantile(&sorted, share).map_or("–".into(), |time| {
        let tenths = (time * 10 + HOUR / 2) / HOUR;
        format!("{}.{}", tenths / 10, tenths % 10)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_occurred() {
        let sorted: Vec<u32> = (1..=200).collect();
        assert_eq!(quantile(&sorted, 500), Some(100));
        assert_eq!(quantile(&sorted, 990), Some(198));
        assert_eq!(quantile(&sorted, 1_000), Some(200));
        assert_eq!(quantile::<u32>(&[], 500), None);
        assert_eq!(quantile(&[7], 500), Some(7));
    }

    #[test]
    fn hours_are_rounded_to_tenths() {
        assert_eq!(hours(&[HOUR * 3 / 2], 500), "1.5");
        assert_eq!(hours(&[], 500), "–");
    }
}
