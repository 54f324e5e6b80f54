//! Counting requests for all instances: one number a key, which a script reads and replaces.
//!
//! The arithmetic is on the server, because only there it is one act: reading here and comparing and swapping there would be two
//! commands, and under a flood of one key, when limits matter, mostly retries.

use std::time::Duration;

use async_trait::async_trait;

use super::scripts::LIMIT;
use super::{RedisStore, unavailable};
use crate::limits::{Count, Counted, SharedLimits};
use crate::store::StoreError;

/// What the script does with counts.
#[derive(Clone, Copy)]
enum Act {
    Count,
    Settle { remember: Duration },
}

#[async_trait]
impl SharedLimits for RedisStore {
    async fn count(&self, counts: &[Count]) -> Result<Vec<Counted>, StoreError> {
        let mut counted = Vec::with_capacity(counts.len());
        for together in self.in_one_slot(counts) {
            counted.extend(self.limit(together, Act::Count).await?);
            if let Some(Counted::Refused { .. }) = counted.last() {
                break;
            }
        }
        Ok(counted)
    }

    async fn settle(&self, counts: &[Count], remember: Duration) -> Result<(), StoreError> {
        for together in self.in_one_slot(counts) {
            self.limit(together, Act::Settle { remember }).await?;
        }
        Ok(())
    }

    fn salt(&self) -> [u8; 16] {
        *self.mark.as_bytes()
    }
}

impl RedisStore {
    /// What one command may do. In a Cluster each counter has a slot of its own: all in one slot would be one node's work.
    fn in_one_slot<'a>(&self, counts: &'a [Count]) -> impl Iterator<Item = &'a [Count]> {
        let size = if self.in_cluster { 1 } else { counts.len().max(1) };
        counts.chunks(size)
    }

    async fn limit(&self, counts: &[Count], act: Act) -> Result<Vec<Counted>, StoreError> {
        let (mut keys, mut arguments) = (Vec::new(), Vec::new());
        for count in counts {
            let cell = self.keys.cell(count);
            let exemption = self.keys.exemption(count);
            let (sign, remember) = match act {
                Act::Count => ("", 0),
                Act::Settle { remember } if exemption.is_some() => ("-", remember.as_millis()),
                Act::Settle { .. } => ("-", 0),
            };
            keys.push(cell.clone());
            keys.push(exemption.unwrap_or(cell));
            arguments.push(format!("{sign}{}", count.cost.as_micros()));
            arguments.push(count.window.as_micros().to_string());
            arguments.push(remember.to_string());
        }
        let keys: Vec<_> = keys.iter().map(String::as_str).collect();
        let arguments: Vec<_> = arguments.iter().map(String::as_bytes).collect();
        let answers: Vec<i64> = self.link.script(&LIMIT, &keys, &arguments).await.map_err(unavailable)?;
        Ok(answers.into_iter().map(read).collect())
    }
}

fn read(answer: i64) -> Counted {
    let Ok(answer) = u64::try_from(answer) else {
        return Counted::Exempt;
    };
    let time = Duration::from_micros(answer / 2);
    if answer % 2 == 0 {
        Counted::Passed { used: time }
    } else {
        Counted::Refused { wait: time }
    }
}
