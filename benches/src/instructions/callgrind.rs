//! Counting with callgrind: this program is run under it twice, once doing the work so many times and once twice as often.
//! The difference is the work's alone; starting up and setting up cancel out.

use std::error::Error;
use std::process::Command;

use super::Work;

pub(super) fn instructions_of(work: Work) -> Result<u64, Box<dyn Error>> {
    let times = work.times();
    let (once, twice) = (counted(work, times)?, counted(work, times * 2)?);
    Ok(twice.saturating_sub(once) / u64::from(times))
}

fn counted(work: Work, times: u32) -> Result<u64, Box<dyn Error>> {
    let details = tempfile::NamedTempFile::new()?;
    let output = Command::new("valgrind")
        .arg("--tool=callgrind")
        .arg(format!("--callgrind-out-file={}", details.path().display()))
        .arg(std::env::current_exe()?)
        .args(["work", work.name(), &times.to_string()])
        .output()
        .map_err(|error| format!("valgrind cannot be run (apt install valgrind): {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let collected = said.lines().find_map(|line| line.split_once("Collected : "));
    let count = collected.and_then(|(_, count)| count.trim().parse().ok());
    match count {
        Some(count) if output.status.success() => Ok(count),
        _ => Err(format!("callgrind failed on {}:\n{said}", work.name()).into()),
    }
}
