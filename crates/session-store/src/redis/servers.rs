//! Which servers there are, and what tells one from another.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use redis::Value;
use redis::cluster_routing::{Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr};
use ring::digest::{Context, SHA256};

use super::link::Link;
use super::{bytes, unavailable};
use crate::store::StoreError;

/// The masters of a Cluster, by address.
pub(super) struct Masters {
    /// Each with a slot that it has.
    masters: Vec<(Address, u16)>,
    /// Names who has which slot.
    pub(super) layout: String,
}

/// Host and port.
type Address = (String, u16);

impl Masters {
    pub(super) async fn of(link: &Link) -> Result<Self, StoreError> {
        let slots = link.run(redis::cmd("CLUSTER").arg("SLOTS")).await;
        let ranges: Vec<Vec<Value>> = bytes(slots.map_err(unavailable)?)?;
        let mut ranges = ranges.into_iter().map(range).collect::<Result<Vec<_>, _>>()?;
        ranges.sort_unstable();
        let mut layout = Context::new(&SHA256);
        for ((host, port), first, last) in &ranges {
            layout.update(format!("{host}:{port} {first}-{last}\n").as_bytes());
        }
        let mut masters: Vec<_> = ranges.into_iter().map(|(address, first, _)| (address, first)).collect();
        masters.dedup_by(|one, other| one.0 == other.0);
        Ok(Self {
            masters,
            layout: URL_SAFE_NO_PAD.encode(&layout.finish().as_ref()[..12]),
        })
    }

    pub(super) fn count(&self) -> usize {
        self.masters.len()
    }

    pub(super) fn get(&self, number: usize) -> Option<SingleNodeRoutingInfo> {
        let ((host, port), _) = self.masters.get(number)?.clone();
        Some(SingleNodeRoutingInfo::ByAddress { host, port })
    }

    /// A slot of each.
    pub(super) fn slots(&self) -> impl Iterator<Item = u16> {
        self.masters.iter().map(|(_, slot)| *slot)
    }
}

/// What names the history of a server's data, which a server changes when it becomes master and when it starts.
pub(super) async fn history(link: &Link, server: &SingleNodeRoutingInfo) -> Result<Box<str>, StoreError> {
    let command = redis::cmd("INFO").arg("replication").take();
    let info: String = link
        .run_at(&RoutingInfo::SingleNode(server.clone()), &command)
        .await
        .map_err(unavailable)?;
    let named = info.lines().find_map(|line| line.strip_prefix("master_replid:"));
    Ok(named.unwrap_or_default().trim().into())
}

/// The same of the master that has `key`.
pub(super) async fn history_of_key(link: &Link, key: &str) -> Result<Box<str>, StoreError> {
    let server = SingleNodeRoutingInfo::SpecificNode(Route::with_key(key, SlotAddr::Master));
    history(link, &server).await
}

/// In an answer: first slot, last slot, its master (address, port, …), its replicas.
fn range(parts: Vec<Value>) -> Result<(Address, u16, u16), StoreError> {
    let mut parts = parts.into_iter();
    let mut next = || parts.next().unwrap_or(Value::Nil);
    let (first, last) = (bytes(next())?, bytes(next())?);
    let mut master = bytes::<Vec<Value>>(next())?.into_iter();
    let mut next = || master.next().unwrap_or(Value::Nil);
    Ok(((bytes(next())?, bytes(next())?), first, last))
}
