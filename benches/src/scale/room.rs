//! Whether very many sessions fit into this machine, before they are filled in.

use std::process::Command;

use super::filling::Filling;
use super::home::{Bytes, Home};
use super::{Engine, Failure};
use crate::process::available_memory_kib;

/// Up to so many sessions fit anywhere.
const FIT_ANYWHERE: usize = 1_000_000;
const PROBED: usize = 100_000;
/// A table that grows is there twice for a moment, and so are files that are compacted.
const HEADROOM: f64 = 2.0;

/// Has another process fill [`PROBED`] sessions, and fails if all of `sizes` would not fit, side by side.
pub(super) fn look_for(engine: Engine, sizes: &[usize]) -> Result<(), Failure> {
    let total: usize = sizes.iter().sum();
    if total <= 2 * FIT_ANYWHERE {
        return Ok(());
    }
    let each = probe(engine)?;
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let (total, available) = (total as f64, available_memory_kib()? as f64 * 1_024.0);
    let needed = |each: f64| each * total * HEADROOM;
    let fits = |what: &str, needed: f64, available: f64| {
        if needed <= available {
            return Ok(());
        }
        let [needed, available] = [needed, available].map(|bytes| bytes / 1e9);
        Err(format!(
            "{total} sessions need {needed:.1} GB of {what} on the {} engine, and there are {available:.1}: name fewer --sessions",
            engine.name()
        ))
    };
    // The embedded engine's memory does not grow with its sessions.
    if engine != Engine::Embedded {
        fits("memory", needed(each.memory + each.redis), available)?;
    }
    if each.disk > 0.0 {
        fits("disk", needed(each.disk), free_disk()?)?;
    }
    Ok(())
}

/// What a session takes, for the process that asks.
pub(super) async fn tell(engine: Engine, sizes: &[usize]) -> Result<(), Failure> {
    let home = Home::new(engine).await?;
    let before = home.bytes().await?;
    let size = sizes.iter().sum();
    Filling::only(&home, size)?;
    let each = home.bytes().await?.each_since(&before, size);
    println!("{} {} {}", each.memory, each.disk, each.redis);
    Ok(())
}

fn probe(engine: Engine) -> Result<Bytes, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["scale", "--only-fill", "--engines", engine.name(), "--sessions"]);
    let told = command.arg(PROBED.to_string()).output()?;
    let text = String::from_utf8(told.stdout)?;
    let figures: Result<Vec<f64>, _> = text.split_whitespace().map(str::parse).collect();
    match figures?[..] {
        [memory, disk, redis] => Ok(Bytes { memory, disk, redis }),
        _ => Err(format!(
            "no figures of {PROBED} sessions: {}",
            String::from_utf8_lossy(&told.stderr)
        )
        .into()),
    }
}

/// Free bytes where temporary directories are made.
fn free_disk() -> Result<f64, Failure> {
    let told = Command::new("df")
        .args(["--block-size=1", "--output=avail"])
        .arg(std::env::temp_dir())
        .output()?;
    let text = String::from_utf8(told.stdout)?;
    let free = text.lines().nth(1).map(|line| line.trim().parse());
    Ok(free.ok_or("df prints nothing")??)
}
