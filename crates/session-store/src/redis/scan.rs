//! Going through all keys of a kind, on all servers, a part at a time.

use redis::Value;
use redis::cluster_routing::{RoutingInfo, SingleNodeRoutingInfo};

use super::{RedisStore, bytes, unavailable};
use crate::store::StoreError;

/// How many keys a server is asked to look at for each answer: at most about a millisecond of its time, and not so few that keys
/// of other kinds, of which a Cluster has a mark for every slot, make a pass of nothing but round trips.
const SCANNED_AT_ONCE: std::ops::RangeInclusive<usize> = 50..=500;

/// Where a scan of all servers is. The default is the beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cursor {
    /// How many servers are done.
    servers: usize,
    /// Where on the next one.
    key: u64,
    /// Whether the last server is done.
    pub(super) end: bool,
}

impl Cursor {
    /// From what [`Cursor::text`] gave; the beginning, if it is something else.
    pub(super) fn of(text: &str) -> Self {
        let parse = |text: &str| {
            let (servers, key) = text.split_once(':')?;
            Some(Self {
                servers: servers.parse().ok()?,
                key: key.parse().ok()?,
                end: false,
            })
        };
        parse(text).unwrap_or_default()
    }

    /// Where to go on; `None` at the end.
    pub(super) fn text(&self) -> Option<String> {
        (!self.end).then(|| format!("{}:{}", self.servers, self.key))
    }

    fn followed_by(&self, key: u64, servers: usize) -> Self {
        let done = self.servers + usize::from(key == 0);
        Self {
            servers: done,
            key,
            end: done >= servers,
        }
    }
}

impl RedisStore {
    /// Some of the keys like `pattern`, about as many as `some` where they stand densely, and where to go on. A key that is there from beginning to end comes at least
    /// once.
    pub(super) async fn scan(
        &self,
        pattern: &str,
        cursor: &Cursor,
        some: usize,
    ) -> Result<(Vec<String>, Cursor), StoreError> {
        let command = redis::cmd("SCAN")
            .arg(cursor.key)
            .arg("MATCH")
            .arg(pattern)
            .arg("COUNT")
            .arg(some.clamp(*SCANNED_AT_ONCE.start(), *SCANNED_AT_ONCE.end()))
            .take();
        let servers = self.masters().await?;
        let (server, servers) = match (&*servers, servers.get(cursor.servers).cloned()) {
            ([], _) => (SingleNodeRoutingInfo::Random, 1),
            (servers, Some((host, port))) => (SingleNodeRoutingInfo::ByAddress { host, port }, servers.len()),
            // Fewer than when the scan began: what they had is on those that were looked at, or is found by the next scan.
            (servers, None) => return Ok((Vec::new(), cursor.followed_by(0, servers.len()))),
        };
        let answer = self.link.run_at(&RoutingInfo::SingleNode(server), &command).await;
        let (next, keys): (u64, Vec<Vec<u8>>) = bytes(answer.map_err(unavailable)?)?;
        // Every key of ours is text.
        let keys = keys.into_iter().filter_map(|key| String::from_utf8(key).ok());
        Ok((keys.collect(), cursor.followed_by(next, servers)))
    }

    /// The addresses of a Cluster's masters, in order; none of what is no Cluster.
    async fn masters(&self) -> Result<Vec<(String, u16)>, StoreError> {
        if !self.in_cluster {
            return Ok(Vec::new());
        }
        let slots = self.link.run(redis::cmd("CLUSTER").arg("SLOTS")).await;
        let ranges: Vec<Vec<Value>> = bytes(slots.map_err(unavailable)?)?;
        // A range: first slot, last slot, its master (address, port, …), its replicas.
        let masters = ranges.into_iter().filter_map(|range| range.into_iter().nth(2));
        let masters = masters.map(|master| {
            let mut parts = bytes::<Vec<Value>>(master)?.into_iter();
            let host: String = bytes(parts.next().unwrap_or(Value::Nil))?;
            let port: u16 = bytes(parts.next().unwrap_or(Value::Nil))?;
            Ok((host, port))
        });
        let mut masters = masters.collect::<Result<Vec<_>, StoreError>>()?;
        masters.sort_unstable();
        masters.dedup();
        Ok(masters)
    }
}
