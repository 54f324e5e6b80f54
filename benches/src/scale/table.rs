//! What was seen, for people: one line a size, beside the smallest.

use super::Engine;
use super::cost::Cost;
use super::home::Bytes;
use super::starting::Starting;
use super::sweeping::Sweeping;

/// Of fewer sessions, resident memory says more about what was resident before.
const MEMORY_SHOWS_FROM: usize = 100_000;

/// `rooms`: of each size, what a session takes, and how long starting again did.
pub(super) fn print_rooms(sizes: &[usize], rooms: &[(Bytes, Option<Starting>)]) {
    println!("\n  a session, and starting again:");
    println!(
        "  {:>10} {:>12} {:>12} {:>12} {:>12} {:>14}",
        "sessions", "memory", "disk", "Redis", "opening", "first refresh"
    );
    for (size, (used, starting)) in sizes.iter().zip(rooms) {
        let memory = if *size < MEMORY_SHOWS_FROM { 0.0 } else { used.memory };
        let [opening, first] = starting.map_or(["–".to_owned(), "–".to_owned()], |starting| {
            [starting.opening, starting.first_refresh].map(|time| format!("{:.1} ms", time.as_secs_f64() * 1e3))
        });
        println!(
            "  {size:>10} {:>12} {:>12} {:>12} {opening:>12} {first:>14}",
            bytes(memory),
            bytes(used.disk),
            bytes(used.redis)
        );
    }
}

/// `rounds`: of each size, what a refresh cost in each.
pub(super) fn print_costs(engine: Engine, by: &str, sizes: &[usize], rounds: &[Vec<Cost>]) {
    println!("\n  a refresh {by}, {} of the rounds:", middle_name(engine));
    println!(
        "  {:>10} {:>12} {:>12} {:>12} {:>12}",
        "sessions", "service CPU", "Redis CPU", "elapsed", "CPU ratio"
    );
    let mut smallest = None;
    for (size, costs) in sizes.iter().zip(rounds) {
        let cost = middle(engine, costs);
        let ratio = cost.cpu() / *smallest.get_or_insert(cost.cpu());
        println!(
            "  {size:>10} {:>9.1} µs {:>9.1} µs {:>9.1} µs {ratio:>11.3}x",
            cost.service * 1e6,
            cost.redis * 1e6,
            cost.elapsed * 1e6
        );
    }
}

pub(super) fn print_sweeping(sizes: &[usize], sweeping: &[Sweeping]) {
    println!("\n  a sweep (CPU, elapsed):");
    println!(
        "  {:>10} {:>24} {:>24} {:>24} {:>9}",
        "sessions", "first after a start", "nothing is over", "one in ten is over", "deleted"
    );
    for (size, sweeping) in sizes.iter().zip(sweeping) {
        let [first, idle, deleting] = [sweeping.first, sweeping.idle, sweeping.deleting].map(both);
        println!(
            "  {size:>10} {first:>24} {idle:>24} {deleting:>24} {:>9.0}",
            sweeping.deleted
        );
    }
    println!();
}

/// The embedded engine writes tables and compacts them now and then: a round in the middle would tell of none of it.
const fn middle_name(engine: Engine) -> &'static str {
    match engine {
        Engine::Embedded => "mean",
        Engine::Memory | Engine::Redis => "median",
    }
}

fn middle(engine: Engine, costs: &[Cost]) -> Cost {
    match engine {
        Engine::Embedded => {
            let mut sum = Cost::default();
            for cost in costs {
                sum += *cost;
            }
            sum / costs.len()
        }
        Engine::Memory | Engine::Redis => Cost {
            service: median(costs, |cost| cost.service),
            redis: median(costs, |cost| cost.redis),
            elapsed: median(costs, |cost| cost.elapsed),
        },
    }
}

fn median(costs: &[Cost], part: fn(&Cost) -> f64) -> f64 {
    let mut values: Vec<_> = costs.iter().map(part).collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn bytes(each: f64) -> String {
    if each > 0.0 {
        format!("{each:.0} B")
    } else {
        "–".to_owned()
    }
}

fn both(cost: Cost) -> String {
    format!("{:.2} ms, {:.2} ms", cost.cpu() * 1e3, cost.elapsed * 1e3)
}
