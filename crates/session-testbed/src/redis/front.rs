//! The address by which everybody knows a node: clients, Sentinels and replicas come through it, and replicas can be held back.
//!
//! Sentinels have a replica follow the address by which *they* know the master, and correct one that follows another. So a
//! proxy that only replicas use would be removed from the path by the first Sentinel that notices it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use crate::error::Result;
use crate::port::loopback;
use crate::proxy::gate::Gate;
use crate::proxy::lane::Lane;

/// Where replicas connect from (`bind-source-addr`), which tells them from everybody else.
pub(super) const REPLICAS_COME_FROM: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

pub(super) struct Front {
    gate: Gate,
    replication: Lane,
    others: Lane,
}

impl Front {
    /// Nothing is behind it until [`lead_to`](Self::lead_to).
    pub(super) fn new() -> Result<Self> {
        let (replication, others) = (Lane::new(loopback(0)), Lane::new(loopback(0)));
        let (replicas, rest) = (replication.carrier(), others.carrier());
        let admit = move |stream, peer: SocketAddr, opening| {
            let carrier = if peer.ip() == IpAddr::V4(REPLICAS_COME_FROM) {
                &replicas
            } else {
                &rest
            };
            carrier.carry(stream, opening);
        };
        let gate = Gate::new(Arc::new(admit))?;
        Ok(Self {
            gate,
            replication,
            others,
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.gate.address()
    }

    pub(super) fn lead_to(&self, server: SocketAddr) {
        self.replication.set(|control| control.upstream = server);
        self.others.set(|control| control.upstream = server);
    }

    /// Keeps back what replicas and this node send each other, without ending their connection: a Sentinel promotes no replica
    /// whose link has been down for long.
    pub(super) fn hold_replication(&self, held: bool) {
        let held_below = if held { u64::MAX } else { 0 };
        self.replication.set(|control| control.held_below = held_below);
    }

    /// As if the machine were gone. What was held back is lost.
    pub(super) fn cut(&self) {
        self.gate.shut();
        let openings = self.gate.openings();
        self.replication.set(|control| control.cut_through = openings);
        self.others.set(|control| control.cut_through = openings);
    }

    /// It is back.
    pub(super) fn open(&self) -> Result<()> {
        self.gate.open()
    }
}
