//! Going through all keys of a kind, on all servers, a part at a time.

use redis::cluster_routing::{RoutingInfo, SingleNodeRoutingInfo};

use super::servers::{self, Masters};
use super::{RedisStore, bytes, unavailable};
use crate::store::StoreError;

/// How many keys a server is asked to look at for each answer: at most about a millisecond of its time, and not so few that keys
/// of other kinds, of which a Cluster has a mark for every slot, make a pass of nothing but round trips.
const SCANNED_AT_ONCE: std::ops::RangeInclusive<usize> = 50..=500;

/// Where a scan of all servers is. The default is the beginning.
///
/// A place among a server's keys means something to that server only, as long as it runs: with another, or another order of
/// servers, the scan begins again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cursor {
    /// How many servers are done.
    servers: usize,
    /// Where on the next one.
    key: u64,
    /// Which one that is.
    on: Box<str>,
    /// Who had which slot when the scan began; empty of what is no Cluster.
    layout: String,
    /// Whether the last server is done.
    pub(super) end: bool,
}

impl Cursor {
    /// From what [`Cursor::text`] gave; the beginning, if it is something else.
    pub(super) fn of(text: &str) -> Self {
        let parse = |text: &str| {
            let mut parts = text.splitn(4, ':');
            Some(Self {
                servers: parts.next()?.parse().ok()?,
                key: parts.next()?.parse().ok()?,
                layout: parts.next()?.to_owned(),
                on: parts.next()?.into(),
                end: false,
            })
        };
        parse(text).unwrap_or_default()
    }

    /// Where to go on; `None` at the end.
    pub(super) fn text(&self) -> Option<String> {
        (!self.end).then(|| format!("{}:{}:{}:{}", self.servers, self.key, self.layout, self.on))
    }

    fn has_begun(&self) -> bool {
        self.servers > 0 || self.key > 0
    }
}

impl RedisStore {
    /// Some of the keys like `pattern`, about as many as `some` where they stand densely, and where to go on: at the beginning, if
    /// the servers are not those any more that `cursor` speaks of. A key that is there from beginning to end comes at least once.
    pub(super) async fn scan(
        &self,
        pattern: &str,
        cursor: &Cursor,
        some: usize,
    ) -> Result<(Vec<String>, Cursor), StoreError> {
        let (layout, server, servers) = if self.in_cluster {
            let masters = Masters::of(&self.link).await?;
            let server = masters.get(cursor.servers);
            let servers = masters.count();
            (masters.layout, server, servers)
        } else {
            (String::new(), Some(SingleNodeRoutingInfo::Random), 1)
        };
        let Some(server) = server.filter(|_| !cursor.has_begun() || layout == cursor.layout) else {
            return Ok(begun_again());
        };
        let on = if cursor.key == 0 {
            servers::history(&self.link, &server).await?
        } else {
            cursor.on.clone()
        };
        let command = redis::cmd("SCAN")
            .arg(cursor.key)
            .arg("MATCH")
            .arg(pattern)
            .arg("COUNT")
            .arg(some.clamp(*SCANNED_AT_ONCE.start(), *SCANNED_AT_ONCE.end()))
            .take();
        let answer = self
            .link
            .run_at(&RoutingInfo::SingleNode(server.clone()), &command)
            .await;
        let (key, keys): (u64, Vec<Vec<u8>>) = bytes(answer.map_err(unavailable)?)?;
        // Asked afterwards: if it is still the one, the answer is from no other.
        if cursor.key > 0 && servers::history(&self.link, &server).await? != on {
            return Ok(begun_again());
        }
        let done = cursor.servers + usize::from(key == 0);
        let next = Cursor {
            servers: done,
            key,
            on,
            layout,
            end: done >= servers,
        };
        // Every key of ours is text.
        let keys = keys.into_iter().filter_map(|key| String::from_utf8(key).ok());
        Ok((keys.collect(), next))
    }
}

fn begun_again() -> (Vec<String>, Cursor) {
    tracing::debug!("a scan begins again: its servers have changed");
    (Vec::new(), Cursor::default())
}
