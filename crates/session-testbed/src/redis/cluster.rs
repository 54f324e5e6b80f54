//! A Cluster of three masters, whose slots move while clients use them.

use std::time::Duration;

use redis::Value;

use super::RedisOptions;
use super::look;
use super::options::OWN_AUTHENTICATION;
use super::server::RedisServer;
use crate::error::{Result, TestbedError};
use crate::eventually::{PATIENCE, eventually};

/// Slots of every Cluster: a key's slot is below it.
pub const SLOTS: u16 = 16384;

/// Keys that one MIGRATE moves.
const BATCH: &str = "100";

/// Three masters without replicas, a third of the slots each.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<RedisServer>,
}

impl RedisCluster {
    /// Starts it, and returns when each node serves.
    pub async fn start() -> Result<Self> {
        Self::start_with(RedisOptions::default()).await
    }

    /// The same with these options for each node; port, master and `cluster` are set here.
    pub async fn start_with(options: RedisOptions) -> Result<Self> {
        let mut nodes = Vec::new();
        for _ in 0..3 {
            let options = RedisOptions {
                cluster: true,
                port: None,
                replica_of: None,
                ..options.clone()
            };
            nodes.push(RedisServer::start(options).await?);
        }
        let cluster = Self { nodes };
        cluster.divide_slots().await?;
        cluster.meet().await?;
        cluster.serves().await?;
        Ok(cluster)
    }

    /// The nodes, numbered from 0 as everywhere here.
    pub fn nodes(&self) -> &[RedisServer] {
        &self.nodes
    }

    /// What a client is configured with.
    pub fn node_urls(&self) -> Vec<String> {
        self.nodes.iter().map(RedisServer::url).collect()
    }

    /// The slot of a key, as the Cluster computes it.
    pub async fn slot_of(&self, key: &str) -> Result<u16> {
        self.nodes[0].ask(&["CLUSTER", "KEYSLOT", key]).await
    }

    /// The node that serves this slot, by its own account.
    pub async fn owner_of(&self, slot: u16) -> Result<usize> {
        for (number, node) in self.nodes.iter().enumerate() {
            if owned_ranges(node)
                .await?
                .iter()
                .any(|(first, last)| (*first..=*last).contains(&slot))
            {
                return Ok(number);
            }
        }
        Err(TestbedError::Unexpected(format!("nobody owns slot {slot}")))
    }

    /// Moves a slot with its keys to another node, while clients may use them. Returns when all nodes agree.
    pub async fn move_slot(&self, slot: u16, to: usize) -> Result<()> {
        let from = self.begin_move(slot, to).await?;
        while self.move_keys(slot, from, to).await? > 0 {}
        self.finish_move(slot, from, to).await
    }

    /// The first step of a move; returns where the slot comes from. From here on its owner answers ASK for keys that it lacks.
    pub async fn begin_move(&self, slot: u16, to: usize) -> Result<usize> {
        let from = self.owner_of(slot).await?;
        let (slot, source, target) = (slot.to_string(), self.id(from).await?, self.id(to).await?);
        self.set_slot(to, &[&slot, "IMPORTING", &source]).await?;
        self.set_slot(from, &[&slot, "MIGRATING", &target]).await?;
        Ok(from)
    }

    /// The second step, to be repeated until nothing is left: moves up to 100 keys, and returns how many.
    pub async fn move_keys(&self, slot: u16, from: usize, to: usize) -> Result<usize> {
        let slot = slot.to_string();
        let keys: Vec<String> = self.nodes[from]
            .ask(&["CLUSTER", "GETKEYSINSLOT", &slot, BATCH])
            .await?;
        if !keys.is_empty() {
            let port = self.nodes[to].port().to_string();
            let mut command = vec!["MIGRATE", "127.0.0.1", &port, "", "0", "5000"];
            command.extend(OWN_AUTHENTICATION);
            command.push("KEYS");
            command.extend(keys.iter().map(String::as_str));
            // NOKEY: a client has deleted them meanwhile.
            self.nodes[from].command(&command).await?;
        }
        Ok(keys.len())
    }

    /// The last step: the new owner first, so that there is never none.
    pub async fn finish_move(&self, slot: u16, from: usize, to: usize) -> Result<()> {
        let (slot_number, target) = (slot, self.id(to).await?);
        let slot = slot.to_string();
        let others = (0..self.nodes.len()).filter(|&node| node != from && node != to);
        for node in [to, from].into_iter().chain(others) {
            self.set_slot(node, &[&slot, "NODE", &target]).await?;
        }
        let port = i64::from(self.nodes[to].port());
        eventually("all nodes name the slot's new owner", PATIENCE, || async {
            for node in &self.nodes {
                let named = named_port(&node.command(&["CLUSTER", "SLOTS"]).await.ok()?, slot_number)?;
                if named != port {
                    return None;
                }
            }
            Some(())
        })
        .await
    }

    async fn set_slot(&self, node: usize, arguments: &[&str]) -> Result<()> {
        let command = [&["CLUSTER", "SETSLOT"], arguments].concat();
        self.nodes[node].command(&command).await.map(drop)
    }

    async fn id(&self, node: usize) -> Result<String> {
        self.nodes[node].ask(&["CLUSTER", "MYID"]).await
    }

    async fn divide_slots(&self) -> Result<()> {
        let bounds = [0, 5461, 10923, SLOTS];
        for (node, range) in self.nodes.iter().zip(bounds.windows(2)) {
            let (first, last) = (range[0].to_string(), (range[1] - 1).to_string());
            node.command(&["CLUSTER", "ADDSLOTSRANGE", &first, &last]).await?;
        }
        Ok(())
    }

    async fn meet(&self) -> Result<()> {
        for other in &self.nodes[1..] {
            let (port, bus_port) = (
                other.port().to_string(),
                other.bus_port().unwrap_or_default().to_string(),
            );
            self.nodes[0]
                .command(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus_port])
                .await?;
        }
        Ok(())
    }

    /// Each node knows all others and all slots.
    async fn serves(&self) -> Result<()> {
        eventually(
            "every node of the Cluster serves",
            PATIENCE + Duration::from_secs(10),
            || async {
                for node in &self.nodes {
                    let info: String = node.ask(&["CLUSTER", "INFO"]).await.ok()?;
                    let says = |name, value| look::field(&info, name) == Some(value);
                    let complete = says("cluster_slots_assigned", "16384") && says("cluster_known_nodes", "3");
                    if !(says("cluster_state", "ok") && complete) {
                        return None;
                    }
                }
                Some(())
            },
        )
        .await
    }
}

/// First and last slot of each range that the node owns, from its own line of CLUSTER NODES.
async fn owned_ranges(node: &RedisServer) -> Result<Vec<(u16, u16)>> {
    let nodes: String = node.ask(&["CLUSTER", "NODES"]).await?;
    let own = nodes.lines().find(|line| line.contains("myself")).unwrap_or_default();
    // Ranges are behind eight fields; one in brackets is a slot on its way.
    let ranges = own.split(' ').skip(8).filter(|range| !range.starts_with('['));
    let read = ranges.map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some((first.parse().ok()?, last.parse().ok()?))
    });
    read.collect::<Option<_>>()
        .ok_or_else(|| TestbedError::Unexpected(format!("a node describes itself as {own}")))
}

/// The port of the node that an answer of CLUSTER SLOTS names for this slot.
fn named_port(slots: &Value, slot: u16) -> Option<i64> {
    let Value::Array(ranges) = slots else { return None };
    ranges.iter().find_map(|range| match range {
        Value::Array(range) => match &range[..] {
            [Value::Int(first), Value::Int(last), Value::Array(node), ..]
                if (*first..=*last).contains(&i64::from(slot)) =>
            {
                match node.get(1) {
                    Some(Value::Int(port)) => Some(*port),
                    _ => None,
                }
            }
            _ => None,
        },
        _ => None,
    })
}
