//! A server that numbers the lines it gets, and its client.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

/// How it goes about it.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Manner {
    /// At once.
    Prompt,
    /// Slowly, line by line, also what was sent before the client closed its side; until an answer cannot be sent.
    LikeRedis,
    /// Slowly, and a line is dropped if the client closes its side meanwhile.
    LikeHttp,
}

pub(crate) struct LineServer {
    address: SocketAddr,
    lines: Arc<Mutex<Vec<String>>>,
}

impl LineServer {
    pub(crate) async fn start(name: &'static str) -> Self {
        Self::start_with(name, Manner::Prompt).await
    }

    pub(crate) async fn start_with(name: &'static str, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = lines.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(answer(name, manner, stream, seen.clone()));
            }
        });
        Self { address, lines }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }
}

const SLOWLY: Duration = Duration::from_millis(20);

async fn answer(name: &str, manner: Manner, stream: TcpStream, seen: Arc<Mutex<Vec<String>>>) -> io::Result<()> {
    let (reads, mut writes) = stream.into_split();
    let mut lines = BufReader::new(reads).lines();
    while let Some(line) = lines.next_line().await? {
        match manner {
            Manner::Prompt => {}
            Manner::LikeRedis => sleep(SLOWLY).await,
            Manner::LikeHttp => {
                if let Ok(Ok(None)) = timeout(SLOWLY, lines.next_line()).await {
                    return Ok(());
                }
            }
        }
        let number = {
            let mut seen = seen.lock().unwrap();
            seen.push(line.clone());
            seen.len()
        };
        let sent = writes.write_all(format!("{name}{number} {line}\n").as_bytes()).await;
        if manner != Manner::Prompt {
            sent?;
        }
    }
    Ok(())
}

pub(crate) struct Client {
    reads: BufReader<OwnedReadHalf>,
    writes: OwnedWriteHalf,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> io::Result<Self> {
        let (reads, writes) = TcpStream::connect(address).await?.into_split();
        Ok(Self {
            reads: BufReader::new(reads),
            writes,
        })
    }

    pub(crate) async fn send(&mut self, line: &str) -> io::Result<()> {
        self.writes.write_all(format!("{line}\n").as_bytes()).await
    }

    /// The next line; an error if the connection is over.
    pub(crate) async fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        let read = timeout(Duration::from_secs(20), self.reads.read_line(&mut line))
            .await
            .unwrap()?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }

    pub(crate) async fn ask(&mut self, line: &str) -> io::Result<String> {
        self.send(line).await?;
        self.line().await
    }

    /// Nothing comes for a moment, not even the end. (It cannot fail by being slow, only by hearing something.)
    pub(crate) async fn hears_nothing_while_alive(&mut self) {
        let mut line = String::new();
        let heard = timeout(Duration::from_millis(100), self.reads.read_line(&mut line)).await;
        assert!(heard.is_err(), "heard {line:?}");
    }
}
