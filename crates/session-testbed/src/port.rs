//! Ports that stay ours while nobody listens on them.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpSocket;

use crate::error::{Result, TestbedError};

/// A port of 127.0.0.1, kept until it is dropped.
///
/// A socket stays bound to it without listening, and `SO_REUSEADDR` lets a server listen there all the same. So between two
/// lives of a server connections are refused, and the system gives the port to nobody else.
#[derive(Debug)]
pub struct ReservedPort {
    _bound: TcpSocket,
    port: u16,
}

impl ReservedPort {
    /// Any free port.
    pub fn any() -> Result<Self> {
        Self::number(0)
    }

    /// This port; 0 is any free one.
    pub fn number(port: u16) -> Result<Self> {
        let bound = bound_socket(port)?;
        let port = bound
            .local_addr()
            .map_err(TestbedError::doing("asking for a port's number"))?
            .port();
        Ok(Self { _bound: bound, port })
    }

    /// Its number.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// With 127.0.0.1.
    pub fn address(&self) -> SocketAddr {
        loopback(self.port)
    }
}

pub(crate) fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

pub(crate) fn bound_socket(port: u16) -> Result<TcpSocket> {
    let doing = || TestbedError::doing(format!("binding 127.0.0.1:{port}"));
    let socket = TcpSocket::new_v4().map_err(doing())?;
    socket.set_reuseaddr(true).map_err(doing())?;
    socket.bind(loopback(port)).map_err(doing())?;
    Ok(socket)
}
