//! Bytes on a socket from an address of one's own, and what comes back.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// How long an answer is waited for, and a connection to be closed: an end of this is a fault of the service.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// What a server sends back at most that is looked at.
const MOST_READ: usize = 1 << 20;

/// A connection from 127.0.2.`host`.
pub(crate) async fn connect(to: SocketAddr, host: u8) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::new(127, 0, 2, host), 0).into())?;
    socket.connect(to).await
}

/// What became of what was sent.
#[derive(Debug, Default)]
pub(crate) struct Answered {
    /// The statuses of the answers, in their order.
    pub(crate) statuses: Vec<u16>,
    /// Everything that came, as text.
    pub(crate) text: String,
    /// Whether the server closed the connection within the patience.
    pub(crate) closed: bool,
}

impl Answered {
    /// In a word: the statuses, or how it ended without one.
    pub(crate) fn word(&self) -> String {
        let statuses: Vec<String> = self.statuses.iter().map(u16::to_string).collect();
        match (statuses.is_empty(), self.closed) {
            (false, _) => statuses.join("+"),
            (true, true) => "closed".to_owned(),
            (true, false) => "no answer".to_owned(),
        }
    }
}

/// Sends `bytes` on a connection of its own, says that no more will come, and reads to the end.
pub(crate) async fn exchange(to: SocketAddr, host: u8, bytes: &[u8]) -> io::Result<Answered> {
    let stream = connect(to, host).await?;
    let (mut reading, mut writing) = stream.into_split();
    // The server may answer and close before it has read everything: that is its right.
    let write = async {
        let _ = writing.write_all(bytes).await;
        let _ = writing.shutdown().await;
    };
    let (answered, ()) = tokio::join!(read_to_end(&mut reading), write);
    Ok(answered)
}

/// Reads until the server closes, or for as long as the patience lasts.
pub(crate) async fn read_to_end(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> Answered {
    let mut received = Vec::new();
    let mut buffer = vec![0; 16 * 1024];
    let read = async {
        while received.len() < MOST_READ {
            match stream.read(&mut buffer).await {
                // A reset is an end too: the server closed with bytes unread.
                Ok(0) | Err(_) => break,
                Ok(count) => received.extend_from_slice(&buffer[..count]),
            }
        }
    };
    let closed = timeout(PATIENCE, read).await.is_ok();
    let text = String::from_utf8_lossy(&received).into_owned();
    Answered {
        statuses: statuses(&text),
        text,
        closed,
    }
}

/// Every status line begins its line; no body of this service has one.
fn statuses(text: &str) -> Vec<u16> {
    let status = |line: &str| {
        line.strip_prefix("HTTP/1.1 ")
            .or(line.strip_prefix("HTTP/1.0 "))?
            .get(..3)?
            .parse()
            .ok()
    };
    let starts = text.match_indices("HTTP/1.").map(|(at, _)| &text[at..]);
    starts.filter_map(status).collect()
}
