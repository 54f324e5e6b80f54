//! A TCP proxy that delays, stalls and cuts.

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::gate::Gate;
use super::lane::{Lane, Trap};
use crate::error::Result;

/// A proxy on 127.0.0.1 in front of one upstream; its connections end when it is dropped.
///
/// It runs on threads of its own. Each control is in force when its method returns, and leaves the others as they are.
pub struct TcpProxy {
    gate: Gate,
    lane: Lane,
}

impl TcpProxy {
    /// A proxy that passes everything.
    pub fn start(upstream: SocketAddr) -> Result<Self> {
        let lane = Lane::new(upstream);
        let carrier = lane.carrier();
        let gate = Gate::new(Arc::new(move |client, _, opening| carrier.carry(client, opening)))?;
        Ok(Self { gate, lane })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.gate.address()
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.address().port()
    }

    /// The end of every partition and cut: what was kept back is passed on, new connections are accepted. A delay, a throttle
    /// and a trap stay.
    pub fn pass(&self) -> Result<()> {
        self.lane.set(|control| control.held_below = 0);
        self.gate.open()
    }

    /// Closes all connections and refuses new ones. What was kept back is lost.
    pub fn cut(&self) {
        self.gate.shut();
        let openings = self.gate.openings();
        self.lane.set(|control| control.cut_through = openings);
    }

    /// Closes all connections, once: new ones are welcome.
    pub fn drop_connections(&self) {
        let next = self.accepted();
        self.lane.set(|control| control.cut_below = next);
    }

    /// A partition: accepts, and passes nothing in either direction. What is sent is kept back until [`pass`](Self::pass).
    pub fn blackhole(&self) {
        self.lane.set(|control| control.held_below = u64::MAX);
    }

    /// A partition for the connections that there are; new ones pass. So looks a network that forgot them.
    pub fn half_open(&self) {
        let next = self.accepted();
        self.lane.set(|control| control.held_below = next);
    }

    /// Adds this to the way of each byte, in each direction; zero ends it.
    pub fn delay(&self, delay: Duration) {
        self.lane.set(|control| control.delay = delay);
    }

    /// Passes this many bytes a second, for each connection and direction; `None` ends it.
    pub fn throttle(&self, bytes_per_second: Option<NonZeroU64>) {
        self.lane.set(|control| control.bytes_per_second = bytes_per_second);
    }

    /// The next request is passed on, and its connection closed at once, without an answer. Whether it is carried out is open.
    ///
    /// A request here is what one read of the client's bytes gives: to pick out one of several, see
    /// [`cut_after_request_with`](Self::cut_after_request_with).
    pub fn cut_after_next_request(&self) {
        self.cut_after_request_with("");
    }

    /// The same for the next request that contains this text.
    pub fn cut_after_request_with(&self, text: &str) {
        self.arm(text, false);
    }

    /// The next request is passed on and carried out, its answer thrown away, and then its connection closed.
    pub fn cut_before_next_reply(&self) {
        self.cut_before_reply_to("");
    }

    /// The same for the next request that contains this text.
    pub fn cut_before_reply_to(&self, text: &str) {
        self.arm(text, true);
    }

    /// Takes back a `cut_after…` or `cut_before…` whose request has not come.
    pub fn disarm(&self) {
        self.lane.arm(None);
    }

    /// From its next connection on it leads elsewhere.
    pub fn set_upstream(&self, upstream: SocketAddr) {
        self.lane.set(|control| control.upstream = upstream);
    }

    /// Connections accepted so far.
    pub fn accepted(&self) -> u64 {
        self.lane.shared().accepted.load(Ordering::SeqCst)
    }

    /// Connections that are open now.
    pub fn open(&self) -> u64 {
        self.lane.shared().open.load(Ordering::SeqCst)
    }

    /// Bytes passed on to the upstream.
    pub fn bytes_up(&self) -> u64 {
        self.lane.shared().up.load(Ordering::SeqCst)
    }

    /// Bytes passed on to clients.
    pub fn bytes_down(&self) -> u64 {
        self.lane.shared().down.load(Ordering::SeqCst)
    }

    /// Requests so far that were cut off by `cut_after…` or `cut_before…`.
    pub fn requests_cut(&self) -> u64 {
        self.lane.shared().sprung.load(Ordering::SeqCst)
    }

    fn arm(&self, text: &str, answered: bool) {
        let containing = text.as_bytes().to_vec();
        self.lane.arm(Some(Trap { containing, answered }));
    }
}
