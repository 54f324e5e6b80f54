//! A master, replicas and three Sentinels, whose failovers lose writes on command.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::RedisOptions;
use super::front::{Front, REPLICAS_COME_FROM};
use super::look;
use super::sentinel_process::{Known, Sentinel};
use super::server::RedisServer;
use crate::error::{Result, TestbedError};
use crate::eventually::eventually;
use crate::port::ReservedPort;

/// The name by which Sentinels know the master.
pub const MASTER_NAME: &str = "session";

/// How long a failover may take: three elections on a busy machine.
const FAILOVER: Duration = Duration::from_mins(1);

/// How the setup is to be.
#[derive(Debug, Clone)]
pub struct SentinelOptions {
    /// Replicas beside the master.
    pub replicas: usize,
    /// After how long without an answer a node counts as down.
    pub down_after: Duration,
    /// Twice this is between two attempts to fail over.
    pub failover_timeout: Duration,
    /// Every node's further options; port, master and replication are set here.
    pub node: RedisOptions,
}

impl Default for SentinelOptions {
    fn default() -> Self {
        Self {
            replicas: 1,
            down_after: Duration::from_secs(1),
            failover_timeout: Duration::from_secs(3),
            node: RedisOptions::default(),
        }
    }
}

/// Nodes, each behind an address of its own that stays the same for life, and three Sentinels.
pub struct SentinelSetup {
    sentinels: Vec<Sentinel>,
    nodes: Vec<Node>,
    held: AtomicBool,
}

struct Node {
    server: RedisServer,
    front: Front,
}

impl SentinelSetup {
    /// One master, one replica.
    pub async fn start() -> Result<Self> {
        Self::start_with(SentinelOptions::default()).await
    }

    /// Starts everything, and returns when each Sentinel sees all of it in order.
    pub async fn start_with(options: SentinelOptions) -> Result<Self> {
        let fronts: Vec<Front> = (0..=options.replicas).map(|_| Front::new()).collect::<Result<_>>()?;
        let addresses: Vec<SocketAddr> = fronts.iter().map(Front::address).collect();
        let mut nodes = Vec::new();
        for front in fronts {
            let master = (!nodes.is_empty()).then_some(addresses[0]);
            let server = RedisServer::start(node_options(&options.node, &front, master)).await?;
            front.lead_to(server.address());
            nodes.push(Node { server, front });
        }
        let ports: Vec<ReservedPort> = (0..3).map(|_| ReservedPort::any()).collect::<Result<_>>()?;
        let mut sentinels = start_sentinels(ports, &options, &addresses)?;
        for sentinel in &mut sentinels {
            sentinel.ready().await?;
        }
        let held = AtomicBool::new(false);
        let setup = Self { sentinels, nodes, held };
        setup.settled(&setup.nodes[0]).await?;
        Ok(setup)
    }

    /// Where the Sentinels are, and the name of the master.
    pub fn url_parts(&self) -> (Vec<SocketAddr>, &'static str) {
        (self.sentinels.iter().map(Sentinel::address).collect(), MASTER_NAME)
    }

    /// The master that a Sentinel names.
    pub async fn master(&self) -> Result<SocketAddr> {
        named_master(&self.sentinels[0]).await
    }

    /// The server behind the master's address, for a test's own looks.
    pub async fn master_server(&self) -> Result<&RedisServer> {
        Ok(&self.master_node().await?.server)
    }

    /// Every server, in the order of their start.
    pub fn servers(&self) -> impl Iterator<Item = &RedisServer> {
        self.nodes.iter().map(|node| &node.server)
    }

    /// From its return on no replica learns of a write; all that was written before the call has reached them.
    pub async fn hold_replication(&self) -> Result<()> {
        self.replicated(self.master_node().await?).await?;
        self.hold(true);
        Ok(())
    }

    /// Replicas catch up from here on.
    pub fn release_replication(&self) {
        self.hold(false);
    }

    /// The master dies with what its replicas have not learnt since [`hold_replication`](Self::hold_replication) (which is
    /// called first if it was not), a replica becomes master, and the old master comes back empty as its replica.
    ///
    /// Returns when all is in order again and replication flows, with the time from the death until the new master answered.
    pub async fn fail_over_losing_writes(&self) -> Result<Duration> {
        if !self.held.load(Ordering::SeqCst) {
            self.hold_replication().await?;
        }
        self.fail_over_now().await
    }

    /// The same without a loss of what was written before the call.
    pub async fn fail_over(&self) -> Result<Duration> {
        self.release_replication();
        self.replicated(self.master_node().await?).await?;
        self.fail_over_now().await
    }

    async fn fail_over_now(&self) -> Result<Duration> {
        let old = self.master_node().await?;
        let died = Instant::now();
        old.server.kill()?;
        // With it goes what is held back: it must never arrive.
        old.front.cut();
        let new = self.promoted(old).await?;
        let took = died.elapsed();
        self.hold(false);
        new.server.follow_from_next_start(None);
        old.server.follow_from_next_start(Some(new.front.address()));
        old.server.restart_empty().await?;
        old.front.open()?;
        self.settled(new).await?;
        Ok(took)
    }

    /// Waits until all Sentinels name one other node, and that node says so too.
    async fn promoted(&self, old: &Node) -> Result<&Node> {
        let what = "the Sentinels promote a replica";
        let promoted = eventually(what, FAILOVER, || async {
            let named = named_master(&self.sentinels[0]).await.ok()?;
            for other in &self.sentinels[1..] {
                if named_master(other).await.ok()? != named {
                    return None;
                }
            }
            let node = self.node(named)?;
            let role: Vec<redis::Value> = look::ask_at(named, &["ROLE"]).await.ok()?;
            let is_master = role.first() == Some(&redis::Value::BulkString(b"master".to_vec()));
            (is_master && !std::ptr::eq(node, old)).then_some(node)
        });
        promoted.await.map_err(|error| self.with_outputs(&error))
    }

    /// Waits until a failover could begin: every Sentinel sees `master`, its replicas and the other Sentinels in order.
    async fn settled(&self, master: &Node) -> Result<()> {
        let settled = eventually("the Sentinels see everything in order", FAILOVER, || async {
            for sentinel in &self.sentinels {
                self.sees_all_in_order(sentinel, master.front.address())
                    .await
                    .ok()?
                    .then_some(())?;
            }
            Some(())
        });
        settled.await.map_err(|error| self.with_outputs(&error))?;
        self.replicated(master).await
    }

    async fn sees_all_in_order(&self, sentinel: &Sentinel, master: SocketAddr) -> Result<bool> {
        let seen: HashMap<String, String> = sentinel.ask(&["SENTINEL", "MASTER", MASTER_NAME]).await?;
        let says =
            |seen: &HashMap<String, String>, name: &str, value: &str| seen.get(name).is_some_and(|is| is == value);
        let replicas: Vec<HashMap<String, String>> = sentinel.ask(&["SENTINEL", "REPLICAS", MASTER_NAME]).await?;
        let port = master.port().to_string();
        let in_order = |replica: &HashMap<String, String>| {
            says(replica, "flags", "slave")
                && says(replica, "master-link-status", "ok")
                && says(replica, "master-port", &port)
        };
        Ok(says(&seen, "flags", "master")
            && says(&seen, "port", &port)
            && says(&seen, "num-other-sentinels", "2")
            && replicas.len() + 1 == self.nodes.len()
            && replicas.iter().all(in_order))
    }

    /// Waits until every replica has what the master had at the call.
    async fn replicated(&self, master: &Node) -> Result<()> {
        let written: u64 = number(&master.server.info("master_repl_offset").await?)?;
        eventually("the replicas have caught up", FAILOVER, || async {
            let info: String = master.server.ask(&["INFO", "replication"]).await.ok()?;
            let caught_up = (0..self.nodes.len() - 1).all(|replica| {
                let about = look::field(&info, &format!("slave{replica}")).unwrap_or_default();
                let part = |name| about.split(',').find_map(|part| part.strip_prefix(name));
                let acknowledged = part("offset=").and_then(|offset| offset.parse::<u64>().ok());
                part("state=") == Some("online") && acknowledged >= Some(written)
            });
            caught_up.then_some(())
        })
        .await
    }

    fn hold(&self, held: bool) {
        self.held.store(held, Ordering::SeqCst);
        for node in &self.nodes {
            node.front.hold_replication(held);
        }
    }

    async fn master_node(&self) -> Result<&Node> {
        let address = self.master().await?;
        self.node(address)
            .ok_or_else(|| TestbedError::Unexpected(format!("{address} is none of the nodes")))
    }

    fn node(&self, address: SocketAddr) -> Option<&Node> {
        self.nodes.iter().find(|node| node.front.address() == address)
    }

    fn with_outputs(&self, error: &TestbedError) -> TestbedError {
        let outputs: Vec<String> = self.sentinels.iter().map(Sentinel::output).collect();
        TestbedError::Unexpected(format!("{error}. The Sentinels said:\n{}", outputs.join("\n---\n")))
    }
}

fn node_options(base: &RedisOptions, front: &Front, master: Option<SocketAddr>) -> RedisOptions {
    let mut options = RedisOptions {
        replica_of: master,
        ..base.clone()
    };
    options.lines.extend([
        format!("replica-announce-ip {}", front.address().ip()),
        format!("replica-announce-port {}", front.address().port()),
        format!("bind-source-addr {REPLICAS_COME_FROM}"),
        // Held back is not broken: after the usual minute both ends would break it.
        "repl-timeout 3600".to_owned(),
    ]);
    options
}

fn start_sentinels(ports: Vec<ReservedPort>, options: &SentinelOptions, nodes: &[SocketAddr]) -> Result<Vec<Sentinel>> {
    let addresses: Vec<SocketAddr> = ports.iter().map(ReservedPort::address).collect();
    let known = Known {
        master: nodes[0],
        replicas: &nodes[1..],
        sentinels: &addresses,
    };
    let started = ports.into_iter().enumerate();
    started
        .map(|(number, port)| Sentinel::start(number, port, options, &known))
        .collect()
}

async fn named_master(sentinel: &Sentinel) -> Result<SocketAddr> {
    let (ip, port): (String, String) = sentinel
        .ask(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER_NAME])
        .await?;
    let address = format!("{ip}:{port}");
    address
        .parse()
        .map_err(|_| TestbedError::Unexpected(format!("a Sentinel names {address}")))
}

fn number(text: &str) -> Result<u64> {
    text.parse()
        .map_err(|_| TestbedError::Unexpected(format!("{text} is no number")))
}
